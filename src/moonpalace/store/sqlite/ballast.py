"""A file that holds room back: deleting needs some, and on a full disk there is none.

1. It lies beside the database and is given up a step at a time, each just before it is used: the journal of a running
   proxy is after the same room.
2. Its bytes are random: zeros take no room where the file system compresses.
3. It is made where plenty stays free, never on a small disk. Not having it is no error.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

NAME = "ballast"
SIZE = 4 << 20
PLENTY = 64 << 20  # what must stay free beside it
STEP = 512 << 10
LITTLE = 128 << 20  # free bytes that are not much: more than a log has that was not minded
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def make(home: Path, plenty: int = PLENTY) -> bool:
    """Make it, or make it whole again, if `plenty` stays free. Whether it is there now, whole."""
    path = home / NAME
    have = held(home)
    if have >= SIZE:
        return True
    try:
        if shutil.disk_usage(home).free - (SIZE - have) < plenty:
            return False
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | _FLAGS, 0o600)
    except OSError:
        return False
    try:
        return _fill(fd, have)
    except OSError:
        with contextlib.suppress(OSError):  # what is too little to make it may be needed for something better
            os.ftruncate(fd, have)
        return False
    finally:
        os.close(fd)


def _fill(fd: int, have: int) -> bool:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        return False
    if hasattr(os, "fchmod"):
        os.fchmod(fd, 0o600)  # a umask may have taken even that away
    os.lseek(fd, have, os.SEEK_SET)
    while have < SIZE:
        have += os.write(fd, os.urandom(min(STEP, SIZE - have)))
    return True


def give(home: Path) -> bool:
    """Give a step of it up. False: there is nothing left of it."""
    path = home / NAME
    try:
        fd = os.open(path, os.O_WRONLY | _FLAGS)
    except OSError:
        return False
    try:
        size = os.fstat(fd).st_size
        if size:
            os.ftruncate(fd, max(0, size - STEP))
    except OSError:
        return False
    finally:
        os.close(fd)
    if not size:
        with contextlib.suppress(OSError):
            path.unlink()
    return size > 0


def is_little_free(home: Path) -> bool:
    """Whether the disk will be full soon. Cost: one call of the system."""
    try:
        return shutil.disk_usage(home).free < LITTLE
    except OSError:
        return False


def held(home: Path) -> int:
    """The bytes that it holds back."""
    try:
        found = os.lstat(home / NAME)
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0
