"""What MoonPalace has taken in: counted in its store, read-only.

1. Only apsw opens the file: the standard library's sqlite3 would drop the locks of a live database.
"""

from __future__ import annotations

import time
from pathlib import Path

import apsw

from .errors import RigError


class Record:
    """The store of one MoonPalace directory; it may not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: apsw.Connection | None = None

    def _value(self, sql: str) -> int:
        """One number; 0 while there is no store or no table. Raises RigError: a 0 would look like a figure."""
        try:
            db = self._open()
            return int(db.execute(sql).get or 0) if db else 0
        except apsw.Error as error:
            raise RigError(f"the store cannot be read: {error}") from error

    def _open(self) -> apsw.Connection | None:
        """The store, as soon as it has its table."""
        if self._db is None:
            if not self._path.exists():
                return None
            db = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
            db.set_busy_timeout(5000)
            if not db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'exchanges'").get:
                db.close()
                return None
            self._db = db
        return self._db

    def rows(self) -> int:
        """How many exchanges are on record."""
        return self._value("SELECT count(*) FROM exchanges")

    def running(self) -> int:
        """How many of them have not ended."""
        return self._value("SELECT count(*) FROM exchanges WHERE state = 'in_flight'")

    def unread(self) -> int:
        """Whole exchanges without an answer's id of their own: stored, but not parsed, or stored twice."""
        return self._value("SELECT count(*) - count(DISTINCT chatcmpl) FROM exchanges WHERE state = 'complete'")

    def states(self) -> dict[str, int]:
        """How many exchanges ended in which way."""
        if not self.rows() or self._db is None:
            return {}
        return {
            str(state): int(n) for state, n in self._db.execute("SELECT state, count(*) FROM exchanges GROUP BY state")
        }

    def taken_in(self, expected: int, limit_s: float) -> bool:
        """Wait until so many exchanges are on record and ended; False when they are not within the limit."""
        deadline = time.monotonic() + limit_s
        while True:
            began = time.monotonic()
            if self.rows() >= expected and not self.running():
                return True
            if time.monotonic() > deadline:
                return False
            # Counting must not itself take the processor from what is counted.
            time.sleep(max(0.05, 10 * (time.monotonic() - began)))

    def close(self) -> None:
        """Give the file back."""
        if self._db is not None:
            self._db.close()
            self._db = None
