"""The directory that holds the record: private to this user, or refused.

1. 0700 under any umask. A directory that is a link, somebody else's, or writable by others is refused (T08).
2. A looser mode left by the original program is tightened once, and that is said.
3. The salt of the fingerprints lies here; it is made once.
4. Every refusal names the ways out: mend it, another directory, or no record at all (F43).
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from shlex import quote

from ..core.errors import UsageError

_WAYS_OUT = "set MOONPALACE_HOME to another directory, or start with --no-store to keep nothing"


def prepare_home(home: Path) -> list[str]:
    """Make or check the directory. Gives sentences worth saying. Raises: UsageError."""
    try:
        _make(home)
        found = os.lstat(home)
    except OSError as error:
        raise UsageError(f"{home} cannot be used for the record ({error.strerror}): {_WAYS_OUT}") from None
    if stat.S_ISLNK(found.st_mode):
        raise UsageError(
            f"{home} is a symbolic link: set MOONPALACE_HOME to the directory itself, or start with --no-store"
        )
    if os.name != "posix":
        return []
    if found.st_uid != os.getuid():
        raise UsageError(f"{home} belongs to another user: {_WAYS_OUT}")
    if not os.access(home, os.W_OK | os.X_OK):
        raise UsageError(f"{home} cannot be written: give yourself the permission, {_WAYS_OUT}")
    if not found.st_mode & 0o077:
        return []
    used = any(home.iterdir())
    if used and found.st_mode & 0o022:
        raise UsageError(
            f"other users may write into {home}: look through what is in it, then run: "
            f"chmod 700 {quote(os.fspath(home))}"
        )
    os.chmod(home, 0o700)
    return [f"{home} was open to other users; it is private to you now (0700)"] if used else []


def _make(home: Path) -> None:
    if os.path.lexists(home):
        if not home.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(home, 0o700)  # a umask may have taken even that away


def salt(home: Path) -> bytes:
    """The salt of this installation, 32 bytes. Raises: UsageError."""
    path = home / "salt"
    try:
        found = _read(path)
        if len(found) != 32:  # none yet, or what a full disk left of one
            fresh = secrets.token_bytes(32)
            try:
                _write(path, fresh, over=bool(found) or path.exists())
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                return fresh  # good for this run; it cannot be compared with others
            found = _read(path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be used ({error.strerror}): mend its permissions, or start with --no-store to keep nothing"
        ) from None
    return found if len(found) == 32 else secrets.token_bytes(32)


def _read(path: Path) -> bytes:
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(path, os.O_RDONLY | flags)
    except FileNotFoundError:
        return b""
    try:
        return os.read(fd, 64)
    finally:
        os.close(fd)


def _write(path: Path, data: bytes, *, over: bool) -> None:
    """Put a whole file there at once; of several processes that do, the first wins unless `over`."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        try:
            os.write(fd, data)
            if hasattr(os, "fchmod"):
                os.fchmod(fd, 0o600)  # a umask may have taken even that away
        finally:
            os.close(fd)
        if over:
            os.replace(beside, path)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(beside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
