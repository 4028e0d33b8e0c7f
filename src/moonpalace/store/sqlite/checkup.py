"""A look at the file from outside: what it is, whether it is sound, whether it can be written.

1. Nothing is changed, and no checkpoint is made on closing: a file that is examined may be evidence.
2. Damage is an answer, not an error; an error is what keeps the look from being taken (locked, no permission).
3. A long look is given up: a large file may take minutes.

Source: https://www.sqlite.org/pragma.html#pragma_quick_check, https://www.sqlite.org/c3ref/progress_handler.html
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path

import apsw

from ...core.errors import StoreError
from .connect import VERSION, StoreBusy, translated

_ORIGINAL_TABLE = "moonshot_requests"
_STEPS = 10_000  # of SQLite's machine between two looks at the time: about a millisecond


class Unfinished(StoreError):
    """The time was over before the end; nothing bad was found until then."""


class Kind(StrEnum):
    """Whose file it is."""

    EMPTY = "empty"
    OURS = "ours"
    OLDER = "older"
    NEWER = "newer"
    ORIGINAL = "original"
    FOREIGN = "foreign"


def library_version() -> str:
    """The SQLite that opens our files."""
    return str(apsw.sqlite_lib_version())


def check_file(path: Path, seconds: float = 10.0) -> str | None:
    """The first damage that SQLite finds, None when it finds none. Cost: reads the whole file.

    Raises: Unfinished, StoreBusy, StoreError.
    """
    until = time.monotonic() + seconds
    with translated(path):
        try:
            with _opened(path) as db:
                db.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
                said = [str(line) for (line,) in db.execute("PRAGMA quick_check(1)")]
        except (apsw.NotADBError, apsw.CorruptError) as error:
            return str(error).lower()
        except apsw.InterruptError:
            raise Unfinished(f"{path} is too large to be checked in {seconds:g} s") from None
    lines = [line for text in said for line in text.splitlines() if line and not line.startswith("***")]
    return None if lines == ["ok"] else (lines or ["unknown damage"])[0].lower()


def identify(path: Path) -> tuple[Kind, int]:
    """Whose file it is, and its schema version. Raises: StoreBusy, StoreError."""
    with translated(path), _opened(path) as db:
        version = int(db.pragma("user_version") or 0)
        tables = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version == 0:
        return (Kind.ORIGINAL if _ORIGINAL_TABLE in tables else Kind.FOREIGN if tables else Kind.EMPTY), version
    return (Kind.NEWER if version > VERSION else Kind.OLDER if version < VERSION else Kind.OURS), version


def try_write_lock(path: Path, busy_ms: int = 2000) -> None:
    """Take the writer's lock and give it back. Raises: StoreBusy, StoreError when it cannot be written."""
    with translated(path), _opened(path, apsw.SQLITE_OPEN_READWRITE, busy_ms) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
        except apsw.ReadOnlyError:
            raise StoreError(f"{path} cannot be written: mend its permissions") from None


@contextmanager
def _opened(path: Path, flags: int = apsw.SQLITE_OPEN_READONLY, busy_ms: int = 2000) -> Iterator[apsw.Connection]:
    with _translated_busy(path), closing(apsw.Connection(os.fspath(path), flags=flags)) as db:
        db.set_busy_timeout(busy_ms)
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        yield db


@contextmanager
def _translated_busy(path: Path) -> Iterator[None]:
    """Only the errors that say nothing about the file itself become ours."""
    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as error:
        raise StoreBusy(f"{path} is locked by another program") from error
    except (apsw.CantOpenError, apsw.PermissionsError, apsw.AuthError) as error:
        raise StoreError(f"{path} cannot be opened: mend its permissions and those of its directory") from error
