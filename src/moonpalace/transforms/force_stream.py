"""`--force-stream`: who asked for an answer in one piece gets one, though the API is asked for a stream.

1. Chat completions and Anthropic messages. Who asked for a stream sees nothing changed, and costs nothing.
2. The stream is held back and merged. With its end mark (`[DONE]`, `message_stop`) the answer goes out, and what comes
   after it, a broken connection too, changes nothing. Without a mark the stream must end in order, finished.
3. A broken stream is never an answer: what would be given is whole or it is an error that names how much had come.
4. What is lost for the merge is lost for the answer, so that it is an error too: an event that is no JSON; a choice,
   tool call or block at an index where none can be; a delta that is no object or of an unknown type; a message without
   its start. What holds no text is passed over: comments, empty events, events of unknown names.
5. An error inside of the stream is answered at once, as the error that it is (`force_error`).
6. What is no stream (an error, a page, the answer of an API that knows no streams) goes through as it is.
7. Memory is bounded by what the text takes, the stream by 256 MiB.

Source: platform.kimi.ai api/chat (2026-09); Anthropic API reference, "Streaming messages" (2026-09).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ..core.exchange import Failure, Stage
from ..wire.answers.anthropic import TYPES
from ..wire.lenient import BAD_JSON, INVALID, decode, write_compact
from ..wire.merge import Merger
from .base import Abort, Asked, Data, End, Event, Head, Opening, Prepare, Session, Unit
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
_LOST = frozenset(
    ("choice_not_an_object", "choice_index", "delta_not_an_object", "tool_call_not_an_object", "tool_call_index",
     "function_not_an_object", "block_index", "delta_type", "message_not_an_object", "no_message_start")
)  # fmt: skip
_SPOKEN = frozenset(("content", "reasoning_content", "reasoning", "refusal", "arguments", "text", "thinking"))
_NAMED = TYPES | {"message", "error"}


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
        self._head: Head | None = None
        self._given = False  # the answer is out
        self._marked = False  # the stream's end mark came
        self._fault: Failure | None = None  # why this stream can be no answer
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
        for unit in units:
            if type(unit) is Event:
                if not self._given and (more := self._event(unit)):
                    given += more
            elif type(unit) is End:
                given += self._end()
            elif type(unit) is Abort:
                given += self._broken(unit)
            elif type(unit) is Head and unit.streams:
                self._head = unit
            else:
                self.holds = False
                return [*given, *units[units.index(unit) :]]
        return given

    def _event(self, event: Event) -> Sequence[Unit]:
        """One more event. Cost: most of it is the merger's."""
        self._size += len(event.raw)
        value = event.value
        if type(value) is not dict:
            return self._odd(event)
        return self._value(value, event.name)

    def _value(self, value: dict[str, Any], name: str) -> Sequence[Unit]:
        self._events += 1
        if "error" in value or name != "message" or "type" in value:
            if is_error(value, name):
                return self._error(value)
            if name != "message" and name != value.get("type") and "choices" not in value:
                return ()  # of a name that is not known
            self._marked = value.get("type") == "message_stop"
        self._merger.add(value)
        self._last = value
        if self._size > LONGEST:
            return self._too_long()
        return self._mark() if self._marked else ()
