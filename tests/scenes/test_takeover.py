"""A home that the original MoonPalace left: what it had is there in every command, whatever happened on the way."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import pytest

from moonpalace.cli.main import run
from moonpalace.store.sqlite import FILE_NAME
from moonpalace.testing.program import Program, clean_environment
from moonpalace.testing.rawclient import RawClient
from moonpalace.testing.upstream import Request, Send, Step, Upstream

SOAK = bool(os.environ.get("MOONPALACE_SOAK"))
DATA = Path(__file__).parents[1] / "data"
GOLDEN = DATA / "moonpalace-0.12.sqlite"
PHRASES = {200: "OK", 401: "Unauthorized", 429: "Too Many Requests"}
SQLITE = shutil.which("sqlite3")
STREAMS = "response_content_type = 'text/event-stream'"
IDS = range(1, 19)
Row = dict[str, Any]


def golden_rows() -> dict[int, Row]:
    """What is in the file, by id; bodies and headers as bytes."""
    octets = ("request_header", "request_body", "response_header", "response_body")
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    with closing(apsw.Connection(f"file:{GOLDEN}?immutable=1", flags=flags)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM pragma_table_info('moonshot_requests')")]
        wanted = ", ".join(f"CAST({name} AS BLOB)" if name in octets else name for name in names)
        rows = [dict(zip(names, row, strict=True)) for row in db.execute(f"SELECT {wanted} FROM moonshot_requests")]
    return {row["id"]: row for row in rows}


ROWS = golden_rows()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the original's file, before anybody has looked."""
    made = tmp_path_factory.mktemp("home")
    (made / ".moonpalace").mkdir(mode=0o700)
    shutil.copyfile(GOLDEN, made / ".moonpalace" / FILE_NAME)
    return made


def cli(home: Path, *args: str) -> subprocess.CompletedProcess[bytes]:
    """A command as its user has it."""
    command = [sys.executable, "-m", "moonpalace", *args]
    return subprocess.run(command, env=clean_environment(home), capture_output=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def listed(home: Path) -> dict[int, Row]:
    """`list --json` of everything: the first command, which takes the file over."""
    done = cli(home, "list", "--json", "-n", "0")
    assert done.returncode == 0, done.stderr
    assert b"taking over 18 exchanges of the original MoonPalace" in done.stderr
    return {row["id"]: row for row in json.loads(done.stdout)}


@pytest.fixture
def here(
    listed: dict[int, Row], home: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Iterator[Callable[..., bytes]]:
    """Runs a command in this process, which is faster; gives its stdout."""
    monkeypatch.setenv("MOONPALACE_HOME", str(home / ".moonpalace"))

    def call(*args: str) -> bytes:
        code = run(args)
        out, err = capsysbinary.readouterr()
        assert code == 0, err
        return bytes(out)

    yield call


def headers(block: bytes | None) -> list[list[str]]:
    """Header lines as JSON has them."""
    return [line.split(": ", 1) for line in (block or b"").decode().split("\r\n") if line]


def text(body: bytes | None) -> Any:
    """A body as JSON has it."""
    import base64

    if body is None:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def value(body: bytes) -> Any:
    """A body as data, so that blanks do not count."""
    try:
        return json.loads(body)
    except ValueError:
        return body.rstrip(b"\n")


@pytest.mark.parametrize("number", IDS)
def test_the_list_has_the_row(listed: dict[int, Row], number: int) -> None:
    """Every column that the original showed, and its times as local ones."""
    row, found = ROWS[number], listed[number]
    at = datetime.fromisoformat(row["created_at"]).astimezone(UTC)
    otps = row["response_otps"]
    assert {name: found[name] for name in (
        "status", "reason", "method", "path", "query", "endpoint", "chatcmpl", "request_id", "user_id", "group_id",
        "server_timing", "request_content_type", "content_type", "requested_at", "ttft_ms", "tpot_ms",
        "tokens_per_second", "latency_ms",
    )} == {
        "status": row["response_status_code"], "reason": PHRASES.get(row["response_status_code"], ""),
        "method": row["request_method"], "path": row["request_path"], "query": row["request_query"],
        "endpoint": row["endpoint"] or "", "chatcmpl": row["moonshot_id"], "request_id": row["moonshot_request_id"],
        "user_id": row["moonshot_uid"], "group_id": row["moonshot_gid"], "server_timing": row["moonshot_server_timing"],
        "request_content_type": row["request_content_type"], "content_type": row["response_content_type"],
        "requested_at": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
        "ttft_ms": row["response_ttft"], "tpot_ms": row["response_tpot"],
        "tokens_per_second": otps, "latency_ms": round(row["latency"] / 1e6, 3),
    }  # fmt: skip
    assert "imported" in found["flags"]
    error = row["error"]
    assert (found["error"] and (found["error"]["kind"], found["error"]["message"])) == (error and ("imported", error))


@pytest.mark.parametrize("number", IDS)
def test_inspect_has_heads_and_bodies(here: Callable[..., bytes], number: int) -> None:
    """Octet for octet, the upload that is no text and the stream that was gzip included."""
    row, found = ROWS[number], json.loads(here("inspect", str(number), "--json"))
    assert found["asked"]["headers"] == found["sent"]["headers"] == headers(row["request_header"])
    assert found["asked"]["body"] == text(row["request_body"])
    if row["response_header"] is None:
        assert found["told"] is None
    else:
        assert found["told"]["headers"] == headers(row["response_header"])
        assert found["told"]["body"] == text(row["response_body"])
    assert (found["delivered"], found["timeline"]) == (None, [])


@pytest.mark.parametrize("number", IDS)
def test_inspect_has_the_metadata_of_the_original(here: Callable[..., bytes], number: int) -> None:
    """The same names, the same forms; what more there is comes beside it."""
    row = ROWS[number]
    cells = [line[2:-2] for line in here("inspect", str(number)).decode().splitlines()[3:-1]]
    found = json.loads("\n".join(cells))
    status = row["response_status_code"]
    otps = row["response_otps"]
    expected = {
        "chatcmpl": row["moonshot_id"], "endpoint": row["endpoint"], "group_id": row["moonshot_gid"],
        "latency": round(row["latency"] / 1e6), "moonpalace_id": number,
        "request_content_type": row["request_content_type"], "request_id": row["moonshot_request_id"],
        "requested_at": row["created_at"], "response_content_type": row["response_content_type"],
        "response_otps": otps and f"{otps:.4f}", "response_tpot": row["response_tpot"],
        "response_ttft": row["response_ttft"], "server_timing": row["moonshot_server_timing"],
        "status": status and f"{status} {PHRASES[status]}", "user_id": row["moonshot_uid"], "error": row["error"],
    }  # fmt: skip
    expected = {name: str(value) for name, value in expected.items() if value is not None}
    assert {name: found[name] for name in found if name not in ("state", "content_type", "flags")} == expected


@pytest.mark.parametrize("number", IDS)
def test_inspect_prints_the_messages(here: Callable[..., bytes], number: int) -> None:
    """As raw HTTP, where a stored answer is not decoded a second time."""
    row = ROWS[number]
    query = f"?{row['request_query']}" if row["request_query"] else ""
    lines = [
        f"{row['request_method']} {row['endpoint'] or 'https://api.moonshot.cn'}{row['request_path']}{query} HTTP/1.1"
    ]
    expected = lines + [": ".join(pair) for pair in headers(row["request_header"])]
    head, _, body = here("inspect", str(number), "--print-request").partition(b"\n\n")
    assert head.decode().rstrip("\n").split("\n") == expected
    assert value(body) == value(row["request_body"] or b"")
    status = row["response_status_code"]
    lines = ["HTTP/1.1" + (f" {status} {PHRASES[status]}" if status else "")]
    expected = lines + [": ".join(pair) for pair in headers(row["response_header"])]
    head, _, body = here("inspect", str(number), "--print-response").partition(b"\n\n")
    assert head.decode().rstrip("\n").split("\n") == expected
    assert value(body) == value(row["response_body"] or b"")


@pytest.mark.parametrize("number", [number for number in IDS if ROWS[number]["error"]])
def test_inspect_prints_the_error_as_the_original_put_it(here: Callable[..., bytes], number: int) -> None:
    """People have reported these sentences."""
    lines = here("inspect", str(number), "--print", "error").decode().splitlines()[3:-1]
    assert re.sub(r"\s", "", "".join(line[2:-2] for line in lines)) == re.sub(r"\s", "", ROWS[number]["error"])


@pytest.mark.parametrize("number", IDS)
def test_export_has_the_messages(here: Callable[..., bytes], number: int) -> None:
    """What people attach to a report: header blocks as they were stored but for secrets, JSON bodies as JSON."""
    row, found = ROWS[number], json.loads(here("export", str(number)))
    query = f"?{row['request_query']}" if row["request_query"] else ""
    status = row["response_status_code"]
    assert found["request"]["url"] == f"{row['endpoint'] or 'https://api.moonshot.cn'}{row['request_path']}{query}"
    assert found["request"]["header"] == row["request_header"].decode()
    header = re.sub(rb"(Set-Cookie: )[^\r]*", rb"\1[redacted]", row["response_header"] or b"")
    assert found["response"]["header"] == header.decode()
    assert found["response"]["status"] == (f"{status} {PHRASES[status]}" if status else "")
    assert found.get("error") == row["error"]
    for side in ("request", "response"):
        body = row[f"{side}_body"]
        if body is not None and isinstance(text(body), str):
            assert found[side]["body"] in (value(body), body.decode())


def test_what_the_bodies_say_is_known(listed: dict[int, Row]) -> None:
    """The original had no columns for it; the bodies have it."""
    assert (listed[1]["model"], listed[1]["finish_reason"]) == ("moonshot-v1-8k", "stop")
    assert listed[1]["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert (listed[2]["cached_tokens"], listed[5]["stream"], listed[15]["finish_reason"]) == (7, True, "length")
    assert (listed[11]["state"], listed[14]["state"], listed[16]["state"]) == (
        "upstream_error",
        "truncated",
        "complete",
    )


def query(path: Path, sql: str) -> list[Row]:
    """By the program that everybody has."""
    assert SQLITE is not None
    done = subprocess.run([SQLITE, "-json", str(path), sql], capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout or "[]")


@pytest.mark.skipif(SQLITE is None, reason="needs the sqlite3 program")
def test_the_old_table_can_still_be_read(listed: dict[int, Row], home: Path) -> None:
    """Scripts made for the original: every column of every row, but for streams, which are shown merged."""
    shown = {name: name for name in ROWS[1]}
    for name in ("request_header", "request_body", "response_header", "response_body"):
        shown[name] = f"hex({name}) AS {name}, {name} IS NULL AS no_{name}"
    shown["response_body"] = f"CASE WHEN {STREAMS} THEN 1 ELSE hex(response_body) END AS response_body"
    sql = f"SELECT {', '.join(shown.values())} FROM moonshot_requests ORDER BY id"
    path = home / ".moonpalace" / FILE_NAME
    copy = home / "golden.sqlite"
    shutil.copyfile(GOLDEN, copy)
    assert query(path, sql) == query(copy, sql)
    assert query(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    texts = query(path, f"SELECT response_body AS body FROM moonshot_requests WHERE {STREAMS}")
    assert [json.loads(row["body"])["choices"][0]["message"]["role"] for row in texts] == ["assistant"] * 7


# --- killed


@pytest.mark.soak
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks a process for each step")
@pytest.mark.timeout(600 if SOAK else 120)
@pytest.mark.parametrize("how", ["once", pytest.param("twice", marks=pytest.mark.skipif(not SOAK, reason="soak only"))])
def test_killed_at_any_step_it_goes_on(tmp_path: Path, how: str) -> None:
    """The original is there at every moment, and nobody has to mend anything."""
    source = tmp_path / "original.sqlite"
    write = "import sys; sys.path.insert(0, sys.argv[1]); import originals as o; from pathlib import Path\n"
    write += "stream = {**o.ROW, 'response_content_type': 'text/event-stream', 'response_body': 'data: [DONE]\\n\\n'}\n"
    write += "o.write(Path(sys.argv[2]), [o.ROW, stream, o.ROW])"
    subprocess.run([sys.executable, "-c", write, str(DATA), str(source)], check=True, timeout=60)
    folder = tmp_path / "killed"
    folder.mkdir()
    command = [sys.executable, str(DATA / "killed_takeovers.py"), str(source), str(folder), "1", "1", how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    steps = re.fullmatch(r"steps ([0-9]+) rows 3\n", done.stdout)
    assert steps is not None, done.stdout
    assert int(steps[1]) > 100


# --- while traffic goes on


def ok(_: Request) -> list[Step]:
    """Two bytes."""
    return [Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]


def ask(port: int, target: str) -> int:
    """The status of one request."""
    with RawClient(port) as client:
        return client.ask("GET", target).status


def test_traffic_goes_on_while_it_is_taken_over(
    programs: Callable[..., Program], upstreams: Callable[..., Upstream], tmp_path: Path
) -> None:
    """A proxy on the old home serves at once; its exchanges stand behind the old ones."""
    directory = tmp_path / ".moonpalace"
    directory.mkdir(mode=0o700)
    path = directory / FILE_NAME
    shutil.copyfile(GOLDEN, path)
    with closing(apsw.Connection(str(path))) as db, db:
        names = ", ".join(name for name in ROWS[1] if name != "id")
        for _ in range(100):
            db.execute(f"INSERT INTO moonshot_requests ({names}) SELECT {names} FROM moonshot_requests WHERE id < 19")
    program = programs(upstreams(route=ok), home=tmp_path)
    assert [ask(program.port, f"/v1/new/{number}") for number in range(5)] == [200] * 5
    rows = program.wait_for_count(18 * 101 + 5, limit=60)
    assert len(rows) == 18 * 101 + 5
    assert sorted(row.id for row in rows if row.path.startswith("/v1/new/")) == list(range(1819, 1824))
    assert "taking over 1818 exchanges of the original MoonPalace" in program.stderr
    assert "are in the record" in program.stderr
