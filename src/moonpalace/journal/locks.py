"""A lock that lives as long as its holder: who has it is alive.

1. `flock` where there is `fcntl`, a locked byte where there is `msvcrt`; the system lets go when the process dies.
2. Without both, a file that exists while the lock is held and names its holder: pid, start time, boot id.
   A lock whose holder is gone is nobody's.
3. The descriptor is not handed to children: neither over `exec` (Python's default) nor over `fork`.
4. Asking never takes a lock away from its owner, but it may disturb an attempt made at that very instant:
   an owner makes its lock before anybody can know of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import weakref
from pathlib import Path

from .process import Identity, is_running, myself

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
try:
    import msvcrt
except ImportError:
    msvcrt = None  # type: ignore[assignment]

_held: weakref.WeakSet[FileLock] = weakref.WeakSet()


def by_system() -> bool:
    """Whether the system has locks that end with their holder."""
    return fcntl is not None or msvcrt is not None


class FileLock:
    """One lock on one path."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        return self._fd is not None

    def try_acquire(self) -> bool:
        """Take the lock if it is free. Raises: OSError when the file cannot be made."""
        if self._fd is not None:
            return True
        if not by_system():
            self._fd = _acquire_by_file(self._path)
        else:
            self._fd = _acquire_by_system(self._path)
        if self._fd is not None:
            _held.add(self)
        return self._fd is not None

    def release(self) -> None:
        """Let go. Harmless when nothing is held."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        _held.discard(self)
        os.close(fd)
        if not by_system():
            with contextlib.suppress(OSError):
                self._path.unlink()

    def forget(self) -> None:
        """In a forked child: close the copy of the descriptor; the lock stays the parent's."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):
                os.close(fd)


def is_held(path: Path) -> bool:
    """Whether somebody alive holds the lock of that path."""
    if not path.exists():
        return False
    if not by_system():
        return _living_holder(path)
    try:
        fd = _acquire_by_system(path, make=False)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # not ours to open: to be taken for alive is the harmless mistake
    if fd is None:
        return True
    os.close(fd)
    return False


def _acquire_by_system(path: Path, *, make: bool = True) -> int | None:
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | (os.O_CREAT if make else 0)
    fd = os.open(path, flags, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    except OSError:
        os.close(fd)
        return None
    return fd


def _acquire_by_file(path: Path) -> int | None:
    for _ in range(3):
        try:
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except FileExistsError:
            if _living_holder(path) or not _clear_away(path):
                return None
            continue
        os.write(fd, json.dumps(myself()).encode())
        return fd
    return None


def _clear_away(path: Path) -> bool:
    """Remove the lock of a dead holder. Of several that try, one renames it; the others see it gone."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.stale")
    try:
        os.replace(path, aside)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    alive = _living_holder(aside)  # a new holder may have come between the look and the rename
    with contextlib.suppress(OSError):
        os.replace(aside, path) if alive else aside.unlink()
    return not alive


def _living_holder(path: Path) -> bool:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    try:
        pid, started_at, boot_id = json.loads(text)
        return is_running(Identity(int(pid), started_at, boot_id))
    except (ValueError, TypeError):
        # Being written at this instant, or cut off by a crash: age decides.
        return _age_s(path) < 5


def _age_s(path: Path) -> float:
    """Seconds since the file was written, by the clock of its own file system."""
    probe = path.with_name(f"{path.name}.{os.getpid()}.now")
    try:
        probe.touch(0o600)
        age = probe.stat().st_mtime - path.stat().st_mtime
        probe.unlink()
    except OSError:
        return 0.0
    return age


def _forget_all() -> None:
    for lock in list(_held):
        lock.forget()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
