"""The database file in every state it may be found in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from moonpalace.service.checks.database import database, moved_aside
from moonpalace.service.diagnosis import Result, Subject
from moonpalace.store.sqlite import FILE_NAME, SqliteWriter
from moonpalace.testing import windows_shape

NAMED = Path("/proc/locks").exists() and not windows_shape.ACTIVE
posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")
root = pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can give files away")
HOLD = """
import sys, apsw
db = apsw.Connection(sys.argv[1])
for statement in sys.argv[2:]:
    db.execute(statement).fetchall()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / FILE_NAME


@pytest.fixture
def ours(path: Path) -> Path:
    """A database of ours."""
    SqliteWriter(path, busy_ms=1000).close()
    return path


@pytest.fixture
def hold(path: Path) -> Iterator[Callable[..., int]]:
    """Has another process run statements on the database and keep what they lock; gives its pid."""
    children: list[subprocess.Popen[str]] = []

    def start(*statements: str) -> int:
        child = subprocess.Popen([sys.executable, "-c", HOLD, str(path), *statements], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        children.append(child)
        assert child.stdout is not None and child.stdout.readline() == "held\n"
        return child.pid

    yield start
    for child in children:
        child.communicate()


def look(path: Path) -> Result:
    """The check of that database."""
    found = database(Subject(path.parent))
    assert found is not None
    return found


def make(path: Path, *statements: str) -> None:
    """A database by statements, readable by us alone."""
    db = apsw.Connection(str(path))
    for statement in statements:
        db.execute(statement)
    db.close()
    path.chmod(0o600)


def test_a_database_of_ours_is_fine(ours: Path) -> None:
    """Its size and schema are told."""
    found = look(ours)
    assert (found.verdict, found.remedy) == ("ok", "")
    assert "no damage found" in found.text


def test_none_yet_is_fine(path: Path) -> None:
    """And none is made."""
    assert look(path).verdict == "ok"
    assert list(path.parent.iterdir()) == []


def test_without_a_home_there_is_nothing_to_say() -> None:
    """The check of the home has said it."""
    assert database(Subject(None)) is None
    assert moved_aside(Subject(None)) is None


def test_an_empty_file_is_fine(path: Path) -> None:
    """Just made, or cut to nothing: the next start fills it."""
    path.touch(0o600)
    found = look(path)
    assert found.verdict == "ok" and "empty" in found.text


def test_a_file_of_the_original_program_will_be_taken_over(path: Path) -> None:
    """Nothing is to be done for it."""
    make(path, "CREATE TABLE moonshot_requests (id INTEGER PRIMARY KEY)")
    found = look(path)
    assert found.verdict == "ok" and "takes it over" in found.text


@pytest.mark.parametrize(
    ("statements", "word"),
    [
        (["CREATE TABLE other (x)"], "another program"),
        (["CREATE TABLE exchanges (x)", "PRAGMA user_version = 999"], "newer MoonPalace"),
    ],
    ids=["foreign", "newer"],
)
def test_a_file_that_start_refuses_is_a_failure(path: Path, statements: list[str], word: str) -> None:
    """In a sentence that says whose it is."""
    make(path, *statements)
    found = look(path)
    assert found.verdict == "fail" and word in found.text


def damage_header(data: bytearray) -> None:
    data[:16] = b"not a database!!"


def damage_page(data: bytearray) -> None:
    data[8192 : 2 * 8192] = b"\xa5" * 8192


def damage_end(data: bytearray) -> None:
    del data[3 * 8192 :]


@pytest.mark.parametrize("damage", [damage_header, damage_page, damage_end])
def test_damage_is_told_with_the_way_out(ours: Path, damage: Callable[[bytearray], None]) -> None:
    """F41. No connection is open, so the file may be written here."""
    data = bytearray(ours.read_bytes())
    assert len(data) > 4 * 8192
    damage(data)
    ours.write_bytes(data)
    found = look(ours)
    assert found.verdict == "fail" and "damaged" in found.text, found
    assert "moonpalace doctor --recover" in found.remedy


def test_garbage_is_damaged_too(path: Path) -> None:
    """Whatever came to lie there."""
    path.write_bytes(b"garbage" * 1000)
    found = look(path)
    assert found.verdict == "fail" and "damaged" in found.text
    assert "moonpalace doctor --recover" in found.remedy


@pytest.mark.parametrize(
    "statements", [["BEGIN EXCLUSIVE"], ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"]], ids=["writer", "file"]
)
def test_who_keeps_it_locked_is_named(ours: Path, hold: Callable[..., int], statements: list[str]) -> None:
    """F40. In a write-ahead log others can still read, but nothing can be recorded."""
    pid = hold(*statements)
    found = look(ours)
    assert found.verdict == "fail" and "locked by" in found.text
    if NAMED:
        assert f"(pid {pid})" in found.text


def test_a_reader_is_nobodys_trouble(ours: Path, hold: Callable[..., int]) -> None:
    """A `select` that takes long keeps nobody from writing."""
    hold("BEGIN", "SELECT * FROM sqlite_master")
    assert look(ours).verdict == "ok"


def test_looking_changes_nothing(ours: Path, hold: Callable[..., int]) -> None:
    """No checkpoint on closing either: what lies in the log may be evidence."""
    hold("CREATE TABLE more (x)")
    before = {p.name: p.read_bytes() for p in ours.parent.iterdir() if p.name.endswith("-wal")}
    look(ours)
    assert {p.name: p.read_bytes() for p in ours.parent.iterdir() if p.name.endswith("-wal")} == before


@posix
def test_what_others_can_read_is_told(ours: Path) -> None:
    """The original made it 0644."""
    ours.chmod(0o644)
    found = look(ours)
    assert (found.verdict, found.remedy) == ("warn", f"run: chmod 600 {ours}")


@root
def test_a_file_of_another_user_is_told(ours: Path) -> None:
    """Made with sudo, once."""
    os.chown(ours, 12345, -1)
    found = look(ours)
    assert found.verdict == "fail" and "uid 12345" in found.text
    assert found.remedy == f"run: sudo chown {os.getuid()} {ours}"


def test_what_is_no_file_is_told(path: Path) -> None:
    """A directory in its place."""
    path.mkdir()
    assert look(path).verdict == "fail"


def test_files_moved_aside_are_named(path: Path) -> None:
    """Each once, without what belongs to it; of many only the first."""
    assert moved_aside(Subject(path.parent)) is None
    for number in range(5):
        for tail in ("", "-wal", "-shm"):
            Path(f"{path}.corrupt-2026010{number}{tail}").touch()
    found = moved_aside(Subject(path.parent))
    assert found is not None and found.verdict == "warn"
    assert found.text.count("corrupt-") == 3 and found.text.endswith("and 2 more")
    assert "moonpalace doctor --recover" in found.remedy
