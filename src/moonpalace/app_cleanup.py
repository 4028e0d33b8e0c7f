"""`moonpalace cleanup`, put together: the store's cleaner, the ballast that helps it on a full disk, the dead runs.

1. What dead runs left is taken in first, so that it can be old too. On a full disk that must wait until there is room.
2. Where the ballast was given up it is made again, as soon as it leaves as much free as it takes.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from .config_home import Place
from .service.cleanup import Cleaning, Empty
from .store.sqlite import FILE_NAME, ballast
from .store.sqlite.cleaner import SqliteCleaner
from .store.sqlite.connect import StoreFull

_BEHIND = "the librarian is behind: what was captured last is not in the record yet, and stays"
_FULL = "the disk is full: what was captured last is not in the record yet, and stays"


def clean_up(place: Place) -> Cleaning:
    """The record, ready to be cleaned. Raises: StoreError."""
    home: Path = place.home
    notes: tuple[str, ...] = ()
    journal = (home / "journal").is_dir()
    if journal:
        notes = _take_in(home)
    path = home / FILE_NAME
    if not path.exists():
        return Cleaning(Empty(), notes)
    cleaner = SqliteCleaner(path, partial(ballast.give, home))
    return Cleaning(cleaner, notes, partial(_restore, home, ballast.held(home)))


def _take_in(home: Path) -> tuple[str, ...]:
    from .librarian.catchup import take_in_dead_runs, wait_until_current

    try:
        take_in_dead_runs(home)
        return () if wait_until_current(home) else (_BEHIND,)
    except StoreFull:
        return (_FULL,)


def _restore(home: Path, before: int) -> None:
    """Afterwards: the ballast."""
    if ballast.held(home) < before:
        ballast.make(home, plenty=ballast.SIZE)
