"""Which pages are in use. What was given up is not looked at: what was deleted stays deleted.

1. The list of free pages says so, if it is whole. It hangs on the header, so it is often lost with it.
2. Else the pointer map, which each file of ours has: the kind and the parent of every page, on pages of its own.

Source: https://www.sqlite.org/fileformat2.html sections 1.5 and 1.8 (2026-11-20).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

MAGIC = b"SQLite format 3\0"
_FREE, _POINTER_KINDS = 2, (1, 2, 3, 4, 5)
_TREES = (1, 5)
_PENDING = 0x4000_0000  # the page with this byte is never used


class Use:
    """What a file says of its pages. `page` gives one of `count` pages of `size` bytes, empty when it cannot."""

    def __init__(self, page: Callable[[int], bytes], size: int, count: int) -> None:
        self._page = page
        self._size = size
        self._count = count
        self._maps: dict[int, bytes] = {}
        self._free = self._free_list()

    def is_free(self, number: int) -> bool:
        """Whether what stands there was given up."""
        if self._free is not None:
            return number in self._free
        return self.pointer(number) == (_FREE, 0)

    def is_of_a_tree(self, number: int) -> bool:
        """Whether the pointer map says so."""
        return self.pointer(number)[0] in _TREES

    def _free_list(self) -> frozenset[int] | None:
        """The free pages; None when the list is not whole."""
        head = self._page(1)
        if head[:16] != MAGIC:
            return None
        trunk, wanted = struct.unpack_from(">II", head, 32)
        free: set[int] = set()
        while trunk and trunk not in free and len(free) <= wanted:
            page = self._page(trunk)
            if not page:
                return None
            following, used = struct.unpack_from(">II", page)
            if used > self._size // 4 - 2:
                return None
            free |= {trunk, *struct.unpack_from(f">{used}I", page, 8)}
            trunk = following
        return frozenset(free) if len(free) == wanted and not trunk else None

    def pointer(self, number: int) -> tuple[int, int]:
        """What the pointer map says of a page: its kind and its parent; (0, 0) when it says nothing."""
        if number < 3:
            return (1, 0) if number == 1 else (0, 0)
        each = self._size // 5
        at = 2 + (number - 2) // (each + 1) * (each + 1)
        at += at == _PENDING // self._size + 1
        if number <= at:
            return (0, 0)
        if at not in self._maps:
            page = self._page(at)
            self._maps[at] = page if self._is_map(page, at) else b""
        offset = 5 * (number - at - 1)
        entry = self._maps[at][offset : offset + 5]
        return (entry[0], int.from_bytes(entry[1:], "big")) if len(entry) == 5 else (0, 0)

    def _is_map(self, page: bytes, at: int) -> bool:
        """Whether nearly all entries make sense."""
        entries = [page[5 * i : 5 * i + 5] for i in range(min(self._size // 5, max(0, self._count - at)))]
        good = sum(
            len(entry) == 5 and entry[0] in _POINTER_KINDS
            and (int.from_bytes(entry[1:], "big") == 0) == (entry[0] in (1, 2))
            for entry in entries
        )  # fmt: skip
        return bool(entries) and good >= 0.9 * len(entries)
