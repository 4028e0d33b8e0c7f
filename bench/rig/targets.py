"""The three ways to the upstream that every benchmark compares: direct, nginx, MoonPalace.

1. All are up for the whole benchmark; one at a time carries load, the others are idle.
2. MoonPalace runs as a user would start it, in a home of its own.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from . import machine, nginx
from .record import Record
from .scene import Child, Scene

DIRECT, NGINX, MOONPALACE = "direct", "nginx", "moonpalace"
NAMES = (DIRECT, NGINX, MOONPALACE)
_BASE_URL = re.compile(rb'base_url to "http://[^":]+:(\d+)')


@dataclass(slots=True)
class Target:
    """A port that leads to the upstream."""

    name: str
    port: int

    def pids(self) -> list[int]:
        """The processes that carry its traffic; direct has none."""
        return []

    def settle(self, limit_s: float = 30.0) -> None:
        """Wait until what it still does for traffic gone by is done."""

    def memory_mib(self, field: str = "VmRSS") -> float:
        """Resident memory of the processes that carry the traffic."""
        return sum(machine.memory_kib(pid, field) for pid in self.pids()) / 1024


@dataclass(slots=True)
class Nginx(Target):
    """nginx with `proxy_pass`."""

    child: Child

    def pids(self) -> list[int]:
        return nginx.worker_pids(self.child)


@dataclass(slots=True)
class MoonPalace(Target):
    """The proxy itself, and its librarian beside it."""

    child: Child
    record: Record
    seen: set[int] = field(default_factory=set)

    def pids(self) -> list[int]:
        return [self.child.pid]

    def librarians(self) -> list[int]:
        """The processes beside the proxy."""
        return machine.descendants(self.child.pid)

    def settle(self, limit_s: float = 30.0) -> None:
        """Until all its processes together have used next to no processor time for a third of a second."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            before = self._ticks()
            time.sleep(0.35)
            if self._ticks() - before <= 1:
                return

    def _ticks(self) -> int:
        return sum(machine.cpu_ticks(pid) for pid in [self.child.pid, *self.librarians()])


def program(override: str | None) -> list[str]:
    """The command that is MoonPalace."""
    return shlex.split(override) if override else [sys.executable, "-m", "moonpalace"]


def environment(scene: Scene, home: str) -> dict[str, str]:
    """The caller's environment with a home of its own and no proxy settings."""
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    directory = scene.root / home
    directory.mkdir(exist_ok=True)
    return {**kept, "HOME": str(directory), "MOONPALACE_HOME": str(directory / ".moonpalace")}


def start_moonpalace(scene: Scene, upstream: int, command: Sequence[str], options: Sequence[str] = ()) -> MoonPalace:
    """`moonpalace start` on a port of its choice; ready when it has told its base URL."""
    home = f"home-{upstream}-{machine.free_port()}"
    argv = [*command, "start", "--port", "0", "--endpoint", f"http://127.0.0.1:{upstream}", "--quiet", *options]
    env = environment(scene, home)
    child = scene.spawn("moonpalace", argv, env)
    child.wait_for(lambda: _BASE_URL.search(child.log.read_bytes()) is not None)
    told = _BASE_URL.search(child.log.read_bytes())
    assert told is not None
    store = scene.root / home / ".moonpalace" / "moonpalace.sqlite"
    return MoonPalace(MOONPALACE, int(told[1]), child, Record(store))


def start_all(scene: Scene, upstream: int, names: Sequence[str], command: Sequence[str]) -> list[Target]:
    """The targets asked for, in their fixed order."""
    found: list[Target] = []
    if DIRECT in names:
        found.append(Target(DIRECT, upstream))
    if NGINX in names:
        child, port = nginx.start_proxy(scene, upstream)
        found.append(Nginx(NGINX, port, child))
    if MOONPALACE in names:
        found.append(start_moonpalace(scene, upstream, command))
    return found


def start_upstream(scene: Scene) -> int:
    """The scripted API; gives its port."""
    child = scene.python("upstream", {})
    assert child.popen.stdout is not None
    line = child.popen.stdout.readline()
    child.wait_for(lambda: line.startswith(b"port "))
    return int(line.split()[1])
