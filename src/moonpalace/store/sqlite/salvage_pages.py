"""The pages of a file that SQLite may not be able to open, and the records on them.

1. Nothing here raises over what is in the file: what makes no sense is left out. Only opening it may raise OSError.
2. Committed frames of the `-wal` beside the file win over its own pages.
3. The header is believed no more than the rest: the page size is the one with which most of the file is pages.
4. A page that is free is not looked at.

Source: https://www.sqlite.org/fileformat2.html sections 1.3, 1.6 and 4 (2026-11-20).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .salvage_cells import INDEX_INNER, TABLE_LEAF, TREE, Record, is_tree_page, u16, varint
from .salvage_cells import values as read_values
from .salvage_free import Use

_SIZES = (8192, 4096, 65536, 32768, 16384, 2048, 1024, 512)
_SAMPLE = 256
_FRAME = struct.Struct(">IIII8x")


class Pages:
    """The file and its log, read page by page. Page numbers begin with 1."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        log = Path(f"{path}-wal")
        try:
            self._log: BinaryIO | None = log.open("rb") if log.exists() else None
        except OSError:
            self._log = None
        length = _length(self._file)
        self.size = self._page_size(length)
        self._frames, committed = self._committed() if self._log else ({}, 0)
        in_file = -(-length // self.size)
        most = max(in_file, *self._frames, 0) if self._frames else in_file
        self.count = committed if 0 < committed <= most else most
        self.unreadable = 0
        self._last = (0, b"")
        self._use = Use(self.page, self.size, self.count)

    def close(self) -> None:
        """Give the files back."""
        self._file.close()
        if self._log is not None:
            self._log.close()

    def page(self, number: int) -> bytes:
        """One page, filled up with zeros where the file ends; empty when there is none."""
        if not 0 < number <= self.count:
            return b""
        if number == self._last[0]:  # a page is looked at once for each of its cells
            return self._last[1]
        at = self._frames.get(number)
        source, offset = (self._log, at) if at is not None else (self._file, (number - 1) * self.size)
        assert source is not None
        try:
            source.seek(offset)
            found = source.read(self.size)
        except OSError:  # the disk itself cannot read it
            self.unreadable += 1
            return b""
        self._last = number, found.ljust(self.size, b"\0") if found else b""
        return self._last[1]

    def cells(self, number: int, kinds: tuple[int, ...]) -> Iterator[int]:
        """Where the cells of a page in use stand, if it is of these kinds."""
        page = self.page(number)
        start = 100 if number == 1 else 0
        if not page or page[start] not in kinds or self._use.is_free(number):
            return
        first = start + TREE[page[start]]
        for at in range(first, min(first + 2 * u16(page, start + 3), self.size - 1), 2):
            offset = u16(page, at)
            if first < offset < self.size:
                yield offset

    def looks_broken(self, number: int) -> bool:
        """Whether the pointer map calls it a page of a tree, and it is none."""
        page = self.page(number)
        return self._use.is_of_a_tree(number) and not is_tree_page(page, self.size, 100 if number == 1 else 0)

    def record(self, number: int, offset: int) -> Record | None:
        """The row in that cell; None where there is none."""
        page = self.page(number)
        kind = page[100 if number == 1 else 0]
        try:
            at = offset + (4 if kind == INDEX_INNER else 0)
            length, at = varint(page, at)
            rowid = 0
            if kind == TABLE_LEAF:
                rowid, at = varint(page, at)
            data = self._payload(page, at, length, kind == TABLE_LEAF)
            values = read_values(data, length)
        except (IndexError, ValueError):
            return None
        return None if values is None else Record(rowid - (1 << 64) if rowid >> 63 else rowid, values)

    def _payload(self, page: bytes, at: int, length: int, in_table: bool) -> bytes:
        """As much of it as can be followed."""
        room = self.size
        most = room - 35 if in_table else (room - 12) * 64 // 255 - 23
        if length <= most:
            return page[at : at + length]
        least = (room - 12) * 32 // 255 - 23
        here = least + (length - least) % (room - 4)
        here = here if here <= most else least
        parts, missing = [page[at : at + here]], length - here
        next_page = int.from_bytes(page[at + here : at + here + 4], "big")
        seen: set[int] = set()
        while missing > 0 and next_page not in seen:
            seen.add(next_page)
            more = self.page(next_page)
            following = int.from_bytes(more[:4], "big")
            # A chain ends where its length says; where it does not, this page is not of this chain.
            if not more or (following == 0) != (missing <= room - 4) or following > self.count:
                break
            parts.append(more[4 : 4 + missing])
            missing -= room - 4
            next_page = following
        return b"".join(parts)

    def _page_size(self, length: int) -> int:
        """The header's, or the one with which the file looks most like pages."""
        self._file.seek(0)
        start = self._file.read(_SIZES[0] * _SAMPLE)
        said = int.from_bytes(start[16:18], "big")
        said = 65536 if said == 1 else said
        if self._log is not None:
            self._log.seek(8)
            by_log = int.from_bytes(self._log.read(4), "big")
            if by_log in _SIZES and (said == by_log or length < _SIZES[-1]):
                return by_log
        sizes = sorted(_SIZES, key=lambda size: size != said)
        return max(sizes, key=lambda size: _covered(start, size))

    def _committed(self) -> tuple[dict[int, int], int]:
        """Where the newest committed version of each page stands in the log, and how many pages the file then had."""
        assert self._log is not None
        found: dict[int, int] = {}
        pending: dict[int, int] = {}
        count, at, salts = 0, 32, None
        end = _length(self._log)
        while at + 24 + self.size <= end:
            self._log.seek(at)
            number, commit, *salt = _FRAME.unpack(self._log.read(24))
            salts = salts or salt
            if salt != salts or not 0 < number < 1 << 31:
                break
            pending[number] = at + 24
            if commit:
                found.update(pending)
                pending.clear()
                count = commit
            at += 24 + self.size
        return found, count


def _length(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _covered(start: bytes, size: int) -> int:
    """How many bytes are pages of trees when the file is cut in that size."""
    pages = [(start[at : at + size], 100 if at == 0 else 0) for at in range(0, len(start) - size + 1, size)]
    return sum(size for page, head in pages if is_tree_page(page, size, head) and _is_filled(page, size, head))


def _is_filled(page: bytes, size: int, head: int) -> bool:
    """Whether a cell begins in the upper half, where a page is filled first: it does not if half of it is another's."""
    first = head + TREE[page[head]]
    return any(u16(page, at) >= size // 2 for at in range(first, first + 2 * u16(page, head + 3), 2))
