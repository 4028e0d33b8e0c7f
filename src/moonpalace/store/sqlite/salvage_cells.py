"""Tree pages and records as bytes; nothing here knows of a file. What makes no sense is None or an IndexError.

Source: https://www.sqlite.org/fileformat2.html sections 1.6 and 2.1 (2026-11-20).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

TABLE_LEAF, INDEX_LEAF, INDEX_INNER = 13, 10, 2
TREE = {2: 12, 5: 12, 10: 8, 13: 8}  # kinds of tree pages and the length of their heads
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


class _Lost:
    """Stands for a value that could not be read."""

    def __repr__(self) -> str:
        return "LOST"


LOST = _Lost()


@dataclass(frozen=True, slots=True)
class Record:
    """A row as it stands in a cell. `rowid` is 0 in an index. Of `values`, those that were cut off are LOST."""

    rowid: int
    values: tuple[Any, ...]


def u16(page: bytes, at: int) -> int:
    """Two bytes as a number. Raises: IndexError."""
    return page[at] << 8 | page[at + 1]


def is_tree_page(page: bytes, size: int, start: int) -> bool:
    """Whether the bytes are a page of a tree, as far as its head tells."""
    if len(page) < size or page[start] not in TREE:
        return False
    first = start + TREE[page[start]]
    count, content = u16(page, start + 3), u16(page, start + 5) or 65536
    end = first + 2 * count
    if not end <= content <= size or page[start + 7] > 60:
        return False
    return all(content <= u16(page, at) < size for at in range(first, end, 2))


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends. Raises: IndexError."""
    value = 0
    for i in range(8):
        byte = data[at + i]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + i + 1
    return value << 8 | data[at + 8], at + 9


def values(data: bytes, length: int) -> tuple[Any, ...] | None:
    """The values of a record of that length, of which `data` is the beginning. None: it is no record."""
    end, at = varint(data, 0)
    if not at <= end <= len(data):
        return None
    kinds = []
    while at < end:
        kind, at = varint(data, at)
        kinds.append(kind)
    if at != end or end + sum(map(_size, kinds)) != length:
        return None
    found = []
    for kind in kinds:
        size = _size(kind)
        found.append(_value(kind, data[at : at + size]) if at + size <= len(data) else LOST)
        at += size
    return tuple(found)


def _size(kind: int) -> int:
    if kind >= 12:
        return (kind - 12) // 2
    return 8 if kind == 7 else _INTEGERS.get(kind, 0)


def _value(kind: int, data: bytes) -> Any:
    if kind >= 12:
        return data.decode("utf-8", "replace") if kind & 1 else data
    if kind == 7:
        return struct.unpack(">d", data)[0]
    if kind in (8, 9):
        return kind - 8
    return int.from_bytes(data, "big", signed=True) if kind in _INTEGERS else None
