"""What commands do before they read: take in what a crash left behind, and wait until a living librarian is up to date.

1. A dead run is taken in by whoever gets its `take.lock`; the others pass it by.
2. Rows in flight whose run has left no folder become `interrupted`. The store is asked first and the folder looked for
   afterwards: a run that begins in between is not mistaken for a dead one.
3. With nothing to do the store is not opened for writing, and not made; what would write is not even imported, for
   looking at the record must start at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..core.errors import StoreError
from ..journal import runs
from ..journal.locks import FileLock
from ..journal.runs import Run
from ..store.rows import Position
from ..store.sqlite import FILE_NAME, SqliteReader, StoreBusy, StoreDamaged

if TYPE_CHECKING:
    from ..store.sqlite import SqliteWriter

_T = TypeVar("_T")
_PATIENCE = 10.0  # seconds for a store that others hold


def take_in_dead_runs(home: Path, *, tell: Callable[[str], None] = lambda text: None) -> int:
    """Take in what dead runs left; how many exchanges that were. Raises: StoreError."""
    dead = [run for run in runs.list_runs(home) if not runs.is_alive(run)]
    orphans = _orphans(home)
    if not dead and not orphans:
        return 0
    from ..store.sqlite import SqliteWriter

    store = SqliteWriter(home / FILE_NAME, busy_ms=2000, tell=tell)
    try:
        taken = sum(take_in(run, store, tell, home) for run in dead)
        for orphan in orphans:
            _patiently(partial(store.interrupt, orphan))
    finally:
        store.close()
    return taken


def take_in(run: Run, store: SqliteWriter, tell: Callable[[str], None], home: Path) -> int:
    """Take in all of a dead run and remove its folder; 0 when somebody else is at it."""
    from .clean import cleaner
    from .taker import Taker

    lock = FileLock(run.path / "take.lock")
    try:
        if not lock.try_acquire():
            return 0
    except OSError:
        return 0  # gone: somebody else has just finished it
    try:
        if runs.is_alive(run):
            return 0
        taker = Taker(run, store, cleaner(home))
        try:
            while _patiently(taker.step) is not None:
                pass
            _patiently(taker.finish)
            for text in taker.troubles:
                tell(text)
        finally:
            taker.close()
        discard(run, lock)
        return taker.taken
    finally:
        lock.release()


def discard(run: Run, lock: FileLock) -> None:
    """Remove the folder of a run that is taken in. The lock stays ours for as long as the system allows it."""
    if runs.OPEN_FILES_STAY:
        lock.release()
    runs.remove(run)


def wait_until_current(home: Path, timeout: float = 2.0) -> bool:
    """Wait until the store has what the journals hold now. False when that takes too long. Raises: StoreError.

    Dead runs are waited for, too: their own librarian may be at it, and if it dies on the way, it is our turn.
    """
    deadline = time.monotonic() + timeout
    while any(not runs.is_alive(run) for run in runs.list_runs(home)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
        take_in_dead_runs(home)
    wanted = {run.path.name: runs.end(run.path) for run in runs.list_runs(home) if runs.is_alive(run)}
    wanted = {name: position for name, position in wanted.items() if position != (0, 0)}
    while not _reached(home, wanted):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _reached(home: Path, wanted: dict[str, Position]) -> bool:
    if not wanted:
        return True
    try:
        reader = SqliteReader(home / FILE_NAME)
    except StoreDamaged:
        raise
    except StoreError:
        return False
    try:
        progress = reader.progress()
    except StoreDamaged:
        raise
    except StoreError:
        return False
    finally:
        reader.close()
    return all(name in progress and progress[name].position >= position for name, position in wanted.items())


def _orphans(home: Path) -> list[str]:
    """Runs that rows in flight name and that have no folder."""
    try:
        reader = SqliteReader(home / FILE_NAME)
    except StoreDamaged:
        raise
    except StoreError:
        return []
    try:
        named = reader.in_flight_runs()
    finally:
        reader.close()
    return [name for name in named if not (runs.folder(home) / name).is_dir()]


def _patiently(step: Callable[[], _T]) -> _T:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return step()
        except StoreBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
