"""What transforms kept in earlier runs, read once at start, before there is any traffic.

Why here: the traffic process has no database. It looks into the file once, for what it may use, and closes it; what
cannot be read is not there, and is only made again.
"""

from __future__ import annotations

from pathlib import Path

from .core.errors import MoonPalaceError

TABLES = ("caches", "caches_off")


def load(home: Path) -> dict[str, list[tuple[str, bytes]]]:
    """All tables: keys and values, what was kept last at the end."""
    from .store.sqlite import FILE_NAME, SqliteReader

    try:
        reader = SqliteReader(home / FILE_NAME)
    except MoonPalaceError:
        return {}
    try:
        found = {}
        for table in TABLES:
            rows = sorted(reader.kept(table), key=lambda row: row[2])
            found[table] = [(key, value) for key, value, _ in rows]
        return found
    except MoonPalaceError:
        return {}
    finally:
        reader.close()
