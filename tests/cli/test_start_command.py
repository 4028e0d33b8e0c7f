"""`moonpalace start`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moonpalace.config import StartConfig
from moonpalace.config_options import NEGATED, OPTIONS


def test_without_flags_the_defaults_are_started(palace: Any) -> None:
    """And its exit code is the command's."""
    found = palace("start")
    assert (found.code, found.out, found.err) == (7, "", "")
    assert palace.started[0].start == StartConfig()


def test_every_option_has_its_flag(palace: Any) -> None:
    """The table is the only place where they are listed."""
    text = palace("start", "--help").out
    for option in OPTIONS:
        assert f"--{'no-' if option.name in NEGATED.values() else ''}{option.name}" in text


@pytest.mark.parametrize(
    ("args", "field", "expected"),
    [
        (["-p", "1"], "port", 1),
        (["--port=65535"], "port", 65535),
        (["--no-id-header"], "id_header", False),
        (["--no-id-header=false"], "id_header", True),
        (["--no-store"], "store", False),
        (["--no-store=false"], "store", True),
        (["--quiet"], "quiet", True),
        (["--quiet=false"], "quiet", False),
        (["--detect-repeat=false"], "detect_repeat", False),
        (["--detect-repeat=true"], "detect_repeat", True),
        (["--force-stream"], "force_stream", True),
        (["--no-force-stream"], "force_stream", False),
        (["--detect-repeat", "--repeat-finish-reason", "repeat"], "repeat_finish_reason", "repeat"),
        (["--auto-cache", "--cache-ttl=2m"], "cache_ttl", 120),
        (["--allow-host", "a.test", "--allow-host", "b.test"], "allow_hosts", ("a.test", "b.test")),
        (["--head-timeout", "2m"], "head_timeout", 120.0),
        (["-k", "sk-1"], "key", "sk-1"),
    ],
    ids=str,
)
def test_flags_reach_the_configuration(palace: Any, args: list[str], field: str, expected: object) -> None:
    """In the forms that the earlier program took."""
    palace("start", *args)
    assert getattr(palace.started[0].start, field) == expected


def test_a_switch_that_is_not_given_leaves_the_file_its_say(palace: Any, tmp_path: Path) -> None:
    """And one that is turned off overrules it."""
    (tmp_path / "config.yaml").write_text("start: {quiet: true}")
    palace("start")
    palace("start", "--quiet=false")
    assert [config.start.quiet for config in palace.started] == [True, False]


@pytest.mark.parametrize("flag", ["--detect-repeat=false", "--no-detect-repeat"])
def test_a_map_of_the_file_is_turned_off_by_a_flag(palace: Any, tmp_path: Path, flag: str) -> None:
    """In the earlier program's form, too, where nothing else could turn it off."""
    (tmp_path / "config.yaml").write_text("start: {detect-repeat: {threshold: 0.3}}")
    assert palace("start").err == palace("start", flag).err == ""
    assert [config.start.detect_repeat for config in palace.started] == [True, False]


def test_a_flag_s_value_may_look_like_a_switch(palace: Any) -> None:
    """Only whole `--switch=value` words are rewritten."""
    assert "no such option --quite" in palace("start", "--quite=true").err
    palace("start", "--ca-file", "quiet")
    assert palace.started[-1].start.ca_file.name == "quiet"


def test_help_never_prints_a_key(palace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier program showed the file's as the default."""
    (tmp_path / "config.yaml").write_text("start: {key: sk-hunter2}")
    monkeypatch.setenv("MOONPALACE_KEY", "sk-hunter2")
    found = palace("start", "--help")
    assert found.code == 0
    assert "hunter2" not in found.out + found.err


def test_help_works_with_a_broken_file(palace: Any, tmp_path: Path) -> None:
    """That is when one needs it."""
    (tmp_path / "config.yaml").write_text("start: [")
    assert palace("start", "--help").code == 0
    found = palace("start")
    assert found.code == 2
    assert found.err.startswith(f"error: {tmp_path / 'config.yaml'}, line 1: not YAML")


def test_notes_are_said_before_the_start(palace: Any) -> None:
    """A key in the process list; a setting of an option that is off."""
    err = palace("start", "--key", "sk-hunter2", "--repeat-threshold", "0.3").err.splitlines()
    assert len(err) == 2
    assert "--key-file" in err[0]
    assert err[1] == "note: --repeat-threshold does nothing without --detect-repeat"
    assert "hunter2" not in "".join(err)


@pytest.mark.parametrize(
    ("args", "clause"),
    [(["--host", "0.0.0.0"], "--allow-host"), (["--port", "x"], "--port must be"),
     (["--allow-origin", "*"], "every page"), (["--route", "x"], "PREFIX=URL"),
     (["--repeat-threshold", "1.5"], "--repeat-threshold must be a number from 0 to 1"),
     (["--log-format", "xml"], "text or json"), (["extra"], "unexpected extra")],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_started_is_2(palace: Any, args: list[str], clause: str) -> None:
    """Before anything is opened."""
    found = palace("start", *args)
    assert found.code == 2
    assert clause in found.err
    assert palace.started == []
