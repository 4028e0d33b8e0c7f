"""Writing to the file: whole batches, exactly once.

1. A batch and the position up to which it speaks for the journal are one transaction. A process that dies anywhere
   leaves both or neither, so nothing is lost and nothing stands there twice.
2. The transaction starts from the position that the taker started from; if the file says otherwise, somebody else
   has taken the journal in, and nothing is written (`StoreMoved`).
3. Several processes may write at once, each its own run. Whoever has to wait keeps its batch.
4. A row that SQLite will not have is written again as far as it will go; it never holds up the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from ...core.errors import StoreError
from ..rows import CONTENT, EXCHANGE, Batch, Progress, RunRow, Story
from . import ballast, content
from .connect import EARLY, USUAL, StoreDamaged, open_writer, translated
from .pieces import Pieces

_Placed = tuple[int, Story]


class StoreMoved(StoreError):
    """The file is another one than before, or somebody else has written this run's rows: begin again from it."""


def _marks(count: int) -> str:
    return ", ".join("?" * count)


_VALUES = _marks(len(EXCHANGE) + 2)
_INSERT_EXCHANGE = f"INSERT INTO exchanges (id, run, {', '.join(EXCHANGE)}) VALUES ({_VALUES})"
_UPDATE_EXCHANGE = f"UPDATE exchanges SET {', '.join(f'{c} = ?' for c in EXCHANGE)} WHERE id = ?"
_INSERT_CONTENT = content.insert("INSERT")
_REPLACE_CONTENT = content.insert("INSERT OR REPLACE")
_KEEP = "INSERT OR REPLACE INTO kept (name, key, value, kept_at) VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM kept WHERE name = ? AND key = ?"
_IN_FLIGHT = "SELECT uid, id FROM exchanges WHERE state = 'in_flight' AND run = ?"
_INTERRUPT = (
    "UPDATE exchanges SET state = 'interrupted' WHERE state = 'in_flight' AND run = (SELECT id FROM runs WHERE uid = ?)"
)


class SqliteWriter:
    """One writing connection. Not for use by two threads at once."""

    def __init__(self, path: Path, *, busy_ms: int = 250, tell: Callable[[str], None] = lambda text: None) -> None:
        self._path = path
        self._db = open_writer(path, busy_ms, tell)
        self._inode = self._stat()
        self._pieces = Pieces(self._db, waits=True)
        self._sweeps = -1
        self._little = False  # room on the disk
        self._runs: dict[str, int] = {}
        self._open: dict[bytes, int] = {}  # uid → local id of the rows in flight that this connection knows

    def close(self) -> None:
        self._db.close()

    def look(self) -> None:
        """Raises: StoreMoved when the file is another one now, StoreDamaged when nothing is left of it."""
        try:
            found = os.stat(self._path)
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != self._inode:
            raise StoreMoved(f"{self._path} was replaced while it was in use")
        if found.st_size == 0:
            self._db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            raise StoreDamaged(f"{self._path} was emptied while it was in use")

    def begin_run(self, run: RunRow) -> Progress:
        """Make the run known if it is not; how far its journal has been taken in."""
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO runs (uid, pid, started_at, boot_id, version, endpoint, base_url,"
                " position_segment, position_offset, low_segment, low_offset) VALUES (?,?,?,?,?,?,?,0,0,0,0)",
                (run.uid, run.pid, run.started_at, run.boot_id, run.version, run.endpoint, run.base_url),
            )
            found: Any = self._db.execute(
                "SELECT id, position_segment, position_offset, low_segment, low_offset FROM runs WHERE uid = ?",
                (run.uid,),
            ).fetchone()
            run_id, *at = found
            known: Any = self._db.execute(_IN_FLIGHT, (run_id,)).fetchall()
        self._runs[run.uid] = run_id
        self._open.update(known)
        return Progress((at[0], at[1]), (at[2], at[3]))

    def apply(self, run: str, batch: Batch, before: Progress, after: Progress) -> list[int]:
        """Store the batch and the new position; the local ids of `batch.ended`, in order.

        Raises: StoreBusy (try again), StoreMoved (begin the run again), StoreError; in each case nothing was written.
        """
        self.look()
        self._mind_the_disk()
        run_id = self._runs[run]
        try:
            return self._attempt(run_id, batch, before, after, self._insert_all)
        except _POISON:
            pass
        except StoreError as error:
            if not isinstance(error.__cause__, _POISON):
                raise
        return self._attempt(run_id, batch, before, after, self._insert_each)

    def _attempt(self, run_id: int, batch: Batch, before: Progress, after: Progress, insert: Any) -> list[int]:
        fresh, again, ids, opened = [], [], [], {}
        with self._transaction():
            self._move(run_id, batch, before, after)
            self._heed_sweeps()
            next_id = self._next_id()
            known = self._open.get
            for story in batch.ended:
                row_id = known(story.uid)
                if row_id is None:
                    row_id = next_id
                    next_id += 1
                    fresh.append((row_id, story))
                else:
                    again.append((row_id, story))
                ids.append(row_id)
            for story in batch.arrived:
                if known(story.uid) is None:
                    opened[story.uid] = next_id
                    fresh.append((next_id, story))
                    next_id += 1
            elsewhere: dict[int, int] = insert(run_id, fresh, again)
            if batch.kept:
                self._keep(batch.kept)
        # Only after the commit: what is undone in the file must not stand here.
        for _, story in again:
            self._open.pop(story.uid, None)
        # What stands elsewhere may have ended there: its end is to look for it, and not to go where it was foreseen.
        self._open.update({uid: row_id for uid, row_id in opened.items() if row_id not in elsewhere})
        return [elsewhere.get(row_id, row_id) for row_id in ids] if elsewhere else ids

    def _insert_all(self, run_id: int, fresh: list[_Placed], again: list[_Placed]) -> dict[int, int]:
        run, pieces, said = self._db, self._pieces, content.row
        if fresh:
            run.executemany(_INSERT_EXCHANGE, [(row_id, run_id, *story.exchange) for row_id, story in fresh])
            run.executemany(_INSERT_CONTENT, [(row_id, *said(pieces, story.content)) for row_id, story in fresh])
            pieces.flush()
        if again:
            run.executemany(_UPDATE_EXCHANGE, [(*story.exchange, row_id) for row_id, story in again])
            run.executemany(_REPLACE_CONTENT, [(row_id, *said(pieces, story.content)) for row_id, story in again])
            pieces.flush()
        return {}

    def _insert_each(self, run_id: int, fresh: list[_Placed], again: list[_Placed]) -> dict[int, int]:
        """Row by row, each as whole as it will go. Gives the rows that stand under another id than foreseen."""
        elsewhere = {}
        for row_id, story in fresh + again:
            found: Any = self._db.execute("SELECT id, state FROM exchanges WHERE uid = ?", (story.uid,)).fetchone()
            target = found[0] if found else row_id
            if target != row_id:
                elsewhere[row_id] = target
                if found is not None and found[1] not in ("in_flight", "interrupted"):
                    continue
            for attempt in (story, _cleaned(story), _bare(story)):
                try:
                    with self._db:
                        if found is None:
                            self._db.execute(_INSERT_EXCHANGE, (target, run_id, *attempt.exchange))
                        else:
                            self._db.execute(_UPDATE_EXCHANGE, (*attempt.exchange, target))
                        self._db.execute(_REPLACE_CONTENT, (target, *content.row(self._pieces, attempt.content)))
                        self._pieces.flush()
                    break
                except _POISON:
                    self._pieces.forget()
        return elsewhere

    def _keep(self, kept: list[tuple[str, str, bytes, int]]) -> None:
        """What transforms want to know again, in order. A value that SQLite will not have is not kept."""
        for name, key, value, kept_at in kept:
            with suppress(*_POISON):
                if value:
                    self._db.execute(_KEEP, (name, key, value, kept_at))
                else:
                    self._db.execute(_FORGET, (name, key))

    def interrupt(self, run: str) -> int:
        """Rows in flight of a run whose journal is gone become interrupted; how many."""
        with self._transaction():
            self._db.execute(_INTERRUPT, (run,))
            return self._db.changes()

    def _mind_the_disk(self) -> None:
        """With little room left the log is worked in early: on a full disk there is none for what waits in it."""
        little = ballast.is_little_free(self._path.parent)
        if little != self._little:
            self._little = little
            self._db.execute(f"PRAGMA wal_autocheckpoint = {EARLY if little else USUAL}")

    def _stat(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                self._pieces.forget()
                if isinstance(error, apsw.CorruptError | apsw.NotADBError):
                    # What is damaged is left as it is: no checkpoint, and the log stays.
                    self._db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                if not self._db.get_autocommit():
                    self._db.execute("ROLLBACK")
                raise

    def _move(self, run_id: int, batch: Batch, before: Progress, after: Progress) -> None:
        self._db.execute(
            "UPDATE runs SET position_segment = ?, position_offset = ?, low_segment = ?, low_offset = ?,"
            " lost_records = lost_records + ?, lost_bytes = lost_bytes + ?,"
            " accepted = coalesce(?, accepted), ended_at = coalesce(?, ended_at)"
            " WHERE id = ? AND position_segment = ? AND position_offset = ?",
            (*after.position, *after.low, batch.lost_records, batch.lost_bytes, batch.accepted, batch.ended_at,
             run_id, *before.position),
        )  # fmt: skip
        if self._db.changes() != 1:
            raise StoreMoved(f"{self._path}: somebody else has taken this run in")

    def _heed_sweeps(self) -> None:
        """Rows were deleted since the last batch: what is known of fragments and nodes may be gone."""
        found: Any = self._db.execute("SELECT value FROM counters WHERE name = 'sweeps'").fetchone()
        if found is None:
            raise apsw.CorruptError("a counter is missing")
        if found[0] != self._sweeps:
            self._sweeps = found[0]
            self._pieces.forget()

    def _next_id(self) -> int:
        found: Any = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'exchanges'").fetchone()
        return (found[0] if found else 0) + 1


# What SQLite or the binding says of a value that it will not have; anything else is trouble with the file.
_POISON = (
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.TooBigError,
    apsw.RangeError,
    UnicodeError,
    OverflowError,
    TypeError,
    ValueError,
)


def _cleaned(story: Story) -> Story:
    """The same with every value that has no place in SQLite made into one that has."""
    return Story(story.uid, tuple(map(_clean, story.exchange)), tuple(map(_clean, story.content)))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return None
    return value if isinstance(value, int | float | bytes | None) else str(value)


def _bare(story: Story) -> Story:
    """What must be there of a row, and the two bodies; the rest is given up."""
    values = dict(zip(EXCHANGE, _cleaned(story).exchange, strict=False))
    at = values.get("requested_at")
    row: dict[str, Any] = dict.fromkeys(EXCHANGE)
    for name in ("method", "path", "query", "endpoint", "route", "peer", "reason"):
        row[name] = str(values.get(name) or "")
    row |= {"uid": story.uid, "state": str(values.get("state") or "aborted"), "stream": 0}
    row["flags"] = '["not_understood"]'
    row["requested_at"] = at if isinstance(at, int) else 0
    said = dict(zip(CONTENT, story.content, strict=False))
    names = ("asked_start", "asked_headers", "asked_body", "told_start", "told_headers", "told_body")
    bare: dict[str, Any] = dict.fromkeys(CONTENT)
    bare |= {name: said.get(name) if isinstance(said.get(name), bytes) else None for name in names}
    return Story(story.uid, tuple(row.values()), tuple(bare.values()))
