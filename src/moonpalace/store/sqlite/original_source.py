"""Reading a file of the original MoonPalace: row by row, by column name, whatever the values are.

1. Text is not asked for as text: its octets may be no UTF-8. They come as they stand in the file, a file of another
   encoding in UTF-8.
2. Physical order says nothing: columns were added over the years. What a file does not have is not in the row.
3. While a file is held nobody else writes to it, and it is not written by us. What SQLite itself does to it is
   recovery: a transaction that a crash left half-way is rolled back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from ...core.errors import StoreError
from . import connect
from .original_rows import COLUMNS, Value

_CACHES = ("id", "cache_id", "hash", "n_bytes", "k_ident", "created_at", "updated_at")
_BRIEFLY_MS = 3000  # for a writer that is just closing its file


def is_original(path: Path) -> bool:
    """Whether the file is there, and of the original. Raises: StoreError when it is nobody's that we know."""
    if not path.exists():
        return False
    db = open_source(path)
    try:
        connect.check(db, path)
    except connect.StoreOriginal:
        return True
    finally:
        db.close()
    return False


def open_source(path: Path) -> apsw.Connection:
    """A connection that leaves the file as it is."""
    db = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READWRITE)
    db.set_busy_timeout(_BRIEFLY_MS)
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connect.harden(db)
    return db


def hold(source: apsw.Connection, path: Path, busy_ms: int) -> None:
    """From here until `source` is closed nobody writes to the file. Raises: StoreBusy."""
    source.set_busy_timeout(busy_ms)
    try:
        # A write-ahead log goes by the file's name, and would be read as that of the new file.
        source.execute("PRAGMA journal_mode = DELETE").fetchall()
        source.execute("BEGIN IMMEDIATE")
    except (apsw.BusyError, apsw.LockedError) as error:
        raise connect.StoreBusy(f"{path} is in use by the original MoonPalace: stop it, then try again") from error
    except apsw.ReadOnlyError:
        raise StoreError(f"{path} is to be taken over, but cannot be written: mend its permissions") from None


def rows(source: apsw.Connection, reached: int | None) -> Iterator[tuple[int, dict[str, Value]]]:
    """The exchanges above that id, one at a time: id, and values by column name."""
    names = _columns(source, "moonshot_requests", COLUMNS)
    where = "" if reached is None else f"WHERE rowid > {reached:d}"
    return _values(source, f"moonshot_requests {where} ORDER BY rowid", names)


def caches(source: apsw.Connection) -> Iterator[dict[str, Value]]:
    """What the original knew of context caches; its later versions have it."""
    names = _columns(source, "moonshot_caches", _CACHES)
    if names:
        for _, row in _values(source, "moonshot_caches ORDER BY rowid", names):
            yield row


def how_many(source: apsw.Connection) -> int:
    """The number of exchanges."""
    found: Any = source.execute("SELECT count(*) FROM moonshot_requests").fetchone()
    return int(found[0])


def highest_id(source: apsw.Connection) -> int:
    """The highest id that was ever given out."""
    found: Any = source.execute("SELECT max(rowid) FROM moonshot_requests").fetchone()
    highest = found[0] or 0
    if source.table_exists("main", "sqlite_sequence"):
        sql = "SELECT max(seq) FROM sqlite_sequence WHERE name = 'moonshot_requests' AND typeof(seq) = 'integer'"
        found = source.execute(sql).fetchone()
        highest = max(highest, found[0] or 0)
    return int(highest)


def _columns(source: apsw.Connection, table: str, wanted: tuple[str, ...]) -> list[str]:
    there = {str(name) for (name,) in source.execute("SELECT lower(name) FROM pragma_table_info(?)", (table,))}
    return [name for name in wanted if name in there]


def _values(source: apsw.Connection, rest: str, names: list[str]) -> Iterator[tuple[int, dict[str, Value]]]:
    encoding = str(source.pragma("encoding"))
    wanted = [f"typeof({n}), CASE typeof({n}) WHEN 'text' THEN CAST({n} AS BLOB) ELSE {n} END" for n in names]
    for row_id, *found in source.execute(f"SELECT {', '.join(['rowid', *wanted])} FROM {rest}"):
        pairs: Any = zip(found[::2], found[1::2], strict=True)
        if encoding == "UTF-8":
            values = [value for _, value in pairs]
        else:
            values = [v.decode(encoding, "replace").encode() if kind == "text" else v for kind, v in pairs]
        yield row_id, dict(zip(names, values, strict=True))
