"""Salvage: whatever was done to a file, what stands on its sound pages comes back, and nothing that was deleted."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from moonpalace.core.errors import StoreError
from moonpalace.core.exchange import Exchange
from moonpalace.core.finding import Finding
from moonpalace.store.rows import Batch, Progress, RunRow
from moonpalace.store.sqlite import SqliteWriter
from moonpalace.store.sqlite.adopt import adopt
from moonpalace.store.sqlite.connect import migrate
from moonpalace.store.sqlite.rows import exchange
from moonpalace.store.sqlite.salvage import Salvage, Saved
from moonpalace.store.sqlite.salvage_pages import Pages
from moonpalace.store.sqlite.salvage_tables import highest_id

DATA = Path(__file__).parents[1] / "data"


def _damaged() -> Any:
    spec = importlib.util.spec_from_file_location("damaged", DATA / "damaged.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["damaged"] = module
    spec.loader.exec_module(module)
    return module


damaged = _damaged()
DAMAGES, read_all = damaged.DAMAGES, damaged.read_all
SOAK = bool(os.environ.get("MOONPALACE_SOAK"))
EACH = 120 if SOAK else 23  # variants of each of nine kinds of damage


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return damaged.make(tmp_path_factory.mktemp("whole"))


def salvaged(path: Path) -> dict[str, Saved]:
    """What comes out of a file."""
    with closing(Salvage(path)) as found:
        return {as_exchange(saved).uid: saved for saved in found.exchanges()}


def as_exchange(saved: Saved) -> Exchange:
    columns = saved.exchange | {"id": saved.id, "category": saved.category, "run": (saved.run or {}).get("uid")}
    made = exchange(columns, saved.said)
    made.tags = saved.tags
    return made


def store(path: Path, saved: dict[str, Saved]) -> dict[str, bool]:
    told = {}
    adopt(
        path,
        iter(saved.values()),
        lambda each, added: told.update({as_exchange(each).uid: added}),
        highest=max((each.id for each in saved.values()), default=0),
    )
    return told


def integrity(path: Path) -> str:
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        return "\n".join(str(line) for (line,) in db.execute("PRAGMA integrity_check"))


def try_to_use(path: Path) -> None:
    """As a librarian and a command would. Raises nothing: our own error is an answer."""
    try:
        writer = SqliteWriter(path, busy_ms=1)
        try:
            at = writer.begin_run(RunRow("another"))
            writer.apply("another", Batch(), at, Progress((1, 1), (1, 1)))
        finally:
            writer.close()
    except StoreError:
        pass
    try:
        read_all(path)
    except StoreError:
        pass


def variants(whole: Any, damage: Any) -> Iterator[tuple[int, bytes, set[int]]]:
    rng = random.Random(damage.__name__)
    for number in range(EACH):
        data = bytearray(whole.data)
        pages = damage(rng, data, whole)
        yield number, bytes(data), pages


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_what_stands_on_sound_pages_comes_back_as_it_was(tmp_path: Path, whole: Any, damage: Any) -> None:
    """F41. Nothing raises but our own errors, and no exchange that was deleted comes to light again."""
    for number, data, pages in variants(whole, damage):
        path = tmp_path / f"{number}.sqlite"
        path.write_bytes(data)
        found = salvaged(path)
        expected = {uid for uid in whole.exchanges if not whole.pages[uid] & pages}
        wrong = {uid for uid in expected if uid not in found or as_exchange(found[uid]) != whole.exchanges[uid]}
        assert (number, wrong) == (number, set())
        if damage is not damaged.flipped_bytes:  # a flipped pointer may lead to what was deleted from that very page
            assert not set(found) & whole.deleted, number
        if number % 6 == 0:
            new = tmp_path / f"{number}.new"
            assert all(store(new, found).values())
            assert integrity(new) == "ok"
            have = read_all(new)
            assert {uid: have[uid] for uid in expected} == {uid: whole.exchanges[uid] for uid in expected}
        try_to_use(path)


def test_what_the_log_holds_counts(tmp_path: Path, whole: Any) -> None:
    """The newest exchanges are often nowhere else; what was written and not committed is not taken."""
    path, away = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    path.write_bytes(whole.data)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("UPDATE exchanges SET model = 'newer'")
        log, data = Path(f"{path}-wal").read_bytes(), path.read_bytes()
    away.write_bytes(data)
    frame = len(log) - (24 + damaged.PAGE)
    Path(f"{away}-wal").write_bytes(log + log[frame : frame + 4] + bytes(4) + log[frame + 8 : frame + 100])
    assert {saved.exchange["model"] for saved in salvaged(away).values()} == {"newer"}
    away.write_bytes(b"")
    assert salvaged(away)
    Path(f"{away}-wal").write_bytes(log[: frame + 100])
    away.write_bytes(data)
    assert "newer" not in {saved.exchange["model"] for saved in salvaged(away).values()}


def test_a_body_is_kept_as_far_as_its_beginning_is_whole(tmp_path: Path, whole: Any) -> None:
    """A fragment of its middle is gone: what comes before is worth having, and the flag says that there was more."""
    path = tmp_path / "a.sqlite"
    path.write_bytes(whole.data)
    uid = max(whole.exchanges, key=lambda each: whole.exchanges[each].asked.body.length)
    with closing(apsw.Connection(str(path))) as db:
        fragments = sorted(row for table, row in damaged.rows_of(db, uid) if table == "fragments")
        db.execute("UPDATE fragments SET data = x'00' WHERE id = ?", (fragments[len(fragments) // 2],))
    found = salvaged(path)[uid]
    body, original = as_exchange(found).asked.body, whole.exchanges[uid].asked.body
    assert body is not None and 0 < len(body.data) < original.length == body.length
    assert original.data.startswith(body.data)
    assert (found.whole, as_exchange(found).flags[-1]) == (False, "salvaged")


def test_an_exchange_without_its_contents_keeps_its_row(tmp_path: Path, whole: Any) -> None:
    """When, which model, how it ended: that is better than nothing, and `inspect` shows it."""
    path, new = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    path.write_bytes(whole.data)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("DELETE FROM contents WHERE exchange_id = 7")
    found = salvaged(path)
    (bare,) = [saved for saved in found.values() if not saved.whole]
    assert (bare.id, bare.said, bare.exchange["flags"]) == (7, None, '["salvaged"]')
    store(new, found)
    assert [row.id for row in read_all(new).values() if row.flags == ("salvaged",)] == [7]


def test_an_exchange_keeps_its_id_where_that_is_free_and_comes_once(tmp_path: Path, whole: Any) -> None:
    """Somebody may have noted the id; and `recover` may be killed, or done twice."""
    new, path = tmp_path / "new.sqlite", tmp_path / "a.sqlite"
    path.write_bytes(whole.data)
    found = salvaged(path)
    first, *others = found.items()
    assert store(new, dict([first])) == {first[0]: True}
    with closing(apsw.Connection(str(new))) as db:
        db.execute("UPDATE exchanges SET id = 2")
        db.execute("UPDATE contents SET exchange_id = 2")
    assert store(new, found) == {first[0]: False, **{uid: True for uid, _ in others}}
    ids = {uid: row.id for uid, row in read_all(new).items()}
    second = next(uid for uid, saved in found.items() if saved.id == 2)
    assert {uid: ids[uid] for uid, saved in found.items() if saved.id > 2} == {
        uid: saved.id for uid, saved in found.items() if saved.id > 2
    }
    assert len(ids) == len(set(ids.values())) == len(found) and ids[second] != 2
    assert not any(store(new, found).values())


def test_tags_category_and_run_come_too(tmp_path: Path, whole: Any) -> None:
    """What the user said of an exchange is the last thing that may get lost."""
    path, new = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    path.write_bytes(whole.data)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("INSERT INTO tags VALUES (3, 'slow'), (3, '好')")
        db.execute("UPDATE exchanges SET category = 'bad' WHERE id = 3")
    store(new, salvaged(path))
    row = next(row for row in read_all(new).values() if row.id == 3)
    assert (row.tags, row.category) == (("slow", "好"), "bad")
    assert row.run == next(iter(whole.exchanges.values())).run


def test_findings_come_too_unless_they_are_none(tmp_path: Path, whole: Any) -> None:
    """They are not made anew: the one who judged had more before it."""
    path, new = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    path.write_bytes(whole.data)
    finding = {"rule": "truncated", "severity": "warning", "title": "t", "evidence": "", "advice": ""}
    texts = (json.dumps([finding]), "[1]", '{"rule":"r"}', '[{"rule":1}]', "no")
    with closing(apsw.Connection(str(path))) as db:
        db.executemany("UPDATE exchanges SET findings = ? WHERE id = ?", zip(texts, range(3, 8), strict=True))
    found = salvaged(path)
    assert {saved.id for saved in found.values() if not saved.whole} == {4, 5, 6, 7}
    store(new, found)
    findings = {row.id: row.findings for row in read_all(new).values() if row.findings}
    assert findings == {3: (Finding(**finding),)}


def test_a_file_of_the_second_schema_is_read_too(tmp_path: Path, whole: Any) -> None:
    """Its rows are a column shorter."""
    path, old = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    path.write_bytes(whole.data)
    names = "id, run, uid, state, requested_at, method, path, query, endpoint, route, peer, reason, stream"
    with closing(apsw.Connection(str(old))) as db:
        db.pragma("page_size", 8192)
        migrate(db, 1)
        migrate(db, 2)
        db.execute("ATTACH ? AS today", (str(path),))
        db.execute(f"INSERT INTO exchanges ({names}) SELECT {names} FROM today.exchanges")
    kept = {(saved.id, saved.uid, saved.exchange["path"]) for saved in salvaged(old).values()}
    assert kept == {(saved.id, saved.uid, saved.exchange["path"]) for saved in salvaged(path).values()}


def test_a_row_in_flight_is_over(tmp_path: Path, whole: Any) -> None:
    """Nobody will end it any more; what a journal still has of it was taken in before."""
    path = tmp_path / "a.sqlite"
    path.write_bytes(whole.data)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("UPDATE exchanges SET state = 'in_flight' WHERE id = 5")
    states = {saved.id: saved.exchange["state"] for saved in salvaged(path).values()}
    assert (states[5], states[6]) == ("interrupted", "complete")


def test_a_file_of_the_first_schema_is_read_too(tmp_path: Path) -> None:
    """It may be damaged before anybody could bring it to the schema of today."""
    path = tmp_path / "a.sqlite"
    body = b'{"model":"k","messages":[]}' * 900
    with closing(apsw.Connection(str(path))) as db:
        db.pragma("page_size", 8192)
        migrate(db, 1)
        db.execute(
            "INSERT INTO exchanges (id, uid, state, requested_at, method, path, query, endpoint, route, peer, reason,"
            " stream) VALUES (9, ?, 'complete', 5, 'POST', '/v1/x', '', 'e', '', '', 'OK', 0)",
            (b"u" * 16,),
        )
        db.execute(
            "INSERT INTO contents (exchange_id, asked_start, asked_headers, asked_body, asked_length)"
            " VALUES (9, ?, ?, ?, ?)",
            (b"POST /v1/x HTTP/1.1", b"A: b\r\n", body, len(body)),
        )
    (saved,) = salvaged(path).values()
    found = as_exchange(saved)
    assert (saved.whole, found.path, found.asked.start) == (True, "/v1/x", "POST /v1/x HTTP/1.1")
    assert found.asked.body is not None and found.asked.body.data == body


def test_the_highest_id_is_found_quickly(tmp_path: Path, whole: Any) -> None:
    """The new file's ids go on above it."""
    path = tmp_path / "a.sqlite"
    path.write_bytes(bytes(100) + whole.data[100:])
    with closing(Pages(path)) as pages:
        assert highest_id(pages) == len(whole.exchanges) + len(whole.deleted)
