"""`--force-stream`: who asked for an answer in one piece gets one, though the API is asked for a stream.

1. Chat completions and Anthropic messages. Who asked for a stream sees nothing changed.
2. The stream is held back and merged. With its end mark (`[DONE]`, `message_stop`) the answer goes out: what comes
   after it, a broken connection too, changes nothing. Without a mark the stream must end in order, and finished; one
   that breaks off may lack the mark alone, which is so when usage has come.
3. A broken stream is never an answer: what is given is whole, or it is an error that names how much had come.
4. What is lost for the merge would be lost for the answer, so that it is an error too: an event that is no JSON object;
   a choice, tool call or block at an index where none can be; a delta that is no object or of an unknown type; a
   message without its start. What holds no text is passed over: comments, empty events, events of unknown names.
5. An error inside of the stream is answered at once, as the error that it is (`force_error`).
6. What is no stream (an error, a page, the answer of an API that knows no streams) goes through as it is.
7. Memory is bounded by what the text takes, and the stream by 256 MiB.

Source: platform.kimi.ai api/chat (2026-09); Anthropic API reference, "Streaming messages" (2026-09).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ..core.exchange import Failure, Stage
from ..wire.answers.anthropic import TYPES
from ..wire.lenient import BAD_JSON, decode
from ..wire.merge import Merged
from ._interim import Merger
from .base import Abort, Asked, Data, End, Event, Head, Opening, Prepare, Session, Unit
from .force_answer import answer_of, how_much
from .force_error import error_answer, is_error
from .force_request import FORCED, UNFIT, force
from .units import DONE

LONGEST: Final = 256 * 1024 * 1024
_JSON = b"Content-Type: application/json; charset=utf-8"
# What the API said of the stream's bytes, or of how a stream is to be carried. The rest holds for the answer too.
_DROPPED = frozenset(
    (b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"trailer", b"content-md5",
     b"digest", b"content-digest", b"repr-digest", b"etag", b"last-modified", b"content-range", b"accept-ranges",
     b"x-accel-buffering")
)  # fmt: skip
_NEVER = Failure(Stage.READ_BODY, "error", "the stream gave no answer")
_KNOWN_NAMES = TYPES | {"message", "error"}


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

    def __init__(self, *, chat: bool) -> None:
        self._chat = chat
        self._merger = Merger()
        self._merged: Merged | None = None
        self._head: Head | None = None
        self._given = False  # the answer is out, or an error in its place
        self._marked = False  # the stream's end mark came
        self._fault: Failure | None = None  # why there can be no answer
        self._last: dict[str, Any] = {}
        self._events = 0
        self._size = 0

    def prepare(self, asked: Asked) -> Prepare:
        """The request as one for a stream, if it is for none."""
        result, body = (UNFIT, asked.body) if asked.encoded else force(asked.body, usage=self._chat)
        if result is UNFIT:
            self.flag("not_transformed")
        if result is not FORCED:
            return asked
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
            elif type(unit) is End:
                given += self._end()
            elif type(unit) is Abort:
                given += self._broken(unit)
            elif type(unit) is Head and unit.streams:
                self._head = unit
            else:
                self.holds = False
                return [*given, *units[at:]]
        return given

    # --- what came

    def _event(self, event: Event) -> Sequence[Unit]:
        if self._given:
            return ()
        self._size += len(event.raw)
        if self._size > LONGEST:
            return self._fail(Failure(Stage.READ_BODY, "limit", "the stream is longer than 256 MiB"))
        if event.data is None:
            return ()
        if type(event.value) is dict:
            return self._value(event.value, event.name)
        return self._odd(event, event.data)

    def _value(self, value: dict[str, Any], name: str) -> Sequence[Unit]:
        self._events += 1
        kind = None
        if name != "message" or "error" in value or "type" in value:
            if is_error(value, name):
                return self._error(value)
            kind = value.get("type")
            if name != "message" and name != kind and "choices" not in value:
                return ()  # nobody knows what that is
        self._merger.add(value)
        self._last = value
        return self._mark() if kind == "message_stop" else ()

    def _odd(self, event: Event, data: bytes) -> Sequence[Unit]:
        """What has no JSON object: the end mark, a blank, what the stream's end cut off, or a fault."""
        if data == DONE:
            return self._mark()
        if event.partial:
            return self._rest(event, data)
        if data.strip() and event.name in _KNOWN_NAMES:
            self._events += 1
            self._blame(f"event {self._events} of the stream is no JSON object")
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

    def _blame(self, text: str, kind: str = "protocol") -> None:
        self._fault = self._fault or Failure(Stage.READ_BODY, kind, text)

    # --- what goes out

    def _mark(self) -> Sequence[Unit]:
        """The end mark came. Not every server ends its body with it, so nothing is waited for."""
        self._marked = True
        return self._answer()

    def _end(self) -> Sequence[Unit]:
        if self._given:
            return (End(),)
        if not self._marked and not self._merger.finished:
            self._blame("the stream ended before the answer was whole", "closed")
        if answer := self._answer():
            return (*answer, End())
        return self._fail(self._fault or _NEVER)

    def _broken(self, abort: Abort) -> Sequence[Unit]:
        if self._given or self._marked or self._lacks_the_mark_alone():
            return self._end()
        return self._fail(abort.failure) if self._head is not None else (abort,)

    def _lacks_the_mark_alone(self) -> bool:
        last = self._last
        return self._fault is None and self._merger.finished and not last.get("choices") and bool(last.get("usage"))

    def _answer(self) -> Sequence[Unit]:
        """The whole answer; nothing if there can be none, for the reason that is on record then."""
        if self._fault is not None:
            return ()
        body, trouble = answer_of(self._close())
        if trouble:
            self._blame(trouble)
            return ()
        return self._give(body)

    def _error(self, value: dict[str, Any]) -> Sequence[Unit]:
        """The API's error as an answer. The `End` lets the upstream go."""
        status, body = error_answer(value)
        return (*self._give(body, status), End())

    def _give(self, body: bytes, status: int | None = None) -> Sequence[Unit]:
        head = self._head
        self._given = True
        if head is None:
            return ()
        status = head.status if status is None else status
        lines = (*head.add, _JSON)
        return Head(head.told, status=status, length=len(body), drop=head.drop | _DROPPED, add=lines), Data(body)

    def _fail(self, failure: Failure) -> Sequence[Unit]:
        """An error in the answer's place, which says how much had come."""
        self._given = True
        had = how_much(self._events, self._close())
        return (
            Abort(replace(failure, message=f"{failure.message}; {had} (kept back by --force-stream: see the record)")),
        )

    def _close(self) -> Merged:
        if self._merged is None:
            self._merged = self._merger.close()
        return self._merged
