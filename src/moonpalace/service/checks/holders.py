"""Who has a lock on a file, as the kernel tells (Linux).

1. Only locks that keep others from writing count; SQLite's readers are nobody's trouble.
2. Nothing is opened: closing a descriptor of a database would drop the locks of our own process.

Source: proc(5), /proc/locks.
"""

from __future__ import annotations

import os
from pathlib import Path


def holder(path: Path, proc: Path = Path("/proc")) -> str | None:
    """`name (pid N)` of who holds the database at that path; None when it is not known."""
    inodes = {str(found.st_ino) for found in map(_stat, (path, Path(f"{path}-shm"))) if found is not None}
    try:
        lines = (proc / "locks").read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        # 1: POSIX ADVISORY WRITE 4711 08:01:1234 120 120; a waiting one has -> in second place
        if len(fields) >= 6 and fields[3] == "WRITE" and fields[5].rpartition(":")[2] in inodes:
            return _named(fields[4], proc)
    return None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _named(pid: str, proc: Path) -> str | None:
    try:
        return f"{(proc / pid / 'comm').read_text('utf-8', 'replace').strip()} (pid {pid})"
    except OSError:  # of another container, or gone
        return None
