"""The bytes that the API told as units for sessions: decoded, cut into events, their JSON read, each once for all.

1. Whatever the chunking, the units together hold the same bytes and the same events; bytes are never held back.
2. Only an event stream is looked into. Anything else goes through as `Data`, encoded as it came.
3. A stream with a Content-Encoding becomes one without: what is put into it could not be told in the encoding. One with
   a Content-Length loses that: it may end before, or get an ending of our own.
4. It is decoded in slices, each when it is asked for: few bytes may become many, and nobody waits for all of them.
5. Its head waits for the first decoded byte. If there can be none, it goes through as it came, and as no stream.
6. An event that is longer than `LONGEST` is not waited for: from there on nothing is looked into.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..core.exchange import Failure, Stage
from ..wire.encoding import Decoder, codings
from ..wire.http1 import NONE, ResponseHead
from ..wire.lenient import BAD_JSON, INVALID, read_json
from ..wire.sse import EventReader
from .alike import Alike, learn
from .base import Abort, Data, End, Event, Head, Unit

DONE = b"[DONE]"
LONGEST = 128 * 1024 * 1024  # an event that is kept until it is whole, what its lines cost included
SLICE = 64 * 1024  # decoded at once
OF_THE_BYTES = frozenset((b"etag", b"content-md5", b"digest", b"content-digest", b"repr-digest"))  # true of these alone
_LENGTH = frozenset((b"content-length",))
_CODED = OF_THE_BYTES | _LENGTH | {b"content-encoding"}
_UNSEEN = 1024 * 1024  # encoded bytes that gave nothing yet
_LOOKS = 8  # at events in a row that are not alike
_SHORT = 4  # events: a longer run is worth looking for the next
_LINE = 64  # what a line takes beside its bytes
_MOST = 1 << 40  # a stream is as long as it is: nothing of it is kept here
_RATIO = 2000  # beyond what deflate can do
_decode = msgspec.json.Decoder().decode


class Told:
    """One answer on its way in.

    `pending`: `more` gives what came but is not given yet. `unwatched`: an event was too long. `must_see`: a session
    keeps the answer back, so that one that cannot be looked into is none.
    """

    __slots__ = (
        "_alike", "_at", "_decoder", "_head", "_looks", "_open", "_raw", "_reader", "_streams", "_unseen", "must_see",
        "pending", "unwatched",
    )  # fmt: skip

    def __init__(self) -> None:
        self._streams = False
        self._decoder: Decoder | None = None
        self._head: ResponseHead | None = None  # it waits, and with it the bytes behind it as they came
        self._raw: list[bytes] = []
        self._unseen = 0
        self._reader: EventReader | None = EventReader()
        self._open = 0  # what the event that is not whole yet takes, at most
        self._at = 0
        self._alike: Alike | None = None
        self._looks = 0
        self.pending = False
        self.unwatched = False
        self.must_see = False

    def look_for_runs(self) -> None:
        """Who is fed takes runs."""
        self._looks = _LOOKS

    def head(self, head: ResponseHead) -> list[Unit]:
        """The head came."""
        self._streams = 200 <= head.status < 300 and head.framing != NONE and is_stream(head)
        coded = [value for value in head.get_all(b"content-encoding") if codings(value.decode("latin-1"))]
        if self._streams and coded:
            decoder = Decoder(b", ".join(coded).decode("latin-1"), _MOST, _RATIO)
            if decoder.problem is None:
                self._decoder, self._head = decoder, head
                return []
            self._streams = False  # a coding that nobody knows: not for us to look into
        return [Head(head, streams=self._streams, drop=_LENGTH if self._streams else frozenset())]

    def body(self, data: bytes) -> list[Unit]:
        """A piece of the body came. While anything is pending it waits behind that."""
        if not self._streams:
            return [Data(data)]
        decoder = self._decoder
        if decoder is None:
            return self._events(data)
        if self._head is not None:
            self._raw.append(data)
            self._unseen += len(data)
        if self.pending:
            decoder.feed(data, 0)
            return []
        return self._slice(decoder, data)

    def more(self) -> list[Unit]:
        """The next slice of what is pending."""
        return self._slice(self._decoder, b"") if self._decoder is not None else []

    def stop(self) -> None:
        """Nobody needs what is still to come."""
        self._streams = self.pending = False
        self._decoder = self._reader = self._head = None
        self._raw = []

    def _slice(self, decoder: Decoder, data: bytes) -> list[Unit]:
        piece = decoder.feed(data, SLICE)
        self.pending = decoder.pending
        problem = None if self.pending else decoder.problem
        units: list[Unit] = []
        if self._head is not None:
            if piece:
                units += self._begin(self._head)
            elif problem is not None or self._unseen > _UNSEEN:
                return self._as_it_came(self._head)
        if piece:
            units += self._events(piece)
        if problem is not None:
            units.append(Abort(_undecodable(problem)))
        return units

    def _begin(self, head: ResponseHead) -> list[Unit]:
        """The head of the decoded stream: it can be decoded."""
        self._head, self._raw = None, []
        return [Head(head, streams=True, drop=_CODED)]

    def _as_it_came(self, head: ResponseHead) -> list[Unit]:
        """All of it: it is not what its head says."""
        raw = b"".join(self._raw)
        self.stop()
        return [Head(head), Data(raw)]

    def _events(self, data: bytes) -> list[Unit]:
        """Runs of events that are alike; between them what has to be read, event by event while runs are likely."""
        units: list[Unit] = []
        at, size = 0, len(data)
        while at < size:
            reader = self._reader
            if not self._looks or reader is None:
                units += self._read(data[at:] if at else data)
                break
            run = self._alike.take(data, at) if self._alike is not None and reader.between else None
            if run is not None:
                units.append(run)
                at += self._passed(reader, len(run.raw))
                self._looks = _LOOKS if at == size or run.count >= _SHORT else self._looks - 1
                continue
            read = self._one(reader, data, at)
            units += read
            at += sum([len(unit.raw) for unit in read if isinstance(unit, Event)])
            last = read[-1]
            if isinstance(last, Abort):
                break
            if isinstance(last, Event) and last.data:
                self._alike = learn(last) or self._alike
                self._looks -= 1
        return units

    def _one(self, reader: EventReader, data: bytes, at: int) -> list[Unit]:
        """What stands there up to the next blank line: an event, or the end of one that began before."""
        blank = data.find(b"\n\n", at)
        if blank < 0:
            return self._read(data[at:])
        if reader.between and data.startswith(b"data: ", at):
            line = data[at + 6 : blank]
            if b"\n" not in line and b"\r" not in line:
                self._passed(reader, blank + 2 - at)
                return [Event(data[at : blank + 2], line, _value(line))]
        return self._read(data[at : blank + 2])

    def _passed(self, reader: EventReader, size: int) -> int:
        """So many bytes were whole events."""
        reader.skip(size)
        self._at += size
        self._open = 0
        return size

    def _read(self, data: bytes) -> list[Unit]:
        reader, at = self._reader, self._at
        if reader is None:
            return [Event(data)]
        begin = 0
        units: list[Unit] = []
        for event in reader.feed(data):
            end = event.end - at
            units.append(Event(data[begin:end], event.data, _value(event.data), event.event))
            begin = end
        self._at = at + len(data)
        if begin < len(data):
            rest = data[begin:]
            takes = len(rest) + _LINE * (rest.count(b"\n") + rest.count(b"\r"))
            self._open = takes if units else takes + self._open
            units.append(Event(rest))
            if self._open > LONGEST:
                units += self._too_long(reader)
        return units

    def _too_long(self, reader: EventReader) -> list[Unit]:
        """The open event may be too long: comments were counted with it, which are not kept."""
        self._open = reader.held(_LINE)
        if self._open <= LONGEST // 2:
            return []
        if self.must_see:
            return [Abort(Failure(Stage.READ_BODY, "limit", "an event of the stream is too long to be read"))]
        self._reader, self.unwatched = None, True
        return []

    def end(self) -> list[Unit]:
        """The body is whole. Nothing may be pending."""
        if not self._streams:
            return [End()]
        units: list[Unit] = []
        if self._decoder is not None:
            problem = self._decoder.close()
            if problem is not None and (self._head is None or self.must_see):
                return [Abort(_undecodable(problem))]
            if self._head is not None:
                if problem is not None:
                    return [*self._as_it_came(self._head), End()]
                units = self._begin(self._head)
        return [*units, *self._rest(), End()]

    def failed(self, failure: Failure) -> list[Unit]:
        """It broke off. Nothing may be pending."""
        return [*(self._rest() if self._streams else ()), Abort(failure)]

    def _rest(self) -> list[Unit]:
        """What the stream's end completes or cuts off. Its bytes went on before."""
        if self._reader is None:
            return []
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


__all__ = ["DONE", "INVALID", "LONGEST", "OF_THE_BYTES", "SLICE", "Told", "is_stream"]
