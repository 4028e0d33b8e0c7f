"""An exchange under way, as far as the journal has told. Mutable, and small: thousands may be open at once."""

from __future__ import annotations

from array import array

from ..core.exchange import Redaction
from ..journal.records import HEAD, Arrived, BodyEnd, Chunk, Delivered, Interim, Sent, Told, Tried
from ..store.rows import Position

LONG = 3 * 64  # numbers of a timeline that is kept compact: long streams stay open for long, and many at once


class Side:
    """One of the four bodies. `size` counts wire bytes, `kept` the bytes of `pieces`."""

    __slots__ = ("decoded_at", "decoded_from", "end", "kept", "marks", "pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.kept = 0
        self.end: BodyEnd | None = None
        self.marks: list[Redaction] | None = None
        self.decoded_at: int | None = None  # the first piece that is decoded
        self.decoded_from: int | None = None

    def add(self, chunk: Chunk) -> None:
        """A piece more."""
        data = chunk.data
        if chunk.marks:
            if self.marks is None:
                self.marks = []
            self.marks += [Redaction(at + self.kept, kept, original) for at, kept, original in chunk.marks]
        if chunk.decoded and self.decoded_at is None:
            self.decoded_at = len(self.pieces)
            self.decoded_from = self.kept
        self.pieces.append(data)
        self.size += chunk.size
        self.kept += len(data)

    def data(self) -> bytes:
        """All that was kept; of a body that was too long for that, its beginning."""
        pieces = self.pieces
        if self.end is not None and self.end.tail and self.kept > HEAD:
            self._shorten()
            pieces = self.pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _shorten(self) -> None:
        """Keep whole pieces up to `HEAD` bytes."""
        size = count = 0
        for piece in self.pieces:
            size += len(piece)
            if size > HEAD and count:
                break
            count += 1
        del self.pieces[count:]
        self.kept = sum(map(len, self.pieces))
        if self.marks is not None:
            self.marks = [mark for mark in self.marks if mark.at + mark.kept <= self.kept]
        if self.decoded_from is not None and self.decoded_from >= self.kept:
            self.decoded_at = self.decoded_from = None

    @property
    def exact(self) -> bool:
        """Whether an offset in the kept bytes is the same offset on the wire."""
        return self.marks is None and self.decoded_at is None

    @property
    def length(self) -> int:
        """The bytes that the wire carried."""
        return self.size if self.end is None else self.end.length

    @property
    def capped(self) -> bool:
        """Whether bytes of the wire were not kept because there were too many."""
        if self.end is not None and self.end.tail:
            return True
        if self.decoded_at is not None:
            return False
        spared = sum(mark.original - mark.kept for mark in self.marks) if self.marks else 0
        return self.length > self.kept + spared


class Open:
    """One exchange. `since` is the position of the frame that its arrival stands in."""

    __slots__ = (
        "arrived",
        "at",
        "clock_jump",
        "delivered",
        "interim",
        "lost",
        "sent",
        "seq",
        "sides",
        "since",
        "timeline",
        "told",
        "tried",
        "uid",
    )  # fmt: skip

    def __init__(self, arrived: Arrived, since: Position) -> None:
        self.seq = arrived.seq
        self.uid = arrived.uid
        self.at = arrived.at_ns
        self.since = since
        self.arrived = arrived
        self.sent: Sent | None = None
        self.told: Told | None = None
        self.delivered: Delivered | None = None
        self.sides: list[Side | None] = [None, None, None, None]
        self.timeline: list[int] | array[int] = [0, 0, -1]
        self.interim: list[Interim] | None = None
        self.tried: list[Tried] | None = None
        self.lost = False  # records of it were lost
        self.clock_jump = False  # the wall clock jumped meanwhile, or right before

    def compact(self) -> None:
        """From here on the timeline takes 24 bytes an event instead of about 90."""
        self.timeline = array("q", self.timeline)
