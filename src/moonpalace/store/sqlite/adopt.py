"""Exchanges from another file into this one: each once, under its old id where that is free.

1. By uid: what is here already stays as it is. Whoever is killed begins again, and nothing stands there twice.
2. A batch is one short transaction, so that a librarian at work waits little.
3. An id that comes back is below ids that a cleanup has looked at: whoever is sweeping begins anew.
4. A run comes with its first exchange, as one of which nothing is taken in: a journal that is still there is read anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ..rows import EXCHANGE
from . import content
from .aside import begin_after
from .connect import StoreBusy, open_writer, translated
from .pieces import Pieces
from .salvage import Saved
from .salvage_tables import LARGEST
from .sweep import VOID

_PATIENCE = 30.0  # seconds for a file that others write
_INSERT = (
    f"INSERT INTO exchanges (id, run, category, {', '.join(EXCHANGE)}) VALUES ({', '.join('?' * (len(EXCHANGE) + 3))})"
)
_INSERT_CONTENT = content.insert("INSERT OR REPLACE")
_INSERT_RUN = (
    "INSERT OR IGNORE INTO runs (uid, pid, started_at, boot_id, version, endpoint, base_url, lost_records, lost_bytes,"
    " accepted, ended_at, position_segment, position_offset, low_segment, low_offset)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0)"
)


class Adopter:
    """Writes into the store at that path. Raises: StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_writer(path, 5000)
        self._pieces = Pieces(self._db)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def add(self, batch: Sequence[Saved]) -> list[Saved]:
        """Store those that are not here yet; which these were."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._add(batch)
            except StoreBusy:
                if time.monotonic() > deadline:
                    raise

    def _add(self, batch: Sequence[Saved]) -> list[Saved]:
        with translated(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._pieces.forget()  # a cleanup may have come in between
                added = [saved for saved in batch if self._insert(saved)]
                if added:
                    self._db.execute(VOID)
                self._db.execute("COMMIT")
            except BaseException:
                if not self._db.get_autocommit():
                    self._db.execute("ROLLBACK")
                raise
        return added

    def _insert(self, saved: Saved) -> bool:
        if self._one("SELECT id FROM exchanges WHERE uid = ?", saved.uid) is not None:
            return False
        taken = saved.id > LARGEST or self._one("SELECT id FROM exchanges WHERE id = ?", saved.id) is not None
        row = (None if taken else saved.id, self._run(saved), saved.category, *saved.exchange.values())
        self._db.execute(_INSERT, row)
        local_id = self._db.last_insert_rowid()
        if saved.said is not None:
            self._db.execute(_INSERT_CONTENT, (local_id, *content.stored(self._pieces, saved.said)))
        self._db.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?)", [(local_id, tag) for tag in saved.tags])
        return True

    def _run(self, saved: Saved) -> int | None:
        if saved.run is None:
            return None
        self._db.execute(_INSERT_RUN, tuple(saved.run.values()))
        found: int = self._one("SELECT id FROM runs WHERE uid = ?", saved.run["uid"])
        return found

    def _one(self, sql: str, value: object) -> Any:
        found: Any = self._db.execute(sql, (value,)).fetchone()
        return None if found is None else found[0]


def adopt(path: Path, found: Iterable[Saved], told: Callable[[Saved, bool], None], *, highest: int) -> None:
    """Store all that `found` gives; `told` hears of each whether it was added. `highest`: no new id is below it."""
    begin_after(path, highest)
    with closing(Adopter(path)) as store:
        batch: list[Saved] = []
        for saved in found:
            batch.append(saved)
            if len(batch) == 32:
                _flush(store, batch, told)
        _flush(store, batch, told)


def _flush(store: Adopter, batch: list[Saved], told: Callable[[Saved, bool], None]) -> None:
    added = {saved.uid for saved in store.add(batch)}
    for saved in batch:
        told(saved, saved.uid in added)
    batch.clear()
