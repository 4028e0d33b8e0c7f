"""What every store can do; the rest of the program knows no more of it.

1. `add` is atomic and idempotent by uid: the same exchange twice leaves one row.
2. A reader never blocks the writer.
3. Lists come newest first.
"""

from __future__ import annotations

from typing import Protocol

from ..core.exchange import Exchange


class Reader(Protocol):
    """Reading the record."""

    def recent(self, limit: int, *, chat_only: bool = False) -> list[Exchange]:
        """The newest exchanges, without heads, bodies and timeline. `limit` below 1: all."""
        ...

    def ids(self, field: str, value: object) -> list[int]:
        """The local ids, newest first, whose `field` (id, uid, uid_prefix, chatcmpl, request_id) is that value."""
        ...

    def newest(self) -> int | None:
        """The newest local id."""
        ...

    def get(self, local_id: int, *, whole: bool = True) -> Exchange | None:
        """One exchange; not `whole`: without heads, bodies and timeline."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class Nothing:
    """A record that was not begun yet."""

    def recent(self, limit: int, *, chat_only: bool = False) -> list[Exchange]:
        """Nothing."""
        return []

    def ids(self, field: str, value: object) -> list[int]:
        """Nothing."""
        return []

    def newest(self) -> int | None:
        """Nothing."""
        return None

    def get(self, local_id: int, *, whole: bool = True) -> Exchange | None:
        """Nothing."""
        return None

    def close(self) -> None:
        """Nothing to give back."""
