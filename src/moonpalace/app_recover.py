"""`moonpalace doctor --recover`: what can be read of damaged databases goes into the one of today.

1. Nothing is deleted: a file that was read is kept under another name, and not read again.
2. Each exchange comes once, by its uid; doing it twice, or being killed on the way, adds nothing twice.
3. A proxy may run meanwhile. What its journal still has comes first: that is whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from .core.errors import StoreError
from .librarian.catchup import take_in_dead_runs, wait_until_current
from .librarian.damage import set_aside
from .store.sqlite import FILE_NAME
from .store.sqlite.adopt import adopt
from .store.sqlite.aside import is_unreadable, mark_recovered, waiting
from .store.sqlite.salvage import Salvage, Saved

_LOOK = 600.0  # seconds for the look at the whole database
_CURRENT = 20.0  # and for the librarians

_ATTEMPTS = 5

Say = Callable[[str], None]


def recover(home: Path, *, say: Say) -> int:
    """Save what can be read. Gives 0, or 1 when something was lost. Raises: StoreError."""
    path = home / FILE_NAME
    try:
        moved = _set_aside(home)
        if moved is not None:
            say(f"note: the database is damaged; it is kept as {moved.name}, a new one was begun")
        found = waiting(path)
        if not found:
            say("note: nothing to recover")
            return 0
        take_in_dead_runs(home)
        wait_until_current(home, _CURRENT)
        return max([_save(path, each, say) for each in found])
    except OSError as error:
        raise StoreError(f"{error.filename or home}: {error.strerror or error}: mend that and try again") from None


def _set_aside(home: Path) -> Path | None:
    """Move the database aside if it is damaged; a librarian may be at it at the same time."""
    for _ in range(_ATTEMPTS):
        moved = set_aside(home, seconds=_LOOK, patience=_CURRENT)
        if moved is not None or not is_unreadable(home / FILE_NAME):
            return moved
    return None


def _save(path: Path, damaged: Path, say: Say) -> int:
    """One file; 1 when something in it was lost."""
    counted: Counter[str] = Counter()

    def told(saved: Saved, added: bool) -> None:
        counted["added" if added else "there"] += 1
        counted["in part"] += added and not saved.whole
        counted["bare"] += added and not (saved.said and saved.said["asked_start"])

    with closing(Salvage(damaged)) as salvage:
        if salvage.of_original:
            say(
                f"note: {damaged.name} was written by the original MoonPalace and stays as it is: try "
                f"`sqlite3 {damaged.name} .recover`"
            )
            return 1
        adopt(path, salvage.exchanges(), told, highest=salvage.highest)
        lost, pages, total = salvage.lost, salvage.damaged_pages, salvage.count
    say(
        f"note: {total} exchanges found in {damaged.name}: {counted['added']} added, {counted['there']} were there "
        f"already, {counted['in part']} only in part (flag salvaged)"
    )
    if counted["bare"]:
        say(f"note: of those in part, {counted['bare']} have lost their heads and bodies")
    if not total:
        say(f"note: no exchange can be read from {damaged.name}")
    elif lost or pages:
        say(
            f"note: {_counted(pages, 'page')} of it could not be read; {_counted(lost, 'exchange')} known to be missing"
        )
    kept = mark_recovered(damaged)
    say(f"note: {damaged.name} is kept as {kept.name}")
    return int(bool(lost or counted["in part"] or not total))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
