"""An exchange under way, as far as the journal has told. Mutable, and small: thousands may be open at once."""

from __future__ import annotations

from array import array

from ..core.exchange import Redaction
from ..journal.capture import TAIL
from ..journal.records import (
    DELIVERED,
    HEAD,
    TOLD,
    Arrived,
    BodyEnd,
    Chunk,
    Continued,
    Delivered,
    Interim,
    Sent,
    Told,
    Tried,
)
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

    def cut(self, length: int) -> Side:
        """Its first `length` wire bytes; what stands for a secret counts for what stood there.

        How far they reach into what is kept decoded nobody can tell: all of that is kept.
        """
        found = Side()
        if self.decoded_from is not None and length > self.decoded_from:
            found.pieces, found.marks = self.pieces.copy(), self.marks
            found.decoded_at, found.decoded_from = self.decoded_at, self.decoded_from
            found.size, found.kept = min(length, self.size), self.kept
            return found
        end, marks = length, []
        for mark in self.marks or ():
            if mark.at >= end:
                break
            marks.append(Redaction(mark.at, mark.kept, min(mark.original, end - mark.at)))
            end = max(end + mark.kept - mark.original, mark.at + mark.kept)
        found.pieces = [b"".join(self.pieces)[:end]]
        found.size, found.kept = min(length, self.size), len(found.pieces[0])
        found.marks = marks or None
        return found

    def followed_by(self, other: Side, *, gap: bool = False) -> Side:
        """The two as one. `gap`: bytes before `other` were not kept, so that it can only be the tail."""
        if gap:
            self.size += other.size
            if (end := other.end) is not None:
                tail = end.tail or other.data()
                self.end = BodyEnd(end.seq, end.side, end.at_ns, self.size, b"", tail[-TAIL:])
            return self
        shift = self.kept
        self.pieces += other.pieces
        self.size += other.size
        self.kept += other.kept
        moved = [Redaction(mark.at + shift, mark.kept, mark.original) for mark in other.marks or ()]
        self.marks = [*(self.marks or ()), *moved] or None
        if other.end is not None:
            self.end = BodyEnd(other.end.seq, other.end.side, other.end.at_ns, self.size, b"", other.end.tail)
        return self

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
        return self.decoded_at is None and self.length > self.known

    @property
    def known(self) -> int:
        """The bytes of the wire that the kept ones stand for."""
        return self.kept + (sum(mark.original - mark.kept for mark in self.marks) if self.marks else 0)


class Open:
    """One exchange. `since` is the position of the frame that its arrival stands in."""

    __slots__ = (
        "arrived",
        "at",
        "clock_jump",
        "continued",
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
        self.continued: Continued | None = None
        self.sides: list[Side | None] = [None, None, None, None]
        self.timeline: list[int] | array[int] = [0, 0, -1]
        self.interim: list[Interim] | None = None
        self.tried: list[Tried] | None = None
        self.lost = False  # records of it were lost
        self.clock_jump = False  # the wall clock jumped meanwhile, or right before

    def settle(self, delivered: int | None) -> None:
        """Make the delivered body whole where it began as the told one. `delivered`: how much of it the client took."""
        own, told = self.sides[DELIVERED], self.sides[TOLD]
        if own is None:
            return
        if self.continued is not None and told is not None:
            length = self.continued.length
            own = told.cut(length).followed_by(own, gap=told.decoded_at is None and told.known < length)
        if delivered is not None and delivered < own.size:
            own = own.cut(delivered)
        self.sides[DELIVERED] = own

    def compact(self) -> None:
        """From here on the timeline takes 24 bytes an event instead of about 90."""
        self.timeline = array("q", self.timeline)
