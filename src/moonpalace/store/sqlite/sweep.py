"""Fragments and nodes that nothing refers to any more: found by marking what is alive, and deleted, while others write.

1. `Marks` knows what is alive: it looks at every row of `contents`, a slice at a time, each a read of its own; then at
   the nodes, the newest first, and a node that is alive keeps its parent and its fragment alive. Every text in a row
   that is an array, but for `_NO_PIECES`, is taken for pieces: one that is none may keep something too long, no more.
2. What is deleted is deleted in short transactions, each of which first makes the marks exact (`Marks.catch_up`).
3. Every transaction that deletes raises `counters.sweeps`. A writer looks at it at the start of its transaction and
   forgets the ids that it remembers, so it can only refer to what is there under its own lock.
4. Killed anywhere, it leaves rows that nothing refers to; the next sweep finds them.

Why the marks are exact when something is deleted, in a transaction that holds the writer's lock:
- A row that ended is never written again. It was looked at after it was there, so what it refers to is marked.
- A row in flight or interrupted may be replaced. Those are remembered, and looked at again.
- A row that came since has an id above all that were looked at, for ids are never given twice. It is looked at now.
- Both of these are looked at with `walk`: the node and its parents up to one that is marked. A marked node has marked
  parents, because the pass over the nodes is done, and nodes never change.
- Marks are by id, and ids of fragments and nodes are given again. Whoever deletes raises the counter: if it is not what
  we left there, somebody else swept, and all begins anew. What we deleted ourselves was not marked; under its old id
  something new is marked when the row that refers to it is looked at.
So whoever writes into `contents` keeps to this: a new row has a new id, and rows that ended are left alone. Who cannot
(see `adopt`) raises the counter as well.

Memory: a byte for each id of a fragment or node that was ever in use: 5 MB for 1,000,000 exchanges.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw
import msgspec

_ROWS = "SELECT c.exchange_id, e.state, {columns} FROM contents c LEFT JOIN exchanges e ON e.id = c.exchange_id"
_NEXT = "{rows} WHERE c.exchange_id > ? ORDER BY c.exchange_id LIMIT ?"
_ONE = "{rows} WHERE c.exchange_id = ?"
_NODES = "SELECT id, parent, fragment FROM nodes WHERE id < ? ORDER BY id DESC LIMIT ?"
_NODE = "SELECT parent, fragment FROM nodes WHERE id = ?"
_SWEEPS = "SELECT value FROM counters WHERE name = 'sweeps'"
VOID = "UPDATE counters SET value = value + 1 WHERE name = 'sweeps'"
_NO_PIECES = ("attempts", "interim")  # salvaged from a damaged file, they may be JSON that is not read here
_MAY_CHANGE = ("in_flight", "interrupted")
_SLICE = 1000
_END = 2**63 - 1
_array = msgspec.json.Decoder(list[Any]).decode


class Overtaken(Exception):
    """Somebody else has swept: the marks are void."""


class _Ids:
    """A set of small numbers, a byte each."""

    __slots__ = ("_there",)

    def __init__(self, top: int) -> None:
        self._there = bytearray(top + 1)

    def add(self, number: int) -> None:
        if number >= len(self._there):
            self._there.extend(bytes(number + 4096 - len(self._there)))
        self._there[number] = 1

    def __contains__(self, number: int) -> bool:
        return number < len(self._there) and self._there[number] == 1


class Marks:
    """What is alive, as far as it was looked at. Raises: apsw.Error, apsw.CorruptError for pieces that are none."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._sweeps = self._number(_SWEEPS)  # before anything is looked at
        table: Any = db.execute("PRAGMA table_info(contents)").fetchall()
        columns = [f"c.{name}" for _, name, kind, *_ in table if kind == "TEXT" and name not in _NO_PIECES]
        rows = _ROWS.format(columns=", ".join(columns))
        self._next, self._one = _NEXT.format(rows=rows), _ONE.format(rows=rows)
        self._alive = {table: _Ids(self._number(f"SELECT max(id) FROM {table}")) for table in ("nodes", "fragments")}
        self._last = 0  # every row up to here was looked at
        self._may_change: list[int] = []
        self._version: Any = None
        newest = self._number("SELECT max(exchange_id) FROM contents")
        while self._last < newest and self._look_at_next(walk=False):
            pass  # only as far as that: what comes meanwhile is caught up with
        self._look_at_nodes()

    def dead(self, table: str) -> Iterator[list[int]]:
        """The ids that are not marked, the newest first, a slice at a time. What is marked later is among them."""
        alive, last = self._alive[table], _END
        while True:
            sql = f"SELECT id FROM {table} WHERE id < ? ORDER BY id DESC LIMIT ?"
            found: Any = self._db.execute(sql, (last, 10 * _SLICE)).fetchall()
            if not found:
                return
            last = found[-1][0]
            yield [number for (number,) in found if number not in alive]

    def delete(self, table: str, ids: list[int]) -> int:
        """Delete what of these is dead, within the caller's transaction; how many. Raises: Overtaken."""
        self.catch_up()
        alive = self._alive[table]
        dead = [(number,) for number in ids if number not in alive]
        if dead:
            self._db.executemany(f"DELETE FROM {table} WHERE id = ?", dead)
            self._db.execute(VOID)
        return len(dead)

    def deleted(self, count: int) -> None:
        """The transaction in which `delete` gave that number is committed."""
        self._sweeps += count > 0

    def catch_up(self) -> None:
        """Make the marks exact, under the writer's lock. Raises: Overtaken."""
        if self._number(_SWEEPS) != self._sweeps:
            raise Overtaken
        version = self._db.pragma("data_version")
        if version == self._version:
            return  # nobody else has written since
        again, self._may_change = self._may_change, []
        for row_id in again:
            self._look_at(self._db.execute(self._one, (row_id,)).fetchall(), walk=True)
        while self._look_at_next(walk=True):
            pass
        self._version = version

    def _number(self, sql: str) -> int:
        found: Any = self._db.execute(sql).fetchone()
        return found[0] or 0

    def _look_at_next(self, *, walk: bool) -> bool:
        rows: Any = self._db.execute(self._next, (self._last, _SLICE)).fetchall()
        self._look_at(rows, walk=walk)
        if rows:
            self._last = rows[-1][0]
        return len(rows) == _SLICE

    def _look_at(self, rows: Any, *, walk: bool) -> None:
        nodes, fragments = self._alive["nodes"], self._alive["fragments"]
        mark = self._walk if walk else nodes.add
        for row_id, state, *columns in rows:
            if state in _MAY_CHANGE:
                self._may_change.append(row_id)
            for text in columns:
                for piece in _pieces(text, row_id) if text is not None and text.startswith("[") else ():
                    if type(piece) is int:
                        mark(piece) if piece > 0 else fragments.add(-piece)

    def _walk(self, node: int) -> None:
        nodes, fragments = self._alive["nodes"], self._alive["fragments"]
        while node and node not in nodes:
            nodes.add(node)
            found: Any = self._db.execute(_NODE, (node,)).fetchone()
            if found is None:
                return  # a row that refers to what is not there is damaged already
            node = found[0]
            fragments.add(found[1])

    def _look_at_nodes(self) -> None:
        nodes, fragments = self._alive["nodes"], self._alive["fragments"]
        last = _END
        while True:
            found: Any = self._db.execute(_NODES, (last, 10 * _SLICE)).fetchall()
            if not found:
                return
            for number, parent, fragment in found:
                if number in nodes:
                    fragments.add(fragment)
                    if parent < number:
                        nodes.add(parent)
                    else:  # ours never stand so: a parent is there before its child
                        self._walk(parent)
            last = found[-1][0]


def _pieces(text: str, row_id: int) -> list[Any]:
    try:
        return _array(text)
    except msgspec.MsgspecError as error:
        raise apsw.CorruptError(f"the pieces of exchange {row_id} cannot be read") from error
