"""Opening the file, for writing and for reading.

1. The file is made with mode 0600 before SQLite sees it: its WAL and shared memory inherit the mode.
2. Nothing in our processes opens the file but apsw: closing any other descriptor of it would drop SQLite's locks.
3. What is not ours is refused in one sentence and never touched: a newer schema, something that is no database.
4. A file of an earlier schema is brought to ours in one transaction, whoever opens it for writing first.
5. Whatever SQLite reports leaves this package as `StoreError`; `StoreBusy` says that trying again will do.

Source: https://www.sqlite.org/howtocorrupt.html section 2.2; https://www.sqlite.org/security.html (2026-11-20).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from ...core.errors import StoreError

FILE_NAME = "moonpalace.sqlite"
VERSION = 2
_ORIGINAL_TABLE = "moonshot_requests"


class StoreBusy(StoreError):
    """Another process holds the file; the same call will do a little later."""


class StoreEmpty(StoreError):
    """There is no record yet."""


class StoreOutdated(StoreError):
    """The file is of an earlier schema, or of the original program: opening it for writing brings it to ours."""


class StoreDamaged(StoreError):
    """SQLite cannot make sense of the file."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Errors of SQLite become ours."""
    try:
        yield
    except (apsw.BusyError, apsw.LockedError, apsw.SchemaChangeError) as error:
        raise StoreBusy(f"{path} is locked by another program") from error
    except apsw.NotADBError as error:
        raise StoreDamaged(f"{path} is not a database; `moonpalace doctor --recover` saves what it can") from error
    except apsw.CorruptError as error:
        raise StoreDamaged(f"{path} is damaged; `moonpalace doctor --recover` saves what it can") from error
    except apsw.FullError as error:
        raise StoreError(f"the disk is full: {path} cannot be written") from error
    except apsw.Error as error:
        raise StoreError(f"{path}: {error}") from error


def create(path: Path) -> None:
    """Make the file if there is none, private to its owner. Raises: StoreError if it is a link or no file."""
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    try:
        os.close(os.open(path, flags, 0o600))
    except FileExistsError:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise StoreError(f"{path} is not a plain file: move it away") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror or error}") from error


def open_writer(path: Path, busy_ms: int) -> apsw.Connection:
    """A connection that writes; makes the file and its schema where they are missing."""
    create(path)
    with translated(path):
        db = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            db.set_busy_timeout(busy_ms)
            _harden(db)
            _upgrade(db, path)
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA journal_size_limit = 67108864")
            # Every 64 MB: ids are random, so their index pages are touched again and again, and a checkpoint copies
            # each of them once. Measured over 90,000 exchanges: 43 µs each against 61 with 16 MB.
            db.execute("PRAGMA wal_autocheckpoint = 8000")
            db.execute("PRAGMA cache_size = -8000")
        except BaseException:
            db.close()
            raise
    return db


def open_reader(path: Path, busy_ms: int = 2000) -> apsw.Connection:
    """A connection that only reads. Raises: StoreError; a missing file is one too."""
    if not path.exists():
        raise StoreEmpty(f"{path} does not exist: nothing has been recorded yet")
    with translated(path):
        db = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            db.set_busy_timeout(busy_ms)
            _harden(db)
            db.execute("PRAGMA query_only = ON")
            version = check(db, path)
            if version == 0:
                raise StoreEmpty(f"{path} is empty: nothing has been recorded yet")
            if version < VERSION:
                raise StoreOutdated(f"{path} is of an earlier version (schema {version})")
        except BaseException:
            db.close()
            raise
    return db


def check(db: apsw.Connection, path: Path) -> int:
    """The schema version found, 0 for an empty file. Raises: StoreError when the file is not one of ours."""
    version = int(db.pragma("user_version") or 0)
    if version > VERSION:
        raise StoreError(f"{path} was written by a newer MoonPalace (schema {version}, known is {VERSION}): update")
    if version == 0:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if _ORIGINAL_TABLE in tables:
            raise StoreError(f"{path} was written by the original MoonPalace: move it away, importing is not built yet")
        if tables:
            raise StoreError(f"{path} is the database of another program: move it away")
    return version


def _harden(db: apsw.Connection) -> None:
    """Do not trust what the schema of a file says (T29)."""
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    db.execute("PRAGMA cell_size_check = ON")
    db.execute("PRAGMA mmap_size = 0")


def _upgrade(db: apsw.Connection, path: Path) -> None:
    """Bring the file to our schema, in one transaction. Two processes may try at once."""
    found = check(db, path)
    if found == VERSION:
        return
    if found == 0:
        # Both count only before the first page is written. 8 KB: a message seldom fits into 4, and half a page is lost.
        db.execute("PRAGMA page_size = 8192")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.pragma("journal_mode", "wal")
    db.execute("BEGIN IMMEDIATE")
    try:
        for version in range(check(db, path) + 1, VERSION + 1):
            migrate(db, version)
        db.execute("COMMIT")
    except BaseException:
        if not db.get_autocommit():
            db.execute("ROLLBACK")
        raise


def migrate(db: apsw.Connection, version: int) -> None:
    """One step: from the schema before `version` to it, rows included. Within the caller's transaction."""
    from importlib import resources

    from .migrations import ROWS

    folder = resources.files(__package__).joinpath("schema")
    statements = next(file for file in folder.iterdir() if file.name.startswith(f"{version:04d}_"))
    db.execute(statements.read_text("utf-8"))
    if version in ROWS:
        ROWS[version](db)
    db.execute(f"PRAGMA user_version = {version}")
