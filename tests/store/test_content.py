"""A row of what was said comes back as it was handed in."""

from __future__ import annotations

import gzip
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from moonpalace.store.rows import CONTENT
from moonpalace.store.sqlite import FILE_NAME
from moonpalace.store.sqlite.connect import open_writer
from moonpalace.store.sqlite.content import COLUMNS, insert, read, row, stored
from moonpalace.store.sqlite.pieces import Pieces

TEXT = b'{"messages":[{"content":"' + b"a b c d e f g " * 60 + b'"},{"content":""}]}'
PACKED = gzip.compress(TEXT, mtime=0)
STREAM = b"".join(b"data: %b\n\n" % TEXT[at : at + 7] for at in range(0, len(TEXT), 7))
HEAD = b"Date: now\r\nAuthorization: [key:1]\r\nX-\xff: \xfe\r\n"
EVERY: dict[str, Any] = {
    "asked_start": b"POST / HTTP/1.1", "asked_headers": HEAD, "asked_body": PACKED, "asked_length": 9,
    "asked_sha256": b"\x01" * 32,
    "sent_start": b"POST /x HTTP/1.1", "sent_headers": HEAD, "sent_body": TEXT, "sent_length": 8,
    "sent_sha256": b"\x02" * 32,
    "told_start": b"HTTP/1.1 200", "told_headers": b"", "told_body": STREAM, "told_length": 2**40,
    "told_sha256": b"\x03" * 32,
    "delivered_start": b"HTTP/1.1 200 OK", "delivered_headers": HEAD, "delivered_body": b"", "delivered_length": 0,
    "delivered_sha256": b"\x04" * 32,
    "request_text": TEXT, "answer_text": TEXT, "upstream": '{"address":"月","reused":true}',
    "timeline": b"\x93\x00\x00\xff",
    "attempts": '[["a",1,2,null]]', "interim": '[["HTTP/1.1 103","A: b"]]', "extras": b"\x80",
}  # fmt: skip
NOTHING: dict[str, Any] = dict.fromkeys(CONTENT)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    db = open_writer(tmp_path / FILE_NAME, 1)
    db.execute("PRAGMA foreign_keys = OFF")
    yield db
    db.close()


def test_every_column_comes_back(db: apsw.Connection) -> None:
    """And so does each of them alone, beside nothing."""
    pieces, numbers = Pieces(db), itertools.count(1)
    alone = [NOTHING | {name: EVERY[name]} for name in CONTENT if not name.endswith("_headers")]
    for said in [EVERY, NOTHING, *alone]:
        number = next(numbers)
        db.execute(insert("INSERT"), (number, *stored(pieces, said)))
        assert stored(pieces, said) == row(pieces, tuple(said[name] for name in CONTENT))
        found = read(db, number)
        assert found is not None
        if found["upstream"] is not None:
            found["upstream"] = found["upstream"].decode()
        for side in ("asked", "sent", "told", "delivered"):  # a head without a start line is none
            if said[f"{side}_start"] is not None:
                said = said | {f"{side}_headers": said[f"{side}_headers"] or b""}
        assert found == said
    assert read(db, 99) is None


def test_a_text_changes_nothing_of_the_body_beside_it(db: apsw.Connection) -> None:
    """Each text with each body: the text may have nothing to do with it."""
    pieces = Pieces(db)
    bodies = [None, b"", b"x", TEXT, STREAM, PACKED, bytes(300_000)]
    cases = itertools.product(bodies, bodies, bodies)
    for number, (body, told, text) in enumerate(cases, 1):
        said = NOTHING | {"asked_body": body, "sent_body": told, "request_text": text}
        said |= {"told_body": told, "answer_text": text}
        db.execute(insert("INSERT"), (number, *stored(pieces, said)))
        assert read(db, number) == said


def test_no_piece_stands_in_a_column_that_a_sweep_does_not_look_at(db: apsw.Connection) -> None:
    """It takes every column of text for pieces: what refers to fragments elsewhere would lose them."""
    types = {name: kind for _, name, kind, *_ in db.execute("PRAGMA table_info(contents)")}
    assert list(types)[1:] == list(COLUMNS)
    pieces = Pieces(db)
    for name, value in zip(COLUMNS, stored(pieces, EVERY), strict=True):
        assert isinstance(value, str) == (types[name] == "TEXT")


MEMORY = """
import resource, sys
from pathlib import Path
from moonpalace.core.exchange import Exchange
from moonpalace.store.rows import CONTENT, EXCHANGE, Batch, Progress, RunRow, Story
from moonpalace.store.sqlite import SqliteReader, SqliteWriter
from moonpalace.wire.completion import read_answer
from moonpalace.wire.codecs import zstd
size, kind, path = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
event = b'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"%d"}}]}\\n\\n'
if kind == "stream":
    body = b"".join(event % number for number in range(size // (len(event) + 4)))
    text = b'{"id":"1"}'
else:
    body, text = b'{"messages":[{"content":"' + b"ab " * (size // 3) + b'"}]}', None
row = dict.fromkeys(EXCHANGE) | {"uid": bytes(16), "state": "complete", "requested_at": 1, "method": "", "path": "",
    "query": "", "endpoint": "", "route": "", "peer": "", "reason": "", "stream": 0}
said = dict.fromkeys(CONTENT) | {"asked_start": b"", "asked_body": body, "told_start": b"", "told_body": body,
    "answer_text": text}
writer = SqliteWriter(path)
before = peak()
at = writer.begin_run(RunRow("r"))
story = Story(bytes(16), tuple(row.values()), tuple(said.values()))
writer.apply("r", Batch(ended=[story]), at, Progress((1, 1), (1, 1)))
written = peak()
writer.close()
del said, story
reader = SqliteReader(path)
assert reader.get(1).told.body.data == body
print((written - before) // len(body) + 1, (peak() - written) // len(body) + 1, written - before, peak() - written)
"""


SOAK = pytest.mark.skipif(not os.environ.get("MOONPALACE_SOAK"), reason="soak only")


@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")
@pytest.mark.parametrize("kind", ["json", "stream"])
@pytest.mark.parametrize(
    "size", [16 << 20, pytest.param(64 << 20, marks=[pytest.mark.soak, SOAK])], ids=["16 MiB", "64 MiB"]
)
def test_a_large_body_costs_a_few_times_its_size(tmp_path: Path, kind: str, size: int) -> None:
    """The librarian has the machine's memory to itself no more than anybody else."""
    command = [sys.executable, "-c", MEMORY, str(size), kind, str(tmp_path / FILE_NAME)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    writing, reading, *grown = map(int, done.stdout.split())
    print(f"{kind}, {size >> 20} MiB: writing grew by {grown[0] >> 20} MiB, reading by {grown[1] >> 20} MiB more")
    assert writing <= 6
    assert reading <= 6
