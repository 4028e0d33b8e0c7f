"""The home directory, and doing without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from moonpalace.config_home import NOWHERE, home_and_file, home_directory
from moonpalace.core.errors import UsageError


def test_the_file_is_found_in_it(tmp_path: Path) -> None:
    """The usual case says nothing."""
    notes: list[str] = []
    env = {"MOONPALACE_HOME": str(tmp_path)}
    assert home_and_file(env, keeps=True, notes=notes) == (tmp_path, None)
    (tmp_path / "config.yaml").touch()
    assert home_and_file(env, keeps=False, notes=notes) == (tmp_path, tmp_path / "config.yaml")
    assert notes == []


def test_who_keeps_nothing_needs_none(tmp_path: Path) -> None:
    """And is told that no configuration was read."""
    (tmp_path / "f").touch()
    for env in ({}, {"MOONPALACE_HOME": str(tmp_path / "f")}):
        notes: list[str] = []
        with pytest.raises(UsageError, match="--no-store"):
            home_and_file(env, keeps=True, notes=notes)
        if os.name == "nt" and not env:
            continue
        assert home_and_file(env, keeps=False, notes=notes) == (NOWHERE, None)
        assert ["going on without a configuration file" in note for note in notes] == [True]


@pytest.mark.skipif(os.name != "posix", reason="a name too long is another error elsewhere")
def test_what_the_system_says_is_passed_on(tmp_path: Path) -> None:
    """In one sentence."""
    with pytest.raises(UsageError, match=r"cannot be looked into \(File name too long\)"):
        home_directory({"MOONPALACE_HOME": str(tmp_path / ("x" * 300))})
