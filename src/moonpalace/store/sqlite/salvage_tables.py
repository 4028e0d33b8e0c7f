"""Which table a record on a page belongs to. The record itself tells: nothing else in a damaged file is sure.

1. A record belongs to a table whose columns are as many and of the same kinds; ours are told apart by that.
2. The columns are those of every schema there was, as the migrations make them.
3. Of two records with one id the finished one counts.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import apsw

from .connect import VERSION, migrate
from .salvage_cells import INDEX_INNER, INDEX_LEAF, LOST, TABLE_LEAF, Record
from .salvage_pages import Pages

Place = tuple[int, int]  # page, offset of the cell

_TABLES = ("runs", "exchanges", "contents", "fragments", "nodes")
_KINDS: dict[str, tuple[type, ...]] = {
    "INTEGER": (int,),
    "REAL": (int, float),
    "TEXT": (str,),
    "BLOB": (bytes,),
}
LARGEST = 1 << 40  # no id is above it: what says so is damaged
_ORIGINAL = "moonshot_requests"


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of a table, in the order of its records. `own`: the column that is the rowid."""

    table: str
    names: tuple[str, ...]
    kinds: tuple[tuple[type, ...], ...]
    needed: tuple[bool, ...]
    own: int | None

    def fits(self, values: tuple[Any, ...]) -> bool:
        """Whether a record of this table may have these values."""
        if len(values) != len(self.names) or (self.own is not None and values[self.own] is not None):
            return False
        for at, value in enumerate(values):
            if value is None:
                if self.needed[at] and at != self.own:
                    return False
            elif value is not LOST and not isinstance(value, self.kinds[at]):
                return False
        return True


@cache
def shapes() -> dict[int, tuple[Shape, ...]]:
    """By the number of columns."""
    found: dict[int, tuple[Shape, ...]] = {}
    with closing(apsw.Connection(":memory:")) as db:
        for version in range(1, VERSION + 1):
            migrate(db, version)
            for table in _TABLES:
                columns: Any = db.execute(f"PRAGMA table_info({table})").fetchall()
                if not columns:
                    continue
                shape = Shape(
                    table,
                    tuple(name for _, name, *_ in columns),
                    tuple(_KINDS[kind] for _, _, kind, *_ in columns),
                    tuple(bool(needed) for _, _, _, needed, *_ in columns),
                    next((at for at, column in enumerate(columns) if column[5] and column[2] == "INTEGER"), None),
                )
                of_that_length = found.get(len(columns), ())
                if shape not in of_that_length:
                    found[len(columns)] = (*of_that_length, shape)
    return found


def table_of(values: tuple[Any, ...]) -> Shape | None:
    """The table whose record this is."""
    return next((shape for shape in shapes().get(len(values), ()) if shape.fits(values)), None)


@dataclass(slots=True)
class Tables:
    """Where the rows of a file stand, by id. `named`: the uids that the index of exchanges knows."""

    runs: dict[int, Place] = field(default_factory=dict)
    exchanges: dict[int, Place] = field(default_factory=dict)
    contents: dict[int, Place] = field(default_factory=dict)
    fragments: dict[int, Place] = field(default_factory=dict)
    nodes: dict[int, tuple[int, int]] = field(default_factory=dict)
    indexed_nodes: dict[int, tuple[int, int]] = field(default_factory=dict)
    tags: dict[int, set[str]] = field(default_factory=dict)
    named: dict[int, bytes] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    damaged_pages: int = 0
    of_original: bool = False


def read_tables(pages: Pages) -> Tables:
    """Look at every page. Cost: reads the whole file once."""
    found = Tables()
    for number in range(1, pages.count + 1):
        for offset in pages.cells(number, (TABLE_LEAF,)):
            if (record := pages.record(number, offset)) is not None:
                _place(found, record, (number, offset))
        for offset in pages.cells(number, (INDEX_LEAF, INDEX_INNER)):
            if (record := pages.record(number, offset)) is not None:
                _index(found, record.values)
        found.damaged_pages += pages.looks_broken(number)
    return found


def row(pages: Pages, place: Place) -> dict[str, Any]:
    """The record there by the names of its columns; the rowid is in `rowid`. Empty when it is none."""
    record = pages.record(*place)
    shape = None if record is None else table_of(record.values)
    if record is None or shape is None:
        return {}
    return dict(zip(shape.names, record.values, strict=True)) | {"rowid": record.rowid}


def highest_id(pages: Pages) -> int:
    """The highest id that an exchange was ever given; 0 when that cannot be found quickly."""
    for number in range(1, min(pages.count, 64) + 1):
        for offset in pages.cells(number, (TABLE_LEAF,)):
            record = pages.record(number, offset)
            if record is not None and len(record.values) == 2 and record.values[0] == "exchanges":
                seen = record.values[1]
                return seen if isinstance(seen, int) and 0 < seen <= LARGEST else 0
    return 0


def _place(found: Tables, record: Record, place: Place) -> None:
    values = record.values
    shape = table_of(values)
    if shape is None:
        found.of_original |= len(values) == 5 and values[:2] == ("table", _ORIGINAL)
    elif shape.table == "nodes":
        found.nodes.setdefault(record.rowid, (values[1], values[2]))
    elif shape.table == "exchanges":
        if record.rowid not in found.exchanges or record.rowid not in found.ended:
            found.exchanges[record.rowid] = place
        if values[shape.names.index("state")] != "in_flight":
            found.ended.add(record.rowid)
    else:
        getattr(found, shape.table).setdefault(record.rowid, place)


def _index(found: Tables, values: tuple[Any, ...]) -> None:
    """Some indexes hold what their tables may have lost."""
    match values:
        case (int(exchange), str(tag)):
            found.tags.setdefault(exchange, set()).add(tag)
        case (bytes(uid), int(exchange)) if len(uid) == 16:
            found.named.setdefault(exchange, uid)
        case (int(parent), int(fragment), int(node)):
            found.indexed_nodes.setdefault(node, (parent, fragment))
