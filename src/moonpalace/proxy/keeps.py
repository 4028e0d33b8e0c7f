"""What transforms keep: a few small tables in memory, and word of every change for the journal.

1. What is loaded at start is what the last runs left; whatever is missing is only made again.
2. A table holds at most `MOST` values: the one that was set longest ago goes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

MOST = 50_000


class Keeps:
    """`tell(table, key, value)` is called for every change; an empty value is forgotten."""

    def __init__(
        self, tell: Callable[[str, str, bytes], None], kept: Mapping[str, Iterable[tuple[str, bytes]]] | None = None
    ) -> None:
        self._tell = tell
        self._tables: dict[str, dict[str, bytes]] = {name: dict(rows) for name, rows in (kept or {}).items()}

    def load(self, table: str, keys: Iterable[str]) -> tuple[str, bytes] | None:
        """The first of these keys that there is a value for, and that."""
        values = self._tables.get(table)
        if values:
            for key in keys:
                value = values.get(key)
                if value is not None:
                    return key, value
        return None

    def scan(self, table: str, prefix: str) -> list[tuple[str, bytes]]:
        """All that begin so."""
        return [pair for pair in self._tables.get(table, {}).items() if pair[0].startswith(prefix)]

    def save(self, table: str, key: str, value: bytes) -> None:
        """Set a value, or forget it."""
        values = self._tables.setdefault(table, {})
        known = values.pop(key, None)
        if value:
            values[key] = value
            while len(values) > MOST:  # more may have been loaded
                oldest = next(iter(values))
                del values[oldest]
                self._tell(table, oldest, b"")
        elif known is None:
            return
        self._tell(table, key, value)
