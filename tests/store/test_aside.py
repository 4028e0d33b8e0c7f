"""Moving a damaged file aside: nothing is lost on the way, nothing of somebody else's is touched."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from moonpalace.core.errors import StoreError
from moonpalace.store.rows import Batch, Progress, RunRow
from moonpalace.store.sqlite import FILE_NAME, SqliteReader, SqliteWriter, StoreDamaged, aside
from moonpalace.store.sqlite.writer import StoreMoved

AT = 1_780_000_000.0
STAMP = "20260528T202640Z"
RUN = RunRow("run")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


def sound(path: Path) -> None:
    SqliteWriter(path).close()


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database " * 100)


def broken_page(path: Path) -> None:
    sound(path)
    data = bytearray(path.read_bytes())
    data[8192 * 3 : 8192 * 4] = b"\x07" * 8192
    path.write_bytes(data)


def emptied(path: Path) -> None:
    path.touch()
    Path(f"{path}-wal").write_bytes(b"frames")


def foreign(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE holiday_photos (id INTEGER PRIMARY KEY)")


def newer(path: Path) -> None:
    sound(path)
    with closing(apsw.Connection(str(path))) as db:
        db.pragma("user_version", 99)


def just_made(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize(
    ("make", "damaged"),
    [(sound, False), (just_made, False), (foreign, False), (newer, False), (garbage, True), (broken_page, True),
     (emptied, True)],
    ids=lambda each: getattr(each, "__name__", str(each)),
)  # fmt: skip
def test_only_damage_is_damage(path: Path, make: Callable[[Path], None], damaged: bool) -> None:
    """A file that another program or a newer version can read is none of our business."""
    make(path)
    before = path.read_bytes()
    assert bool(aside.damage(path, 60)) == damaged
    assert path.read_bytes() == before


@pytest.mark.parametrize(("make", "ours"), [(sound, True), (garbage, True), (foreign, False), (newer, False)])
def test_a_sound_file_of_somebody_else_is_never_moved(path: Path, make: Callable[[Path], None], ours: bool) -> None:
    """Not even after three errors."""
    make(path)
    assert aside.is_ours_to_move(path) == ours


def test_a_file_whose_log_alone_has_something_is_refused(path: Path) -> None:
    """SQLite would drop that log with the first look."""
    emptied(path)
    for opened in (SqliteReader, SqliteWriter):
        with pytest.raises(StoreDamaged, match="its log is not"):
            opened(path)
    assert Path(f"{path}-wal").read_bytes() == b"frames"


def test_all_three_files_get_the_new_name(path: Path) -> None:
    """The newest exchanges are in the log."""
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").write_text(f"it{end}")
    moved = aside.move(path, AT)
    assert moved.name == f"{FILE_NAME}.corrupt-{STAMP}"
    assert {each.name.removeprefix(moved.name): each.read_text() for each in path.parent.iterdir()} == {
        "": "it", "-wal": "it-wal", "-shm": "it-shm",
    }  # fmt: skip
    assert aside.waiting(path) == [moved]


def test_a_name_is_used_once(path: Path) -> None:
    """Two in a second, and one that was recovered before."""
    names = []
    for number in range(3):
        path.write_text(str(number))
        names.append(aside.move(path, AT))
    aside.mark_recovered(names[0])
    path.write_text("3")
    names.append(aside.move(path, AT))
    assert [name.name.partition("Z")[2] for name in names] == ["", "-2", "-3", "-4"]
    assert [each.read_text() for each in aside.waiting(path)] == ["1", "2", "3"]


def test_who_was_killed_on_the_way_is_gone_on_from(path: Path) -> None:
    """The second name is there and the first not gone yet: it stays one file."""
    path.write_text("it")
    Path(f"{path}-wal").write_text("log")
    begun = path.with_name(f"{FILE_NAME}.corrupt-{STAMP}")
    os.link(path, begun)
    assert aside.move(path, AT + 60) == begun
    assert sorted(each.name for each in path.parent.iterdir()) == [begun.name, f"{begun.name}-wal"]


def test_a_file_system_without_second_names_will_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT, for one."""

    def link(*names: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", link)
    path.write_text("it")
    Path(f"{path}-wal").write_text("log")
    moved = aside.move(path, AT)
    assert sorted(each.name for each in path.parent.iterdir()) == [moved.name, f"{moved.name}-wal"]


def test_who_has_it_open_is_not_harmed_and_notices(path: Path) -> None:
    """Another librarian on the same directory: its rows do not go into a file that nobody looks at any more."""
    writer = SqliteWriter(path)
    at = writer.begin_run(RUN)
    writer.apply("run", Batch(), at, Progress((1, 1), (1, 1)))
    moved = aside.move(path, AT)
    aside.begin_after(path, 41)
    with pytest.raises(StoreMoved):
        writer.look()
    with pytest.raises(StoreMoved):
        writer.apply("run", Batch(), Progress((1, 1), (1, 1)), Progress((2, 2), (2, 2)))
    writer.close()
    with closing(SqliteReader(moved)) as old, closing(SqliteReader(path)) as new:
        assert (old.progress()["run"].position, new.progress()) == ((1, 1), {})


def test_ids_go_on_above_the_old_ones(path: Path) -> None:
    """An id that somebody noted means one exchange for good; a second call lowers nothing."""
    for highest in (41, 7):
        aside.begin_after(path, highest)
    with closing(apsw.Connection(str(path))) as db:
        assert db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'exchanges'").fetchall() == [(41,)]


def test_the_new_file_is_begun_also_while_another_writes_to_it(path: Path) -> None:
    """The next librarian does not wait for us. One look before the lock, and all would fail, however long it waits."""
    writer = SqliteWriter(path)
    writer._db.execute("BEGIN IMMEDIATE")
    failures: list[BaseException] = []

    def begin() -> None:
        try:
            aside.begin_after(path, 41)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join(0.3)  # by now it waits; if not yet, nothing is tested, and nothing fails
    writer._db.execute("INSERT INTO counters VALUES ('another', 1)")
    writer._db.execute("COMMIT")
    thread.join(30)
    assert (thread.is_alive(), failures) == (False, [])
    assert writer._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'exchanges'").fetchall() == [(41,)]
    writer.close()


def test_a_recovered_file_is_kept_and_not_recovered_again(path: Path) -> None:
    """Nothing is ever deleted."""
    path.write_text("it")
    Path(f"{path}-wal").write_text("log")
    kept = aside.mark_recovered(aside.move(path, AT))
    assert aside.waiting(path) == []
    assert sorted(each.name for each in path.parent.iterdir()) == [kept.name, f"{kept.name}-wal"]


def test_a_damaged_file_is_left_as_it_is_found(path: Path) -> None:
    """No checkpoint on closing: what is in the log may be all that can be saved."""
    writer = SqliteWriter(path)
    at = writer.begin_run(RUN)
    log = Path(f"{path}-wal").read_bytes()
    with closing(apsw.Connection(str(path))) as db:
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        db.execute("DELETE FROM counters")
    with pytest.raises(StoreError):
        writer.apply("run", Batch(), at, Progress((1, 1), (1, 1)))
    writer.close()
    assert Path(f"{path}-wal").read_bytes().startswith(log)
