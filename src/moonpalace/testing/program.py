"""The real program, started as a user would start it: own process, own HOME, own process group.

1. Nothing of the caller's environment that could steer it gets through: no proxies, no keys, no MOONPALACE_*.
2. The start line on stderr is the sign that it serves; stderr is read all the time and kept.
3. `records` and `inspect` go through the command line; `exchange` reads the store directly, which is faster.
4. Waiting looks again and again until a deadline; it never trusts a fixed time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import moonpalace

from ..core.errors import StoreError
from ..core.exchange import Exchange, State
from ..journal.runs import list_runs
from ..store.base import Reader
from ..store.sqlite import FILE_NAME, SqliteReader

UNSET = "\0unset"  # as a variable's value: that variable is not there
_START = re.compile(r'base_url to \\?"http://127\.0\.0\.1:(\d+)')
_SOURCE = Path(moonpalace.__file__).parents[1]
_DROPPED = re.compile(r"(?i).*_proxy|MOONPALACE_.*|.*_API_KEY|.*_BASE_URL|NO_COLOR|SSL_CERT_.*")


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """The caller's environment with this HOME and without whatever could steer the program."""
    kept = {name: value for name, value in os.environ.items() if not _DROPPED.fullmatch(name)}
    paths = os.pathsep.join([str(_SOURCE), *filter(None, [kept.get("PYTHONPATH")])])
    return {**kept, "HOME": str(home), "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", **more}


class Program:
    """One running proxy. `home` is a fresh directory unless given; `flags` follow `start`; a context manager.

    Without an endpoint only the flags are given. `stderr`: a descriptor that gets it instead of `stderr_lines`;
    `stdout` likewise. `umask`: that of the process. `wrapper`: a command that execs the program.
    """

    def __init__(
        self,
        endpoint: str | None,
        *flags: str,
        home: Path | None = None,
        env: dict[str, str] | None = None,
        limit: float = 20.0,
        stdout: int = subprocess.DEVNULL,
        stderr: int = subprocess.PIPE,
        umask: int = -1,
        wrapper: Sequence[str] = (),
    ) -> None:
        self._own_home = tempfile.TemporaryDirectory(prefix="moonpalace-") if home is None else None
        self.home = home or Path(self._own_home.name if self._own_home else "")
        self.env = clean_environment(self.home, **(env or {}))
        self.stderr_lines: list[str] = []
        self.port = 0
        self._reader: Reader | None = None
        self._started = threading.Event()
        given = [] if endpoint is None else ["--port", "0", "--endpoint", endpoint]
        command = [*wrapper, sys.executable, "-m", "moonpalace", "start", *given, *flags]
        self.process = subprocess.Popen(
            command,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            errors="replace",
            start_new_session=True,
            umask=umask,
        )
        self._listener = threading.Thread(target=self._listen if stderr == subprocess.PIPE else self._look_for_run)
        self._listener.daemon = True
        self._listener.start()
        if not self._started.wait(limit) or not self.port:
            self.kill()
            raise RuntimeError("the program did not start:\n" + self.stderr)

    @property
    def stderr(self) -> str:
        """Everything said so far."""
        return "".join(self.stderr_lines)

    @property
    def base_url(self) -> str:
        """What an SDK is given as its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def directory(self) -> Path:
        """Where the program keeps its files."""
        return self.home / ".moonpalace"

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.stderr_lines.append(line)
            if not self.port and (found := _START.search(line)):
                self.port = int(found[1])
                self._started.set()
        self._started.set()

    def _look_for_run(self) -> None:
        """The port from the run's own file, where stderr cannot be read."""
        while self.process.poll() is None and not self.port:
            self.port = next(
                (run.info.port for run in list_runs(self.directory) if run.info.pid == self.process.pid), 0
            )
            time.sleep(0.01)
        self._started.set()

    def stop(self, limit: float = 40.0) -> int:
        """Asks it to end (SIGTERM), waits, and gives its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Ends the whole process group at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def forget_store(self) -> None:
        """Opens the store anew at the next look: the file is another one now."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def close(self) -> None:
        """Stops it, whatever its state, and removes the home it made for itself."""
        self.forget_store()
        try:
            self.stop()
        finally:
            self.kill()
            self._listener.join(5)
            if self.process.stderr is not None:
                self.process.stderr.close()
            if self._own_home is not None:
                self._own_home.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def cli(self, *args: str, stdin: str | None = None, limit: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Runs a command of the program in the same home."""
        command = [sys.executable, "-m", "moonpalace", *args]
        return subprocess.run(
            command, env=self.env, input=stdin, capture_output=True, text=True, timeout=limit, check=False
        )

    def records(self) -> list[dict[str, Any]]:
        """Every record, newest first, by `list --json`. Raises: RuntimeError when the command fails."""
        value = _json(self.cli("list", "--json", "-n", "0"))
        return value if isinstance(value, list) else list(value)

    def inspect(self, uid: str) -> dict[str, Any]:
        """One record, whole, by `inspect --json`. Raises: RuntimeError when the command fails."""
        value = _json(self.cli("inspect", uid, "--json"))
        assert isinstance(value, dict)
        return value

    def exchange(self, uid: str) -> Exchange | None:
        """One record, straight from the store; None while it is not there."""
        reader = self._open_reader()
        if reader is None:
            return None
        ids = reader.ids("uid", uid)
        return reader.get(ids[0]) if ids else None

    def recent(self, limit: int = 0) -> list[Exchange]:
        """The newest records, straight from the store."""
        reader = self._open_reader()
        return [] if reader is None else reader.recent(limit)

    def wait_for(self, uid: str, limit: float = 20.0) -> Exchange:
        """The record once it is final. Raises: TimeoutError."""
        found = self._poll(lambda: self._final(self.exchange(uid)), limit, f"no final record of {uid}")
        assert isinstance(found, Exchange)
        return found

    def wait_for_path(self, path: str, limit: float = 20.0) -> Exchange:
        """The newest record of that path once it is final, for clients that never saw an id. Raises: TimeoutError."""

        def look() -> Exchange | None:
            row = next((row for row in self.recent(50) if row.path == path), None)
            return self._final(self.exchange(row.uid)) if row else None

        found = self._poll(look, limit, f"no final record of {path}")
        assert isinstance(found, Exchange)
        return found

    def wait_for_count(self, count: int, limit: float = 20.0) -> list[Exchange]:
        """All records once there are that many and all are final. Raises: TimeoutError."""

        def look() -> list[Exchange] | None:
            rows = self.recent(0)
            return rows if len(rows) >= count and all(row.state != State.IN_FLIGHT for row in rows) else None

        found = self._poll(look, limit, f"no {count} final records")
        assert isinstance(found, list)
        return found

    def wait_for_count_of(self, fits: Callable[[Exchange], bool], count: int, limit: float = 20.0) -> list[Exchange]:
        """The records that fit, once there are that many. Raises: TimeoutError."""

        def look() -> list[Exchange] | None:
            rows = [row for row in self.recent(0) if fits(row)]
            return rows if len(rows) >= count else None

        found = self._poll(look, limit, f"no {count} records that fit")
        assert isinstance(found, list)
        return found

    @staticmethod
    def _final(exchange: Exchange | None) -> Exchange | None:
        return exchange if exchange is not None and exchange.state != State.IN_FLIGHT else None

    def _poll(self, look: Callable[[], object], limit: float, complaint: str) -> object:
        until = time.monotonic() + limit
        while True:
            found = look()
            if found is not None:
                return found
            if time.monotonic() > until:
                raise TimeoutError(f"{complaint} after {limit} s; stderr:\n{self.stderr[-4000:]}")
            time.sleep(0.02)

    def _open_reader(self) -> Reader | None:
        if self._reader is None:
            self._reader = open_reader(self.directory)
        return self._reader


def run_start(home: Path, *flags: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`start` where it should refuse to; gives its exit code and its words. Raises: TimeoutExpired when it serves."""
    command = [sys.executable, "-m", "moonpalace", "start", *flags]
    given = {name: value for name, value in {**clean_environment(home), **(env or {})}.items() if value != UNSET}
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=20, check=False)


def open_reader(directory: Path) -> Reader | None:
    """The record kept in that directory; None while there is none."""
    path = directory / FILE_NAME
    if not path.exists():
        return None
    try:
        return SqliteReader(path)
    except StoreError:  # being made just now
        return None


def every_file(home: Path) -> Iterable[tuple[Path, bytes]]:
    """Every file under a home with its bytes, for a search that must find nothing."""
    for path in sorted(home.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with contextlib.suppress(FileNotFoundError):
                yield path, path.read_bytes()


def _json(done: subprocess.CompletedProcess[str]) -> Any:
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)
