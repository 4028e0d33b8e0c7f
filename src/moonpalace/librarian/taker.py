"""Takes one run's journal in: reader, recorder and store, step by step.

1. A step reads some frames, makes a batch of them and stores it with the position after them. A batch that could not
   be stored is kept and tried again; nothing else is read before it is in.
2. Everything in memory can be rebuilt from the disk: after any failure a new taker goes on where the store stands.
3. A segment is removed when nothing in it is needed any more: not before the store has it.
4. Who takes a run in holds its `take.lock`.
"""

from __future__ import annotations

import contextlib

from ..journal.reader import JournalReader
from ..journal.runs import Run, segment_path, segments
from ..store.rows import Batch, Progress, RunRow, Story
from ..store.sqlite import SqliteWriter
from .clean import Clean, without_keys
from .recorder import Recorder

STEP = 256 * 1024  # bytes of journal at a time while up to date: the delay of a record stays small
CATCH_UP = 4 * 1024 * 1024  # and while behind: fewer, larger transactions write less

Taken = list[tuple[int, Story]]


class Taker:
    """One run being taken in. Raises: StoreBusy (step again), StoreError (make a new taker later)."""

    def __init__(self, run: Run, store: SqliteWriter, clean: Clean = without_keys) -> None:
        self.run = run
        self._store = store
        info = run.info
        self._progress = store.begin_run(
            RunRow(run.path.name, info.pid, info.started_at, info.boot_id, info.version, info.endpoint, info.base_url)
        )
        self._reader = JournalReader(run.path, self._progress.low)
        self._recorder = Recorder(self._progress.position, clean)
        self._pending: tuple[Batch, Progress] | None = None
        self._step = STEP
        self._cleared = 0
        self.taken = 0

    def close(self) -> None:
        self._reader.close()

    @property
    def run_ended(self) -> bool:
        """Whether the traffic process said good-bye."""
        return self._recorder.run_ended

    @property
    def troubles(self) -> list[str]:
        """What was met since the last call and should be told."""
        found, self._recorder.troubles = self._recorder.troubles, []
        if self._reader.damaged:
            found.append(f"{self._reader.damaged} damaged bytes in the journal of run {self.run.info.run} were skipped")
            self._reader.damaged = 0
        if self._reader.unknown:
            found.append(f"{self._reader.unknown} records of a kind not known here were left out")
            self._reader.unknown = 0
        return found

    def step(self) -> Taken | None:
        """Take in what comes next; the exchanges that ended in it. None: there is nothing new."""
        if self._pending is None:
            frames = self._reader.read(self._step)
            if not frames:
                self._step = STEP
                return None
            first, last = frames[0].start, frames[-1].end
            self._step = CATCH_UP if last[1] - first[1] > STEP // 2 else STEP
            for frame in frames:
                self._recorder.feed(frame)
            self._prepare()
        return self._store_pending()

    def finish(self) -> Taken:
        """The run is over and its journal taken in: what is still open will not end any more."""
        if self._pending is None:
            self._recorder.interrupt()
            self._prepare()
        return self._store_pending()

    def _prepare(self) -> None:
        position = max(self._reader.position, self._progress.position)
        self._pending = self._recorder.take(), Progress(position, self._recorder.low(position))

    def _store_pending(self) -> Taken:
        assert self._pending is not None
        batch, after = self._pending
        # Frames that only bring back what was open are in the store already: they move nothing.
        if after.position > self._progress.position or batch.ended or batch.arrived:
            ids = self._store.apply(self.run.path.name, batch, self._progress, after)
            self._progress = after
        else:
            ids = []
        self._pending = None
        if batch.lost_records:
            self._recorder.troubles.append(
                f"{batch.lost_records} records ({batch.lost_bytes} bytes) were lost while the journal could not be "
                "written; the exchanges that they belonged to are flagged lost_records"
            )
        self._clear(self._progress.low[0])
        self.taken += len(ids)
        return list(zip(ids, batch.ended, strict=True))

    def _clear(self, needed: int) -> None:
        """Remove the segments before `needed`."""
        if needed <= self._cleared:
            return
        for number in segments(self.run.path):
            if number < needed:
                with contextlib.suppress(OSError):
                    segment_path(self.run.path, number).unlink()
        self._cleared = needed
