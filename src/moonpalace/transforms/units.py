"""The bytes that the API told as units for sessions: decoded, cut into events, their JSON read, each once for all.

1. Whatever the chunking, the units together hold the same bytes and the same events; bytes are never held back.
2. Only an event stream is looked into. Anything else goes through as `Data`, encoded as it came.
3. A stream with a Content-Encoding becomes one without: what is put into it could not be told in the encoding. One with
   a Content-Length loses that: it may end before, or get an ending of our own.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..core.exchange import Failure, Stage
from ..wire.encoding import Decoder, codings
from ..wire.http1 import NONE, ResponseHead
from ..wire.lenient import BAD_JSON, INVALID, read_json
from ..wire.sse import EventReader
from .base import Abort, Data, End, Event, Head, Unit

DONE = b"[DONE]"
_LENGTH = frozenset((b"content-length",))
_OUTPUT = 1024 * 1024  # decoded at once
_MOST = 1 << 40  # a stream is as long as it is: nothing of it is kept here
_RATIO = 2000  # beyond what deflate can do
_decode = msgspec.json.Decoder().decode


class Told:
    """One answer on its way in."""

    __slots__ = ("_at", "_decoder", "_reader", "_streams")

    def __init__(self) -> None:
        self._streams = False
        self._decoder: Decoder | None = None
        self._reader = EventReader()
        self._at = 0

    def head(self, head: ResponseHead) -> list[Unit]:
        """The head came."""
        self._streams = 200 <= head.status < 300 and head.framing != NONE and is_stream(head)
        coded = [value for value in head.get_all(b"content-encoding") if codings(value.decode("latin-1"))]
        if self._streams and coded:
            decoder = Decoder(b", ".join(coded).decode("latin-1"), _MOST, _RATIO)
            if decoder.problem is not None:  # a coding that nobody knows: not for us to look into
                self._streams = False
            else:
                self._decoder = decoder
                return [Head(head, streams=True, drop=frozenset((b"content-encoding", b"content-length")))]
        return [Head(head, streams=self._streams, drop=_LENGTH if self._streams else frozenset())]

    def body(self, data: bytes) -> list[Unit]:
        """A piece of the body came."""
        if not self._streams:
            return [Data(data)]
        decoder = self._decoder
        if decoder is None:
            return self._events(data)
        units: list[Unit] = []
        piece = decoder.feed(data, _OUTPUT)
        while piece:
            units += self._events(piece)
            piece = decoder.feed(b"", _OUTPUT)
        if decoder.problem is not None:
            units.append(Abort(_undecodable(decoder.problem)))
        return units

    def _events(self, data: bytes) -> list[Unit]:
        reader, at = self._reader, self._at
        begin, units = 0, []
        for event in reader.feed(data):
            end = event.end - at
            units.append(Event(data[begin:end], event.data, _value(event.data), event.event))
            begin = end
        if begin < len(data):
            units.append(Event(data[begin:]))
        self._at = at + len(data)
        return units  # type: ignore[return-value]

    def end(self) -> list[Unit]:
        """The body is whole."""
        if not self._streams:
            return [End()]
        if self._decoder is not None and (problem := self._decoder.close()) is not None:
            return [Abort(_undecodable(problem))]
        return [*self._rest(), End()]

    def failed(self, failure: Failure) -> list[Unit]:
        """It broke off."""
        return [*(self._rest() if self._streams else ()), Abort(failure)]

    def _rest(self) -> list[Unit]:
        """What the stream's end completes or cuts off. Its bytes went on before."""
        return [
            Event(b"", event.data, None if event.partial else _value(event.data), event.event, event.partial)
            for event in self._reader.close()
        ]


def is_stream(head: ResponseHead) -> bool:
    """Whether an answer's head announces an event stream."""
    for line in head.lines:
        if line[:13].lower() == b"content-type:":
            return line[13:].strip().lower().startswith(b"text/event-stream")
    return False


def _value(data: bytes) -> Any:
    """An event's JSON; None for the mark of the end."""
    try:
        return _decode(data)
    except BAD_JSON:
        return None if data == DONE else read_json(data)[0]


def _undecodable(problem: str) -> Failure:
    return Failure(Stage.DECODE, "encoding", f"the stream's Content-Encoding cannot be undone: {problem}")


__all__ = ["DONE", "INVALID", "Told", "is_stream"]
