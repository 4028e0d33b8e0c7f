"""The table of the original, as a view: what it shows, and that the system's own `sqlite3` can show it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import apsw
import pytest
from first_schema import ANSWER, GZIP, everything, write_first, write_fresh

from moonpalace.librarian.catchup import take_in_dead_runs
from moonpalace.store.sqlite import FILE_NAME, SqliteWriter
from moonpalace.store.sqlite.connect import open_reader
from moonpalace.testing.journals import JSON, STREAM, JournalBuilder, Script
from moonpalace.testing.kimi_shapes import CONTENT, chat_events, msh_headers
from moonpalace.testing.sessions import Session, as_script

PROGRAM = shutil.which("sqlite3")
plain = pytest.mark.skipif(PROGRAM is None, reason="needs the sqlite3 program")

COLUMNS = [
    "id", "request_method", "request_path", "request_query", "request_content_type", "request_id", "moonshot_id",
    "moonshot_gid", "moonshot_uid", "moonshot_request_id", "moonshot_server_timing", "response_status_code",
    "response_content_type", "request_header", "request_body", "response_header", "response_body", "error",
    "response_ttft", "response_tpot", "response_otps", "latency", "endpoint", "created_at",
]  # fmt: skip


def sqlite3(path: Path, *statements: str, zone: str = "UTC", mode: str = "-list") -> bytes:
    """What the program of the system prints."""
    assert PROGRAM is not None
    command = [PROGRAM, "-bail", "-readonly", mode, str(path), *statements]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "TZ": zone}, check=False)
    assert (done.stderr, done.returncode) == (b"", 0)
    return done.stdout


def record(tmp_path: Path, *scripts: Script) -> Path:
    builder = JournalBuilder(tmp_path)
    for script in scripts:
        builder.exchange(script)
    take_in_dead_runs(tmp_path)
    return tmp_path / FILE_NAME


def row(path: Path, local_id: int = 1) -> dict[str, Any]:
    """One row of the view, as a strict connection sees it; text as bytes."""
    db = open_reader(path)
    try:
        marks = ", ".join(f"typeof({name}), CAST({name} AS BLOB), {name} IS NULL" for name in COLUMNS)
        found: Any = db.execute(f"SELECT {marks} FROM moonshot_requests WHERE id = ?", (local_id,)).fetchone()
    finally:
        db.close()
    values: dict[str, Any] = {}
    for number, name in enumerate(COLUMNS):
        kind, value, missing = found[3 * number : 3 * number + 3]
        convert: Any = {"integer": int, "real": float, "text": bytes}.get(kind)
        values[name] = None if missing else convert(value)
    return values


@pytest.fixture(params=["fresh", "migrated"])
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file with exchanges of every shape."""
    path = tmp_path / FILE_NAME
    if request.param == "migrated":
        write_first(path)
        SqliteWriter(path).close()
    else:
        write_fresh(path)
    return path


@plain
def test_the_program_of_the_system_shows_every_body(odd: Path) -> None:
    """With no extension, and with what this program has at its latest 3.40."""
    found = sqlite3(odd, "select id, hex(request_body), hex(response_body) from moonshot_requests order by id desc")
    lines = found.decode().splitlines()
    exchanges = everything(odd)
    assert len(lines) == len(exchanges) > 20
    for line, exchange in zip(lines, exchanges, strict=True):
        number, asked, told = line.split("|")
        assert int(number) == exchange.id
        if exchange.asked.body and exchange.asked.headers.get(b"content-encoding") is None:
            assert bytes.fromhex(asked) == exchange.asked.body.data
        if exchange.told is None or exchange.told.body is None or exchange.content_type == "text/event-stream":
            continue
        if exchange.told.headers.get(b"content-encoding") is None:
            assert bytes.fromhex(told) == exchange.told.body.data
    sqlite3(odd, "select id, request_body, response_body from moonshot_requests")
    assert sqlite3(odd, "pragma integrity_check") == b"ok\n"


@plain
def test_a_start_line_that_is_no_utf8_leaves_the_header_lines_whole(tmp_path: Path) -> None:
    """A reason in GBK: counted in characters, the lines would begin somewhere within it."""
    path = tmp_path / FILE_NAME
    write_fresh(path)
    db = apsw.Connection(str(path))
    data = b"HTTP/1.1 404 " + "不存在".encode("gbk") + b"\r\nServer: x\r\nVary: y\r\n"
    db.execute("INSERT INTO fragments (id, hash, codec, data) VALUES (999999, 0, 0, ?)", (data,))
    db.execute("UPDATE contents SET told_head = '[-999999]', sent_head = '[-999999]' WHERE exchange_id = 1")
    db.close()
    found = sqlite3(path, "select response_header, request_header from moonshot_requests where id = 1", mode="-list")
    assert found == b"Server: x\r\nVary: y\r\n|Server: x\r\nVary: y\r\n\n"


@plain
def test_the_program_of_the_system_trusts_the_schema(odd: Path) -> None:
    """A cautious reader turns it off; the view must need no more."""
    count = "select count(*), count(request_header), count(created_at) from moonshot_requests"
    off = sqlite3(odd, "pragma trusted_schema=off", count, "pragma trusted_schema")
    on = sqlite3(odd, "pragma trusted_schema=on", count, "pragma trusted_schema")
    assert off.splitlines()[:-1] == on.splitlines()[:-1]
    assert (off.splitlines()[-1], on.splitlines()[-1]) == (b"0", b"1")


@plain
def test_the_schema_can_be_loaded_into_an_empty_file(odd: Path, tmp_path: Path) -> None:
    """`.schema` and `.dump` are how people copy a database."""
    for command in (".schema --nosys", ".dump"):
        text = sqlite3(odd, command)
        copy = tmp_path / f"copy{len(text)}"
        assert PROGRAM is not None
        done = subprocess.run([PROGRAM, "-bail", str(copy)], input=text, capture_output=True, check=False)
        assert (done.stderr, done.returncode) == (b"", 0)
    bodies = "select id, hex(request_body), hex(response_body), hex(response_header) from moonshot_requests"
    assert sqlite3(copy, bodies) == sqlite3(odd, bodies)


@plain
def test_json_of_every_column_can_be_had(odd: Path) -> None:
    """The columns are those of the original, each under its name."""
    sql = f"select {', '.join(COLUMNS)} from moonshot_requests where id = 2"
    [found] = json.loads(sqlite3(odd, sql, mode="-json"))
    assert list(found) == COLUMNS
    described = sqlite3(odd, "select name from pragma_table_info('moonshot_requests')")
    assert described.decode().split() == COLUMNS


@plain
@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", "2026-05-28 20:26:41"),
        ("Asia/Shanghai", "2026-05-29 04:26:41"),
        ("America/New_York", "2026-05-28 16:26:41"),
    ],
)
def test_times_are_local(tmp_path: Path, zone: str, shown: str) -> None:
    """As the original stored them, and as `list` prints them."""
    path = record(tmp_path, Script(1))
    assert sqlite3(path, "select created_at from moonshot_requests", zone=zone).decode().strip() == shown


def test_a_plain_answer_in_every_column(tmp_path: Path) -> None:
    """Names and meanings of the original, one by one."""
    answer = {"id": "chatcmpl-7", "object": "chat.completion", "choices": []}
    told = [(name.encode(), value.encode()) for name, value in msh_headers()]
    asked = [(b"Host", b"api.moonshot.cn"), (b"Content-Type", b"application/json; charset=utf-8"),
             (b"Authorization", b"Bearer [key:1]"), (b"X-Request-Id", b"mine"), (b"accept", b"*/*")]  # fmt: skip
    script = Script(
        1, start=b"POST /v1/chat/completions?a=%20b&c HTTP/1.1", headers=asked, told_headers=[*JSON, *told],
        chunks=[json.dumps(answer).encode()], body=b'{"model": "kimi-k3", "messages": [ {} , {"a":1} ] }',
    )  # fmt: skip
    found = row(record(tmp_path, script))
    del found["created_at"]
    lines = b"".join(b"%b: %b\r\n" % line for line in [*JSON, *told])
    assert found == {
        "id": 1, "request_method": b"POST", "request_path": b"/v1/chat/completions", "request_query": b"a=%20b&c",
        "request_content_type": b"application/json", "request_id": b"mine", "moonshot_id": b"chatcmpl-7",
        "moonshot_gid": b"enterprise-tier-5", "moonshot_uid": b"cn0psmmcp7fclnphkcpg",
        "moonshot_request_id": b"c34f3421-4dae-11ef-b237-9620e33511ee", "moonshot_server_timing": 1033.5,
        "response_status_code": 200, "response_content_type": b"application/json",
        "request_header": b"Host: api.moonshot.cn\r\nContent-Type: application/json; charset=utf-8\r\n"
                          b"X-Request-Id: mine\r\naccept: */*\r\n",
        "request_body": script.body, "response_header": lines, "response_body": script.chunks[0], "error": None,
        "response_ttft": None, "response_tpot": None, "response_otps": None, "latency": 20_000_000,
        "endpoint": b"https://api.moonshot.cn",
    }  # fmt: skip


def test_a_stream_is_shown_as_the_answer_it_adds_up_to(tmp_path: Path) -> None:
    """With `message` for `delta`, and the speeds in milliseconds."""
    path = record(tmp_path, Script(1, told_headers=STREAM, chunks=chat_events(), body=b'{"stream":true}'))
    found = row(path)
    answer = json.loads(found["response_body"])
    assert answer["choices"][0]["message"]["content"] == "".join(CONTENT)
    assert "delta" not in answer["choices"][0]
    assert (found["response_ttft"], found["response_tpot"]) == (20, 3)
    assert found["response_otps"] == pytest.approx(350)
    assert (found["latency"], found["response_content_type"]) == (90_000_000, b"text/event-stream")


def test_a_session_streamed_is_shown_whole(tmp_path: Path) -> None:
    """Each request as it was, each answer as the SDK would add it up."""
    session = Session(turns=12, size=60_000, stream=True, tools_first=True)
    turns = [session.turn() for _ in range(12)]
    path = record(tmp_path, *(as_script(turn, number) for number, turn in enumerate(turns, 1)))
    for number, turn in enumerate(turns, 1):
        found = row(path, number)
        assert found["request_body"] == turn.request
        assert json.loads(found["response_body"]) == json.loads(turn.answer)
        names = [line.split(b":")[0] for line in found["request_header"].split(b"\r\n")[:-1]]
        assert (len(names), names[0], names[-1], b"Authorization" in names) == (16, b"Host", b"Content-Length", False)
        names = [line.split(b":")[0] for line in found["response_header"].split(b"\r\n")[:-1]]
        assert names[:4] == [b"Server", b"Date", b"Content-Type", b"Transfer-Encoding"]


def test_encoded_bodies_are_shown_decoded(tmp_path: Path) -> None:
    """Both ways, and a stream inside its encoding."""
    packed = gzip.compress(ANSWER, mtime=0)
    events = gzip.compress(b"".join(chat_events()), mtime=0)
    path = record(
        tmp_path,
        Script(1, headers=[*JSON, GZIP], body=packed, told_headers=[*JSON, GZIP], chunks=[packed[:9], packed[9:]]),
        Script(2, told_headers=[*STREAM, GZIP], chunks=[events]),
        Script(3, told_headers=[*JSON, GZIP], chunks=[b"no gzip at all"]),
    )
    assert (row(path)["request_body"], row(path)["response_body"]) == (ANSWER, ANSWER)
    assert json.loads(row(path, 2)["response_body"])["object"] == "chat.completion"
    assert row(path, 3)["response_body"] == b"no gzip at all"


@pytest.mark.parametrize("kept", [b"\x00a\x00", b"\xff\xfe\x80", bytes(range(256)) * 9, b"\xe6\x9c"], ids=repr)
def test_bodies_that_are_no_text_are_shown_byte_for_byte(tmp_path: Path, kept: bytes) -> None:
    """As the original kept them: in a column of text."""
    path = record(tmp_path, Script(1, body=kept, chunks=[kept]))
    found = row(path)
    assert (found["request_body"], found["response_body"]) == (kept, kept)


def test_a_character_that_two_fragments_share_is_whole(tmp_path: Path) -> None:
    """A cut may stand anywhere."""
    text = json.dumps({"messages": [{"content": "月" * 5000}], "x": "🌙" * 700}, ensure_ascii=False).encode()
    path = record(tmp_path, Script(1, body=text, chunks=[text]))
    db = open_reader(path)
    assert db.execute("SELECT request_body, response_body FROM moonshot_requests").fetchone() == (
        text.decode(),
        text.decode(),
    )
    db.close()


def test_what_did_not_come_is_null(tmp_path: Path) -> None:
    """Empty bodies, a refused connection, a request still under way."""
    refused = Script(2, status=b"", state="upstream_error", failure=("connect", "refused", "no"), chunks=[])
    path = record(
        tmp_path, Script(1, body=b"", chunks=[], told_headers=[]), refused, Script(3, ended=False, status=b"")
    )
    assert [row(path)[name] for name in ("request_body", "response_body", "response_header", "error")] == [None] * 4
    assert row(path)["response_status_code"] == 200
    found = row(path, 2)
    assert {name for name in COLUMNS if found[name] is None} >= {
        "response_status_code", "response_content_type", "response_header", "response_body", "response_ttft",
    }  # fmt: skip
    assert (found["error"], found["request_body"]) == (b"connect: refused: no", refused.body)
    assert (
        row(path, 3)["error"]
        == b"wait_headers: interrupted: " + b"the proxy process ended while this exchange was under way"
    )
    write_fresh(in_flight := tmp_path / "in_flight.sqlite")
    last = len(everything(in_flight))
    found = row(in_flight, last)
    assert (found["response_body"], found["latency"], found["request_method"]) == (None, None, b"POST")


def test_a_whole_number_of_milliseconds_is_whole(tmp_path: Path) -> None:
    """The original's column has integers."""
    told = [(name.encode(), value.encode()) for name, value in msh_headers(server_timing="inner; dur=12")]
    found = row(record(tmp_path, Script(1, told_headers=told)))
    assert (found["moonshot_server_timing"], type(found["moonshot_server_timing"])) == (12, int)


def test_no_row_costs_more_than_its_own_pieces(tmp_path: Path) -> None:
    """`select … where id = …` on a large file must not look at the others."""
    path = tmp_path / FILE_NAME
    write_fresh(path)
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    plan: Any = db.execute("EXPLAIN QUERY PLAN SELECT * FROM moonshot_requests WHERE id = 5").fetchall()
    scanned = {line.split()[1] for *_, line in plan if line.startswith("SCAN")}
    assert scanned & {"e", "c", "s", "n", "exchanges", "contents", "fragments", "nodes"} == set(), plan
    db.close()
