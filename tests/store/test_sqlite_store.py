"""The SQLite file: made private, refused when foreign, written once and whole, read back equal."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict
from pathlib import Path

import apsw
import pytest

from moonpalace.core.errors import StoreError
from moonpalace.core.exchange import Exchange
from moonpalace.core.finding import Finding
from moonpalace.core.ids import uid_text
from moonpalace.store.rows import CONTENT, EXCHANGE, Batch, Progress, RunRow, Story
from moonpalace.store.sqlite import FILE_NAME, SqliteReader, SqliteWriter, StoreBusy
from moonpalace.store.sqlite.connect import VERSION
from moonpalace.store.sqlite.writer import StoreMoved

RUN = RunRow("run", pid=7, version="1", endpoint="https://api.moonshot.cn")
NULLABLE = dict.fromkeys(EXCHANGE)
NEEDED = {
    "state": "complete", "requested_at": 5, "method": "POST", "path": "/v1/chat/completions", "query": "",
    "endpoint": "e", "route": "", "peer": "", "reason": "OK", "stream": 0,
}  # fmt: skip


def story(number: int, content: dict[str, object] | None = None, **values: object) -> Story:
    uid = number.to_bytes(16, "big")
    row = {**NULLABLE, **NEEDED, "uid": uid, **values}
    said = {**dict.fromkeys(CONTENT), "asked_start": b"POST /v1/chat/completions HTTP/1.1", **(content or {})}
    return Story(uid, tuple(row.values()), tuple(said.values()))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


class Desk:
    """A writer that remembers where it stands."""

    def __init__(self, path: Path) -> None:
        self.writer = SqliteWriter(path, busy_ms=1)
        self.at = self.writer.begin_run(RUN)

    def write(self, batch: Batch) -> list[int]:
        after = Progress((1, self.at.position[1] + 10), (1, self.at.position[1] + 10))
        ids = self.writer.apply(RUN.uid, batch, self.at, after)
        self.at = after
        return ids


@pytest.fixture
def desk(path: Path) -> Desk:
    return Desk(path)


def read(path: Path) -> list[Exchange]:
    reader = SqliteReader(path)
    try:
        return reader.recent(0)
    finally:
        reader.close()


def test_the_files_are_their_owners_alone_under_any_umask(path: Path) -> None:
    """T08: the WAL and the shared memory hold the same prompts."""
    old = os.umask(0)
    try:
        desk = Desk(path)
        desk.write(Batch(ended=[story(1)]))
    finally:
        os.umask(old)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == {FILE_NAME: 0o600, f"{FILE_NAME}-wal": 0o600, f"{FILE_NAME}-shm": 0o600}


def test_the_settings_are_those_that_were_decided(path: Path, desk: Desk) -> None:
    """Space is given back, readers never block, old programs can open the file."""
    db = desk.writer._db
    found = {name: db.pragma(name) for name in ("journal_mode", "auto_vacuum", "user_version", "synchronous")}
    assert found == {"journal_mode": "wal", "auto_vacuum": 2, "user_version": VERSION, "synchronous": 1}
    assert db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1) == 1
    assert db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, -1) == 0


def foreign(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE holiday_photos (id INTEGER PRIMARY KEY)")
    db.close()


def newer(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute("PRAGMA user_version = 99")
    db.close()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (foreign, "another program"),
        (newer, "a newer MoonPalace"),
        (lambda path: path.write_bytes(b"no database, but long enough to be looked at. " * 40), "not a database"),
        (lambda path: path.symlink_to(path.with_name("elsewhere")), "not a plain file"),
        (lambda path: path.mkdir(), "not a plain file"),
    ],
    ids=["foreign", "newer", "no database", "link", "folder"],
)
def test_what_is_not_ours_is_refused_and_left_alone(path: Path, make: object, says: str) -> None:
    """One clear sentence, and nobody's data is touched."""
    make(path)  # type: ignore[operator]
    with pytest.raises(StoreError, match=says):
        SqliteWriter(path)
    assert not path.with_name("elsewhere").exists()


def test_a_missing_file_is_an_error_for_a_reader_and_is_not_made(path: Path) -> None:
    """Looking must leave no traces."""
    with pytest.raises(StoreError, match="nothing has been recorded"):
        SqliteReader(path)
    assert not path.exists()


def test_an_empty_file_becomes_ours(path: Path) -> None:
    """A process may die between making the file and its schema."""
    path.touch()
    Desk(path).write(Batch(ended=[story(1)]))
    assert len(read(path)) == 1


def test_rows_come_newest_first_and_are_found_by_each_name(path: Path, desk: Desk) -> None:
    """What `list` and `inspect` ask for."""
    first, second = story(1, chatcmpl="c", request_id="r"), story(2, chatcmpl="c")
    desk.write(Batch(ended=[first, second, story(3, path="/v1/models")]))
    reader = SqliteReader(path)
    assert [x.id for x in reader.recent(2)] == [3, 2]
    assert [x.id for x in reader.recent(0, chat_only=True)] == [2, 1]
    assert reader.newest() == 3
    assert reader.ids("chatcmpl", "c") == [2, 1]
    assert reader.ids("request_id", "r") == [1]
    assert reader.ids("uid", uid_text((2).to_bytes(16, "big"))) == [2]
    assert [reader.ids("id", value) for value in ("2", 2, "two", 2**70)] == [[2], [2], [], []]
    assert reader.ids("uid", "nonsense") == []
    prefixes = ("00000000-0000-0000-0000-00000000000", "0" * 31 + "3", "0", "1", "", "x", "0" * 33)
    assert [reader.ids("uid_prefix", each) for each in prefixes] == [[3, 2, 1], [3], [3, 2, 1], [], [], [], []]
    assert reader.ids("chatcmpl", "\ud800") == []
    assert reader.get(99) is None
    assert reader.recent(1)[0].run == "run"
    reader.close()


def test_an_arrival_becomes_its_end_under_the_same_id(path: Path, desk: Desk) -> None:
    """The id that `list` showed for a running exchange stays its id; tags set meanwhile stay too."""
    assert desk.write(Batch(arrived=[story(1, state="in_flight")])) == []
    assert read(path)[0].state == "in_flight"
    desk.writer._db.execute("INSERT INTO tags VALUES (1, 'slow')")
    assert desk.write(Batch(ended=[story(2), story(1, status=200)])) == [2, 1]
    assert [(x.id, x.state, x.status, x.tags) for x in read(path)] == [
        (2, "complete", None, ()),
        (1, "complete", 200, ("slow",)),
    ]


def test_an_arrival_is_known_to_the_next_writer(path: Path, desk: Desk) -> None:
    """The librarian may die in between."""
    desk.write(Batch(arrived=[story(1, state="in_flight")]))
    desk.writer.close()
    assert Desk(path).write(Batch(ended=[story(1)])) == [1]
    assert [x.state for x in read(path)] == ["complete"]


def test_a_batch_from_another_place_is_refused(path: Path, desk: Desk) -> None:
    """Two librarians with the same batch: one of them is late."""
    other = Desk(path)
    desk.write(Batch(ended=[story(1)]))
    with pytest.raises(StoreMoved):
        other.write(Batch(ended=[story(1)]))
    assert len(read(path)) == 1


def test_a_replaced_file_is_noticed(path: Path, desk: Desk) -> None:
    """F42: rows written into a file without a name would be lost."""
    desk.write(Batch(ended=[story(1)]))
    path.rename(path.with_name("old"))
    with pytest.raises(StoreMoved):
        desk.write(Batch(ended=[story(2)]))


def test_a_locked_file_costs_nothing_but_time(path: Path, desk: Desk) -> None:
    """F40: nothing is half written, and the same batch goes in later."""
    other = apsw.Connection(str(path))
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreBusy):
        desk.write(Batch(ended=[story(1)]))
    assert read(path) == []
    other.execute("ROLLBACK")
    assert desk.write(Batch(ended=[story(1)])) == [1]


@pytest.mark.parametrize(
    "values",
    [
        {"model": "lone \ud800 surrogate"},
        {"cached_tokens": 2**70},
        {"status": "not a number"},
        {"model": {"an": "object"}},
        {"method": None},
    ],
    ids=["surrogate", "huge", "text for a number", "object", "missing"],
)
def test_a_row_that_will_not_go_in_is_kept_as_far_as_it_goes(path: Path, desk: Desk, values: dict[str, object]) -> None:
    """A poisoned exchange must not hold up its neighbours."""
    bad = story(2, {"asked_body": b"body", "asked_length": 4}, **values)
    assert desk.write(Batch(ended=[story(1), bad, story(3)])) == [1, 2, 3]
    reader = SqliteReader(path)
    found = reader.get(2)
    assert found is not None and found.asked.body is not None
    assert (found.state, found.asked.body.data) == ("complete", b"body")
    assert [x.id for x in reader.recent(0)] == [3, 2, 1]
    reader.close()


FINDINGS = (
    Finding("truncated", "warning", "it seems that …", "choices.0.finish_reason", "raise it"),
    Finding("incomplete_json", "error", '月 "quoted"'),
)


def test_findings_are_read_as_they_were_written(path: Path, desk: Desk) -> None:
    """In the list as well: whoever looks for trouble does not open each exchange."""
    texts = [json.dumps([asdict(each) for each in FINDINGS]), json.dumps([{"rule": "r", "later": 1}]), None]
    desk.write(Batch(ended=[story(number, findings=text) for number, text in enumerate(texts, 1)]))
    assert [x.findings for x in read(path)] == [(), (Finding("r", "", ""),), FINDINGS]


def test_the_delivered_status_is_read_as_it_was_written(path: Path, desk: Desk) -> None:
    """Null where it is that of the API."""
    desk.write(Batch(ended=[story(1, delivered_status=502), story(2)]))
    assert [x.delivered_status for x in read(path)] == [None, 502]


def test_what_transforms_keep_is_written_with_the_batch(path: Path, desk: Desk) -> None:
    """In order: what was kept again counts, what was kept as nothing is gone, other names are left alone."""
    desk.write(Batch(kept=[("cache", "b", b"1", 5), ("cache", "a", b"\x00\xff", 6), ("other", "a", b"x", 7)]))
    desk.write(Batch(kept=[("cache", "b", b"2", 8), ("cache", "c", b"3", 9), ("cache", "c", b"", 10)]))
    reader = SqliteReader(path)
    assert reader.kept("cache") == [("a", b"\x00\xff", 6), ("b", b"2", 8)]
    assert (reader.kept("other"), reader.kept("nobody")) == ([("a", b"x", 7)], [])
    reader.close()


def test_what_a_batch_that_is_refused_keeps_is_not_kept(path: Path, desk: Desk) -> None:
    """All of a batch or nothing."""
    other = Desk(path)
    desk.write(Batch())
    with pytest.raises(StoreMoved):
        other.write(Batch(kept=[("cache", "a", b"1", 5)]))
    reader = SqliteReader(path)
    assert reader.kept("cache") == []
    reader.close()


def test_what_cannot_be_kept_holds_up_nothing(path: Path, desk: Desk) -> None:
    """The journal would be read again and again, and never be taken in."""
    strange = [("cache", "lone \ud800", b"1", 5), ("cache", "huge", b"1", 2**70)]
    assert desk.write(Batch(ended=[story(1)], kept=[*strange, ("cache", "a", b"1", 5)])) == [1]
    reader = SqliteReader(path)
    assert reader.kept("cache") == [("a", b"1", 5)]
    reader.close()


def test_the_same_exchange_twice_is_one_row(path: Path, desk: Desk) -> None:
    """A journal folder put back from a backup."""
    desk.write(Batch(ended=[story(1, status=200)]))
    assert desk.write(Batch(ended=[story(2), story(1, status=500)])) == [2, 1]
    assert [(x.id, x.status) for x in read(path)] == [(2, None), (1, 200)]


@pytest.mark.parametrize("state", ["interrupted", "complete"])
def test_an_arrival_that_is_told_again_ends_in_the_row_that_it_has(path: Path, desk: Desk, state: str) -> None:
    """A salvaged row whose journal is still there: what ended stays, and nothing is left under a foreseen id."""
    desk.write(Batch(ended=[story(1, state=state), story(2)]))
    desk.write(Batch(arrived=[story(1, state="in_flight")]))
    assert desk.write(Batch(ended=[story(1, {"asked_body": b"end"}, state="complete", status=200)])) == [1]
    assert [(x.id, x.state, x.status) for x in read(path)] == [
        (2, "complete", None),
        (1, "complete", 200 if state == "interrupted" else None),
    ]
    assert desk.writer._db.execute("SELECT max(exchange_id) FROM contents").fetchone() == (2,)


def test_a_reader_does_not_block_the_writer_nor_write(path: Path, desk: Desk) -> None:
    """A slow `list` must not reach the traffic."""
    desk.write(Batch(ended=[story(1)]))
    reader = SqliteReader(path)
    reader._db.execute("BEGIN")
    assert reader.newest() == 1
    assert desk.write(Batch(ended=[story(2)])) == [2]
    assert reader.newest() == 1
    with pytest.raises(apsw.Error):
        reader._db.execute("DELETE FROM exchanges")
    reader.close()
