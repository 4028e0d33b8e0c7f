"""Opening the file, for writing and for reading.

1. The file is made with mode 0600 before SQLite sees it: its WAL and shared memory inherit the mode.
2. Nothing in our processes opens the file but apsw: closing any other descriptor of it would drop SQLite's locks.
3. What is not ours is refused in one sentence and never touched: a newer schema, something that is no database.
4. A file of an earlier schema is brought to ours in one transaction, whoever opens it for writing first. One of the
   original program is taken over: see `original`.
5. Whatever SQLite reports leaves this package as `StoreError`; `StoreBusy` says that trying again will do.

Source: https://www.sqlite.org/howtocorrupt.html section 2.2; https://www.sqlite.org/security.html (2026-11-20).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from ...core.errors import StoreError

FILE_NAME = "moonpalace.sqlite"
IMPORTING = "moonpalace.importing.sqlite"  # what becomes of a file of the original program, until it is whole
VERSION = 3
USUAL, EARLY = 8000, 200  # pages of the log after which it is worked into the file
_ORIGINAL_TABLE = "moonshot_requests"


class StoreBusy(StoreError):
    """Another process holds the file; the same call will do a little later."""


class StoreEmpty(StoreError):
    """There is no record yet."""


class StoreOutdated(StoreError):
    """The file is of an earlier schema, or of the original program: opening it for writing brings it to ours."""


class StoreOriginal(StoreOutdated):
    """The file is of the original program."""


class StoreDamaged(StoreError):
    """SQLite cannot make sense of the file."""


class StoreFull(StoreError):
    """The disk has no room for what is to be written."""


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
        raise StoreFull(f"the disk is full: {path} cannot be written") from error
    except apsw.Error as error:
        if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE:
            raise StoreFull(f"the disk is full: there is no room for {path}-shm") from error
        raise StoreError(f"{path}: {error}") from error


def create(path: Path) -> bool:
    """Make the file if there is none, private to its owner; whether it was made now.

    Raises: StoreError if it is a link or no file.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    try:
        os.close(os.open(path, flags, 0o600))
        return True
    except FileExistsError:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise StoreError(f"{path} is not a plain file: move it away") from None
        return False
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror or error}") from error


def open_writer(path: Path, busy_ms: int, tell: Callable[[str], None] = lambda text: None) -> apsw.Connection:
    """A connection that writes; makes the file and its schema where they are missing, takes over the original's."""
    if not _unfinished(path):
        try:
            return open_ours(path, busy_ms)
        except StoreOriginal:
            pass
    from .original import take_over  # not before it is needed: it can read every answer there is

    take_over(path, busy_ms, tell)
    return open_ours(path, busy_ms)


def open_ours(path: Path, busy_ms: int) -> apsw.Connection:
    """A connection that writes to a file that is ours, or becomes it. Raises: StoreOriginal, StoreError."""
    while True:
        try:
            return _open(path, busy_ms)
        except _Replaced:
            continue


class _Replaced(Exception):
    """Another file got the name while this one was being opened: a take-over has just come to its end."""


def _open(path: Path, busy_ms: int) -> apsw.Connection:
    if not create(path):
        _refuse_emptied(path)
    with translated(path):
        before = _identity(path)
        db = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            db.set_busy_timeout(busy_ms)
            harden(db)
            # The log is found by name: one that was put there with another file must not be worked into this one.
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            check(db, path)
            if _identity(path) != before:
                raise _Replaced
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
            _upgrade(db, path)
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA journal_size_limit = 67108864")
            # Every 64 MB: ids are random, so their index pages are touched again and again, and a checkpoint copies
            # each of them once. Measured over 90,000 exchanges: 43 µs each against 61 with 16 MB.
            db.execute(f"PRAGMA wal_autocheckpoint = {USUAL}")
            db.execute("PRAGMA cache_size = -8000")
        except BaseException:
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # a damaged file stays as it is found
            db.close()
            raise
    return db


def open_reader(path: Path, busy_ms: int = 2000) -> apsw.Connection:
    """A connection that only reads. Raises: StoreError; a missing file is one too."""
    if not path.exists():
        if _unfinished(path):
            raise StoreOutdated(f"{path} is being taken over from the original MoonPalace")
        raise StoreEmpty(f"{path} does not exist: nothing has been recorded yet")
    _refuse_emptied(path)
    try:
        return _open_reader(path, os.fspath(path), apsw.SQLITE_OPEN_READONLY, busy_ms)
    except StoreFull:
        # No room for the shared memory, so nobody else has the file open; and without a log nothing is left out.
        if _size(f"{path}-wal"):
            raise
        name = f"{path.absolute().as_uri()}?immutable=1"
        return _open_reader(path, name, apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI, busy_ms)


def _open_reader(path: Path, name: str, flags: int, busy_ms: int) -> apsw.Connection:
    with translated(path):
        db = apsw.Connection(name, flags=flags)
        try:
            db.set_busy_timeout(busy_ms)
            harden(db)
            db.execute("PRAGMA query_only = ON")
            try:
                version = check(db, path)
            except apsw.ReadOnlyError:
                raise StoreOutdated(f"{path} was left in the middle of a transaction of an earlier program") from None
            if version == 0:
                raise StoreEmpty(f"{path} is empty: nothing has been recorded yet")
            if version < VERSION:
                raise StoreOutdated(f"{path} is of an earlier version (schema {version})")
        except BaseException:
            db.close()
            raise
    return db


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise _Replaced from None
    return found.st_dev, found.st_ino


def _unfinished(path: Path) -> bool:
    """Whether a take-over of the original's file was begun and has not come to its end."""
    return os.path.lexists(path.with_name(IMPORTING))


def emptied(path: Path) -> bool:
    """Whether the file has nothing in it and its log has: SQLite would drop the log."""
    try:
        return os.stat(path).st_size == 0 < os.stat(f"{path}-wal").st_size
    except OSError:
        return False


def _refuse_emptied(path: Path) -> None:
    if emptied(path):
        raise StoreDamaged(f"{path} is empty, and its log is not; `moonpalace doctor --recover` saves what it can")


def check(db: apsw.Connection, path: Path) -> int:
    """The schema version found, 0 for an empty file. Raises: StoreError when the file is not one of ours."""
    version = int(db.pragma("user_version") or 0)
    if version > VERSION:
        raise StoreError(f"{path} was written by a newer MoonPalace (schema {version}, known is {VERSION}): update")
    if version == 0:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if _ORIGINAL_TABLE in tables:
            raise StoreOriginal(f"{path} was written by the original MoonPalace and has not been taken over yet")
        if tables:
            raise StoreError(f"{path} is the database of another program: move it away")
    return version


def harden(db: apsw.Connection) -> None:
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
