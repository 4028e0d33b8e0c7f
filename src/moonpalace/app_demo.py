"""`moonpalace demo`: a proxy in front of a mock, a program that talks through it, and the record of it.

1. Nothing of the user's is touched: the record and the program's files lie in a temporary directory, which goes at the
   end, or the record in a new directory that was asked for.
2. Nothing is left running, however it ends: the proxy is on a leash (`app_leash`); the program waits for its first line
   of standard input and ends with the pipe it talks into.
3. The settings and keys of the user's environment do not reach the program.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self

from . import config as configuration
from .app import Record, open_record
from .app_run import Proxy
from .config import Config, StartConfig
from .config_home import Place
from .config_values import MOCK
from .core.errors import MoonPalaceError, UsageError

REMEDY = "pip install 'moonpalace[demo]'"
_FOLDER = Path(__file__).with_name("demo")
_STEERING = re.compile(r"(?i)OPENAI_.*|.*_proxy|PYTHONSTARTUP|SSL_CERT_.*")
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Demo:
    """See the module. A context manager; `home` is where the record lies. Raises: MoonPalaceError."""

    def __init__(self, language: str, keep: Path | None = None) -> None:
        self._language = language
        self._keep = _fresh(keep) if keep is not None else None
        self._stack = contextlib.ExitStack()
        self._talker: subprocess.Popen[str] | None = None
        self._proxy: Proxy | None = None
        self._handlers: dict[int, Any] = {}
        self.home = Path()
        self.base_url = ""
        if importlib.util.find_spec("openai") is None:
            raise UsageError(f"the demo's program uses the package openai, which is not installed; run {REMEDY}")

    def __enter__(self) -> Self:
        late: list[int] = []
        for number in _numbers():
            if signal.getsignal(number) is not signal.SIG_IGN:  # under nohup it stays ignored
                self._handlers[number] = signal.signal(number, lambda number, _: late.append(number))
        try:
            self._start()
            for number in self._handlers:
                signal.signal(number, _leave)
            if late:  # it came while things were half made, when there was nothing yet that could be stopped in order
                _leave(late[0], None)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *ending: object) -> None:
        self.close()

    def _start(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="moonpalace-demo-"))
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        self.home = self._keep or folder / "record"
        work = folder / "work"
        work.mkdir()
        log = self._stack.enter_context((folder / "log").open("w+b"))
        self._stack.callback(self._stop)
        self._talker = _talker(self._language, work, log)  # it takes its time to start: meanwhile the proxy does
        scenarios = _FOLDER / "scenarios.toml"
        settings = StartConfig(port=0, endpoint=MOCK, mock_scenario=scenarios, quiet=True, drain=1.0)
        self._proxy = Proxy(Config(self.home, settings, no_color=True), stderr=log.fileno())
        self.base_url = self._proxy.base_url
        self._log = log

    def events(self) -> Iterator[dict[str, Any]]:
        """What the program goes through, as it happens: see `demo.conversation`."""
        talker = self._talker
        assert talker is not None and talker.stdin is not None and talker.stdout is not None
        with contextlib.suppress(OSError):
            talker.stdin.write(self.base_url + "\n")
            talker.stdin.close()
        for line in talker.stdout:
            yield json.loads(line)
        if talker.wait():
            self._log.seek(0)
            last = self._log.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise MoonPalaceError(f"the demo's program ended early ({last}); moonpalace doctor may tell why")

    def record(self) -> Record:
        """What was recorded, all of it: the proxy ends with this. Raises: StoreError."""
        assert self._proxy is not None
        self._proxy.finish()
        return open_record(Place(self.home))

    def _stop(self) -> None:
        if self._talker is not None:
            self._talker.kill()
            self._talker.wait()
            for stream in (self._talker.stdin, self._talker.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        if self._proxy is not None:
            self._proxy.finish()  # in order, so that nobody writes into the directory any more

    def close(self) -> None:
        """Leave nothing behind. A second Ctrl-C does not hinder that."""
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)
        self._stack.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)


def _fresh(folder: Path) -> Path:
    """The directory for the record. Raises: UsageError."""
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty; --keep takes a new directory")
    except OSError as error:
        raise UsageError(f"{folder} cannot be used ({error.strerror}); --keep takes a new directory") from None
    return folder.absolute()


def _talker(language: str, work: Path, log: IO[bytes]) -> subprocess.Popen[str]:
    kept = {name: value for name, value in configuration.environment().items() if not _STEERING.fullmatch(name)}
    return subprocess.Popen(
        [sys.executable, str(_FOLDER / "conversation.py"), language], cwd=work, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=log, text=True, encoding="utf-8",
        env={**kept, "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=True, creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )  # fmt: skip


def _numbers() -> list[int]:
    """The signals that end us, of those that this system has."""
    return [int(getattr(signal, name)) for name in _SIGNALS if hasattr(signal, name)]


def _leave(number: int, _frame: object) -> None:
    """Whatever signal ends us, we leave by the door."""
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
