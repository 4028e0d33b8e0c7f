"""Who holds a lock, by the kernel's table."""

from __future__ import annotations

from pathlib import Path

import pytest

from moonpalace.service.checks.holders import holder


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with one process in it, `sqlite3`, pid 4711."""
    made = tmp_path / "proc"
    (made / "4711").mkdir(parents=True)
    (made / "4711" / "comm").write_text("sqlite3\n")
    return made


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1: POSIX  ADVISORY  WRITE 4711 fe:00:{db} 1073741825 1073741825", "sqlite3 (pid 4711)"),
        ("1: POSIX  ADVISORY  WRITE 4711 fe:00:{shm} 120 120", "sqlite3 (pid 4711)"),
        ("1: POSIX  ADVISORY  READ 4711 fe:00:{shm} 123 123", None),
        ("1: POSIX  ADVISORY  WRITE 4711 fe:00:1 120 120", None),
        ("1: -> POSIX  ADVISORY  WRITE 4711 fe:00:{shm} 120 120", None),
        ("1: POSIX  ADVISORY  WRITE 4712 fe:00:{shm} 120 120", None),
        ("1: POSIX  ADVISORY", None),
        ("", None),
    ],
    ids=["database", "shared memory", "a reader", "another file", "one who waits", "gone", "cut", "nothing"],
)
def test_who_keeps_others_from_writing_is_named(tmp_path: Path, proc: Path, line: str, expected: str | None) -> None:
    """Readers do not; who only waits does not either."""
    db, shm = tmp_path / "db", tmp_path / "db-shm"
    db.touch()
    shm.touch()
    (proc / "locks").write_text(line.format(db=db.stat().st_ino, shm=shm.stat().st_ino) + "\n")
    assert holder(db, proc) == expected


def test_without_proc_nobody_is_named(tmp_path: Path) -> None:
    """As on other systems."""
    assert holder(tmp_path / "db", tmp_path / "none") is None
