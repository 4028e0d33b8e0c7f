"""Reading the file: `store.base.Reader` over one read-only connection. It never blocks whoever writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from ...core.errors import StoreError
from ...core.exchange import Exchange
from ...core.ids import uid_bytes
from ..columns import EXCHANGE
from . import content, rows
from .connect import StoreDamaged, open_reader, translated

if TYPE_CHECKING:
    from ..rows import Progress

_NARROW = ("id", *EXCHANGE, "category")
_COLUMNS = ", ".join(f"e.{name}" for name in _NARROW)
_SELECT = f"SELECT {_COLUMNS}, r.uid FROM exchanges e LEFT JOIN runs r ON r.id = e.run"
# As `kimi.endpoints.is_chat` has it: GLOB heeds case.
_CHAT = " WHERE e.path GLOB '*/chat/completions'"
_HEX = frozenset("0123456789abcdef")
_FIELDS = {"id": "id", "uid": "uid", "chatcmpl": "chatcmpl", "request_id": "request_id"}


class SqliteReader:
    """The record as it stands. Raises: StoreError when the file is missing or not ours."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_reader(path)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def recent(self, limit: int, *, chat_only: bool = False) -> list[Exchange]:
        """The newest exchanges, without heads, bodies and timeline. `limit` below 1: all."""
        sql = f"{_SELECT}{_CHAT if chat_only else ''} ORDER BY e.id DESC LIMIT ?"
        with translated(self._path), self._sense():
            found: Any = self._db.execute(sql, (limit if limit > 0 else -1,)).fetchall()
            tags = self._tags([row[0] for row in found])
            return [self._narrow(row, tags.get(row[0], ())) for row in found]

    def ids(self, field: str, value: object) -> list[int]:
        """The local ids, newest first, whose `field` (id, uid, uid_prefix, chatcmpl, request_id) is that value."""
        if field == "uid_prefix":
            return self._by_uid_start(str(value))
        column = _FIELDS[field]
        wanted = _argument(column, value)
        if wanted is None:
            return []
        with translated(self._path):
            sql = f"SELECT id FROM exchanges WHERE {column} = ? ORDER BY id DESC"
            found: Any = self._db.execute(sql, (wanted,)).fetchall()
        return [row_id for (row_id,) in found]

    def _by_uid_start(self, start: str) -> list[int]:
        """By the beginning of a uid, with or without its dashes. Cost: one range of the index."""
        digits = start.replace("-", "").lower()
        if not 0 < len(digits) <= 32 or set(digits) - _HEX:
            return []
        least, most = bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))
        with translated(self._path):
            sql = "SELECT id FROM exchanges WHERE uid BETWEEN ? AND ? ORDER BY id DESC"
            found: Any = self._db.execute(sql, (least, most)).fetchall()
        return [row_id for (row_id,) in found]

    def newest(self) -> int | None:
        """The newest local id."""
        with translated(self._path):
            found: Any = self._db.execute("SELECT max(id) FROM exchanges").fetchone()
        newest: int | None = found[0]
        return newest

    def get(self, local_id: int, *, whole: bool = True) -> Exchange | None:
        """One exchange; not `whole`: without heads, bodies and timeline."""
        if not -(2**63) <= local_id < 2**63:
            return None
        with translated(self._path), self._sense(), self._db:
            row: Any = self._db.execute(f"{_SELECT} WHERE e.id = ?", (local_id,)).fetchone()
            if row is None:
                return None
            said = content.read(self._db, local_id) if whole else None
            result = self._narrow(row, self._tags([local_id]).get(local_id, ()), said)
        return result

    def progress(self) -> dict[str, Progress]:
        """How far the journal of each run has been taken in."""
        from ..rows import Progress  # for whoever waits for a journal: a list must start at once

        sql = "SELECT uid, position_segment, position_offset, low_segment, low_offset FROM runs"
        with translated(self._path):
            return {uid: Progress((a, b), (c, d)) for uid, a, b, c, d in self._db.execute(sql)}

    def in_flight_runs(self) -> list[str]:
        """The runs that rows in flight name."""
        sql = "SELECT uid FROM runs WHERE id IN (SELECT run FROM exchanges WHERE state = 'in_flight')"
        with translated(self._path):
            return [uid for (uid,) in self._db.execute(sql)]

    def kept(self, name: str) -> list[tuple[str, bytes, int]]:
        """What a transform of that name keeps: key, value, when it was kept (wall clock, nanoseconds); by key."""
        sql = "SELECT key, value, kept_at FROM kept WHERE name = ? ORDER BY key"
        with translated(self._path), self._sense():
            found: Any = self._db.execute(sql, (name,)).fetchall()
        return found  # type: ignore[no-any-return]

    @contextmanager
    def _sense(self) -> Iterator[None]:
        """What SQLite takes for a row and nobody can have written is damage, too."""
        try:
            yield
        except (apsw.Error, StoreError):
            raise
        except Exception as error:  # each of the decoders has words of its own for garbage
            raise StoreDamaged(f"{self._path} is damaged; `moonpalace doctor --recover` saves what it can") from error

    def _narrow(self, row: tuple[Any, ...], tags: tuple[str, ...], said: dict[str, Any] | None = None) -> Exchange:
        columns = dict(zip(_NARROW, row, strict=False))
        columns["run"] = row[-1]
        result = rows.exchange(columns, said)
        result.tags = tags
        return result

    def _tags(self, ids: list[int]) -> dict[int, tuple[str, ...]]:
        if not ids:
            return {}
        sql = "SELECT exchange_id, tag FROM tags WHERE exchange_id BETWEEN ? AND ? ORDER BY tag"
        found: dict[int, tuple[str, ...]] = {}
        for row_id, tag in self._db.execute(sql, (min(ids), max(ids))):
            found[row_id] = (*found.get(row_id, ()), tag)
        return found


def _argument(column: str, value: object) -> Any:
    """The value as the column has it; None when no row can have it."""
    if column == "uid":
        return value if isinstance(value, bytes) else uid_bytes(str(value))
    if column == "id":
        try:
            number = int(str(value))
        except ValueError:
            return None
        return number if -(2**63) <= number < 2**63 else None
    text = str(value)
    return text if text.encode("utf-8", "replace").decode() == text else None
