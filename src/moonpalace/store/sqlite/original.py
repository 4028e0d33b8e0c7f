"""The take-over of a file that the original MoonPalace wrote: its rows are imported once, the file itself is kept.

1. The rows go into a new file beside the original, a batch a transaction, together with how far it has come. Whoever
   is killed anywhere leaves what the next one goes on from.
2. The new file takes the name only when it is whole. Before that the original gets its second name, so at every
   moment all the rows stand under one of the names.
3. Nobody writes to the original meanwhile (see `original_source`), and nobody may have it open when its name changes.
4. One process imports, others wait for it or get `StoreBusy`. Their lock is one of SQLite's on a file of its own: it
   ends with its holder, and nobody waits with the original open.
5. Where the disk knows no hard links, the original is renamed first; who comes after a kill in between finishes.

Source: https://www.sqlite.org/howtocorrupt.html sections 2.4 and 2.5, https://www.sqlite.org/lockingv3.html.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import apsw

from ...core.errors import StoreError
from ..rows import EXCHANGE, Story
from . import connect, content, original_rows, original_source
from .holders import holders
from .original_rows import Value
from .pieces import Pieces

_LOCK = "moonpalace.importing.lock"
_BATCH_ROWS, _BATCH_BYTES = 200, 8 << 20
_PATIENCE_MS = 3000

_INSERT = f"INSERT INTO exchanges (id, {', '.join(EXCHANGE)}) VALUES ({', '.join('?' * (len(EXCHANGE) + 1))})"
_INSERT_CONTENT = content.insert("INSERT")
_NOTE = "INSERT OR REPLACE INTO counters (name, value) VALUES (?, ?)"
_NOTES = "SELECT name, value FROM counters WHERE name GLOB 'original_*'"
_WHOLE = "original_rows"  # how many rows were taken over; stands there once all are
_REACHED = "original_reached"
_SOURCE = ("original_size", "original_changed", "original_newest")  # which state of which file is being imported
_MAKE_CACHES = (
    "CREATE TABLE IF NOT EXISTS moonshot_caches (id INTEGER PRIMARY KEY AUTOINCREMENT, cache_id TEXT, hash TEXT,"
    " n_bytes INTEGER, k_ident TEXT, created_at TEXT, updated_at TEXT)"
)
_REFUSED = (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError, apsw.RangeError, ValueError, OverflowError)

Tell = Callable[[str], None]


def take_over(path: Path, busy_ms: int, tell: Tell) -> None:
    """Take the original's file at `path` over, or go on with it; nothing if another process has just done so.

    Raises: StoreBusy while another process is at it or has the file open, StoreError; the original is there then.
    """
    with connect.translated(path), _alone(path, busy_ms):
        if original_source.is_original(path):
            with contextlib.suppress(OSError):
                os.chmod(path, 0o600)  # it holds prompts, and keys in other headers than Authorization
            _await_closed(path, busy_ms)
            _import(path, busy_ms, tell)
        else:
            _clear_up(path)


@contextmanager
def _alone(path: Path, busy_ms: int) -> Iterator[None]:
    """Only one process goes on from here."""
    lock = path.with_name(_LOCK)
    with closing(_locked(lock, path, busy_ms)):
        yield
        with contextlib.suppress(OSError):
            lock.unlink()


def _locked(lock: Path, path: Path, busy_ms: int) -> apsw.Connection:
    deadline = time.monotonic() + busy_ms / 1000
    while True:
        db = apsw.Connection(os.fspath(lock))
        try:
            db.set_busy_timeout(busy_ms)
            db.pragma("journal_mode", "memory")  # else there would be a second file
            db.execute("BEGIN EXCLUSIVE")
            return db
        except (apsw.BusyError, apsw.LockedError) as error:
            db.close()
            raise connect.StoreBusy(f"{path} is being taken over by another process: try again in a while") from error
        except apsw.IOError:  # whom we waited for has finished, and removed the file
            db.close()
            if time.monotonic() > deadline:
                raise


def _await_closed(path: Path, busy_ms: int) -> None:
    """Another command may just be looking; a program that stays is to be stopped by its user, who should hear of it."""
    deadline = time.monotonic() + min(busy_ms, _PATIENCE_MS) / 1000
    while others := holders(path):
        if time.monotonic() > deadline:
            raise connect.StoreBusy(
                f"{path} is to be taken over, but is open in another program ({'; '.join(others)}): stop that first"
            )
        time.sleep(0.01)


def _import(path: Path, busy_ms: int, tell: Tell) -> None:
    importing = path.with_name(connect.IMPORTING)
    with closing(original_source.open_source(path)) as source:
        original_source.hold(source, path, min(busy_ms, _PATIENCE_MS))
        state = _state(source, path)
        target = _resume(importing, state)
        try:
            if _WHOLE not in dict(target.execute(_NOTES)):
                rows = original_source.how_many(source)
                tell(f"taking over {rows} exchanges of the original MoonPalace; its file is kept as {_kept(path).name}")
                _copy(source, target)
                _complete(source, target)
        finally:
            target.close()
        _settle(importing)
        _await_closed(path, busy_ms)
        if os.name != "nt":
            _put_in_place(path, importing)
    if os.name == "nt":  # where an open file cannot be renamed
        _put_in_place(path, importing)
    tell("the exchanges of the original MoonPalace are in the record")


def _state(source: apsw.Connection, path: Path) -> dict[str, int]:
    found = os.stat(path)
    values = (found.st_size, found.st_mtime_ns, original_source.highest_id(source))
    return dict(zip(_SOURCE, values, strict=True))


def _resume(importing: Path, state: dict[str, int]) -> apsw.Connection:
    """The new file: as it was left, or made again where the original has changed since."""
    for _ in range(2):
        target = connect.open_ours(importing, 0)
        known = dict(target.execute(_NOTES))
        if not known:
            with target:
                target.executemany(_NOTE, state.items())
            return target
        if {name: known.get(name) for name in _SOURCE} == state:
            return target
        target.close()
        _remove(importing)
    raise connect.StoreBusy(f"{importing} is being written by another program")


def _copy(source: apsw.Connection, target: apsw.Connection) -> None:
    """All rows that are not there yet, batch by batch."""
    pieces = Pieces(target)
    rows = original_source.rows(source, dict(target.execute(_NOTES)).get(_REACHED))
    more = True
    while more:
        number = size = 0
        more = False
        with target:
            for row_id, row in rows:
                _insert(target, pieces, row_id, row)
                target.execute(_NOTE, (_REACHED, row_id))
                number, size = number + 1, size + sum(len(v) for v in row.values() if isinstance(v, bytes))
                if number >= _BATCH_ROWS or size >= _BATCH_BYTES:
                    more = True
                    break


def _insert(target: apsw.Connection, pieces: Pieces, row_id: int, row: dict[str, Value]) -> None:
    """The row, as whole as the file will have it."""
    attempts: tuple[Callable[[], Story], ...] = (
        lambda: original_rows.story(row, row_id),
        lambda: original_rows.raw(row, row_id),
        lambda: original_rows.raw(row, row_id, bodies=False),
    )
    for attempt in attempts:
        story = attempt()
        try:
            with target:
                target.execute(_INSERT, (row_id, *story.exchange))
                target.execute(_INSERT_CONTENT, (row_id, *content.row(pieces, story.content)))
            return
        except _REFUSED:
            pieces.forget()
    raise StoreError(f"the original's row {row_id} cannot be taken over")


def _complete(source: apsw.Connection, target: apsw.Connection) -> None:
    """What stands beside the rows: which ids were used, and the context caches. Then the new file is whole."""
    with target:
        target.execute("DELETE FROM sqlite_sequence WHERE name = 'exchanges'")
        highest = original_source.highest_id(source)
        target.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('exchanges', ?)", (highest,))
        for row in original_source.caches(source):
            target.execute(_MAKE_CACHES)
            texts = [v.decode("utf-8", "backslashreplace") if isinstance(v, bytes) else v for v in row.values()]
            marks = ", ".join("?" * len(row))
            target.execute(f"INSERT INTO moonshot_caches ({', '.join(row)}) VALUES ({marks})", texts)
        rows: Any = target.execute("SELECT count(*) FROM exchanges").fetchone()
        target.execute("DELETE FROM counters WHERE name = ?", (_REACHED,))
        target.execute(_NOTE, (_WHOLE, rows[0]))


def _settle(importing: Path) -> None:
    """All of the new file on the disk, and nothing beside it: its log would not be renamed with it."""
    with closing(connect.open_ours(importing, 0)) as db:
        db.execute("PRAGMA synchronous = FULL")
        found: Any = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if found[0]:
            raise connect.StoreBusy(f"{importing} is open in another program: close that first")


def _put_in_place(path: Path, importing: Path) -> None:
    kept = _kept(path)
    try:
        if not kept.exists():
            try:
                os.link(path, kept)
            except OSError:  # a disk without links
                os.rename(path, kept)
        _sync(path.parent)
        try:
            os.replace(importing, path)
        except OSError:
            if not path.exists():
                os.rename(kept, path)
            raise
        _sync(path.parent)
    except OSError as error:
        raise StoreError(f"{path} cannot be taken over: {error.strerror or error}") from error


def _kept(path: Path) -> Path:
    """The name under which the original is kept: its own already, or the first that is free."""
    names = _names(path, "original")
    return next(name for name in names if not os.path.lexists(name) or (path.exists() and name.samefile(path)))


def _names(path: Path, what: str) -> Iterator[Path]:
    return (path.with_name(f"{path.stem}.{what}{'' if n == 1 else f'-{n}'}{path.suffix}") for n in count(1))


def _clear_up(path: Path) -> None:
    """There is no original any more: finish what a kill left, or remove what nothing can finish."""
    importing = path.with_name(connect.IMPORTING)
    if not importing.exists():
        return
    with closing(connect.open_ours(importing, 0)) as db:
        whole = _WHOLE in dict(db.execute(_NOTES))
    if not whole:
        _remove(importing)
    elif not path.exists() or path.stat().st_size == 0:
        _settle(importing)
        os.replace(importing, path)
        _sync(path.parent)
    else:  # somebody put another file under the name: nothing is thrown away
        os.replace(importing, next(name for name in _names(path, "imported") if not os.path.lexists(name)))


def _remove(importing: Path) -> None:
    for end in ("-wal", "-shm", "-journal", ""):
        importing.with_name(importing.name + end).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Names in the folder are on the disk; where a folder can be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
