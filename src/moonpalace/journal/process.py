"""Who a process is, and whether it still runs, as far as the system can say.

1. A pid alone is no identity: it comes back. With the start time and the boot it is one.
2. What the system does not tell is None, and None never speaks against being alive.

Source: proc(5), field 22 of /proc/<pid>/stat; /proc/sys/kernel/random/boot_id.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Identity(NamedTuple):
    """One process. `started_at`: clock ticks since boot."""

    pid: int
    started_at: int | None
    boot_id: str | None


def myself() -> Identity:
    """This process."""
    return Identity(os.getpid(), start_time(os.getpid()), boot_id())


def start_time(pid: int) -> int | None:
    """When that process was started; None where the system does not tell, or there is no such process."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
        return int(stat.rpartition(b")")[2].split()[19])  # the name before it may hold blanks and brackets
    except (OSError, ValueError, IndexError):
        return None


def boot_id() -> str | None:
    """The name of this boot of the machine."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip() or None
    except (OSError, ValueError):
        return None


def is_running(who: Identity) -> bool:
    """Whether that very process runs. When in doubt, it does."""
    here = boot_id()
    if who.boot_id and here and who.boot_id != here:
        return False
    if not _exists(who.pid):
        return False
    now = start_time(who.pid)
    return who.started_at is None or now is None or who.started_at == now


def _exists(pid: int) -> bool:
    if sys.platform == "win32":  # os.kill would end the process there
        return _exists_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _exists_on_windows(pid: int) -> bool:
    """Source: OpenProcess and GetExitCodeProcess, learn.microsoft.com/windows/win32/api/processthreadsapi."""
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    process = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not process:
        return bool(kernel.GetLastError() == 5)  # ERROR_ACCESS_DENIED: there, but not ours
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(process, ctypes.byref(code))
    kernel.CloseHandle(process)
    return code.value == 259  # STILL_ACTIVE


def leave_no_core() -> None:
    """No core file of this process, for there are keys in its memory. What it starts may raise the limit again."""
    try:
        import resource
    except ImportError:  # Windows has none
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
