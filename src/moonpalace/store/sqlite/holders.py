"""Which other programs have a file open, where the system tells.

Why: SQLite finds a file's journals by its name. A program that goes on with a file under whose name another one has
been put writes into the journals of that one, and ruins it. No lock tells of a program that is idle.

Source: https://www.sqlite.org/howtocorrupt.html section 2.4 (2026-11-20).
"""

from __future__ import annotations

import os
from pathlib import Path

_PROCESSES = Path("/proc")


def holders(path: Path) -> list[str]:
    """Name and pid of each other process with the file open. Empty where there is no /proc, or no leave to look."""
    try:
        wanted = os.stat(path)
        pids = [name for name in os.listdir(_PROCESSES) if name.isdigit() and int(name) != os.getpid()]
    except OSError:
        return []
    return [f"{_name(pid)}, pid {pid}" for pid in pids if _has_open(pid, path.name, wanted)]


def _has_open(pid: str, name: str, wanted: os.stat_result) -> bool:
    folder = _PROCESSES / pid / "fd"
    try:
        numbers = os.listdir(folder)
    except OSError:
        return False
    for number in numbers:
        try:
            # By name first: a look at a file of somebody else's may wait for a disk that is not there.
            if name in os.readlink(folder / number) and os.path.samestat(os.stat(folder / number), wanted):
                return True
        except OSError:
            continue
    return False


def _name(pid: str) -> str:
    try:
        return (_PROCESSES / pid / "comm").read_text("utf-8", "replace").strip()
    except OSError:
        return "a program"
