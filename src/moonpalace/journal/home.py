"""The directory that holds the record: private to this user, or refused.

1. 0700 under any umask. A directory that is a link, somebody else's, or writable by others is refused (T08).
2. A looser mode left by the original program is tightened once, and that is said.
3. The salt of the fingerprints lies here; it is made once.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from ..core.errors import UsageError


def prepare_home(home: Path) -> list[str]:
    """Make or check the directory. Gives sentences worth saying. Raises: UsageError."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(home)
    except OSError as error:
        raise UsageError(f"{home} cannot be used for the record ({error.strerror}): set MOONPALACE_HOME to another directory") from None
    if stat.S_ISLNK(found.st_mode):
        raise UsageError(f"{home} is a symbolic link: set MOONPALACE_HOME to the directory itself")
    if os.name != "posix":
        return []
    if found.st_uid != os.getuid():
        raise UsageError(f"{home} belongs to another user: set MOONPALACE_HOME to a directory of your own")
    if not os.access(home, os.W_OK | os.X_OK):
        raise UsageError(f"{home} cannot be written: give yourself the permission, or set MOONPALACE_HOME")
    if found.st_mode & 0o077:
        os.chmod(home, 0o700)
        return [f"{home} was open to other users; it is private to you now (0700)"] if any(home.iterdir()) else []
    return []


def salt(home: Path) -> bytes:
    """The salt of this installation, 32 bytes. Raises: UsageError."""
    path = home / "salt"
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, 0o600)
            try:
                os.write(fd, secrets.token_bytes(32))
            finally:
                os.close(fd)
        except FileExistsError:
            pass
        fd = os.open(path, os.O_RDONLY | flags)
        try:
            found = os.read(fd, 64)
        finally:
            os.close(fd)
    except OSError as error:
        raise UsageError(f"{path} cannot be used ({error.strerror}): mend its permissions") from None
    # An empty file: a process was killed between making and filling it, or the disk is full. Without salt a
    # fingerprint of this run only cannot be compared with others.
    return found if len(found) == 32 else secrets.token_bytes(32)
