"""A store worth damaging, the ways to damage it, and which exchanges a damaged page concerns."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from moonpalace.core.exchange import Exchange
from moonpalace.core.ids import uid_text
from moonpalace.librarian.catchup import take_in_dead_runs
from moonpalace.store.sqlite import FILE_NAME, SqliteReader
from moonpalace.testing.journals import STREAM, JournalBuilder, Script

PAGE = 8192
CONVERSATIONS, TURNS = 6, 10
DELETED = 6

Row = tuple[str, int]  # table, rowid
Damage = Callable[[random.Random, bytearray, "Whole"], set[int]]


@dataclass
class Whole:
    """A sound file: its bytes, what is in it, and on which pages each exchange stands."""

    data: bytes
    exchanges: dict[str, Exchange]
    pages: dict[str, set[int]] = field(default_factory=dict)
    inner: list[int] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)


def read_all(path: Path) -> dict[str, Exchange]:
    """Everything that is in a store, by uid."""
    with closing(SqliteReader(path)) as reader:
        return {row.uid: reader.get(row.id or 0) or row for row in reader.recent(0)}


def make(home: Path) -> Whole:
    """Sixty exchanges of six conversations, some answered by streams; and some more that were deleted."""
    builder = JournalBuilder(home)
    rng = random.Random(41)
    letters = "abcdefghijklmnopqrstuvwxyz     "
    count = 0
    for conversation in range(CONVERSATIONS + 1):
        messages: list[dict[str, str]] = []
        for turn in range(DELETED if conversation == CONVERSATIONS else TURNS):
            count += 1
            text = "".join(rng.choices(letters, k=rng.choice([40, 700, 3000])))
            messages += [{"role": "user", "content": text}, {"role": "assistant", "content": text[:300]}]
            body = json.dumps({"model": "kimi-k3", "messages": messages}).encode()
            script = Script(count, body=body)
            if turn % 4 == 1:
                script.told_headers, script.chunks = list(STREAM), streamed(text)
            if turn % 5 == 4:
                script.chunks = (json.dumps({"id": "c", "choices": [], "x": text * 4}).encode(),)
            builder.exchange(script)
    builder.end(count)
    take_in_dead_runs(home)
    path = home / FILE_NAME
    before = read_all(path)
    deleted = delete(path)
    exchanges = read_all(path)
    with closing(apsw.Connection(str(path))) as db:
        db.pragma("wal_checkpoint", "TRUNCATE")
        found = Whole(b"", exchanges, deleted=set(before) - set(exchanges))
        places = rows_by_page(db, found)
        for uid in exchanges:
            found.pages[uid] = {page for row in rows_of(db, uid) for page in places[row]}
        assert len(found.deleted) == deleted and found.free
    found.data = path.read_bytes()
    return found


def streamed(text: str) -> list[bytes]:
    """An answer in pieces."""
    events = [
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": part}}]}
        for part in (text[at : at + 60] for at in range(0, len(text), 60))
    ]
    return [b"data: %b\n\n" % json.dumps(event).encode() for event in events] + [b"data: [DONE]\n\n"]


def delete(path: Path) -> int:
    """What a cleanup does to the last conversation: its rows go, and nothing else refers to their fragments."""
    with closing(apsw.Connection(str(path))) as db:
        last: Any = [i for (i,) in db.execute("SELECT id FROM exchanges ORDER BY id DESC LIMIT ?", (DELETED,))]
        gone: set[Row] = set()
        kept: set[Row] = set()
        for uid, local_id in db.execute("SELECT uid, id FROM exchanges").fetchall():
            (gone if local_id in last else kept).update(rows_of(db, uid_text(uid)))
        for table, rowid in gone - kept:
            db.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))
    return DELETED


def rows_of(db: apsw.Connection, uid: str) -> set[Row]:
    """Every row that an exchange needs."""
    key = bytes.fromhex(uid.replace("-", ""))
    local_id, run = db.execute("SELECT id, run FROM exchanges WHERE uid = ?", (key,)).fetchone()  # type: ignore[misc]
    found = {("exchanges", local_id), ("contents", local_id), ("runs", run)}
    contents: Any = db.execute("SELECT * FROM contents WHERE exchange_id = ?", (local_id,)).fetchone()
    for value in contents:
        if not isinstance(value, str) or not value.startswith("["):
            continue
        for piece in json.loads(value):
            if type(piece) is not int:
                continue
            if piece < 0:
                found.add(("fragments", -piece))
            while piece > 0:
                found.add(("nodes", piece))
                row: Any = db.execute("SELECT parent, fragment FROM nodes WHERE id = ?", (piece,)).fetchone()
                found.add(("fragments", row[1]))
                piece = row[0]
    return found


def rows_by_page(db: apsw.Connection, found: Whole) -> dict[Row, set[int]]:
    """On which pages each row stands, as SQLite's own dbstat has it."""
    places: dict[Row, set[int]] = {}
    for table in ("exchanges", "contents", "fragments", "nodes", "runs"):
        pages: Any = db.execute(
            "SELECT path, pageno, pagetype, ncell FROM dbstat WHERE name = ? ORDER BY path", (table,)
        ).fetchall()
        rowids = [rowid for (rowid,) in db.execute(f"SELECT rowid FROM {table} ORDER BY rowid")]
        starts, at = {}, 0
        for path, pageno, kind, cells in pages:
            if kind == "leaf":
                starts[path] = at
                for rowid in rowids[at : at + cells]:
                    places.setdefault((table, rowid), set()).add(pageno)
                at += cells
            elif kind == "internal":
                found.inner.append(pageno)
        assert at == len(rowids)
        for path, pageno, kind, _ in pages:
            if kind == "overflow":
                leaf, _, rest = path.rpartition("/")
                cell = int(rest.partition("+")[0], 16)
                places[(table, rowids[starts[f"{leaf}/"] + cell])].add(pageno)
    used = {pageno for (pageno,) in db.execute("SELECT pageno FROM dbstat")}
    count: Any = db.pragma("page_count")
    found.free = [number for number in range(3, count + 1) if number not in used]
    return places


def _overwrite(data: bytearray, page: int, new: bytes) -> set[int]:
    data[(page - 1) * PAGE : page * PAGE] = new.ljust(PAGE, b"\0")[:PAGE]
    return {page}


def _some_page(rng: random.Random, data: bytearray) -> int:
    return rng.randint(1, len(data) // PAGE)


def header_bytes(rng: random.Random, data: bytearray, whole: Whole) -> set[int]:
    """One to eight bytes of the header."""
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(100)] ^= rng.randint(1, 255)
    return {1}


def header_gone(rng: random.Random, data: bytearray, whole: Whole) -> set[int]:
    """The header, or the whole first page, is zeros or garbage."""
    size = rng.choice([16, 100, PAGE])
    data[:size] = rng.choice([bytes(size), rng.randbytes(size)])
    return {1}


def random_page(rng: random.Random, data: bytearray, whole: Whole) -> set[int]:
    """A page is garbage."""
    return _overwrite(data, _some_page(rng, data), rng.choice([b"", rng.randbytes(PAGE), b"x" * PAGE]))


def flipped_bytes(rng: random.Random, data: bytearray, whole: Whole) -> set[int]:
    """Bytes here and there in one page."""
    page = _some_page(rng, data)
    for _ in range(rng.randint(1, 16)):
        data[(page - 1) * PAGE + rng.choice([rng.randrange(16), rng.randrange(PAGE)])] ^= rng.randint(1, 255)
    return {page}


def inner_page(rng: random.Random, data: bytearray, whole: Whole) -> set[int]:
    """A page that leads to the others: with it SQL loses a whole table."""
    return _overwrite(data, rng.choice(whole.inner), rng.choice([b"", rng.randbytes(PAGE)]))


def free_page(rng: random.Random, data: bytearray, whole: Whole) -> set[int]:
    """The list of free pages."""
    page = rng.choice(whole.free)
    if rng.random() < 0.5:
        data[32:40] = rng.randbytes(8)
        return {1}
    return _overwrite(data, page, rng.randbytes(PAGE))


def cut_off(rng: random.Random, data: bytearray, whole: Whole) -> set[int]:
    """The file ends too early."""
    at = rng.choice([0, rng.randrange(1, 512), rng.randrange(len(data)), rng.randrange(len(data))])
    count = len(data) // PAGE
    del data[at:]
    return set(range(at // PAGE + 1, count + 1))


def swapped_pages(rng: random.Random, data: bytearray, whole: Whole) -> set[int]:
    """Two pages stand in each other's place."""
    one, other = rng.sample(range(1, len(data) // PAGE + 1), 2)
    first = bytes(data[(one - 1) * PAGE : one * PAGE])
    _overwrite(data, one, bytes(data[(other - 1) * PAGE : other * PAGE]))
    _overwrite(data, other, first)
    return {one, other}


def no_database(rng: random.Random, data: bytearray, whole: Whole) -> set[int]:
    """Something else altogether."""
    count = len(data) // PAGE
    data[:] = rng.choice([b"this is no database ", b"\0", rng.randbytes(999)]) * rng.randint(1, 300)
    return set(range(1, count + 1))


DAMAGES: tuple[Damage, ...] = (
    header_bytes, header_gone, random_page, flipped_bytes, inner_page, free_page, cut_off, swapped_pages, no_database,
)  # fmt: skip
