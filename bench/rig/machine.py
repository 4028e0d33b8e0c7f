"""The machine: which programs it has, and what its processes hold, read from /proc.

1. Linux only: the figures come from /proc, and CLOCK_MONOTONIC is compared across processes.
2. A process that is gone has 0 of everything.

Source: proc(5).
"""

from __future__ import annotations

import os
import platform
import re
import resource
import shutil
import socket
import subprocess
from pathlib import Path

from .errors import MissingTool, RigError

PACKAGES = {"nginx": "nginx", "wrk": "wrk"}


def require(tool: str) -> str:
    """The path of an installed program. Raises MissingTool."""
    path = shutil.which(tool, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if path is None:
        raise MissingTool(tool, PACKAGES.get(tool, tool))
    return path


def require_linux() -> None:
    """Raises RigError where there is no /proc to read."""
    if not Path("/proc/self/status").exists():
        raise RigError("the benchmarks need Linux: they read /proc")


def describe() -> dict[str, str]:
    """The figures of the machine that matter to a reader; no names, no paths."""
    facts = {"cpus": str(len(os.sched_getaffinity(0))), "python": platform.python_version()}
    nginx = shutil.which("nginx", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if nginx:
        said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False).stderr
        found = re.search(r"nginx/([\d.]+)", said)
        facts["nginx"] = found[1] if found else "unknown"
    return facts


def raise_descriptor_limit() -> int:
    """Lift the soft limit of open files to the hard one, for us and all we start; gives the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def memory_kib(pid: int, field: str = "VmRSS") -> int:
    """`VmRSS` (now) or `VmHWM` (peak) of a process."""
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def reset_peak(pid: int) -> None:
    """Let VmHWM start again from what is resident now (Source: proc(5), clear_refs, value 5)."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return


def descriptors(pid: int, but_to_port: int = 0) -> int:
    """How many files and sockets a process has open, its connections to that port left out."""
    left_out = _sockets_to(but_to_port) if but_to_port else set()
    number = 0
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            try:
                number += os.readlink(entry.path) not in left_out
            except OSError:
                continue
    except OSError:
        return 0
    return number


def _sockets_to(port: int) -> set[str]:
    """The sockets of this machine that lead to a loopback port, as they look in /proc/<pid>/fd."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {f"socket:[{fields[9]}]" for fields in lines if fields[2].endswith(f":{port:04X}")}


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on; the name before it may hold spaces."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


def cpu_ticks(pid: int) -> int:
    """Processor time used so far, user and system. Units: clock ticks (10 ms)."""
    fields = _stat(pid)
    return int(fields[11]) + int(fields[12]) if len(fields) > 12 else 0


def descendants(pid: int) -> list[int]:
    """The children of a process and theirs."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))):
            parents.setdefault(int(fields[1]), []).append(int(entry))
    found: list[int] = []
    todo = [pid]
    while todo:
        below = parents.get(todo.pop(), [])
        found += below
        todo += below
    return found
