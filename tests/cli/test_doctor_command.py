"""`moonpalace doctor`: its lines, its object, its exit code. What it finds over the network is a scene."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import moonpalace


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of `palace`, private, with a port that is never taken."""
    tmp_path.chmod(0o700)
    (tmp_path / "config.yaml").write_text("start:\n  port: 0\n")
    return tmp_path


def test_each_check_has_a_line(palace: Any, home: Path) -> None:
    """Verdict, name, what was found; the sum on stderr."""
    found = palace("doctor", "--offline")
    lines = [line.split(maxsplit=2) for line in found.out.splitlines()]
    assert found.code == 0, found.out
    assert {line[0] for line in lines} == {"ok"}
    assert [line[1] for line in lines] == [
        "versions",
        "clock",
        "home",
        "space",
        "settings",
        "database",
        "journal",
        "port",
    ]
    assert found.err == "note: 8 checks, 0 failed, 0 with a warning\n"
    assert {path.name for path in home.iterdir()} == {"config.yaml"}


def test_what_may_change_the_traffic_has_a_line_with_its_source(palace: Any, home: Path) -> None:
    """Behind the line of the settings; what is off has none."""
    (home / "config.yaml").write_text("start:\n  port: 0\n  force-stream: on\n  detect-repeat:\n    threshold: 0.3\n")
    found = json.loads(palace("doctor", "--offline", "--json").out)
    texts = [line["text"] for line in found["checks"] if line["check"] == "settings"]
    assert texts[1:] == [
        f"force-stream is on (from {home / 'config.yaml'}, line 3): chats that ask for no stream go out as streams; "
        "each is answered in one",
        f"detect-repeat is on (from {home / 'config.yaml'}, line 4): threshold 0.3, above 100 characters, "
        "finish_reason length",
    ]
    assert found["verdict"] == "ok"


def test_a_failure_is_exit_code_1_and_the_rest_goes_on(palace: Any, home: Path) -> None:
    """A broken file does not hide a damaged database."""
    (home / "config.yaml").write_text("start:\n  port: many\n")
    (home / "moonpalace.sqlite").write_bytes(b"garbage" * 1000)
    (home / "ballast").touch()
    found = palace("doctor", "--offline", "--json")
    said = json.loads(found.out)
    assert (found.code, said["verdict"]) == (1, "fail")
    failed = {line["check"]: line for line in said["checks"] if line["verdict"] == "fail"}
    assert {"settings", "database"} <= set(failed)
    assert "line 2: start.port" in failed["settings"]["text"]
    assert "moonpalace doctor --recover" in failed["database"]["remedy"]


def test_a_warning_is_no_failure(palace: Any, home: Path) -> None:
    """Exit code 0."""
    (home / "moonpalace.sqlite.corrupt-1").touch()
    found = palace("doctor", "--offline")
    assert found.code == 0
    assert [line.split()[0] for line in found.out.splitlines() if "moved aside" in line] == ["warn"]


def test_a_home_that_is_a_file_is_a_failure(palace: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F43; what needs no home is still looked at."""
    monkeypatch.setenv("MOONPALACE_HOME", str(home / "config.yaml"))
    found = json.loads(palace("doctor", "--offline", "--json").out)
    checks = {line["check"]: line["verdict"] for line in found["checks"]}
    assert checks["home"] == "fail" and {"versions", "port"} <= set(checks)
    assert "database" not in checks


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--endpoint", "ftp://x"), "--endpoint must be"),
        (("--offline", "--check-key"), "drop one of them"),
        (("--recover", "--json"), "leave the other options out"),
        (("--key", "sk-x"), "no such option --key"),
    ],
)
def test_what_cannot_be_used_is_refused(palace: Any, home: Path, arguments: tuple[str, ...], sentence: str) -> None:
    """Before anything is looked at. A key has no place on a command line."""
    found = palace("doctor", *arguments)
    assert (found.code, found.out) == (2, "")
    assert sentence in found.err


def test_recover_is_handed_on(palace: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the home and a way to talk; its exit code is ours."""
    other = ModuleType("moonpalace.app_recover")

    def recover(where: Path, *, say: Any) -> int:
        say(f"recovering {where}")
        return 4

    other.recover = recover  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "moonpalace.app_recover", other)
    monkeypatch.setattr(moonpalace, "app_recover", other, raising=False)
    found = palace("doctor", "--recover")
    assert (found.code, found.out, found.err) == (4, "", f"recovering {home}\n")
