"""The composition root: with `app_traffic` the only place where concrete classes meet.

1. `open_record` is how commands get at the record: what dead runs left is taken in first.
2. Each function imports what it needs, for a command must not pay for the proxy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .app_mock import Job
    from .config import Config
    from .config_home import Place
    from .service.cleanup import Cleaning
    from .store.base import Reader


def start(config: Config) -> int:
    """Run the proxy until it is told to stop. Gives the exit code. Raises: UsageError, PortTakenError."""
    from .app_traffic import start

    return start(config)


def run(config: Config, command: Sequence[str], say: Callable[[str], None], umask: int = -1) -> int:
    """Run a program behind a proxy of its own. Gives its exit code. Raises: MoonPalaceError."""
    from .app_run import run

    return run(config, command, say, umask)


def mock(job: Job) -> int:
    """Run a Kimi API on this machine until it is told to stop. Gives the exit code. Raises: MoonPalaceError."""
    from .app_mock import mock

    return mock(job)


def clean_up(place: Place) -> Cleaning:
    """The record, ready to be cleaned. Raises: StoreError."""
    from .app_cleanup import clean_up

    return clean_up(place)


class Record:
    """The record, open for reading. `notes`: sentences that the user should see."""

    def __init__(self, reader: Reader, notes: tuple[str, ...] = ()) -> None:
        self.reader = reader
        self.notes = notes

    def close(self) -> None:
        """Give the file back."""
        self.reader.close()


def open_record(place: Place) -> Record:
    """The record, with everything in it that was captured until now. Raises: StoreError."""
    home: Path = place.home
    notes = _catch_up(home) if _has_runs(home) else ()
    from .store.sqlite import FILE_NAME, SqliteReader, StoreEmpty, StoreOutdated

    path = home / FILE_NAME
    try:
        try:
            reader = SqliteReader(path)
            if not notes and reader.in_flight_runs() and not _has_runs(home):
                notes = _catch_up(home)  # those runs have left nothing
            return Record(reader, notes)
        except StoreOutdated:
            from .store.sqlite import SqliteWriter

            told: list[str] = []
            SqliteWriter(path, busy_ms=60_000, tell=told.append).close()  # brings the file to the schema of today
            return Record(SqliteReader(path), (*told, *notes))
    except StoreEmpty:
        from .store.base import Nothing

        return Record(Nothing(), notes)


def _has_runs(home: Path) -> bool:
    """Whether any run has a journal: with none, nothing of the librarian needs to be imported."""
    try:
        with os.scandir(home / "journal") as found:
            return any(found)
    except OSError:
        return False


def _catch_up(home: Path) -> tuple[str, ...]:
    """Take in what is not in the record yet; what the user should know."""
    from .librarian.catchup import take_in_dead_runs, wait_until_current
    from .store.sqlite.connect import StoreFull

    try:
        take_in_dead_runs(home)
        if not wait_until_current(home):
            return ("the librarian is behind: what was captured last is not in the record yet",)
    except StoreFull:
        return ("the disk is full: what was captured last is not in the record yet; run: moonpalace cleanup",)
    return ()
