"""Fragments and nodes, each stored once, under a number.

1. What was found or stored before is remembered, within bounds. What the memory says is true only while no row has
   been deleted: `forget` after a transaction that failed, and when the file was swept.
2. New rows wait until `flush`, which must come before the transaction ends: many at once cost half as much. Their
   numbers are given out here; what has a number above `_old_…` is not in the file, so it is not looked for there.
3. A fragment is found by 64 bits of its hash, and compared.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Generic, TypeVar

import apsw

from .joined import PLAIN

NO_PARENT = 0
_FRAGMENT = "SELECT id FROM fragments WHERE hash = ? AND codec = ? AND data = ?"
_NEW_FRAGMENT = "INSERT INTO fragments (id, hash, codec, data) VALUES (?, ?, ?, ?)"
_NODE = "SELECT id FROM nodes WHERE parent = ? AND fragment = ?"
_NEW_NODE = "INSERT INTO nodes (id, parent, fragment) VALUES (?, ?, ?)"
_HIGHEST = "SELECT (SELECT max(id) FROM fragments), (SELECT max(id) FROM nodes)"
_MOST_WAITING = 4096  # rows held back at most

_K = TypeVar("_K")
_V = TypeVar("_V")


class Memory(Generic[_K, _V]):
    """Remembers at least the last `room` entries used, and never more than twice as many."""

    __slots__ = ("_old", "_room", "_young")

    def __init__(self, room: int) -> None:
        self._room = room
        self._young: dict[_K, _V] = {}
        self._old: dict[_K, _V] = {}

    def get(self, key: _K) -> _V | None:
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: _K, value: _V) -> None:
        if len(self._young) >= self._room:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def clear(self) -> None:
        self._young, self._old = {}, {}


class Ledger:
    """Writes through one connection, within the caller's transaction. With `waits` new rows wait for `flush`."""

    def __init__(self, db: apsw.Connection, *, waits: bool = False) -> None:
        self._db = db
        self._most = _MOST_WAITING if waits else 1
        self._new_fragments: dict[tuple[bytes, int], tuple[int, int, int, bytes]] = {}
        self._new_nodes: dict[tuple[int, int], int] = {}
        self._old_fragments = self._old_nodes = -1  # the highest numbers in the file; -1: not looked up
        self._fragments: Memory[tuple[bytes, int], int] = Memory(16_384)

    def forget(self) -> None:
        """Trust nothing that was found before; what waits is void."""
        self._new_fragments.clear()
        self._new_nodes.clear()
        self._old_fragments = self._old_nodes = -1
        self._fragments.clear()

    def flush(self) -> None:
        """Write what waits."""
        if self._new_fragments:
            self._db.executemany(_NEW_FRAGMENT, self._new_fragments.values())
            self._new_fragments.clear()
        if self._new_nodes:
            rows = [(node, parent, fragment) for (parent, fragment), node in self._new_nodes.items()]
            self._db.executemany(_NEW_NODE, rows)
            self._new_nodes.clear()
        self._old_fragments = self._old_nodes = -1

    def fragment(self, data: bytes, codec: int = PLAIN) -> int:
        """The number of the fragment with these bytes."""
        digest = blake2b(data, digest_size=16).digest()
        key = digest, codec
        found = self._fragments.get(key)
        if found is None:
            found = self._look_up_fragment(key, data)
            self._fragments.put(key, found)
        return found

    def _look_up_fragment(self, key: tuple[bytes, int], data: bytes) -> int:
        if key in self._new_fragments:
            return self._new_fragments[key][0]
        digest, codec = key
        short = int.from_bytes(digest[:8], "little", signed=True)
        row: Any = self._db.execute(_FRAGMENT, (short, codec, data)).fetchone()
        if row is not None:
            return int(row[0])
        self._number()
        found = self._old_fragments + len(self._new_fragments) + 1
        self._new_fragments[key] = (found, short, codec, data)
        self._mind_the_waiting()
        return found

    def node(self, parent: int, fragment: int) -> int:
        """The number of the node that comes of them."""
        key = parent, fragment
        found = self._new_nodes.get(key)
        if found is not None:
            return found
        self._number()
        if parent <= self._old_nodes and fragment <= self._old_fragments:  # else no node in the file can have them
            row: Any = self._db.execute(_NODE, key).fetchone()
            if row is not None:
                return int(row[0])
        found = self._old_nodes + len(self._new_nodes) + 1
        self._new_nodes[key] = found
        self._mind_the_waiting()
        return found

    def _number(self) -> None:
        """Look up where the numbers of new rows begin."""
        if self._old_nodes < 0:
            row: Any = self._db.execute(_HIGHEST).fetchone()
            self._old_fragments, self._old_nodes = row[0] or 0, row[1] or 0

    def _mind_the_waiting(self) -> None:
        if len(self._new_fragments) + len(self._new_nodes) >= self._most:
            self.flush()
