"""Looking at a database from outside."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from moonpalace.core.errors import StoreError
from moonpalace.store.sqlite import SqliteWriter, StoreBusy
from moonpalace.store.sqlite.checkup import Kind, Unfinished, check_file, identify, library_version, try_write_lock
from moonpalace.store.sqlite.connect import VERSION


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "db"


def make(path: Path, *statements: str) -> None:
    """A database by statements."""
    db = apsw.Connection(str(path))
    for statement in statements:
        db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], (Kind.EMPTY, 0)),
        (["CREATE TABLE moonshot_requests (x)"], (Kind.ORIGINAL, 0)),
        (["CREATE TABLE other (x)"], (Kind.FOREIGN, 0)),
        ([f"PRAGMA user_version = {VERSION + 1}"], (Kind.NEWER, VERSION + 1)),
        ([f"PRAGMA user_version = {VERSION - 1}", "CREATE TABLE x (y)"], (Kind.OLDER, VERSION - 1)),
    ],
)
def test_whose_file_it_is(path: Path, statements: list[str], expected: tuple[Kind, int]) -> None:
    """By its version and its tables."""
    make(path, *statements)
    path.touch()
    assert identify(path) == expected


def test_our_own_file_is_ours_and_sound(path: Path) -> None:
    """As the writer makes it."""
    SqliteWriter(path, busy_ms=1000).close()
    assert identify(path) == (Kind.OURS, VERSION)
    assert check_file(path) is None
    try_write_lock(path)


def test_damage_is_an_answer(path: Path) -> None:
    """In SQLite's words."""
    path.write_bytes(b"garbage" * 1000)
    assert check_file(path) == "file is not a database"
    with pytest.raises(StoreError):
        identify(path)


def test_a_long_look_is_given_up(path: Path) -> None:
    """A record may have many gigabytes; nobody waits for minutes."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
    make(path, "CREATE TABLE t (x)", f"{numbers} INSERT INTO t SELECT i FROM n")
    assert check_file(path) is None
    with pytest.raises(Unfinished, match="too large"):
        check_file(path, 0.0)


def test_a_lock_of_another_is_told(path: Path) -> None:
    """After some patience: a librarian writes all the time, but never for long."""
    SqliteWriter(path, busy_ms=1000).close()
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        try_write_lock(path, busy_ms=20)
    other.execute("ROLLBACK")
    try_write_lock(path, busy_ms=20)
    other.close()


def test_a_missing_file_is_told(path: Path) -> None:
    """And not made."""
    with pytest.raises(StoreError, match="cannot be opened"):
        check_file(path)
    assert not path.exists()


def test_the_version_is_that_of_the_library_in_use() -> None:
    """Not the one of Python's own module."""
    assert library_version() == apsw.sqlite_lib_version()
