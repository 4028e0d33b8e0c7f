"""Heads and bodies of a damaged file put together again, as far as they go: what `joined` is for a sound one.

1. A fragment is known to be good: its hash stands beside it.
2. A body ends where the first missing fragment was to begin. A chain whose beginning is lost has no beginning to keep.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import apsw

from .joined import PLAIN, ZSTD, unpacked
from .salvage_pages import Pages
from .salvage_tables import Tables, row

_SMALL, _REMEMBERED = 4096, 8192  # fragments that are kept in memory: how long, and how many


@dataclass(slots=True)
class Part:
    """Bytes put together again, as far as they go."""

    data: bytes = b""
    whole: bool = True
    pieces: list[bytes] = field(default_factory=list)


class Bodies:
    """All heads and bodies of a file."""

    def __init__(self, pages: Pages, tables: Tables) -> None:
        self._pages = pages
        self._tables = tables
        self._fragments: dict[int, bytes] = {}

    def joined(self, pieces: Any, beside: bytes | None = None) -> Part | None:
        """What a list of pieces stands for; None for none. `beside`: the text to read, for a body."""
        if pieces is None:
            return None
        found = Part()
        try:
            listed = json.loads(pieces)
            assert isinstance(listed, list)
        except (ValueError, TypeError, AssertionError, RecursionError):
            return Part(whole=False)
        for piece in listed:
            part = Part(piece.encode("utf-8", "replace")) if isinstance(piece, str) else None
            if type(piece) is int:
                part = self._chain(piece) if piece > 0 else self._one(-piece, beside)
            if part is not None:
                found.pieces.append(part.data)
            if part is None or not part.whole:
                found.whole = False
                break
        found.data = b"".join(found.pieces)
        return found

    def _one(self, fragment: int, beside: bytes | None) -> Part | None:
        data = self._fragment(fragment, beside)
        return None if data is None else Part(data)

    def _chain(self, node: int) -> Part | None:
        """The bytes of the chain that ends at that node, up to the first fragment that is missing."""
        fragments = []
        while node:
            found = self._tables.nodes.get(node) or self._tables.indexed_nodes.get(node)
            if found is None or not 0 <= found[0] < node:  # a parent is always older than its child
                return None
            fragments.append(found[1])
            node = found[0]
        part = Part()
        for fragment in reversed(fragments):
            data = self._fragment(fragment)
            if data is None:
                part.whole = False
                break
            part.pieces.append(data)
        part.data = b"".join(part.pieces)
        return part

    def _fragment(self, number: int, beside: bytes | None = None) -> bytes | None:
        data = self._fragments.get(number)
        if data is None and (place := self._tables.fragments.get(number)) is not None:
            found = row(self._pages, place)
            data = _plain(found, beside)
            if data is not None and len(data) <= _SMALL and found["codec"] in (PLAIN, ZSTD):
                if len(self._fragments) >= _REMEMBERED:
                    self._fragments.clear()
                self._fragments[number] = data
        return data


def _plain(found: dict[str, Any], beside: bytes | None) -> bytes | None:
    """The bytes of a fragment; None when they are not those that were stored."""
    data = found.get("data")
    if not isinstance(data, bytes):
        return None
    # The same digest as in `pieces`.
    known = int.from_bytes(blake2b(data, digest_size=16).digest()[:8], "little", signed=True)
    if known != found["hash"]:
        return None
    try:
        if found["codec"] == PLAIN:
            return data
        # Without the text that it was compressed against it is nothing.
        return None if beside is None and found["codec"] != ZSTD else unpacked(found["codec"], data, beside)
    except apsw.CorruptError:
        return None
