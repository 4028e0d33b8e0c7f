"""Work on the file in portions: many short transactions, so that others get in between, also on a full disk.

1. A transaction takes about `_AIM`; as long as it took, the lock is left to others.
2. On a full disk even deleting needs room, for the write-ahead log. `make_room` gives some, and the log is worked into
   the file: from then on it is written over and needs none. Portions shrink, down to one row, and after each one free
   pages are given back. What others write meanwhile may take what came free: their journal has waited for it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from ...core.errors import StoreError
from .connect import StoreBusy, StoreFull, translated

AIM = 0.004  # seconds that a transaction may hold the lock
FIRST, MOST = 32, 4096  # rows or pages in one
PATIENCE = 10.0  # seconds for a file that others hold, and for room on a disk that others fill
BUSY_MS = 2000


class Portions:
    """Over one connection that writes. `make_room`: a little on the disk; False: it has none. Raises: StoreError."""

    def __init__(self, db: apsw.Connection, path: Path, make_room: Callable[[], bool]) -> None:
        self._db = db
        self._path = path
        self._make_room = make_room
        self._full = False  # the disk was full at some time

    def run(self, slices: Iterable[list[int]], act: Callable[[list[int]], Callable[[], None]]) -> None:
        """Have `act` work through the items, each portion a transaction. What `act` gives is called once it is in."""
        size, since = FIRST, time.monotonic()
        for items in slices:
            at = 0
            while at < len(items):
                begun = time.monotonic()
                portion = items[at : at + size]
                try:
                    with self.transaction():
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
        if time.monotonic() - since > PATIENCE:
            raise error
        time.sleep(0.02)
        return size

    def _give_back(self) -> None:
        """On a full disk: free pages to the disk, and the log to its beginning. Few at a time: this needs room too."""
        with suppress(apsw.Error, StoreError):
            self._db.execute("PRAGMA wal_autocheckpoint = 0")
            for _ in range(8):
                self._work_in_the_log()
                if not self.free_pages():
                    return
                with self.transaction():
                    self.vacuum([0] * FIRST)
            self._work_in_the_log()

    def _work_in_the_log(self) -> None:
        """Unless the room is not enough: it would be taken, and nothing come of it."""
        if self._lacks() <= 0:
            self.checkpoint("PASSIVE")

    def _lacks(self) -> int:
        """The bytes that the disk has too few for the log to be worked into the file."""
        pages, size = self.rows("PRAGMA page_count")[0][0], self.rows("PRAGMA page_size")[0][0]
        longer: int = pages * size - self._path.stat().st_size
        return longer - shutil.disk_usage(self._path.parent).free if longer > 0 else 0

    def rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[Any]:
        """What a question gives."""
        with translated(self._path):
            return list(self._db.execute(sql, bindings))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One that holds the writer's lock from its start."""
        with translated(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if not self._db.get_autocommit():
                    self._db.execute("ROLLBACK")
                raise

    def vacuum(self, pages: list[int]) -> Callable[[], None]:
        """Give as many free pages back, within the caller's transaction."""
        self._db.execute(f"PRAGMA incremental_vacuum({len(pages)})").fetchall()
        return nothing

    def free_pages(self) -> int:
        """Those that nothing uses."""
        found: int = self.rows("PRAGMA freelist_count")[0][0]
        return found

    def checkpoint(self, mode: str) -> None:
        """As far as readers and the disk allow; nothing depends on it."""
        with suppress(apsw.Error):
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            if mode != "PASSIVE":  # this one waits for readers with the lock held: not for long
                self._db.set_busy_timeout(50)
                self._db.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        self._db.set_busy_timeout(BUSY_MS)


def _next_size(size: int, took: float) -> int:
    if took > 2 * AIM:
        return max(1, size // 2)
    return min(MOST, size * 2) if took < AIM / 2 else size


def nothing() -> None:
    """What is to be done after a transaction that leaves nothing to be remembered."""
