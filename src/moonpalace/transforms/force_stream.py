"""`--force-stream`: who asked for an answer in one piece gets one, though the API is asked for a stream.

1. Chat completions and Anthropic messages. Who asked for a stream sees nothing changed.
2. The stream is held back and merged. Its end mark (`[DONE]`, `message_stop`) ends the answer: nothing after it
   counts, not even that the connection breaks. Without a mark the stream must end in order; one that breaks off may
   lack the mark alone, which is so when usage has come. The answer goes out with the mark: an API that is slow to end
   its stream holds nobody up. Whatever ended it, each choice must have finished, as many as were asked for.
3. A broken stream is never an answer: what is given is whole, or it is an error that names how much had come.
4. What is lost for the merge would be lost for the answer, so that it is an error too: an event that is no JSON object;
   a choice, tool call or block at an index where none can be; a delta that is no object or of an unknown type; a
   message without its start. What holds no text is passed over: comments, empty events, events of unknown names.
5. An error inside of the stream is answered at once, as the error that it is (`force_error`).
6. What is no stream (an error, a page, the answer of an API that knows no streams) goes through as it is.
7. Memory is bounded by what the text takes, and the stream by 128 MiB (`force_size` says how that is counted).

Source: platform.kimi.ai api/chat (2026-09); Anthropic API reference, "Streaming messages" (2026-09).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ..core.exchange import Failure, Stage
from ..wire.answers.anthropic import TYPES
from ..wire.lenient import BAD_JSON, decode
from ..wire.merge import Merger
from .base import Abort, Asked, Data, End, Event, Head, Opening, Prepare, Run, Session, Unit
from .force_answer import body_of, head_of
from .force_error import error_answer, is_error
from .force_request import FORCED, UNFIT, choices_asked, force
from .force_size import HeldSize
from .units import DONE

LONGEST: Final = 128 * 1024 * 1024
_LAST = (End, Abort)
_TOO_LONG = Failure(Stage.READ_BODY, "limit", "the stream is too large to be held (128 MiB)")
_SPEAKING = (TYPES | {"message", "error"}) - {"ping"}


class ForceStream:
    """See the module."""

    name = "force_stream"

    def open(self, opening: Opening) -> Session | None:
        """A session for a request that may want a completion."""
        path = opening.path
        if opening.method != b"POST":
            return None
        if path.endswith(b"/chat/completions"):
            return Forcing(chat=True)
        # The messages of a thread (OpenAI's Assistants) are another thing.
        return Forcing(chat=False) if path.endswith(b"/messages") and b"/threads/" not in path else None


class Forcing(Session):
    """One exchange."""

    wants_request = True
    takes_runs = True
    _head: Head

    def __init__(self, *, chat: bool) -> None:
        self._chat = chat
        self._merger = Merger()
        self._streams = False
        self._marked = False  # the stream's end mark came
        self._fault: Failure | None = None  # why there can be no answer
        self._last: dict[str, Any] = {}
        self._events = 0
        self._size = HeldSize()
        self._choices = 1  # that were asked for

    def prepare(self, asked: Asked) -> Prepare:
        """The request as one for a stream, if it is for none."""
        result, body = (UNFIT, asked.body) if asked.encoded else force(asked.body, usage=self._chat)
        if result is UNFIT:
            self.flag("not_transformed")
        if result is not FORCED:
            return asked
        if self._chat:
            self._choices = choices_asked(asked.body)
        self.wants_answer = self.holds = True
        self.flag("forced_stream")
        return asked.with_body(body).with_line(b"Accept-Encoding", b"identity")
        yield

    def feed(self, units: Sequence[Unit]) -> Sequence[Unit]:
        """Nothing, until the answer is there."""
        if not self.holds:
            return units
        given: list[Unit] = []
        for at, unit in enumerate(units):
            if type(unit) is Event:
                given += self._event(unit)
                if given and type(given[-1]) in _LAST:
                    break
            elif type(unit) is Run:
                given += self._run(unit)
                if given and type(given[-1]) in _LAST:
                    break
            elif type(unit) is End:
                return [*given, *self._end()]
            elif type(unit) is Abort:
                return [*given, *self._broken(unit)]
            elif type(unit) is Head and unit.streams:
                self._head, self._streams = unit, True
            else:
                self.holds = False
                return units[at:]
        return given

    def _event(self, event: Event) -> Sequence[Unit]:
        if self._marked:
            return ()
        if self._size.add(event) > LONGEST:
            return self._fail(_TOO_LONG)
        if event.data is None:
            return ()
        if type(event.value) is dict:
            return self._value(event.value, event.name) or self._given_at_mark()
        return self._odd(event, event.data) or self._given_at_mark()

    def _run(self, run: Run) -> Sequence[Unit]:
        """Events that tell nothing but more of one text."""
        if self._marked:
            return ()
        if self._size.add_run(run) > LONGEST:
            return self._fail(_TOO_LONG)
        self._events += run.count
        self._last = run.alike.value
        self._merger.add_run(run)
        return ()

    def _given_at_mark(self) -> Sequence[Unit]:
        """The answer, once the stream's end mark is there."""
        return self._given() if self._marked else ()

    def _value(self, value: dict[str, Any], name: str) -> Sequence[Unit]:
        self._events += 1
        kind = None
        if name != "message" or "error" in value or "type" in value:
            if is_error(value, name):
                return self._error(value)
            kind = value.get("type")
            known = name == "message" or "choices" in value or (type(kind) is str and kind in _SPEAKING)
            if kind == "ping" or not known:
                return ()
        self._merger.add(value)
        self._last = value
        self._marked = kind == "message_stop"
        return ()

    def _odd(self, event: Event, data: bytes) -> Sequence[Unit]:
        """What has no JSON object: the end mark, a blank, what the stream's end cut off, or a fault."""
        if data.strip() == DONE:
            self._marked = True
        elif event.partial:
            return self._rest(event, data)
        elif data.strip() not in (b"", b"null") and event.name in _SPEAKING:
            self._events += 1
            self._blame(f"event {self._events} of the stream is no JSON object", "protocol")
        return ()

    def _rest(self, event: Event, data: bytes) -> Sequence[Unit]:
        """The last event, which has no blank line after it: it may be whole nevertheless."""
        try:
            value = decode(data)
        except BAD_JSON:
            if not DONE.startswith(data.strip()):
                self._blame("the stream ended inside of an event", "closed")
            return ()
        return self._value(value, event.name) if type(value) is dict else ()

    def _blame(self, text: str, kind: str) -> None:
        self._fault = self._fault or Failure(Stage.READ_BODY, kind, text)

    def _end(self) -> Sequence[Unit]:
        if self._marked:  # all was said then
            return (End(),)
        if self._fault is None and not self._merger.finished:
            self._blame("the stream ended before the answer was whole", "closed")
        given = self._given()
        return given if type(given[-1]) is Abort else (*given, End())

    def _given(self) -> Sequence[Unit]:
        """The answer, or why there is none."""
        fault = self._fault
        if fault is None:
            body, trouble = body_of(self._merger.close(), self._choices)
            if not trouble:
                return head_of(self._head, len(body)), Data(body)
            fault = Failure(Stage.READ_BODY, "protocol", trouble)
        return self._fail(fault)

    def _broken(self, abort: Abort) -> Sequence[Unit]:
        if not self._streams:
            return (abort,)
        whole = self._marked or self._lacks_the_mark_alone()
        return self._end() if whole else self._fail(abort.failure)

    def _lacks_the_mark_alone(self) -> bool:
        last = self._last
        return self._fault is None and self._merger.finished and not last.get("choices") and bool(last.get("usage"))

    def _error(self, value: dict[str, Any]) -> Sequence[Unit]:
        """The API's error as an answer. The `End` lets the upstream go."""
        status, body = error_answer(value)
        return head_of(self._head, len(body), status), Data(body), End()

    def _fail(self, failure: Failure) -> Sequence[Unit]:
        """An error in the answer's place, which says how much had come."""
        had = f"{self._merger.size()} had come (kept back by --force-stream: see the record)"
        return (Abort(replace(failure, message=f"{failure.message}; {had}")),)
