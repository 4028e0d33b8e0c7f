"""A scene: a temporary directory and the processes started in it; both are gone when it closes.

1. Every process gets a session of its own and is ended with its descendants, also those in other sessions.
2. What a process says on stderr goes to a file of the scene; a failure shows its end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import machine
from .errors import RigError

BENCH = Path(__file__).resolve().parent.parent


class Child:
    """One process of the scene."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.popen = popen
        self.pid = popen.pid
        self.log = log

    def said(self, limit: int = 2000) -> str:
        """The end of what it wrote to stderr."""
        return self.log.read_bytes()[-limit:].decode("utf-8", "replace")

    def wait_for(self, ready: Callable[[], bool], seconds: float = 15.0) -> None:
        """Until `ready()`. Raises RigError with the process's own words."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.popen.poll() is not None or time.monotonic() > deadline:
                raise RigError(f"{self.name} did not start (exit code {self.popen.poll()}): {self.said()}")
            time.sleep(0.01)

    def stop(self, grace: float = 5.0) -> None:
        """End it and its descendants: asked once, asked again (a drain is cut short), then killed."""
        below = machine.descendants(self.pid)
        for _ in range(2):
            if self.popen.poll() is not None:
                break
            self.popen.terminate()
            try:
                self.popen.wait(grace)
            except subprocess.TimeoutExpired:
                continue
        _kill(os.killpg, self.pid)
        for pid in below:
            _kill(os.kill, pid)
        self.popen.wait()


def _kill(kill: Callable[[int, int], None], pid: int) -> None:
    try:
        kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


class Scene:
    """Starts processes below one temporary directory."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="moonpalace-bench-"))
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for child in reversed(self._children):
            child.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def spawn(self, name: str, argv: list[str], env: Mapping[str, str] | None = None, piped: bool = False) -> Child:
        """Start a program. `piped`: its stdout can be read from `popen.stdout`."""
        log = self.root / f"{len(self._children):03d}-{name}.log"
        with log.open("wb") as stderr:
            popen = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else subprocess.DEVNULL,
                stderr=stderr,
                env=dict(os.environ if env is None else env),
                start_new_session=True,
            )
        child = Child(name, popen, log)
        self._children.append(child)
        return child

    def python(self, module: str, plan: Mapping[str, Any]) -> Child:
        """Start a module of the rig with its plan as JSON; its stdout is piped."""
        path = os.pathsep.join(filter(None, [str(BENCH), os.environ.get("PYTHONPATH")]))
        argv = [sys.executable, "-m", f"rig.{module}", json.dumps(plan)]
        return self.spawn(module, argv, {**os.environ, "PYTHONPATH": path}, piped=True)

    def load(self, module: str, plan: Mapping[str, Any], sample: Callable[[], None] | None = None) -> dict[str, Any]:
        """The figures a load generator prints at its end. `sample` is called twice a second meanwhile."""
        return json.loads(self.finish(self.python(module, plan), sample))  # type: ignore[no-any-return]

    def finish(self, child: Child, sample: Callable[[], None] | None = None, limit: float = 900.0) -> bytes:
        """The stdout of a process that ends by itself. Raises RigError when it ends badly or not at all."""
        deadline = time.monotonic() + limit
        while True:
            try:
                out, _ = child.popen.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    raise RigError(f"{child.name} did not end within {limit:.0f} s") from None
                if sample:
                    sample()
        self._children.remove(child)
        if child.popen.returncode:
            raise RigError(f"{child.name} failed (exit code {child.popen.returncode}): {child.said()}")
        return out
