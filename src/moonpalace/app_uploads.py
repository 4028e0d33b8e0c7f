"""The folder in which a mock keeps what is uploaded to it, for as long as it runs.

1. It is private, and removed at the end. A mock that was killed could not do that: the next one that starts does, for
   every such folder of this user whose lock nobody holds.
2. A folder without a lock, or a young one, is let be: it may be in the making.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .core.errors import UsageError
from .journal.locks import FileLock, is_held

PREFIX = "moonpalace-mock-"
LOCK = "lock"
YOUNG = 5.0  # seconds


@contextmanager
def folder() -> Iterator[Path]:
    """A new one. Raises: UsageError when there is no place for it."""
    try:
        made = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
    except OSError as error:
        raise UsageError(f"no temporary directory can be made ({error.strerror}) for uploads; set TMPDIR") from None
    with made as name:
        path = Path(name)
        lock = FileLock(path / LOCK)
        with suppress(OSError):  # on a full disk it goes without: nobody will take it for one that was left
            lock.try_acquire()
        sweep(path.parent, time.time() - YOUNG)
        try:
            yield path
        finally:
            lock.release()


def sweep(place: Path, before: float) -> None:
    """Remove the folders there that mocks made before that time, and that none holds any more."""
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with suppress(OSError):
                    _sweep(entry, before)


def _sweep(entry: os.DirEntry[str], before: float) -> None:
    about = entry.stat(follow_symlinks=False)
    path = Path(entry.path, LOCK)
    if not entry.is_dir(follow_symlinks=False) or about.st_mtime > before or not path.is_file():
        return
    if hasattr(os, "getuid") and about.st_uid != os.getuid():
        return
    if not is_held(path):
        shutil.rmtree(entry.path, ignore_errors=True)
