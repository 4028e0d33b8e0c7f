"""Who moves a damaged database aside, and when nobody does."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import pytest

from moonpalace.journal.locks import FileLock
from moonpalace.librarian.catchup import take_in_dead_runs, wait_until_current
from moonpalace.librarian.damage import TOLD, set_aside
from moonpalace.librarian.process import run_librarian
from moonpalace.store.sqlite import FILE_NAME, SqliteReader, SqliteWriter, StoreDamaged
from moonpalace.testing.journals import JournalBuilder, Script

GARBAGE = b"this is no database " * 100


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


def move(home: Path, **options: object) -> Path | None:
    return set_aside(home, **{"wait": lambda seconds: None, "clock": lambda: 0.0, **options})  # type: ignore[arg-type]


def test_a_damaged_database_is_moved_and_a_new_one_begun(path: Path) -> None:
    """The record goes on, and nothing of the old file is lost."""
    path.write_bytes(GARBAGE)
    moved = move(path.parent)
    assert moved is not None
    assert (moved.name, moved.read_bytes()) == (f"{FILE_NAME}.corrupt-19700101T000000Z", GARBAGE)
    assert set_aside(path.parent) is None
    SqliteWriter(path).close()


def test_the_ids_of_the_new_database_go_on(path: Path) -> None:
    """An id means one exchange, in the old file and in the new one."""
    SqliteWriter(path).close()
    with closing(apsw.Connection(str(path))) as db:
        db.execute("INSERT INTO sqlite_sequence VALUES ('exchanges', 812)")
    data = bytearray(path.read_bytes())
    data[:60] = bytes(60)
    path.write_bytes(data)
    assert move(path.parent)
    with closing(apsw.Connection(str(path))) as db:
        assert db.execute("SELECT seq FROM sqlite_sequence").fetchall() == [(812,)]


def test_one_moves_and_the_others_wait(path: Path) -> None:
    """Two librarians on one directory find the same damage."""
    path.write_bytes(GARBAGE)
    lock = FileLock(path.with_name("aside.lock"))
    assert lock.try_acquire()
    assert move(path.parent) is None
    lock.release()
    assert move(path.parent)


def test_a_file_that_is_just_being_written_is_not_moved(path: Path) -> None:
    """Somebody copies a backup into its place, and it looks damaged as long as half of it is there."""
    path.write_bytes(GARBAGE)
    assert move(path.parent, wait=lambda seconds: path.write_bytes(GARBAGE * 2)) is None
    assert path.read_bytes() == GARBAGE * 2


@pytest.mark.parametrize("certain", [False, True])
def test_what_is_not_there_or_not_ours_is_not_moved(path: Path, certain: bool) -> None:
    """Whatever was found before: now it is another file."""
    assert move(path.parent, certain=certain) is None
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE holiday_photos (id INTEGER PRIMARY KEY)")
    assert move(path.parent, certain=certain) is None
    assert [each.name for each in path.parent.iterdir() if "corrupt" in each.name] == []


def test_damage_that_only_statements_meet_is_believed_in_the_end(path: Path) -> None:
    """SQLite's own check reads the trees, not what is in the rows."""
    SqliteWriter(path).close()
    assert move(path.parent) is None
    assert move(path.parent, certain=True)


def test_a_librarian_that_meets_damage_while_it_writes_begins_anew(tmp_path: Path) -> None:
    """One sentence for the user; what is kept of the journal is taken in again, and nothing stands there twice."""
    builder = JournalBuilder(tmp_path, living=True)
    said: list[Any] = []
    stop = threading.Event()
    log = SimpleNamespace(offer=said.extend)
    thread = threading.Thread(
        target=run_librarian, args=(tmp_path, builder.path.name), kwargs={"stop": stop, "log": log}
    )
    thread.start()
    builder.exchange(Script(1))
    assert wait_until_current(tmp_path, 20)
    with closing(apsw.Connection(str(tmp_path / FILE_NAME))) as db:
        db.execute("DELETE FROM counters")
    builder.exchange(Script(2))
    until = time.monotonic() + 20
    while not list(tmp_path.glob("*.corrupt-*")) and time.monotonic() < until:
        time.sleep(0.01)
    assert wait_until_current(tmp_path, 20)
    builder.end(2)
    stop.set()
    thread.join(20)
    builder.die()
    (moved,) = (each for each in tmp_path.glob("*.corrupt-*") if each.name[-4:] not in ("-wal", "-shm"))
    sentences = [each for each in said if isinstance(each, str)]
    assert sentences.count(TOLD.format(name=moved.name)) == 1
    assert sum("cannot be written" in each for each in sentences) == 1
    with closing(SqliteReader(tmp_path / FILE_NAME)) as reader:
        assert sorted((row.id, row.state) for row in reader.recent(0)) == [(2, "complete"), (3, "complete")]


def test_commands_that_read_say_so_and_move_nothing(path: Path) -> None:
    """A look may be taken while somebody puts a backup there."""
    path.write_bytes(GARBAGE)
    for command in (take_in_dead_runs, lambda home: SqliteReader(home / FILE_NAME)):
        with pytest.raises(StoreDamaged, match="doctor --recover"):
            command(path.parent)
    assert [each.name for each in path.parent.iterdir()] == [FILE_NAME]


def test_a_link_is_not_moved(path: Path) -> None:
    """Where it leads to is not ours to say."""
    path.with_name("elsewhere").write_bytes(GARBAGE)
    path.symlink_to(path.with_name("elsewhere"))
    assert move(path.parent) is None
    assert sorted(each.name for each in path.parent.iterdir()) == ["elsewhere", FILE_NAME]
