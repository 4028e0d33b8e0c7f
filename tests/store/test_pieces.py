"""Pieces, joined, are what was cut; what is remembered is never more than what the file has."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import apsw
import pytest

from moonpalace.core.errors import StoreError
from moonpalace.store.rows import CONTENT, EXCHANGE, Batch, Progress, RunRow, Story
from moonpalace.store.sqlite import FILE_NAME, SqliteReader, SqliteWriter, joined
from moonpalace.store.sqlite.connect import open_writer
from moonpalace.store.sqlite.joined import PLAIN, ZSTD, ZSTD_BESIDE, read_body, read_head
from moonpalace.store.sqlite.ledger import Memory
from moonpalace.store.sqlite.pieces import Pieces
from moonpalace.wire.codecs import zstd

RUN = RunRow("run")
ROW = dict.fromkeys(EXCHANGE) | {
    "state": "complete", "requested_at": 5, "method": "POST", "path": "/", "query": "", "endpoint": "e", "route": "",
    "peer": "", "reason": "OK", "stream": 0,
}  # fmt: skip


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    db = open_writer(tmp_path / FILE_NAME, 1)
    yield db
    db.close()


@pytest.fixture
def pieces(db: apsw.Connection) -> Pieces:
    return Pieces(db)


def one(db: apsw.Connection, sql: str) -> Any:
    return db.execute(sql).fetchone()[0]  # type: ignore[index]


START = b"POST /v1/chat/completions HTTP/1.1"
HEADS: dict[str, tuple[bytes, bytes | None]] = {
    "no lines": (START, b""),
    "None": (START, None),
    "empty start": (b"", b"A: b\r\n"),
    "all empty": (b"", b""),
    "a quote": (START, b'Date: "now"\r\nX: y\r\n'),
    "a backslash": (START, b"Request-Id: a\\u0041\\n\r\n"),
    "not ASCII": (START, "X-Request-Id: 月之暗面\r\n".encode()),
    "8-bit": (START, b"X-Request-Id: \xff\xfe\r\n"),
    "a tab": (START, b"ETag: a\tb\r\n"),
    "DEL": (START, b"ETag: a\x7fb\r\n"),
    "no value": (START, b"Date:\r\nContent-Length:\r\nAge: 1\r\n"),
    "blanks": (START, b"Date:   \r\nAge:7   \r\n"),
    "folded": (START, b"Date: Fri,\r\n 20 Nov\r\nAuthorization: a\r\n b\r\n"),
    "changing names twice": (START, b"Date: 1\r\nDate: 2\r\nDate: 1\r\ndate: 3\r\n"),
    "no colon": (START, b"nonsense\r\nDate\r\nAuthorization\r\n: x\r\n"),
    "keys": (START, b"Authorization: Bearer [key:1]\r\nauthorization: [key:2]\r\nAUTHORIZATION:\r\nAge: 1\r\n"),
    "key last, unended": (START, b"A: b\r\nAuthorization: c"),
    "bare line feeds": (START, b"A: b\nDate: c\nX: d\r\n"),
    "like a piece": (START, b"Date: -1\r\nETag: [1,2]\r\nAge: null\r\n"),
    "a NUL": (START, b"ETag: a\x00b\r\nX: \x00\r\n"),
    "long": (START, b"X: " + b"y" * 5000 + b"\r\nDate: z\r\n"),
    "named in the middle": (START, b"X-Date: 1\r\nMy-Content-Length: 2\r\n"),
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
def test_a_head_comes_back_byte_for_byte(db: apsw.Connection, pieces: Pieces, head: tuple[bytes, bytes | None]) -> None:
    """Whatever a peer made of it."""
    start, headers = head
    for _ in range(2):  # the second time it is remembered
        assert read_head(db, pieces.head(start, headers)) == (start, headers or b"")
    assert read_head(db, pieces.head(None, None)) == (None, None)


def test_what_changes_stands_in_the_row_and_the_rest_once(db: apsw.Connection, pieces: Pieces) -> None:
    """Heads of a thousand answers are one head and a thousand dates."""
    heads = [b"Server: nginx\r\nDate: %d\r\nVary: Origin\r\nContent-Length: %d\r\n" % (n, n * 7) for n in range(50)]
    texts = [pieces.head(b"HTTP/1.1 200 OK", head) for head in heads]
    assert one(db, "SELECT count(*) FROM fragments") == 3
    assert json.loads(texts[4] or "")[1::2] == [" 4", " 28"]
    assert [read_head(db, text)[1] for text in texts] == heads


def test_a_line_with_a_key_is_a_fragment_of_its_own(db: apsw.Connection, pieces: Pieces) -> None:
    """The view leaves it out by its first bytes."""
    pieces.head(START, b"A: b\r\nAuthorization: Bearer [key:1]\r\nC: d\r\n")
    found = [data for (data,) in db.execute("SELECT data FROM fragments ORDER BY id")]
    assert found == [START + b"\r\nA: b\r\n", b"Authorization: Bearer [key:1]\r\n", b"C: d\r\n"]


def texts(chance: random.Random, size: int) -> str:
    return "".join(chance.choices('abcdefgh ,.\n"\\月之暗面🌙', k=size))


def conversation(chance: random.Random, items: int, size: int = 700) -> bytes:
    messages = [{"role": "user", "content": texts(chance, chance.randrange(size))} for _ in range(items)]
    return json.dumps({"model": "m", "messages": messages, "n": 1}, ensure_ascii=chance.random() < 0.5).encode()


BODIES = {
    "empty": b"",
    "a byte": b"x",
    "binary": bytes(range(256)) * 20,
    "zeros": bytes(70_000),
    "conversation": conversation(random.Random(1), 30),
    "unfinished string": b'{"a": "' + b'\\"' * 3000,
    "quotes": b'"' * 5000,
    "a long string": json.dumps({"a": "x" * 3000, "b": ["y" * 70_000, "z" * 249]}).encode(),
    "like pieces": b"[-1,1]",
}


@pytest.mark.parametrize("data", BODIES.values(), ids=BODIES.keys())
def test_a_body_comes_back_byte_for_byte(db: apsw.Connection, pieces: Pieces, data: bytes) -> None:
    """As a request, as an answer, and beside every kind of text."""
    for text in (pieces.request(data), pieces.answer(data)):
        assert read_body(db, text) == data
    for beside in (b"", b"x", data, data[:4000], b"other" * 100, bytes(2_000_000)):
        for text in (pieces.request(data, beside), pieces.answer(data, beside)):
            assert read_body(db, text, beside) == data
    assert (pieces.request(None), pieces.answer(None), read_body(db, None)) == (None, None, None)


def test_how_a_body_is_coded_is_chosen_by_what_it_saves(db: apsw.Connection, pieces: Pieces) -> None:
    """Small or dense bodies stay as they are; beside a text of use they shrink to what is not in it."""
    text = texts(random.Random(3), 3000).encode()
    stream = b"".join(b"data: {%b}\n\n" % text[at : at + 50] for at in range(0, len(text), 50))
    cases = [
        (b"tiny" * 20, text, PLAIN),
        (random.Random(4).randbytes(5000), text, PLAIN),
        (stream, text, ZSTD_BESIDE),
        (stream * 40, bytes(1024 * 1024), ZSTD),
    ]
    for data, beside, codec in cases:
        db.execute("DELETE FROM fragments")
        pieces.forget()
        pieces.answer(data, beside)
        assert one(db, "SELECT max(codec) FROM fragments") == codec
    db.execute("DELETE FROM fragments")
    pieces.forget()
    pieces.answer(stream, text)
    assert one(db, "SELECT sum(length(data)) FROM fragments") < len(stream) / 8


def test_an_answers_text_is_not_stored_again_when_the_next_request_repeats_it(
    db: apsw.Connection, pieces: Pieces
) -> None:
    """An assistant's message comes in the answer and in every request after it, in whatever order of keys."""
    said = texts(random.Random(5), 4000).replace("\\", "").replace('"', "")
    answer = {"id": "1", "choices": [{"message": {"role": "assistant", "content": said}}]}
    asked = {"messages": [{"role": "user", "content": "hi"}, {"content": said, "role": "assistant"}], "model": "m"}
    pieces.answer(json.dumps(answer, ensure_ascii=False).encode())
    before = one(db, "SELECT sum(length(data)) FROM fragments")
    body = json.dumps(asked, ensure_ascii=False).encode()
    assert read_body(db, pieces.request(body)) == body
    assert one(db, "SELECT sum(length(data)) FROM fragments") - before < 200


def test_a_hash_that_two_fragments_share_tells_neither_from_the_other(db: apsw.Connection, pieces: Pieces) -> None:
    """64 bits find a fragment; its data proves it."""
    data = b"the true one"
    short = int.from_bytes(blake2b(data, digest_size=16).digest()[:8], "little", signed=True)
    for codec, other in ((PLAIN, b"an impostor"), (ZSTD, data)):
        db.execute("INSERT INTO fragments (hash, codec, data) VALUES (?, ?, ?)", (short, codec, other))
    assert read_body(db, pieces.answer(data)) == data
    assert one(db, "SELECT count(*) FROM fragments") == 3
    pieces.forget()
    assert pieces.answer(data) == "[-3]"


@pytest.mark.parametrize("table", ["fragments", "nodes"])
def test_a_missing_piece_is_damage_and_not_a_shorter_body(db: apsw.Connection, pieces: Pieces, table: str) -> None:
    """A body that lacks its middle must never pass for whole."""
    text = pieces.request(conversation(random.Random(6), 5))
    for (number,) in db.execute(f"SELECT id FROM {table}").fetchall():  # type: ignore[misc]
        db.execute("BEGIN")
        db.execute(f"DELETE FROM {table} WHERE id = ?", (number,))
        with pytest.raises(apsw.CorruptError):
            read_body(db, text)
        db.execute("ROLLBACK")
    head = pieces.head(START, b"A: b\r\n")
    db.execute("DELETE FROM fragments")
    with pytest.raises(apsw.CorruptError):
        read_head(db, head)


def test_memory_is_bounded_and_keeps_what_is_used() -> None:
    """A session of days must not grow the librarian."""
    memory: Memory[int, int] = Memory(10)
    for number in range(1000):
        memory.put(number, number)
        assert memory.get(0 if number < 5 else 3) is not None or number < 3
    assert len(memory._young) + len(memory._old) <= 20
    assert (memory.get(3), memory.get(999), memory.get(500)) == (3, 999, None)
    memory.clear()
    assert memory.get(3) is None


# Through the writer: several at once, and every way to fail.


def story(number: int, asked: bytes, told: bytes = b"", text: bytes | None = None, **values: Any) -> Story:
    uid = number.to_bytes(16, "big")
    head = b"Date: %d\r\nAuthorization: [key:%d]\r\n" % (number, number % 3)
    said = dict.fromkeys(CONTENT) | {
        "asked_start": START, "asked_headers": head, "asked_body": asked, "told_start": b"HTTP/1.1 200 OK",
        "told_headers": head, "told_body": told, "answer_text": text, "upstream": '{"reused":true}',
    }  # fmt: skip
    return Story(uid, tuple((ROW | {"uid": uid} | values).values()), tuple(said.values()))


class Desk:
    """A writer that remembers where it stands, and what it was given."""

    def __init__(self, path: Path, run: str = "run", busy_ms: int = 1) -> None:
        self.run = run
        self.writer = SqliteWriter(path, busy_ms=busy_ms)
        self.at = self.writer.begin_run(RunRow(run))

    def write(self, stories: list[Story]) -> list[int]:
        place = (1, self.at.position[1] + 10)
        after = Progress(place, place)
        ids = self.writer.apply(self.run, Batch(ended=stories), self.at, after)
        self.at = after
        return ids


def batch(seed: int, first: int, count: int = 4) -> list[Story]:
    """Exchanges that share much with those of the same seed."""
    chance = random.Random(seed)
    whole = json.loads(conversation(chance, 6))
    found = []
    for number in range(first, first + count):
        whole["messages"].append({"role": "user", "content": texts(random.Random(number), 400)})
        told = json.dumps({"n": number, "text": texts(chance, 600)}).encode()
        stream = b"".join(b"data: %b\n\n" % told[at : at + 9] for at in range(0, len(told), 9))
        found.append(story(number, json.dumps(whole).encode(), stream, told))
    return found


def assert_kept(path: Path, stories: list[Story]) -> None:
    """Each exchange reads as it was given, and the file is sound."""
    db = apsw.Connection(str(path))
    assert db.pragma("integrity_check") == "ok"
    db.close()
    reader = SqliteReader(path)
    assert len(reader.recent(0)) == len(stories)
    for each in stories:
        said = dict(zip(CONTENT, each.content, strict=True))
        [local_id] = reader.ids("uid", each.uid)
        found = reader.get(local_id)
        assert found is not None and found.told is not None and found.asked.body and found.told.body
        assert (found.asked.body.data, found.told.body.data) == (said["asked_body"], said["told_body"])
        assert found.upstream == {"reused": True}
    reader.close()


def test_two_writers_on_one_file_share_what_they_store(tmp_path: Path) -> None:
    """Two proxies, one agent that changes between them."""
    path = tmp_path / FILE_NAME
    desks = [Desk(path, "a"), Desk(path, "b")]
    stories = [batch(1, 10 * n) for n in range(1, 7)]
    for number, each in enumerate(stories):
        desks[number % 2].write(each)
    assert_kept(path, [each for some in stories for each in some])
    db = desks[0].writer._db
    assert one(db, "SELECT count(*) - count(DISTINCT hash) FROM fragments") == 0


def test_a_sweep_makes_the_other_writer_forget(tmp_path: Path) -> None:
    """Ids of fragments are given again: what was remembered would be somebody else's text."""
    path = tmp_path / FILE_NAME
    desk, other = Desk(path, "a"), Desk(path, "b")
    desk.write(batch(1, 1))
    db = other.writer._db
    with db:
        for table in ("contents", "exchanges", "nodes", "fragments"):
            db.execute(f"DELETE FROM {table}")
        db.execute("UPDATE counters SET value = value + 1 WHERE name = 'sweeps'")
    others = batch(2, 20)
    other.write(others)
    again = batch(1, 40)
    desk.write(again)
    assert_kept(path, others + again)


class Stopped(BaseException):
    """Thrown into SQLite."""


def failing_steps(path: Path, install: Any, most: int) -> int:
    """Fail at the n-th step for every n, and write the same again each time; how many steps there are."""
    given: list[Story] = []
    for step in range(most):
        desk = Desk(path, f"run {step}")
        # What is remembered now must be true: the same conversation goes on in the same writer.
        mine = [batch(7, 1000 * step + 100), batch(7, 1000 * step + 200)]
        desk.write(mine[0])
        left = [step]
        install(desk.writer._db, left)
        try:
            desk.write(mine[1])
            through = True
        except (StoreError, apsw.Error, Stopped):
            through = False
        install(desk.writer._db, None)
        if not through:
            desk.write(mine[1])
        given += mine[0] + mine[1]
        desk.writer.close()
        if through:
            assert_kept(path, given)
            return step
        if step % 10 == 0:
            assert_kept(path, given)
    raise AssertionError("it never got through")


def by_statement(db: apsw.Connection, left: list[int] | None) -> None:
    """The n-th statement raises before it is run."""

    def trace(cursor: Any, sql: str, bindings: Any) -> bool:
        assert left is not None
        if sql.startswith("ROLLBACK"):
            return True
        left[0] -= 1
        if left[0] == -1:
            raise Stopped
        return True

    db.exec_trace = None if left is None else trace


def by_progress(db: apsw.Connection, left: list[int] | None) -> None:
    """SQLite's machine is interrupted in the middle of a statement."""

    def tick() -> bool:
        assert left is not None
        left[0] -= 1
        return left[0] == -1

    db.set_progress_handler(None if left is None else tick, 60)


@pytest.mark.parametrize("install", [by_statement, by_progress], ids=["statement", "progress"])
def test_a_transaction_that_failed_anywhere_leaves_no_id_behind(tmp_path: Path, install: Any) -> None:
    """The memory would name rows that were rolled back, and bodies would read as something else."""
    steps = failing_steps(tmp_path / FILE_NAME, install, 400)
    assert steps > 5


def test_a_statement_that_is_refused_leaves_no_id_behind(tmp_path: Path) -> None:
    """The same where SQLite itself says no, to the first statement of each kind."""
    path = tmp_path / FILE_NAME
    given = []
    for number, (code, table) in enumerate(
        [(apsw.SQLITE_INSERT, "fragments"), (apsw.SQLITE_INSERT, "nodes"), (apsw.SQLITE_INSERT, "contents"),
         (apsw.SQLITE_INSERT, "exchanges"), (apsw.SQLITE_READ, "counters"), (apsw.SQLITE_READ, "fragments")]
    ):  # fmt: skip
        desk = Desk(path, f"run {number}")

        def deny(op: int, first: Any, *_: Any, code: int = code, table: str = table) -> int:
            return apsw.SQLITE_DENY if (op, first) == (code, table) else apsw.SQLITE_OK

        mine = [batch(7, 1000 * number + 100), batch(7, 1000 * number + 200)]
        desk.writer._db.authorizer = deny
        with pytest.raises(StoreError):
            desk.write(mine[0])
        desk.writer._db.authorizer = None
        desk.write(mine[0])
        desk.write(mine[1])
        given += mine[0] + mine[1]
    assert_kept(path, given)


def test_a_poisoned_row_takes_no_pieces_of_its_neighbours_along(tmp_path: Path) -> None:
    """Its savepoint is rolled back; what others share with it must be stored by them."""
    path = tmp_path / FILE_NAME
    desk = Desk(path)
    stories = batch(1, 1, 3)
    bad = story(9, stories[1].content[CONTENT.index("asked_body")], b"told", status="not a number")
    desk.write([stories[0], bad, stories[1]])
    desk.write([stories[2], *batch(1, 20)])
    reader = SqliteReader(path)
    assert all(reader.get(x.id or 0) is not None for x in reader.recent(0))
    reader.close()
    db = desk.writer._db
    assert one(db, "SELECT count(*) FROM nodes WHERE fragment NOT IN (SELECT id FROM fragments)") == 0


def test_a_full_disk_leaves_no_id_behind(tmp_path: Path) -> None:
    """`max_page_count` is how SQLite itself plays a full disk."""
    path = tmp_path / FILE_NAME
    desk = Desk(path)
    given = batch(1, 1)
    desk.write(given)
    db = desk.writer._db
    for number in range(12):
        mine = batch(7, 100 * number + 100, 20)
        db.execute(f"PRAGMA max_page_count = {one(db, 'PRAGMA page_count') + number % 6}")
        full = False
        try:
            desk.write(mine)
        except StoreError as error:
            full = "full" in str(error)
        db.execute("PRAGMA max_page_count = 1073741823")
        if full:
            desk.write(mine)
        given += mine
    assert_kept(path, given)


CHILD = """
import sys; sys.path.insert(0, {tests!r})
import test_pieces as t
from pathlib import Path
desk = t.Desk(Path({path!r}), "child", busy_ms=20_000)
desk.write(t.batch(7, 100))
print("ready", flush=True)
for number in range(2, 10_000):
    desk.write(t.batch(7, 100 * number))
"""


def test_a_killed_writer_leaves_a_sound_file(tmp_path: Path) -> None:
    """And whoever comes next goes on with what is there."""
    path = tmp_path / FILE_NAME
    code = CHILD.format(tests=os.path.dirname(__file__), path=str(path))
    for delay in (0, 3, 9):
        run = tmp_path / f"{delay}"
        run.mkdir()
        with subprocess.Popen(
            [sys.executable, "-c", code.replace(str(path), str(run / FILE_NAME))], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None and child.stdout.readline() == b"ready\n"
            desk = Desk(run / FILE_NAME, "mine", busy_ms=20_000)
            for number in range(delay):
                desk.write(batch(7, 1_000_000 + 100 * number))
            child.send_signal(signal.SIGKILL)
        written: Any = desk.writer._db.execute("SELECT uid FROM exchanges").fetchall()
        numbers = {int.from_bytes(uid, "big") // 100 * 100 for (uid,) in written}
        assert_kept(run / FILE_NAME, [each for number in numbers for each in batch(7, number)])


def test_a_chain_that_goes_round_in_circles_is_damage(db: apsw.Connection, pieces: Pieces) -> None:
    """No writer makes one; a damaged or made-up file must not hang whoever looks at it."""
    body = b'{"messages":[%b]}' % b",".join(b'{"content":"%d%b"}' % (n, b"x" * 300) for n in range(3))
    listed = pieces.request(body)
    assert read_body(db, listed) == body
    db.execute("UPDATE nodes SET parent = (SELECT max(id) FROM nodes) WHERE parent = 0")
    with pytest.raises(apsw.CorruptError):
        read_body(db, listed)


@pytest.mark.parametrize("size", [joined.LARGEST + 1, 1], ids=["a bomb", "cut"])
def test_what_cannot_be_unpacked_is_damage(db: apsw.Connection, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Kilobytes of zstd can stand for gigabytes."""
    monkeypatch.setattr(joined, "LARGEST", 1000)
    data = zstd.compress(bytes(1001)) if size > 1 else zstd.compress(bytes(1000))[:-3]
    db.execute("INSERT INTO fragments VALUES (9, 0, 1, ?)", (data,))
    with pytest.raises(apsw.CorruptError):
        read_body(db, "[-9]")
