"""The streams of a compound file, in which Word, Excel and PowerPoint kept their documents until 2007.

1. A chain of sectors that leaves the file, or comes back to where it was, is an error: the chain's length is bounded by
   the number of sectors there are.

Source: [MS-CFB] 2.2 to 2.6.
"""

from __future__ import annotations

import struct

from .result import ExtractError

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LAST_SECTOR = 0xFFFFFFFA  # what is beyond means the chain's end, or free
_SMALL = 64
_STREAM, _ROOT = 2, 5


class Compound:
    """The streams of a file by name. Raises: ExtractError."""

    def __init__(self, data: bytes) -> None:
        if len(data) < 512 or not data.startswith(MAGIC):
            raise ExtractError("the file is not a valid compound file")
        self._data = data
        shift, _, *_ = struct.unpack_from("<HH", data, 30)
        if shift not in (9, 12):
            raise ExtractError("the file is not a valid compound file")
        self._size = 1 << shift
        first, _, self._cutoff, small, _, further, _ = struct.unpack_from("<7I", data, 48)
        self._fat = self._table(further)
        entries = self._chain(first)
        self._entries: dict[str, tuple[int, int]] = {}
        root = (0, 0)
        for at in range(0, len(entries) - 127, 128):
            length, kind = struct.unpack_from("<HB", entries, at + 64)
            name = entries[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
            place = struct.unpack_from("<II", entries, at + 116)
            if kind == _ROOT:
                root = place
            elif kind == _STREAM:
                self._entries.setdefault(name, place)
        self._small_fat = _numbers(self._chain(small))
        self._small = self._chain(root[0])

    @property
    def names(self) -> set[str]:
        """The streams, wherever in the tree."""
        return set(self._entries)

    def read(self, name: str) -> bytes:
        """A stream whole. Raises: ExtractError when it is missing or its chain is broken."""
        if name not in self._entries:
            raise ExtractError(f"the file has no stream {name}")
        first, size = self._entries[name]
        if size >= self._cutoff:
            return self._chain(first)[:size]
        return b"".join(self._small[at * _SMALL :][:_SMALL] for at in _follow(first, self._small_fat))[:size]

    def _table(self, further: int) -> tuple[int, ...]:
        """The FAT, from the sectors that the head and the sectors behind it list."""
        listed = list(struct.unpack_from("<109I", self._data, 76))
        seen: set[int] = set()
        while further < _LAST_SECTOR and further not in seen:
            seen.add(further)
            *more, further = _numbers(self._sector(further))
            listed += more
        return _numbers(b"".join(self._sector(number) for number in listed if number < _LAST_SECTOR))

    def _chain(self, first: int) -> bytes:
        return b"".join(self._sector(number) for number in _follow(first, self._fat))

    def _sector(self, number: int) -> bytes:
        at = (number + 1) * self._size
        if at >= len(self._data):
            raise ExtractError("the file is cut off or damaged")
        return self._data[at : at + self._size].ljust(self._size, b"\0")


def _numbers(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])


def _follow(first: int, table: tuple[int, ...]) -> list[int]:
    """The numbers of a chain. Raises: ExtractError when it leaves the table or is a ring."""
    found: list[int] = []
    while first < _LAST_SECTOR:
        if first >= len(table) or len(found) > len(table):
            raise ExtractError("the file is cut off or damaged")
        found.append(first)
        first = table[first]
    return found
