"""Looking at other processes through /proc: whose children they are, how much memory and which files they hold.

1. Linux only; `available` says whether it works here.
2. What has just ended is not an error: it is simply not there.

Source: proc(5).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

_PROC = Path("/proc")
available = (_PROC / "self/stat").exists()


def parent(pid: int) -> int | None:
    """The parent of a process; None when there is no such process."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    return int(stat.rpartition(b")")[2].split()[1])


def children(pid: int) -> list[int]:
    """The processes whose parent that one is, zombies left out."""
    found = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit() and parent(int(entry.name)) == pid]
    return [child for child in found if is_running(child)]


def is_running(pid: int) -> bool:
    """Whether the process is there and not a zombie."""
    try:
        return (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def librarian(pid: int, limit: float = 10.0) -> int:
    """The librarian of a traffic process, waited for. Raises: TimeoutError."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        for child in children(pid):
            with contextlib.suppress(OSError):
                if b"librarian" in (_PROC / str(child) / "cmdline").read_bytes():
                    return child
        time.sleep(0.01)
    raise TimeoutError(f"process {pid} has no librarian")


def kill(pid: int) -> None:
    """SIGKILL; nothing when it is gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_until_gone(pid: int, limit: float = 10.0) -> bool:
    """Whether it ended within the limit."""
    until = time.monotonic() + limit
    while is_running(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def memory(pid: int) -> int:
    """Bytes in real memory."""
    return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    """Open files."""
    return len(os.listdir(_PROC / str(pid) / "fd"))


def addresses(pid: int) -> int:
    """Bytes of address space, which is what RLIMIT_AS limits."""
    return int((_PROC / str(pid) / "statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def busy_seconds(pid: int) -> float:
    """The processor's time that it took, all threads together."""
    fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
