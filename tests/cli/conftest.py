"""Runs the command line in this process over a record in memory."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import moonpalace
from moonpalace.cli.main import run
from moonpalace.core.exchange import Exchange
from moonpalace.testing.store import FakeRecord


@dataclass
class Outcome:
    """What a command gave."""

    code: int
    out: str
    err: str


@dataclass
class Palace:
    """The command line, with what `app` was asked for."""

    capture: pytest.CaptureFixture[bytes]
    record: FakeRecord = field(default_factory=FakeRecord)
    started: list[Any] = field(default_factory=list)
    failure: BaseException | None = None

    def holds(self, *exchanges: Exchange) -> None:
        """Puts exchanges on record."""
        self.record = FakeRecord(exchanges)

    def __call__(self, *args: str) -> Outcome:
        """Runs a command."""
        code = run(args)
        captured = self.capture.readouterr()
        return Outcome(code, *(stream.decode("utf-8", "backslashreplace") for stream in captured))


@pytest.fixture
def palace(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Palace:
    """A command line whose composition root is a fake."""
    made = Palace(capsysbinary)
    app = ModuleType("moonpalace.app")

    def open_record(_config: Any) -> FakeRecord:
        if made.failure:
            raise made.failure
        return made.record

    def start(config: Any) -> int:
        made.started.append(config)
        return 7

    app.open_record = open_record  # type: ignore[attr-defined]
    app.start = start  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "moonpalace.app", app)
    monkeypatch.setattr(moonpalace, "app", app, raising=False)
    monkeypatch.setenv("MOONPALACE_HOME", str(tmp_path))
    return made
