"""The command as a process: light to start, quiet when it is cut off."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import moonpalace
from moonpalace.cli import main

SOURCE = str(Path(moonpalace.__file__).parents[1])
LOADED = """
import sys
before = set(sys.modules)
from moonpalace.cli.main import run
code = run(sys.argv[1:])
print(code, *sorted(set(sys.modules) - before), file=sys.stderr)
"""


def environment(home: Path) -> dict[str, str]:
    """The environment of a child, with our source and that home."""
    return {**os.environ, "PYTHONPATH": SOURCE, "MOONPALACE_HOME": str(home)}


def loaded(home: Path, *args: str) -> set[str]:
    """The modules that a command line imports."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *args], env=environment(home), capture_output=True, text=True, check=True
    )
    code, *modules = done.stderr.split()
    assert code == "0"
    return set(modules)


@pytest.mark.parametrize("flag", ["--version", "-v"])
def test_the_version_is_light(tmp_path: Path, flag: str) -> None:
    """Shells and scripts ask for it all the time; click alone would take three times what Python does."""
    modules = loaded(tmp_path, flag)
    assert {name for name in modules if name.startswith("moonpalace")} == {
        "moonpalace", "moonpalace.cli", "moonpalace.cli.main",
    }  # fmt: skip
    assert "click" not in modules
    assert len(modules) < 15


def test_the_help_imports_click_and_no_command(tmp_path: Path) -> None:
    """What a command needs is imported when it runs."""
    ours = {name for name in loaded(tmp_path) if name.split(".")[0] == "moonpalace"}
    assert ours == {
        "moonpalace", "moonpalace.cli", "moonpalace.cli.main", "moonpalace.cli.program", "moonpalace.core",
        "moonpalace.core.errors",
    }  # fmt: skip


def test_the_help_of_start_needs_no_yaml_and_no_store(tmp_path: Path) -> None:
    """They are slow to import."""
    (tmp_path / "config.yaml").write_text("start: {port: 1}")
    assert not {"ruamel.yaml", "apsw", "msgspec", "asyncio"} & loaded(tmp_path, "start", "--help")


def test_the_module_is_the_command(tmp_path: Path) -> None:
    """`python -m moonpalace`, and the version's form that the earlier program had."""
    done = subprocess.run(
        [sys.executable, "-m", "moonpalace", "--version"], env=environment(tmp_path), capture_output=True, text=True
    )
    assert done.stdout == f"moonpalace version {moonpalace.__version__}\n"
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("args", [["help"], ["--version"], ["--help"], ["start", "--help"]], ids=str)
def test_a_reader_that_leaves_is_no_error(tmp_path: Path, args: list[str]) -> None:
    """`moonpalace list | head -1` must be quiet."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "moonpalace", *args],
            env=environment(tmp_path), stdout=write_end, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_that_cannot_show_a_character_is_no_reason_to_fail(tmp_path: Path) -> None:
    """Not a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "moonpalace", "月"],
        env={**environment(tmp_path), "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown command '")
    assert len(done.stderr.splitlines()) == 1


def test_interrupted_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """128 plus SIGINT, as shells have it."""
    from moonpalace.cli import program

    def interrupt(_args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "execute", interrupt)
    assert main.run(["list"]) == 130
