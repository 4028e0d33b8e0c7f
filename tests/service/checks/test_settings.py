"""The settings, and who else can read their keys."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from moonpalace.service.checks.settings import settings
from moonpalace.service.diagnosis import Subject


def test_an_error_is_told_as_start_tells_it(tmp_path: Path) -> None:
    """And that what comes after it was done without the file."""
    found = settings(Subject(tmp_path, error="config.yaml, line 2: port must be a number"))
    assert (found.verdict, found.text) == ("fail", "config.yaml, line 2: port must be a number")
    assert "defaults" in found.remedy


def test_no_file_is_fine(tmp_path: Path) -> None:
    """All of it is optional."""
    assert settings(Subject(tmp_path)).verdict == "ok"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize(("mode", "verdict"), [(0o600, "ok"), (0o400, "ok"), (0o640, "warn"), (0o604, "warn")])
def test_a_key_that_others_can_read_is_told(tmp_path: Path, mode: int, verdict: str) -> None:
    """With the command that ends it; a file without a key may be open."""
    path = tmp_path / "config.yaml"
    path.write_text("")
    path.chmod(mode)
    found = settings(Subject(tmp_path, file=path, key_files=(path,)))
    assert found.verdict == verdict
    assert found.remedy == ("" if verdict == "ok" else f"run: chmod 600 {path}")
    assert settings(Subject(tmp_path, file=path)).verdict == "ok"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_command_names_one_file(tmp_path: Path) -> None:
    """It is pasted into a shell, whatever the name is."""
    path = tmp_path / "a key; touch x"
    path.write_text("")
    path.chmod(0o644)
    remedy = settings(Subject(tmp_path, key_files=(path,))).remedy
    assert shlex.split(remedy) == ["run:", "chmod", "600", str(path)]
