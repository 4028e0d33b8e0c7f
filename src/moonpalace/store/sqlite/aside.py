"""A damaged file out of the way of a new one: `moonpalace.sqlite.corrupt-<UTC>`, with its log and shared memory.

1. Nothing is ever deleted, and nothing is written into what is moved: it is evidence, and may be saved later.
2. A file is moved only if SQLite itself finds damage. Another program's, or a newer MoonPalace's, stays where it is.
3. The moved names are there before the old ones go: SQLite drops a log beside a file that is new, and whoever is
   killed in between has lost nothing. The next one goes on under the same name.
4. Who has the file open keeps it: only names change. Our writers look at the inode before they write.
5. The caller sees to it that nobody else moves at the same time.

Source: https://www.sqlite.org/howtocorrupt.html sections 2.4 and 2.5 (2026-11-20).
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from pathlib import Path
from typing import Any

from . import checkup
from .checkup import Kind
from .connect import StoreDamaged, emptied, open_writer, translated

_MARK = ".corrupt-"
RECOVERED = ".recovered"
_BESIDE = ("-wal", "-shm")

Signature = tuple[int, int, int, int]


def signature(path: Path) -> Signature | None:
    """Changes when the file is replaced or written; None when there is none, or a link."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def damage(path: Path, seconds: float) -> str | None:
    """What is wrong with a file of ours; None when nothing was found in that time. Raises: StoreError."""
    if emptied(path):
        return "the file is empty, and its log is not"
    try:
        kind, _ = checkup.identify(path)
        return None if kind in (Kind.FOREIGN, Kind.NEWER) else checkup.check_file(path, seconds)
    except StoreDamaged as error:
        return str(error.__cause__).lower()
    except checkup.Unfinished:
        return None


def is_unreadable(path: Path) -> bool:
    """Whether a first look already finds damage. Raises: StoreError."""
    if not path.exists() or emptied(path):
        return path.exists()
    try:
        checkup.identify(path)
    except StoreDamaged:
        return True
    return False


def is_ours_to_move(path: Path) -> bool:
    """Whether it is no sound file of somebody else. Raises: StoreError."""
    try:
        return checkup.identify(path)[0] not in (Kind.FOREIGN, Kind.NEWER)
    except StoreDamaged:
        return True


def move(path: Path, at: float) -> Path:
    """Give the file its other name; `at` is the time that the name tells. Raises: OSError."""
    target = _begun(path) or _free_name(path, at)
    try:
        if not target.exists():
            os.link(path, target)
    except OSError:  # this file system gives a file one name only
        _rename(path, target)
        return target
    for end in _BESIDE:
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            os.link(f"{path}{end}", f"{target}{end}")
    for end in (*reversed(_BESIDE), ""):  # the shared memory first: a new file must never find that of the old one
        if _same(f"{path}{end}", f"{target}{end}"):
            os.unlink(f"{path}{end}")
    return target


def begin_after(path: Path, highest: int) -> None:
    """Make the new file; ids go on above `highest`, so that an id means one exchange, also after `recover`."""
    db = open_writer(path, 2000)
    try:
        with translated(path):
            db.execute("BEGIN IMMEDIATE")  # a look before the lock is taken would be out of date once it is
            found: Any = db.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'exchanges'").fetchone()
            if (found[0] or 0) < highest:
                db.execute("DELETE FROM sqlite_sequence WHERE name = 'exchanges'")
                db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('exchanges', ?)", (highest,))
            db.execute("COMMIT")
    finally:
        db.close()


def waiting(path: Path) -> list[Path]:
    """The files that were moved aside and not recovered yet, oldest first."""
    return [each for each in _moved(path) if not _same(each, path)]


def mark_recovered(moved: Path) -> Path:
    """Its name once everything that can be read is saved. Raises: OSError."""
    target = moved.with_name(moved.name + RECOVERED)
    _rename(moved, target)
    return target


_NOT_WAITING = (*_BESIDE, "-journal", RECOVERED)


def _free_name(path: Path, at: float) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
    taken = {each.name.removesuffix(RECOVERED) for each in path.parent.glob(f"{path.name}{_MARK}{stamp}*")}
    number, name = 1, f"{path.name}{_MARK}{stamp}"
    while any(each == name or each.startswith((f"{name}-w", f"{name}-s", f"{name}{RECOVERED}")) for each in taken):
        number += 1
        name = f"{path.name}{_MARK}{stamp}-{number}"
    return path.with_name(name)


def _moved(path: Path) -> list[Path]:
    return sorted(each for each in path.parent.glob(f"{path.name}{_MARK}*") if not each.name.endswith(_NOT_WAITING))


def _begun(path: Path) -> Path | None:
    """Where somebody who was killed was moving it."""
    return next((each for each in _moved(path) if _same(each, path)), None)


def _same(one: Path | str, other: Path | str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _rename(path: Path, target: Path) -> None:
    """The file itself last: whoever is killed in between begins again."""
    for end in (*_BESIDE, ""):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{end}", f"{target}{end}")
