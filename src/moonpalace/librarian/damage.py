"""A damaged database out of the way of a new one: who finds it damaged makes sure, and one of them moves it.

1. One at a time: whoever has `aside.lock` looks once more and moves; the others meet the new file.
2. A file that changes while it is looked at is not moved: somebody is just putting it there.
3. The new file knows nothing of any run, so every journal that still exists is taken in from its oldest segment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ..journal.locks import FileLock
from ..store.sqlite import FILE_NAME

_SETTLE = 0.5  # seconds within which a file that is being written changes
_CHECK = 60.0  # seconds for a librarian's look at the whole file

TOLD = (
    "the database was damaged; it is kept as {name}, a new one was begun; "
    "`moonpalace doctor --recover` saves what can be read"
)


def set_aside(
    home: Path,
    *,
    certain: bool = False,
    seconds: float = _CHECK,
    patience: float = 0.0,
    wait: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> Path | None:
    """Move the database aside if it is damaged, and begin a new one; its new name.

    None: it is not damaged, or not ours, or somebody else is at it. `certain`: it was found damaged again and again,
    whatever a look at it says now. `patience`: seconds to wait for who is at it. Raises: StoreError, OSError.
    """
    from ..store.sqlite import aside
    from ..store.sqlite.salvage_pages import Pages
    from ..store.sqlite.salvage_tables import highest_id

    path = home / FILE_NAME
    if aside.signature(path) is None:
        return None
    lock = FileLock(home / "aside.lock")
    until = time.monotonic() + patience
    while not lock.try_acquire():
        if time.monotonic() >= until:
            return None
        time.sleep(0.05)
    try:
        before = aside.signature(path)
        if before is None:
            return None
        if not (aside.is_ours_to_move(path) if certain else aside.damage(path, seconds)):
            return None
        wait(_SETTLE)
        if aside.signature(path) != before:
            return None
        moved = aside.move(path, clock())
        with closing(Pages(moved)) as pages:
            highest = highest_id(pages)
        aside.begin_after(path, highest)
        return moved
    finally:
        lock.release()
