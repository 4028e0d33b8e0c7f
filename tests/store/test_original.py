"""Files of the original MoonPalace: every row comes over, whatever is in it, and the file itself is kept."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from moonpalace.core.errors import StoreError
from moonpalace.core.exchange import Exchange
from moonpalace.store.sqlite import (
    FILE_NAME,
    SqliteReader,
    SqliteWriter,
    StoreBusy,
    StoreOutdated,
    original,
    original_rows,
)
from moonpalace.store.sqlite.connect import IMPORTING

KEPT = "moonpalace.original.sqlite"
DATA = Path(__file__).parents[1] / "data"


def _originals() -> Any:
    spec = importlib.util.spec_from_file_location("originals", DATA / "originals.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _tells_holders() -> bool:
    try:
        return bool(os.listdir("/proc/self/fd"))
    except OSError:
        return False


originals = _originals()
ROW = originals.ROW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


@pytest.fixture
def shanghai(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The local zone of this process and its children."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    if hasattr(time, "tzset"):
        time.tzset()
    yield
    monkeypatch.undo()
    if hasattr(time, "tzset"):
        time.tzset()


def take(path: Path) -> list[str]:
    """Open it for writing, as the first command or librarian does; what was told."""
    told: list[str] = []
    SqliteWriter(path, busy_ms=5000, tell=told.append).close()
    return told


def read(path: Path) -> list[Exchange]:
    """All exchanges, whole, by id."""
    with closing(SqliteReader(path)) as reader:
        return [reader.get(row.id) for row in reversed(reader.recent(0))]  # type: ignore[misc, arg-type]


def taken(path: Path, *rows: dict[str, Any], **options: Any) -> list[Exchange]:
    """Rows written by the original, as they are read after the take-over."""
    originals.write(path, [{**ROW, **row} for row in rows], **options)
    take(path)
    return read(path)


def test_the_reader_says_that_somebody_must_write_first(path: Path) -> None:
    """A reader changes nothing; whoever opens the record for a command then takes the file over."""
    before = originals.digest(originals.golden(path))
    with pytest.raises(StoreOutdated, match="original MoonPalace"):
        SqliteReader(path)
    assert originals.digest(path) == before


def test_the_file_is_kept_byte_for_byte_and_private(path: Path) -> None:
    """It holds prompts, cookies and keys of others; and nobody should have to trust the take-over."""
    before = originals.digest(originals.golden(path))
    told = take(path)
    assert originals.digest(path.with_name(KEPT)) == before
    assert {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {
        FILE_NAME: 0o600,
        KEPT: 0o600,
    }
    assert told == [
        f"taking over 18 exchanges of the original MoonPalace; its file is kept as {KEPT}",
        "the exchanges of the original MoonPalace are in the record",
    ]


def test_it_happens_once(path: Path) -> None:
    """The second opening has nothing to do."""
    originals.golden(path)
    take(path)
    before = [repr(each) for each in read(path)]
    assert take(path) == []
    assert [repr(each) for each in read(path)] == before
    assert not path.with_name("moonpalace.original-2.sqlite").exists()


def test_a_kept_file_is_never_written_over(path: Path) -> None:
    """Somebody may come with a second one."""
    path.with_name(KEPT).write_bytes(b"the first")
    before = originals.digest(originals.golden(path))
    take(path)
    assert path.with_name(KEPT).read_bytes() == b"the first"
    assert originals.digest(path.with_name("moonpalace.original-2.sqlite")) == before


def test_new_exchanges_get_ids_above_all_that_were_ever_given(path: Path) -> None:
    """An id in a note or a ticket must not come to mean another exchange, even if its row was cleaned up since."""
    originals.write(path, [ROW, {**ROW, "id": 41}])
    with closing(apsw.Connection(str(path))) as db:
        db.execute("delete from moonshot_requests where id = 41")
    with closing(SqliteWriter(path)) as writer:
        assert writer._next_id() == 42


def test_uids_are_stable_and_never_those_of_exchanges_to_come(tmp_path: Path) -> None:
    """They are the identity everywhere: the same file taken over twice is the same exchanges. Version 8, ours are 7."""
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        path = originals.golden(tmp_path / name / FILE_NAME)
        take(path)
        found.append([each.uid for each in read(path)])
    assert found[0] == found[1]
    assert len(set(found[0])) == 18
    assert {uid[14] for uid in found[0]} == {"8"}


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
@pytest.mark.parametrize("ddl", ["NEW", "OLD", "MIGRATED"])
def test_files_of_every_age_can_be_read(path: Path, ddl: str, encoding: str) -> None:
    """Columns are found by name: an old file has less of them, a migrated one has them in another order."""
    row = {"request_body": '{"model": "月之暗面"}'}
    if ddl != "OLD":
        row |= {"response_ttft": 120, "response_otps": 18.5, "latency": 7, "endpoint": "https://api.moonshot.cn"}
    [found] = taken(path, row, ddl=getattr(originals, ddl), encoding=encoding)
    assert found.asked.body is not None and found.asked.body.data.decode() == row["request_body"]
    new = (120_000_000, 18.5, 7, "https://api.moonshot.cn") if ddl != "OLD" else (None, None, None, "")
    assert (found.ttft_ns, found.tokens_per_second, found.latency_ns, found.endpoint) == new
    assert (found.status, found.reason, found.model) == (200, "OK", "m-1")


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be set here")
@pytest.mark.usefixtures("shanghai")
def test_times_are_local(path: Path) -> None:
    """The original wrote down what the clock on the wall said."""
    [found] = taken(path, {"created_at": "2024-07-29 21:30:43"})
    assert found.requested_at == 1_722_259_843_000_000_000
    assert found.uid.startswith("0190feaf-a7b8")


OCTETS = bytes(range(128, 256)) + b"\xff\x00\xc3"


def test_octets_that_are_no_text_come_over_as_they_are(path: Path) -> None:
    """Uploads put any bytes into a body, and headers are bytes anyway."""
    header = b"X-Name: \xff\xfe\r\nContent-Type: application/json\r\n"
    [found] = taken(
        path, {"request_body": OCTETS, "request_header": header, "response_body": OCTETS, "response_header": header}
    )
    assert found.asked.body is not None and found.asked.body.data == OCTETS
    assert found.told is not None and found.told.body is not None and found.told.body.data == OCTETS
    assert found.asked.headers.get(b"x-name") == found.told.headers.get(b"x-name") == b"\xff\xfe"


ODD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a time that is none": ({"created_at": "yesterday"}, {"requested_at": 0, "flags": ("imported", "not_understood")}),
    "a time beyond nanoseconds": ({"created_at": "9999-12-31 00:00:00"}, {"requested_at": 0}),
    "an empty time": ({"created_at": ""}, {"requested_at": 0}),
    "a number as text": ({"response_ttft": "12 apples", "latency": "x"}, {"ttft_ns": None, "latency_ns": None}),
    "a status as text": ({"response_status_code": "abc"}, {"status": None}),
    "a status as blob": ({"response_status_code": (b"404",)}, {"status": 404, "reason": "Not Found"}),
    "a status as fraction": ({"response_status_code": 200.5}, {"status": 200}),
    "a status that has no name": ({"response_status_code": 299}, {"status": 299, "reason": ""}),
    "a huge number": ({"response_ttft": 2**62, "latency": -(2**63)}, {"ttft_ns": None, "latency_ns": -(2**63)}),
    "no finite number": ({"response_otps": 1e999, "latency": 1e30}, {"tokens_per_second": None, "latency_ns": None}),
    "blobs for text": ({"request_path": (b"/a\xff",), "request_body": (b"\xff",)}, {"path": "/a\\xff"}),
    "numbers for text": ({"request_path": 12, "endpoint": 3.5}, {"path": "12", "endpoint": "3.5"}),
    "a path of several lines": (
        {"request_path": "/a b\r\nX: y?%", "request_query": "q=1 2"},
        {"path": "/a b\r\nX: y?%", "query": "q=1 2", "target": "/a%20b%0D%0AX:%20y%3F%25?q=1%202"},
    ),
    "a control character": ({"request_method": "G\0T", "request_path": ""}, {"method": "G\0T", "path": ""}),
    "an id below zero": ({"id": -5}, {"id": -5}),
    "a body that is no JSON": ({"response_body": "{{{{"}, {"flags": ("imported", "json_invalid"), "model": "m"}),
    "headers without an end": ({"request_header": "A: b"}, {"state": "complete"}),
    "surrogates in a name": ({"request_body": '{"model": "\\ud800"}'}, {"status": 200}),
}


@pytest.mark.parametrize(("row", "expected"), ODD.values(), ids=ODD)
def test_odd_values_stop_nothing(path: Path, row: dict[str, Any], expected: dict[str, Any]) -> None:
    """SQLite lets any value into any column, and people edit files by hand."""
    found = taken(path, row)
    assert [{name: getattr(each, name) for name in expected} for each in found] == [expected]
    assert "imported" in found[0].flags


def test_a_table_that_lacks_nearly_everything_still_comes_over(path: Path) -> None:
    """NULL where there must be text, columns without a type, no counter of ids."""
    originals.write(path, [{"request_method": None, "request_path": b"\xff", "created_at": 5}], originals.LOOSE)
    take(path)
    [found] = read(path)
    assert (found.id, found.method, found.path, found.state) == (1, "", "\\xff", "aborted")


def test_an_empty_table_leaves_an_empty_record(path: Path) -> None:
    """Who installed the original and never used it."""
    originals.write(path, [])
    assert take(path)[0].startswith("taking over 0 exchanges")
    assert read(path) == []


NO_ANSWER = {
    "response_status_code": None,
    "response_header": None,
    "response_body": None,
    "response_content_type": None,
}
ENDS: dict[str, tuple[dict[str, Any], tuple[str, str | None]]] = {
    "answered": ({}, ("complete", None)),
    "an error of the API": ({"response_status_code": 500}, ("complete", None)),
    "not understood": ({"error": "invalid character 'h'"}, ("complete", "decode")),
    "broken off": ({"response_status_code": None, "error": "unexpected EOF"}, ("truncated", "read_body")),
    "bad gzip": ({"response_status_code": None, "error": "gzip: invalid header"}, ("complete", "decode")),
    "refused": (
        {**NO_ANSWER, "error": 'Post "http://a/": dial tcp 127.0.0.1:1: connect: connection refused'},
        ("upstream_error", "connect"),
    ),
    "no such name": ({**NO_ANSWER, "error": "dial tcp: lookup nowhere: no such host"}, ("upstream_error", "resolve")),
    "certificate": ({**NO_ANSWER, "error": "tls: failed to verify certificate"}, ("upstream_error", "tls")),
    "eof": ({**NO_ANSWER, "error": 'Post "http://a/": EOF'}, ("upstream_error", "wait_headers")),
    "garbage": ({**NO_ANSWER, "error": 'malformed HTTP response "x"'}, ("upstream_error", "read_headers")),
    "left": ({**NO_ANSWER, "error": 'Post "http://a/": context canceled'}, ("client_gone", "wait_headers")),
    "never made": ({**NO_ANSWER, "request_header": None, "error": "invalid URL"}, ("upstream_error", "read_request")),
    "the original's own fault": (NO_ANSWER, ("aborted", None)),
}


@pytest.mark.parametrize(("row", "expected"), ENDS.values(), ids=ENDS)
def test_how_it_ended(path: Path, row: dict[str, Any], expected: tuple[str, str | None]) -> None:
    """The original has one text for all of it; state and stage are read from what else is known."""
    [found] = taken(path, row)
    assert (found.state, found.failure and found.failure.stage) == expected
    if found.failure is not None:
        assert (found.failure.kind, found.failure.message) == ("imported", row["error"])
    assert (found.told is None) == (row.get("response_header", "") is None)


def test_a_request_that_was_never_made_was_not_sent(path: Path) -> None:
    """The original has no header of it; its body is what the client asked."""
    [found] = taken(path, {**NO_ANSWER, "request_header": None, "error": "x"})
    assert found.sent is None
    assert found.asked.body is not None and found.asked.body.data == ROW["request_body"].encode()


def test_a_decoded_answer_is_not_decoded_again(path: Path) -> None:
    """The original undid gzip before it stored the body, and kept the header that announces it."""
    [found] = taken(path, {"response_header": "Content-Encoding: gzip\r\n", "response_body": '{"a":1}'})
    assert found.told is not None and found.told.body is not None
    assert (found.told.body.data, found.told.body.decoded_from) == (b'{"a":1}', 0)


def test_known_caches_come_along(path: Path) -> None:
    """They belong to a feature to come: nothing of the file is lost, and nothing is made where there was nothing."""
    originals.write(path)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("insert into moonshot_caches values (3, 'cache-x', 'h', 9, 'k', '2024-01-01 00:00:00', null)")
    take(path)
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        assert db.execute("select * from moonshot_caches").fetchall() == [
            (3, "cache-x", "h", 9, "k", "2024-01-01 00:00:00", None)
        ]


def test_large_bodies_survive(path: Path) -> None:
    """An upload of many megabytes, and a batch ends by its size."""
    body = b"\xfe" * (12 << 20)
    found = taken(path, {"request_body": body}, {"request_body": body + b"2"}, {})
    assert [each.asked.body and each.asked.body.length for each in found] == [len(body), len(body) + 1, 63]
    assert found[1].asked.body is not None and found[1].asked.body.data == body + b"2"


def hot(path: Path) -> str:
    """A file whose writer died in the middle of a transaction, its journal beside it; the digest of what it was."""
    originals.write(path, [ROW, ROW])
    before = originals.digest(path)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("PRAGMA cache_spill = 1")
        db.execute("BEGIN IMMEDIATE")
        for _ in range(200):
            originals.insert(db, {**ROW, "request_body": b"z" * 3000})
        for name in (path.name, f"{path.name}-journal"):
            shutil.copyfile(path.with_name(name), path.with_name(f"copy-{name}"))
        db.execute("ROLLBACK")
    for name in (path.name, f"{path.name}-journal"):
        os.replace(path.with_name(f"copy-{name}"), path.with_name(name))
    assert originals.digest(path) != before
    return str(before)


def test_a_transaction_that_a_crash_left_is_rolled_back(path: Path) -> None:
    """The original's power went off while it wrote: what it had not finished was never there."""
    before = hot(path)
    with pytest.raises(StoreOutdated):
        SqliteReader(path)
    take(path)
    assert len(read(path)) == 2
    assert originals.digest(path.with_name(KEPT)) == before
    assert not path.with_name(f"{FILE_NAME}-journal").exists()


def test_a_log_beside_the_original_is_worked_in_first(path: Path) -> None:
    """Somebody had set WAL mode. The log goes by the name of the file, which is about to be another one's."""
    originals.write(path)
    with closing(apsw.Connection(str(path))) as db:
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        db.pragma("journal_mode", "wal")
        originals.insert(db, ROW)
    assert path.with_name(f"{FILE_NAME}-wal").stat().st_size
    take(path)
    assert len(read(path)) == 2
    with closing(apsw.Connection(str(path.with_name(KEPT)), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        assert db.execute("select count(*) from moonshot_requests").fetchall() == [(2,)]


def test_the_original_that_is_writing_is_waited_for(path: Path) -> None:
    """Its rows would be lost otherwise. Afterwards it goes."""
    originals.golden(path)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="stop it"):
            SqliteWriter(path, busy_ms=1)
        db.execute("ROLLBACK")
    take(path)
    assert len(read(path)) == 18


@pytest.mark.skipif(not _tells_holders(), reason="nothing tells who has a file open")
def test_a_program_that_has_the_file_open_is_waited_for(path: Path) -> None:
    """It may be idle, with no lock to see; going on under a name that is another file's, it would ruin both."""
    before = originals.digest(originals.golden(path))
    holder = subprocess.Popen(
        [sys.executable, "-c", f"f = open({str(path)!r}); print('open', flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "open\n"
        with pytest.raises(StoreBusy, match=f"pid {holder.pid}"):
            SqliteWriter(path, busy_ms=1)
        assert originals.digest(path) == before
    finally:
        holder.communicate("\n")
    take(path)
    assert len(read(path)) == 18


def test_several_at_once_take_it_over_once(path: Path) -> None:
    """A librarian and a few commands start together."""
    before = originals.digest(originals.golden(path))
    code = (
        "import sys; from pathlib import Path; from moonpalace.store.sqlite import SqliteWriter\n"
        "sys.stdin.readline(); SqliteWriter(Path(sys.argv[1]), busy_ms=20000, tell=print).close()"
    )
    command = [sys.executable, "-c", code, str(path)]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    said = [child.communicate(timeout=60) for child in children]
    assert [(child.returncode, err) for child, (_, err) in zip(children, said, strict=True)] == [(0, "")] * 4
    assert sum(out.count("taking over 18") for out, _ in said) == 1
    names = sorted(each.name for each in path.parent.iterdir())  # two that close at once leave the log
    assert [name for name in names if not name.endswith(("-wal", "-shm"))] == [KEPT, FILE_NAME]
    assert originals.digest(path.with_name(KEPT)) == before
    assert len(read(path)) == 18


def test_threads_of_one_process_take_it_over_once(path: Path) -> None:
    """SQLite keeps connections of one process apart as well."""
    originals.golden(path)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            SqliteWriter(path, busy_ms=20000).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(read(path)) == 18


def stopped_after(path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """A take-over that fails after that many rows."""
    monkeypatch.setattr(original, "_BATCH_ROWS", 1)
    real, seen = original_rows.story, []

    def story(row: Any, local_id: int) -> Any:
        seen.append(local_id)
        if len(seen) > rows:
            raise apsw.FullError("database or disk is full")
        return real(row, local_id)

    with monkeypatch.context() as patch:
        patch.setattr(original_rows, "story", story)
        with pytest.raises(StoreError, match="disk is full"):
            SqliteWriter(path)


def test_a_full_disk_leaves_the_original_and_what_was_done(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room again it goes on from there."""
    before = originals.digest(originals.golden(path))
    stopped_after(path, monkeypatch, 7)
    assert originals.digest(path) == before
    with closing(apsw.Connection(str(path.with_name(IMPORTING)))) as db:
        assert db.execute("select count(*) from exchanges").fetchall() == [(7,)]
    take(path)
    assert [each.id for each in read(path)] == list(range(1, 19))


def test_an_original_that_went_on_writing_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the failure and the next attempt the old program was used: its file is another one now."""
    originals.golden(path)
    stopped_after(path, monkeypatch, 7)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("delete from moonshot_requests where id = 2")
        originals.insert(db, ROW)
    take(path)
    assert [each.id for each in read(path)] == [1, *range(3, 20)]


def test_half_a_take_over_without_its_original_is_removed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody moved the file away: the record begins anew."""
    originals.golden(path)
    stopped_after(path, monkeypatch, 7)
    os.replace(path, path.with_name("away.sqlite"))
    take(path)
    assert sorted(each.name for each in path.parent.iterdir()) == ["away.sqlite", FILE_NAME]
    assert read(path) == []


def test_without_hard_links_the_file_is_renamed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT, and some network disks."""
    before = originals.digest(originals.golden(path))

    def link(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    take(path)
    assert originals.digest(path.with_name(KEPT)) == before
    assert len(read(path)) == 18


def test_a_kill_between_two_renames_is_mended_by_the_next(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For that moment nothing has the name; whoever comes must not begin an empty record."""
    before = originals.digest(originals.golden(path))

    def link(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    class Killed(BaseException):
        pass

    def replace(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", link)
        patch.setattr(os, "replace", replace)
        with pytest.raises(Killed):
            SqliteWriter(path)
    assert not path.exists()
    with pytest.raises(StoreOutdated):
        SqliteReader(path)
    take(path)
    assert len(read(path)) == 18
    assert originals.digest(path.with_name(KEPT)) == before


def test_a_file_in_the_way_is_not_thrown_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole take-over whose place another record has taken meanwhile is kept under another name."""
    originals.golden(path)

    def fail(*_: object) -> None:
        raise StoreError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(original, "_put_in_place", fail)
        with pytest.raises(StoreError, match="stopped"):
            SqliteWriter(path)
    path.unlink()
    (path.parent / "new").mkdir()
    SqliteWriter(path.parent / "new" / FILE_NAME).close()
    os.replace(path.parent / "new" / FILE_NAME, path)
    take(path)
    assert read(path) == []
    assert len(read(path.with_name("moonpalace.imported.sqlite"))) == 18


def test_no_api_key_of_the_original_comes_over(path: Path) -> None:
    """It kept every header but Authorization, and ours keeps no key on disk. Everything else stays as it was."""
    secret = "sk-0123456789abcdefghij"
    head = f"Accept: a\r\nX-Api-Key: {secret}\r\nX-My-Token: {secret}\r\nX-Other: {secret}\r\nX-Keyless: b\r\n"
    told = f'{{"error":{{"message":"Incorrect API key provided: {secret}"}}}}'
    query = f"a=1&api%5Fkey={secret}&signature={secret}&q={secret}&b=2"
    (found,) = taken(
        path,
        {
            "request_header": head, "request_query": query, "response_body": told, "request_body": f"hey {secret}",
            "error": f'Post "https://me:{secret}@h/?key={secret}": EOF', "endpoint": f"https://u:{secret}@h",
        },
    )  # fmt: skip
    assert found.sent is not None and found.failure is not None
    assert found.sent.headers.pairs() == [
        ("Accept", "a"), ("X-Api-Key", "[redacted]"), ("X-My-Token", "[redacted]"), ("X-Other", "[redacted]"),
        ("X-Keyless", "b"),
    ]  # fmt: skip
    assert found.query == "a=1&api%5Fkey=[redacted]&signature=[redacted]&q=[redacted]&b=2"
    assert (found.endpoint, found.failure.message) == ("https://h", 'Post "https://h/?key=[redacted]": EOF')
    assert "redacted" in found.flags
    kept = b"".join(file.read_bytes() for file in path.parent.glob("moonpalace.sqlite*"))
    assert secret.encode() not in kept
