"""The database file: whose it is, what it is, whether it is sound, and whether somebody keeps it locked."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from ...core.errors import StoreError
from ...store.sqlite import FILE_NAME, StoreBusy, checkup
from ...store.sqlite.checkup import Kind
from ..diagnosis import LIMIT, Result, Subject, Verdict, amount, fail, ok, warn
from .holders import holder

_RECOVER = "run: moonpalace doctor --recover"
_OTHERS = {
    Kind.EMPTY: (Verdict.OK, "{path} is empty: nothing is recorded yet", ""),
    Kind.ORIGINAL: (Verdict.OK, "{path} was written by the original program: the next start takes it over", ""),
    Kind.OLDER: (Verdict.OK, "{path} has schema {version}: the next start brings it up to date", ""),
    Kind.NEWER: (Verdict.FAIL, "{path} was written by a newer MoonPalace (schema {version})", "update this one"),
    Kind.FOREIGN: (Verdict.FAIL, "{path} is the database of another program", "move it away"),
}


def database(subject: Subject) -> Result | None:
    """The worst that is true of it."""
    if subject.home is None:
        return None
    path = subject.home / FILE_NAME
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ok("none yet: the first start makes it")
    if not stat.S_ISREG(found.st_mode):
        return fail(f"{path} is not a plain file", "move it away")
    if os.name == "posix" and found.st_uid != os.getuid():
        quoted = shlex.quote(str(path))
        return fail(f"{path} belongs to another user (uid {found.st_uid})", f"run: sudo chown {os.getuid()} {quoted}")
    try:
        return _look(path, stat.S_IMODE(found.st_mode))
    except StoreBusy:
        who = holder(path, subject.proc) or "another program"
        return fail(
            f"{path} is locked by {who}", "end that program or its transaction; meanwhile the journal keeps all"
        )
    except StoreError as error:
        return fail(str(error))


def _look(path: Path, mode: int) -> Result:
    """What is in it. Raises: StoreError."""
    sound = "no damage found"
    try:
        if complaint := checkup.check_file(path, LIMIT):
            return fail(f"{path} is damaged ({complaint})", _RECOVER)
    except checkup.Unfinished:
        sound = f"no damage found within {LIMIT:g} s, and not read to the end"
    kind, version = checkup.identify(path)
    if kind in _OTHERS:
        verdict, text, remedy = _OTHERS[kind]
        return Result(verdict, text.format(path=path, version=version), remedy)
    checkup.try_write_lock(path)
    if os.name == "posix" and mode & 0o077:
        return warn(f"other users may read {path} ({mode:04o})", f"run: chmod 600 {shlex.quote(str(path))}")
    size = sum(found.stat().st_size for found in (path, Path(f"{path}-wal")) if found.exists())
    return ok(f"{path}: {amount(size)}, schema {version}, {sound}")


def moved_aside(subject: Subject) -> Result | None:
    """Files that were found damaged and replaced by a new one."""
    if subject.home is None:
        return None
    beside = ("-wal", "-shm", "-journal", ".recovered")
    found = sorted(p.name for p in subject.home.glob("*.corrupt-*") if not p.name.endswith(beside))
    if not found:
        return None
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return warn(f"damaged and moved aside: {', '.join(found[:3])}{more}", f"to save what is in there, {_RECOVER}")
