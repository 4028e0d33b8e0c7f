"""Records become exchanges. Pure: fed frames, it gives batches; no clock, no file.

1. An exchange is open from its arrival to its end; what comes of it in between is collected.
2. An end without an arrival (the disk was full) is an exchange all the same, flagged `lost_records`.
3. Frames up to `stored` only bring back what was open there: their ends and losses are in the store already.
4. What cannot be understood is kept raw and never stops the rest.
5. Durations come from the monotonic clock alone. Where the wall clock jumped against it (see `clocks`), what was open
   then is flagged `clock_jump`; if nothing was, the next arrival is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..journal.reader import Frame
from ..journal.records import (
    Arrived,
    BodyEnd,
    Chunk,
    Continued,
    Delivered,
    Ended,
    Interim,
    Kept,
    Lost,
    RunEnded,
    RunStarted,
    Sent,
    Told,
    Tried,
)
from ..store import timeline
from ..store.rows import START, Batch, Position
from .clean import Clean, without_keys
from .clocks import Clocks
from .open import Open, Side
from .story import in_flight, interrupted, raw, story, without_arrival

_MAX_INTERIM = 10


class Recorder:
    """Keeps the open exchanges of one run. `clean` takes keys out of a text that was put together."""

    def __init__(self, stored: Position = START, clean: Clean = without_keys) -> None:
        self._clean = clean
        self._stored = stored
        self._open: dict[int, Open] = {}
        self._new: list[Open] = []
        self._batch = Batch()
        self._since = START
        self._again = False  # the frame at hand is in the store already
        self._lost: set[int] = set()
        self._clocks = Clocks()
        self._jumped = False  # the wall clock jumped while nothing was open
        self.started: RunStarted | None = None
        self.run_ended = False
        self.troubles: list[str] = []  # what could not be understood, for the log
        self._handle: dict[type, Callable[[Any], None]] = {
            RunStarted: self._run_started,
            Arrived: self._arrived,
            Chunk: self._chunk,
            BodyEnd: self._body_end,
            Sent: self._sent,
            Told: self._told,
            Interim: self._interim,
            Delivered: self._delivered,
            Ended: self._ended,
            Tried: self._tried,
            Lost: self._lost_some,
            RunEnded: self._run_ended,
            Continued: self._continued,
            Kept: self._kept,
        }

    def feed(self, frame: Frame) -> None:
        """Take in the records of one frame."""
        records, self._since, end = frame
        self._again = end <= self._stored
        handle = self._handle
        for record in records:
            try:
                handle[type(record)](record)
            except Exception as error:  # one bad record must not hold up the others: see rule 4
                self.troubles.append(f"{type(record).__name__} of exchange {getattr(record, 'seq', '-')}: {error!r}")

    def take(self) -> Batch:
        """What became known since the last call."""
        batch, self._batch = self._batch, Batch()
        if self._new:
            opened = self._open
            batch.arrived = [in_flight(x) for x in self._new if x.seq in opened]
            self._new = []
        return batch

    def low(self, position: Position) -> Position:
        """The oldest position still needed when everything before `position` has been fed."""
        oldest = next(iter(self._open.values()), None)
        return position if oldest is None else oldest.since

    @property
    def open_count(self) -> int:
        return len(self._open)

    def interrupt(self) -> None:
        """The run is dead: what is open will not go on."""
        for x in self._open.values():
            try:
                x.settle(None)
                self._batch.ended.append(interrupted(x, self._repetition, self._clean))
            except Exception as error:
                self._batch.ended.append(raw(x, None))
                self.troubles.append(f"exchange {x.seq} is kept raw: {error!r}")
        self._open.clear()
        self._new.clear()

    @property
    def _repetition(self) -> tuple[float, int] | None:
        return None if self.started is None else self.started.repetition

    def _run_started(self, record: RunStarted) -> None:
        self.started = record
        self._watch(record.at_ns, record.wall_ns)

    def _run_ended(self, record: RunEnded) -> None:
        self.run_ended = True
        self._batch.accepted = record.accepted
        self._batch.ended_at = record.wall_ns

    def _watch(self, at_ns: int, wall_ns: int) -> None:
        """Flag what a jump of the wall clock touches."""
        if self._clocks.jumped(at_ns, wall_ns):
            for x in self._open.values():
                x.clock_jump = True
            self._jumped = not self._open

    def _arrived(self, record: Arrived) -> None:
        seq = record.seq
        self._open[seq] = x = Open(record, self._since)
        self._watch(record.at_ns, record.wall_ns)
        if self._jumped:
            self._jumped, x.clock_jump = False, True
        if seq in self._lost:
            x.lost = True
        if not self._again:
            self._new.append(x)

    def _chunk(self, record: Chunk) -> None:
        x = self._open.get(record.seq)
        if x is None:
            return
        side = x.sides[record.side]
        if side is None:
            side = x.sides[record.side] = Side()
        side.add(record)
        at_ns = record.at_ns - x.at
        x.timeline.extend((timeline.CHUNK + record.side, at_ns, record.size))
        if record.last:
            side.end = BodyEnd(record.seq, record.side, record.at_ns, record.size)
            x.timeline.extend((timeline.BODY_END + record.side, at_ns, record.size))

    def _body_end(self, record: BodyEnd) -> None:
        x = self._open.get(record.seq)
        if x is None:
            return
        side = x.sides[record.side]
        if side is None:
            side = x.sides[record.side] = Side()
        side.end = record
        x.timeline.extend((timeline.BODY_END + record.side, record.at_ns - x.at, record.length))

    def _sent(self, record: Sent) -> None:
        x = self._open.get(record.seq)
        if x is not None:
            x.sent = record
            x.timeline.extend((timeline.SENT_HEAD, record.at_ns - x.at, -1))

    def _told(self, record: Told) -> None:
        x = self._open.get(record.seq)
        if x is not None:
            x.told = record
            x.timeline.extend((timeline.TOLD_HEAD, record.at_ns - x.at, -1))

    def _interim(self, record: Interim) -> None:
        x = self._open.get(record.seq)
        if x is None:
            return
        if x.interim is None:
            x.interim = []
        if len(x.interim) < _MAX_INTERIM:
            x.interim.append(record)
            x.timeline.extend((timeline.INTERIM_HEAD, record.at_ns - x.at, -1))

    def _continued(self, record: Continued) -> None:
        x = self._open.get(record.seq)
        if x is not None:
            x.continued = record

    def _kept(self, record: Kept) -> None:
        if not self._again:
            self._batch.kept.append((record.table, record.key, record.value, record.wall_ns))

    def _delivered(self, record: Delivered) -> None:
        x = self._open.get(record.seq)
        if x is not None:
            x.delivered = record
            x.timeline.extend((timeline.DELIVERED_HEAD, record.at_ns - x.at, -1))

    def _tried(self, record: Tried) -> None:
        x = self._open.get(record.seq)
        if x is None:
            return
        if x.tried is None:
            x.tried = []
        x.tried.append(record)
        x.timeline.extend((timeline.CONNECT, record.at_ns - x.at, -1))

    def _ended(self, record: Ended) -> None:
        self._watch(record.at_ns, record.wall_ns)
        x = self._open.pop(record.seq, None)
        if self._again:
            return
        if x is None:
            self._batch.ended.append(without_arrival(record))
            return
        try:
            x.settle(record.delivered)
            self._batch.ended.append(story(x, record, self._repetition, self._clean))
        except Exception as error:
            self._batch.ended.append(raw(x, record))
            self.troubles.append(f"exchange {record.seq} is kept raw: {error!r}")

    def _lost_some(self, record: Lost) -> None:
        for seq in record.seqs:
            x = self._open.get(seq)
            if x is not None:
                x.lost = True
        self._lost.update(record.seqs)
        if not self._again:
            self._batch.lost_records += record.records
            self._batch.lost_bytes += record.size
