"""Deleting exchanges and giving their space back, while librarians write.

1. Exchanges are deleted in short transactions, oldest first, with everything that refers to them (`_REFERRING`). Those
   in flight stay. Each transaction is whole, so killed anywhere it leaves a sound file; the same call finishes.
2. Then what only they referred to is swept (see `sweep`), free pages are given back to the file's end, and the file is
   cut. `counters.unswept` says that there is something to sweep, also to the one who comes after a kill.
3. How that goes on beside others, and on a full disk, is `portions`.

Cost: 1,000,000 exchanges are looked through in a second or so; see `sweep` for memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from .connect import StoreFull, open_writer, translated
from .portions import BUSY_MS, Portions, nothing
from .sweep import Marks, Overtaken

_REFERRING = (("tags", "exchange_id"), ("contents", "exchange_id"))  # tables whose rows go with an exchange

_OLD = "requested_at < ? AND state <> 'in_flight'"
_COUNT = f"SELECT count(*), coalesce(sum({_OLD}), 0) FROM exchanges"
_IDS = f"SELECT id FROM exchanges WHERE id > ? AND id <= ? AND {_OLD} ORDER BY id LIMIT 5000"
_IS_OLD = f"SELECT 1 FROM exchanges WHERE id = ? AND {_OLD}"
# Above 0: there is something to sweep. Each deletion counts on, so that a sweep begun before it does not settle it.
_UNSWEPT = "SELECT coalesce(max(value), 0) FROM counters WHERE name = 'unswept'"
_DELETED = (
    "INSERT INTO counters (name, value) VALUES ('unswept', 1) ON CONFLICT (name) DO UPDATE SET value = abs(value) + 1"
)
_SWEPT = "UPDATE counters SET value = -value WHERE name = 'unswept' AND value = ?"

_ONE = [0]
_TRIES = 5  # marking anew, when others sweep too


class SqliteCleaner:
    """One connection. `make_room` makes a little room on the disk; False when it has none. Raises: StoreError."""

    def __init__(self, path: Path, make_room: Callable[[], bool] = lambda: False) -> None:
        self._path = path
        self._deleted = 0
        self._db = _open(path, make_room)
        self._portions = Portions(self._db, path, make_room)
        self._rows = self._portions.rows

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
        self._portions.run(self._old_ids(before_ns), partial(self._delete, before_ns))
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
        self._db.execute(_DELETED)

        def committed() -> None:
            self._deleted += len(old)

        return committed

    def _sweep(self) -> None:
        for _ in range(_TRIES):
            unswept: int = self._rows(_UNSWEPT)[0][0]
            if unswept <= 0:
                return
            try:
                with translated(self._path):
                    marks = Marks(self._db)
                    for table in ("nodes", "fragments"):
                        self._portions.run(marks.dead(table), partial(self._sweep_away, marks, table))
                self._portions.run([_ONE], partial(self._swept, marks, unswept))
                return
            except Overtaken:
                continue  # if it is always so, others are at it, and what they leave is the next cleanup's

    @staticmethod
    def _sweep_away(marks: Marks, table: str, ids: list[int]) -> Callable[[], None]:
        count = marks.delete(table, ids)
        return lambda: marks.deleted(count)

    def _swept(self, marks: Marks, unswept: int, _: list[int]) -> Callable[[], None]:
        marks.catch_up()
        self._db.execute(_SWEPT, (unswept,))
        return nothing

    def _shrink(self) -> None:
        """Free pages go to the end of the file, and the file becomes shorter. Readers may put the last step off."""
        free = self._portions.free_pages()
        while free:
            self._portions.run([[0] * free], self._portions.vacuum)
            before, free = free, self._portions.free_pages()
            if free >= before:
                break
        self._portions.checkpoint("TRUNCATE")


def _open(path: Path, make_room: Callable[[], bool]) -> apsw.Connection:
    """On a full disk opening needs room as well."""
    while True:
        try:
            db = open_writer(path, BUSY_MS)
            break
        except StoreFull:
            if not make_room():
                raise
    with translated(path):
        db.execute("PRAGMA secure_delete = FAST")  # prompts: what stays in a page that is written anyway is zeros
        db.execute("PRAGMA wal_autocheckpoint = 1000")
    return db
