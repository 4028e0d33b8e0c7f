"""What comes back under its old id, while others write and clean up. See `test_salvage` for what comes back at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from moonpalace.store.rows import CONTENT, EXCHANGE
from moonpalace.store.sqlite import FILE_NAME, SqliteReader
from moonpalace.store.sqlite.adopt import adopt
from moonpalace.store.sqlite.connect import open_writer
from moonpalace.store.sqlite.salvage import Saved
from moonpalace.store.sqlite.sweep import Marks, Overtaken

NEEDED = {
    "state": "complete", "requested_at": 5, "method": "POST", "path": "/", "query": "", "endpoint": "e", "route": "",
    "peer": "", "reason": "OK", "stream": 0,
}  # fmt: skip


def saved(number: int, body: bytes) -> Saved:
    """An exchange that was `number` in its old file."""
    uid = number.to_bytes(16, "big")
    said = dict.fromkeys(CONTENT) | {"asked_start": b"POST / HTTP/1.1", "asked_body": body}
    return Saved(number, uid, {**dict.fromkeys(EXCHANGE), **NEEDED, "uid": uid}, said, whole=True)


def add(path: Path, *found: Saved) -> list[bool]:
    """Store these; whether each was added."""
    told: list[bool] = []
    adopt(path, found, lambda _, added: told.append(added), highest=9)
    return told


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    made = open_writer(tmp_path / FILE_NAME, 1000)
    yield made
    made.close()


def test_a_cleanup_does_not_sweep_what_came_back_under_its_old_id(db: apsw.Connection, tmp_path: Path) -> None:
    """It has looked at all ids below the newest, and takes only what is above for new."""
    path = tmp_path / FILE_NAME
    assert add(path, saved(7, b"newest" * 99)) == [True]
    marks = Marks(db)
    assert add(path, saved(3, b"back" * 99)) == [True]
    fragments = [number for (number,) in db.execute("SELECT id FROM fragments")]
    with pytest.raises(Overtaken):
        marks.delete("fragments", fragments)
    assert Marks(db).delete("fragments", fragments) == 0
    with closing(SqliteReader(path)) as reader:
        found = reader.get(3)
    assert found is not None and found.asked.body is not None and found.asked.body.data == b"back" * 99


def test_who_adds_nothing_disturbs_no_cleanup(db: apsw.Connection, tmp_path: Path) -> None:
    """A second recovery of the same file finds everything there."""
    path = tmp_path / FILE_NAME
    add(path, saved(3, b"back" * 99))
    marks = Marks(db)
    assert add(path, saved(3, b"back" * 99)) == [False]
    assert marks.delete("fragments", [1]) == 0
