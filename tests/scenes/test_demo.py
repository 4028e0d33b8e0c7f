"""`moonpalace demo`: the whole story in one command, without network, key or traces."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from moonpalace.testing import processes
from moonpalace.testing.program import clean_environment, every_file
from moonpalace.testing.waiting import wait_until
from moonpalace.text.width import width

KEY = b"sk-demo"
LIMIT = 30  # seconds: what a newcomer is promised
DEAD = "http://127.0.0.1:9"

pytestmark = pytest.mark.skipif(not processes.available, reason="looks at /proc and at sessions")


class Place:
    """A user: a home, a directory for temporary files, and an environment that must not matter."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        self.home.mkdir()
        self.temporary.mkdir()
        self.env = clean_environment(
            self.home, TMPDIR=str(self.temporary), LANG="C.UTF-8", LC_ALL="", HTTP_PROXY=DEAD, HTTPS_PROXY=DEAD,
            OPENAI_BASE_URL=DEAD, OPENAI_API_KEY="sk-of-the-user", MOONPALACE_PORT="1", MOONPALACE_KEY="sk-of-theirs",
        )  # fmt: skip

    def run(self, *flags: str, command: str = "demo", **env: str) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "moonpalace", command, *flags], env={**self.env, **env}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=LIMIT, check=False,
        )  # fmt: skip

    def is_clean(self) -> bool:
        """Nothing was left behind."""
        return not any(self.home.iterdir()) and not any(self.temporary.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """One for each test."""
    return Place(tmp_path)


def test_the_whole_story(place: Place) -> None:
    """Each scene with what the program saw, then what is on record; within the promised time, and without a trace."""
    done = place.run()
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout
    assert re.findall(r"^ (\d)  ", told, re.MULTILINE) == list("1234567")
    for words in ('get_weather({"city":"Hangzhou"})', "packing-list.md uploaded", "429 first", "and pounds",
                  "all that the program learns", "400 invalid_request_error"):  # fmt: skip
        assert words in told
    rows = re.findall(r"^\| (\d+) +\| (\d+(?: \w+)?) ", told, re.MULTILINE)
    assert [status for _, status in reversed(rows)] == [
        "200", "200", "200", "200", "200", "200", "200", "429", "200", "200 read_body", "400",
    ]  # fmt: skip
    for words in ('"state": "truncated"', '"error": "read_body: reset:', "16 chunks", '"finish_reason": null'):
        assert words in told.partition("moonpalace inspect 10\n")[2]
    assert_it_fits_any_terminal(told)
    assert place.is_clean()


def assert_it_fits_any_terminal(told: str) -> None:
    """80 columns, no escape sequences into a pipe, no blanks at the ends of lines; nowhere the key."""
    assert [line for line in told.splitlines() if width(line) > 80 or line != line.rstrip()] == []
    assert "\x1b" not in told and "sk-" not in told


def test_the_language_of_the_environment(place: Place) -> None:
    """Who uses the system in Chinese is addressed in Chinese, to the end."""
    told = place.run(LANG="zh_CN.UTF-8").stdout
    assert told.startswith("MoonPalace 演示\n") and "接下来" in told
    assert_it_fits_any_terminal(told)


def test_the_record_can_be_kept(place: Place, tmp_path: Path) -> None:
    """It is a record like any other, and holds no key; the command to look around works as printed."""
    kept = tmp_path / "kept here"
    told = place.run("--keep", str(kept), "--lang", "en", LANG="zh_CN.UTF-8").stdout
    assert f"MOONPALACE_HOME='{kept}' moonpalace list" in told
    listed = place.run("-n", "0", command="list", MOONPALACE_HOME=str(kept)).stdout
    assert len(re.findall(r"^\| \d", listed, re.MULTILINE)) == 11
    assert [path for path, data in every_file(kept) if KEY in data] == []
    again = place.run("--keep", str(kept))
    assert (again.returncode, again.stderr) == (2, f"error: {kept} is not empty; --keep takes a new directory\n")
    assert place.is_clean()


def test_without_the_sdk_the_remedy_is_named(place: Place, tmp_path: Path) -> None:
    """One sentence, before anything is started."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['openai'] = None\n", "utf-8")
    paths = os.pathsep.join([str(tmp_path), place.env["PYTHONPATH"]])
    done = place.run(PYTHONPATH=paths)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and "pip install 'moonpalace[demo]'" in done.stderr
    assert place.is_clean()


def test_a_language_that_it_does_not_speak(place: Place) -> None:
    """Told as any wrong flag."""
    done = place.run("--lang", "fr")
    assert (done.returncode, done.stderr) == (2, "error: --lang must be en or zh\n")


@contextlib.contextmanager
def under_way(place: Place, words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A demo that has said these words, and its proxy's port."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "moonpalace", "demo"], env=place.env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    try:
        told = ""
        while words not in told:
            line = process.stdout.readline()
            assert line, told
            told += line
        yield process, int(told.partition("127.0.0.1:")[2].partition("/")[0])
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        process.stdout.close()
        process.stderr.close()


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_demo_that_is_stopped_leaves_nothing_behind(place: Place, number: signal.Signals, code: int) -> None:
    """No process, no file, no trace on the screen."""
    with under_way(place, " 2  ") as (process, port):
        children = processes.children(process.pid)
        assert answers(port) and children
        process.send_signal(number)
        _, said = process.communicate(timeout=LIMIT)
        assert (process.returncode, said.strip()) == (code, "")
        assert not answers(port)
        assert [child for child in children if Path(f"/proc/{child}").exists()] == []
    assert place.is_clean()


def test_its_processes_end_with_it_even_when_it_is_killed(place: Place) -> None:
    """The proxy is on a leash, the program's pipe breaks."""
    with under_way(place, " 2  ") as (process, port):
        children = processes.children(process.pid)
        process.kill()
        wait_until(lambda: not answers(port) and not any(Path(f"/proc/{child}").exists() for child in children))


def test_a_reader_that_has_seen_enough(place: Place) -> None:
    """`moonpalace demo | head` is no failure and leaves nothing."""
    with under_way(place, " 1  ") as (process, port):
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.wait(LIMIT) == 0
        assert process.stderr.read() == ""
        assert not answers(port)
    assert place.is_clean()


def on_a_terminal(place: Place, env: dict[str, str]) -> tuple[subprocess.Popen[bytes], BinaryIO]:
    """A demo on a terminal of its own, under way."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "moonpalace", "demo"], env={**place.env, "TERM": "xterm", **env},
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.STDOUT,
    )  # fmt: skip
    os.close(theirs)
    return process, os.fdopen(ours, "rb", buffering=0)


def test_colours_are_for_terminals_that_want_them(place: Place) -> None:
    """And say nothing that the text does not say. All run at once, for a demo mostly waits."""
    terminals = [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}]
    for env, (process, screen) in [(env, on_a_terminal(place, env)) for env in terminals]:
        with screen:
            shown = b""
            with contextlib.suppress(OSError):  # the terminal's end
                while data := screen.read(65_536):
                    shown += data
            assert process.wait(LIMIT) == 0, shown.decode("utf-8", "replace")[-2000:]
        assert (b"\x1b[" in shown) is not bool(env)
        assert b"moonpalace mock" in re.sub(rb"\x1b\[[0-9;]*m", b"", shown)
