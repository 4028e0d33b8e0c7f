"""The child's side: one JSON object on standard output, and nothing else ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import documents
import pytest

from moonpalace.testing import windows_shape


def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """The module as a program."""
    command = [sys.executable, "-m", "moonpalace.extract", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)


def test_text_comes_as_json(keep: Callable[[bytes], Path]) -> None:
    """In UTF-8, whatever the locale."""
    done = run(str(keep(documents.docx())), "a.docx")
    assert json.loads(done.stdout)["content"] == documents.DOCX_TEXT
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_error_is_an_answer(keep: Callable[[bytes], Path]) -> None:
    """The exit code is for crashes."""
    done = run("--", str(keep(b"")), "--memory")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"error": "the file is empty of text"})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_its_own_alarm_ends_it(tmp_path: Path) -> None:
    """When whoever started it is dead. A pipe that nobody writes to is waited for without end."""
    os.mkfifo(tmp_path / "pipe")
    assert run("--seconds", "0.1", str(tmp_path / "pipe"), "a.txt").returncode == -signal.SIGALRM


@pytest.mark.skipif(sys.platform != "linux" or windows_shape.ACTIVE, reason="needs a limit of address space")
def test_memory_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A file of zeros that takes no space on disk, and much in memory."""
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.write(b"text" * 2**15)
        file.truncate(2**30)
    done = run("--memory", str(2**29), str(path), "large.txt")
    assert json.loads(done.stdout) == {"error": "the file needs more memory to be read than there is"}
