"""A file as version 1 of the schema had it, with exchanges of every shape in it."""

from __future__ import annotations

import gzip
import json
from importlib import resources
from pathlib import Path
from typing import Any

import apsw
import msgspec

from moonpalace.core.exchange import Exchange
from moonpalace.journal.records import TOLD, Chunk, Record
from moonpalace.librarian.recorder import Recorder
from moonpalace.store.rows import CONTENT, EXCHANGE, Batch, Progress, RunRow, Story
from moonpalace.store.sqlite import SqliteReader, SqliteWriter
from moonpalace.store.sqlite.connect import migrate
from moonpalace.testing.journals import JSON, STREAM, Script
from moonpalace.testing.kimi_shapes import chat_events, message_events
from moonpalace.testing.sessions import Session, as_script

RUN = RunRow("a-run", pid=7, version="0.1", endpoint="https://api.moonshot.cn", base_url="http://127.0.0.1:9988")
_NEW = {"client_request_id", "request_text", "answer_text", "findings", "delivered_status"}
OLD_EXCHANGE = [name for name in EXCHANGE if name not in _NEW]
OLD_CONTENT = [name for name in CONTENT if name not in _NEW]
ANSWER = json.dumps({"id": "cmpl-1", "object": "chat.completion", "choices": [], "text": "月" * 300}).encode()
GZIP = (b"Content-Encoding", b"gzip")


def shapes() -> list[Script]:
    """One of each."""
    packed = gzip.compress(ANSWER, mtime=0)
    stream = b"".join(chat_events(tools=True))
    return [
        Script(1),
        Script(2, told_headers=STREAM, chunks=chat_events()),
        Script(3, told_headers=[*STREAM, GZIP], chunks=[gzip.compress(stream, mtime=0)]),
        Script(4, told_headers=[*JSON, GZIP], chunks=[packed[:30], packed[30:]]),
        Script(5, headers=[*JSON, GZIP, (b"X-Request-Id", b"mine \xff")], body=gzip.compress(ANSWER, mtime=0)),
        Script(6, start=b"GET /v1/models?a=%00&b= HTTP/1.1", body=b"", headers=[], chunks=[]),
        Script(7, body=bytes(range(256)) * 3, chunks=[b"\x00\xff" * 500]),
        Script(8, status=b"", state="upstream_error", failure=("connect", "refused", "no: 拒绝"), chunks=[]),
        Script(9, told_headers=STREAM, chunks=chat_events()[:3], state="truncated", failure=("read_body", "reset", "")),
        Script(10, told_headers=STREAM, chunks=message_events(), headers=[*JSON, (b"X-Request-Id", b"mine")]),
        Script(11, told_headers=[*JSON, GZIP], chunks=[packed[:40], ANSWER[100:]]),  # decoded from the second piece on
        Script(12, start=b"POST  /odd\xff HTTP/1.1", headers=[(b"A", b""), (b"a", b"\xe6\x9c"), (b"Date", b'"\\')]),
        *(as_script(turn, 20 + n) for n, turn in enumerate(_turns(stream=False))),
        *(as_script(turn, 30 + n) for n, turn in enumerate(_turns(stream=True))),
    ]


def _turns(*, stream: bool) -> Any:
    session = Session(seed=9, turns=6, size=40_000, tools=3, stream=stream)
    return [session.turn() for _ in range(6)]


def stories() -> tuple[list[Story], list[Story]]:
    """What the recorder makes of them: those that ended, and one in flight."""
    recorder = Recorder()
    for script in shapes():
        script.uid = script.seq.to_bytes(16, "big")
        records = [_odd(record) for record in script.records()]
        recorder.feed((records, (1, script.seq), (1, script.seq + 1)))  # type: ignore[arg-type]
    recorder.feed((Script(99, uid=b"\x99" * 16).records()[:2], (1, 100), (1, 101)))  # type: ignore[arg-type]
    batch = recorder.take()
    assert not recorder.troubles
    return batch.ended, batch.arrived


def _odd(record: Record) -> Record:
    """A secret stood inside the encoding: from there on the traffic side keeps what is decoded."""
    if record.seq == 11 and isinstance(record, Chunk) and record.side == TOLD and record.data == ANSWER[100:]:  # type: ignore[union-attr]
        return msgspec.structs.replace(record, decoded=True)
    return record


def write_first(path: Path, count: int | None = None) -> None:
    """The file as the program of that version wrote it."""
    db = apsw.Connection(str(path))
    db.execute("PRAGMA page_size = 8192")
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.pragma("journal_mode", "wal")
    with db:
        schema = resources.files("moonpalace.store.sqlite").joinpath("schema", "0001_initial.sql")
        db.execute(schema.read_text("utf-8"))
        db.execute(
            "INSERT INTO runs (id, uid, pid, version, endpoint, base_url, position_segment, position_offset,"
            " low_segment, low_offset) VALUES (1, ?, ?, ?, ?, ?, 1, 10, 1, 10)",
            (RUN.uid, RUN.pid, RUN.version, RUN.endpoint, RUN.base_url),
        )
        ended, arrived = stories()
        for row_id, story in enumerate((ended + arrived)[:count], 1):
            exchange = dict(zip(EXCHANGE, story.exchange, strict=True))
            said = dict(zip(CONTENT, story.content, strict=True))
            _insert(db, "exchanges", {"id": row_id, "run": 1} | {name: exchange[name] for name in OLD_EXCHANGE})
            _insert(db, "contents", {"exchange_id": row_id} | {name: said[name] for name in OLD_CONTENT})
        db.execute("INSERT INTO tags VALUES (2, 'slow')")
        db.execute("PRAGMA user_version = 1")
    db.close()


def write_second(path: Path) -> None:
    """The file as the program of version 2 wrote it: a migrated file is what was written then."""
    write_first(path)
    db = apsw.Connection(str(path))
    with db:
        migrate(db, 2)
    db.close()


def _insert(db: apsw.Connection, table: str, values: dict[str, Any]) -> None:
    marks = ", ".join("?" * len(values))
    db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))


def write_fresh(path: Path) -> None:
    """The same exchanges, written today."""
    writer = SqliteWriter(path)
    ended, arrived = stories()
    place = Progress((1, 10), (1, 10))
    writer.apply(RUN.uid, Batch(ended=ended, arrived=arrived), writer.begin_run(RUN), place)
    writer._db.execute("INSERT INTO tags VALUES (2, 'slow')")
    writer.close()


def everything(path: Path) -> list[Exchange]:
    """All exchanges, whole."""
    reader = SqliteReader(path)
    found = [reader.get(x.id or 0) for x in reader.recent(0)]
    reader.close()
    return [x for x in found if x is not None]
