"""Deleting exchanges and giving their space back, while librarians write.

1. Exchanges are deleted in short transactions, oldest first, with everything that refers to them (`_REFERRING`). Those
   in flight stay. Each transaction is whole, so killed anywhere it leaves a sound file; the same call finishes.
2. Then what only they referred to is swept (see `sweep`), free pages are given back to the file's end, and the file is
   cut. `counters.unswept` says that there is something to sweep, also to the one who comes after a kill.
3. A transaction takes about `_AIM`; as long as it took, the lock is left to others.
4. On a full disk even deleting needs room, for the write-ahead log. `make_room` gives some, and the log is worked into
   the file: from then on it is written over and needs none. Portions shrink, down to one row, and after each one free
   pages are given back. What others write meanwhile may take what came free: their journal has waited for it.

Cost: 1,000,000 exchanges are looked through in a second or so; see `sweep` for memory.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from ...core.errors import StoreError
from .connect import StoreBusy, StoreFull, open_writer, translated
from .sweep import Marks, Overtaken

_REFERRING = (("tags", "exchange_id"), ("contents", "exchange_id"))  # tables whose rows go with an exchange

_OLD = "requested_at < ? AND state <> 'in_flight'"
_COUNT = f"SELECT count(*), coalesce(sum({_OLD}), 0) FROM exchanges"
_IDS = f"SELECT id FROM exchanges WHERE id > ? AND id <= ? AND {_OLD} ORDER BY id LIMIT 5000"
_IS_OLD = f"SELECT 1 FROM exchanges WHERE id = ? AND {_OLD}"
_SET_UNSWEPT = "INSERT OR REPLACE INTO counters (name, value) VALUES ('unswept', ?)"

_AIM = 0.004  # seconds that a transaction may hold the lock
_FIRST, _MOST = 32, 4096  # rows or pages in one
_PATIENCE = 10.0  # seconds for a file that others hold, and for room on a disk that others fill
_ONE = [0]
_TRIES = 5  # marking anew, when others sweep too


class SqliteCleaner:
    """One connection. `make_room` makes a little room on the disk; False when it has none. Raises: StoreError."""

    def __init__(self, path: Path, make_room: Callable[[], bool] = lambda: False) -> None:
        self._path = path
        self._make_room = make_room
        self._full = False  # the disk was full at some time
        self._deleted = 0
        self._db = self._open()

    def _open(self) -> apsw.Connection:
        while True:
            try:
                db = open_writer(self._path, 2000)
                break
            except StoreFull:
                if not self._make_room():
                    raise
                self._full = True
        with translated(self._path):
            db.execute("PRAGMA secure_delete = FAST")  # prompts: what stays in a page that is written anyway is zeros
            db.execute("PRAGMA wal_autocheckpoint = 1000")
        return db

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def count(self, before_ns: int) -> tuple[int, int]:
        """How many exchanges there are, and how many of them `delete` would delete."""
        with translated(self._path):
            found: Any = self._db.execute(_COUNT, (before_ns,)).fetchone()
        return found[0], found[1]

    def size(self) -> int:
        """The bytes that the database takes on disk."""
        files = (self._path, self._path.with_name(f"{self._path.name}-wal"))
        return sum(found.stat().st_size for found in files if found.exists())

    def clean(self, before_ns: int) -> int:
        """Delete the exchanges that came before that time and give the space back; how many they were."""
        self._deleted = 0
        self._portions(self._old_ids(before_ns), partial(self._delete, before_ns))
        if self._is_unswept():
            self._sweep()
        self._shrink()
        return self._deleted

    def _old_ids(self, before_ns: int) -> Iterator[list[int]]:
        """Oldest first, up to the newest of now: else a time to come would have us chase the traffic."""
        last: int = self._rows("SELECT coalesce(max(id), 0) FROM exchanges")[0][0]
        at = -1
        while found := self._rows(_IDS, (at, last, before_ns)):
            at = found[-1][0]
            yield [row_id for (row_id,) in found]

    def _delete(self, before_ns: int, ids: list[int]) -> Callable[[], None]:
        old = [(row_id,) for row_id in ids if self._rows(_IS_OLD, (row_id, before_ns))]
        for table, column in (*_REFERRING, ("exchanges", "id")):
            self._db.executemany(f"DELETE FROM {table} WHERE {column} = ?", old)
        self._db.execute(_SET_UNSWEPT, (1,))

        def committed() -> None:
            self._deleted += len(old)

        return committed

    def _is_unswept(self) -> bool:
        found = self._rows("SELECT value FROM counters WHERE name = 'unswept'")
        return bool(found and found[0][0])

    def _sweep(self) -> None:
        for _ in range(_TRIES):
            try:
                with translated(self._path):
                    marks = Marks(self._db)
                    for table in ("nodes", "segments"):
                        self._portions(marks.dead(table), partial(self._sweep_away, marks, table))
                self._portions([_ONE], partial(self._swept, marks))
                return
            except Overtaken:
                continue  # if it is always so, others are at it, and what they leave is the next cleanup's

    @staticmethod
    def _sweep_away(marks: Marks, table: str, ids: list[int]) -> Callable[[], None]:
        count = marks.delete(table, ids)
        return lambda: marks.deleted(count)

    def _swept(self, marks: Marks, _: list[int]) -> Callable[[], None]:
        marks.catch_up()
        self._db.execute(_SET_UNSWEPT, (0,))
        return _nothing

    def _shrink(self) -> None:
        """Free pages go to the end of the file, and the file becomes shorter. Readers may put the last step off."""
        free = self._free_pages()
        while free:
            self._portions([[0] * free], self._vacuum)
            before, free = free, self._free_pages()
            if free >= before:
                break
        self._checkpoint("TRUNCATE")

    def _vacuum(self, pages: list[int]) -> Callable[[], None]:
        self._db.execute(f"PRAGMA incremental_vacuum({len(pages)})").fetchall()
        return _nothing

    def _free_pages(self) -> int:
        found: int = self._rows("PRAGMA freelist_count")[0][0]
        return found

    def _checkpoint(self, mode: str) -> None:
        """As far as readers and the disk allow; nothing depends on it."""
        with suppress(apsw.Error):
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            if mode != "PASSIVE":  # this one waits for readers with the lock held: not for long
                self._db.set_busy_timeout(50)
                self._db.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        self._db.set_busy_timeout(2000)

    def _portions(self, slices: Iterable[list[int]], act: Callable[[list[int]], Callable[[], None]]) -> None:
        """Have `act` work through the items, each portion a transaction. What `act` gives is called once it is in."""
        size, since = _FIRST, time.monotonic()
        for items in slices:
            at = 0
            while at < len(items):
                begun = time.monotonic()
                portion = items[at : at + size]
                try:
                    with self._transaction():
                        committed = act(portion)
                except StoreError as error:
                    size = self._bear(error, size, since)
                    continue
                committed()
                at += len(portion)
                if self._full:
                    self._give_back()
                since = time.monotonic()
                size = _next_size(size, since - begun)
                time.sleep(min(since - begun, 0.05))

    def _bear(self, error: StoreError, size: int, since: float) -> int:
        """The portion to try next, after one that failed. Raises: the error, when it is of no use to try again."""
        if isinstance(error, StoreFull):
            self._full = True
            while self._lacks() > 0 and self._make_room():
                pass
            self._give_back()
            if size > 1 or self._make_room():
                return max(1, size // 4)
        elif not isinstance(error, StoreBusy):
            raise error
        if time.monotonic() - since > _PATIENCE:
            raise error
        time.sleep(0.02)
        return size

    def _give_back(self) -> None:
        """On a full disk: free pages to the disk, and the log to its beginning. Few at a time: this needs room too."""
        with suppress(apsw.Error, StoreError):
            self._db.execute("PRAGMA wal_autocheckpoint = 0")
            for _ in range(8):
                self._work_in_the_log()
                if not self._free_pages():
                    return
                with self._transaction():
                    self._vacuum([0] * _FIRST)
            self._work_in_the_log()

    def _work_in_the_log(self) -> None:
        """Unless the room is not enough: it would be taken, and nothing come of it."""
        if self._lacks() <= 0:
            self._checkpoint("PASSIVE")

    def _lacks(self) -> int:
        """The bytes that the disk has too few for the log to be worked into the file."""
        pages, size = self._rows("PRAGMA page_count")[0][0], self._rows("PRAGMA page_size")[0][0]
        longer: int = pages * size - self._path.stat().st_size
        return longer - shutil.disk_usage(self._path.parent).free if longer > 0 else 0

    def _rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[Any]:
        with translated(self._path):
            return list(self._db.execute(sql, bindings))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if not self._db.get_autocommit():
                    self._db.execute("ROLLBACK")
                raise


def _next_size(size: int, took: float) -> int:
    if took > 2 * _AIM:
        return max(1, size // 2)
    return min(_MOST, size * 2) if took < _AIM / 2 else size


def _nothing() -> None:
    """What is to be done after a transaction that leaves nothing to be remembered."""
