"""`moonpalace completion`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import moonpalace
from moonpalace.cli.main import COMMANDS

SHELLS = ("bash", "zsh", "fish", "powershell")
PRESS_TAB = """
eval "$(moonpalace completion bash)"
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=()
_moonpalace_completion moonpalace
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with the command on it."""
    program = tmp_path / "moonpalace"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m moonpalace "$@"\n')
    program.chmod(0o755)
    return f"{tmp_path}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_its_script(palace: Any, shell: str) -> None:
    """It calls the command back by its name."""
    found = palace("completion", shell)
    assert (found.code, found.err) == (0, "")
    assert "_MOONPALACE_COMPLETE" in found.out
    assert "%(" not in found.out


def test_another_shell_is_refused(palace: Any) -> None:
    """With those that there are."""
    found = palace("completion", "tcsh")
    assert found.code == 2
    assert "bash" in found.err


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("moonpalace ''", set(COMMANDS)),
        ("moonpalace in", {"inspect"}),
        ("moonpalace inspect --", {"--id", "--chatcmpl", "--requestid", "--print", "--print-request",
                                   "--print-response", "--merge-event-stream", "--json", "--help"}),
        ("moonpalace inspect --print res", {"response_header", "response_body"}),
        ("moonpalace inspect --print metadata,res", {"metadata,response_header", "metadata,response_body"}),
        ("moonpalace inspect la", {"last", "last~1"}),
        ("moonpalace export --di", {"--directory"}),
        ("moonpalace export -o st", {"stdout", "stderr"}),
        ("moonpalace export la", {"last", "last~1"}),
        ("moonpalace completion z", {"zsh"}),
        ("moonpalace help exi", {"exit-codes"}),
        ("moonpalace start --key-f", {"--key-file"}),
    ],
    ids=str,
)  # fmt: skip
def test_bash_completes(path: str, words: str, expected: set[str]) -> None:
    """By the script, as after a tab."""
    source = str(Path(moonpalace.__file__).parents[1])
    done = subprocess.run(
        ["bash", "--norc", "-c", PRESS_TAB.format(words=words)],
        env={**os.environ, "PATH": path, "PYTHONPATH": source}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.stderr == ""
    found = set(done.stdout.split())
    assert found >= expected if "--" in words else found == expected
