"""`moonpalace cleanup`, over a real record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import moonpalace
from moonpalace.cli.main import run
from moonpalace.store.rows import CONTENT, EXCHANGE, Batch, Progress, RunRow, Story
from moonpalace.store.sqlite import FILE_NAME, SqliteReader, SqliteWriter
from moonpalace.testing.exchanges import ARRIVED_AT

DAY = 86_400 * 1_000_000_000
NEEDED = {"method": "POST", "path": "/v1", "query": "", "endpoint": "e", "route": "", "peer": "", "reason": "OK"}
Run = Callable[..., tuple[int, str, str]]


def fill(home: Path, *times: int, state: str = "complete") -> None:
    """Exchanges that came at these times."""
    writer = SqliteWriter(home / FILE_NAME)
    known = writer.begin_run(RunRow("run"))
    stories = []
    for at in times:
        uid = os.urandom(16)
        row = {**dict.fromkeys(EXCHANGE), **NEEDED, "uid": uid, "state": state, "requested_at": at, "stream": 0}
        said = {**dict.fromkeys(CONTENT), "asked_start": b"POST /v1 HTTP/1.1", "asked_body": os.urandom(30_000)}
        stories.append(Story(uid, tuple(row.values()), tuple(said.values())))
    at_run = Progress((1, known.position[1] + 1), (1, known.position[1] + 1))
    writer.apply("run", Batch(ended=stories), known, at_run)
    writer.close()


def ids(home: Path) -> list[int | None]:
    reader = SqliteReader(home / FILE_NAME)
    try:
        return [row.id for row in reader.recent(0)]
    finally:
        reader.close()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("MOONPALACE_HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "CST-8")
    if hasattr(time, "tzset"):
        time.tzset()
    yield tmp_path
    monkeypatch.undo()
    if hasattr(time, "tzset"):
        time.tzset()


@pytest.fixture
def cleanup(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*args: str) -> tuple[int, str, str]:
        code = run(["cleanup", *args])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_table_is_the_earlier_programs(home: Path, cleanup: Run) -> None:
    """Scripts cut the number out of it; on stderr, how much came free."""
    fill(home, *(ARRIVED_AT + n * DAY for n in range(12)))
    code, out, err = cleanup("--before", "2024-07-31")
    assert (code, out) == (0, "+---------+---+\n| cleanup | 2 |\n+---------+---+\n")
    assert err.endswith(" given back\n")
    assert ids(home) == list(range(12, 2, -1))


def test_a_week_is_kept_when_nothing_is_said(home: Path, cleanup: Run) -> None:
    """As it was."""
    now = time.time_ns()
    fill(home, now - 9 * DAY, now - 6 * DAY, now)
    assert "| cleanup | 1 |" in cleanup()[1]
    assert ids(home) == [3, 2]


def test_without_a_terminal_nothing_is_asked(home: Path, cleanup: Run) -> None:
    """Scripts rely on it."""
    fill(home, *[ARRIVED_AT] * 150)
    assert "| cleanup | 150 |" in cleanup("--before", "0d")[1]
    assert ids(home) == []


def test_a_dry_run_counts_and_changes_nothing(home: Path, cleanup: Run) -> None:
    """With the time as it was understood."""
    fill(home, *[ARRIVED_AT] * 3)
    code, out, err = cleanup("--before=2026-11-13", "--dry-run")
    assert (code, out) == (0, "+---------+---+\n| dry-run | 3 |\n+---------+---+\n")
    assert err == "would delete 3 exchanges before 2026-11-13 00:00:00 (of 3)\n"
    assert len(ids(home)) == 3


def test_json_is_one_object(home: Path, cleanup: Run) -> None:
    """For programs."""
    fill(home, ARRIVED_AT, ARRIVED_AT + 2 * DAY, ARRIVED_AT + 3 * DAY)
    found = json.loads(cleanup("--json", "--before", "2024-07-31 00:00:00")[1])
    given_back = found.pop("given_back_bytes")
    assert found == {"before": "2024-07-30T16:00:00.000Z", "total": 3, "old": 1, "deleted": 1}
    assert given_back >= 0


@pytest.mark.parametrize("args", [(), ("--json",), ("--dry-run",), ("-y",)], ids=str)
def test_without_a_record_there_is_nothing_to_do(home: Path, cleanup: Run, args: tuple[str, ...]) -> None:
    """And none is made."""
    assert cleanup(*args)[0] == 0
    assert list(home.iterdir()) == []


def test_what_is_no_time_ends_with_2_and_deletes_nothing(home: Path, cleanup: Run) -> None:
    """Both formats are named."""
    fill(home, ARRIVED_AT)
    code, out, err = cleanup("--before", "last week")
    assert (code, out) == (2, "")
    assert "YYYY-MM-DD or YYYY-MM-DD HH:MM:SS" in err and err.count("\n") == 1
    assert ids(home) == [1]


def test_a_record_that_cannot_be_used_ends_with_4(home: Path, cleanup: Run) -> None:
    """Stable, for scripts."""
    (home / FILE_NAME).write_bytes(b"no database at all " * 500)
    assert cleanup()[0] == 4


@pytest.mark.parametrize(
    ("answer", "args", "code", "kept"),
    [("y\n", [], 0, 0), ("n\n", [], 1, 5), ("\n", [], 1, 5), ("\x04", [], 130, 5), ("", ["--yes"], 0, 0),
     ("", ["--dry-run"], 0, 5)],
    ids=["yes", "no", "enter", "end of input", "--yes", "--dry-run"],
)  # fmt: skip
def test_on_a_terminal_it_asks_before_much_goes(home: Path, answer: str, args: list[str], code: int, kept: int) -> None:
    """All five are more than half of them."""
    pty = pytest.importorskip("pty")
    fill(home, *[ARRIVED_AT] * 5)
    ours, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(Path(moonpalace.__file__).parents[1])}
    child = subprocess.Popen(
        [sys.executable, "-m", "moonpalace", "cleanup", "--before", "2026-11-13", *args],
        env=env, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True,
        preexec_fn=_take_terminal,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
            if shown.endswith(b"[y/N]: ") and answer:
                os.write(ours, answer.encode())
                answer = ""
    except OSError:  # Linux ends a pty so when the last writer has left
        pass
    os.close(ours)
    child.communicate(timeout=20)
    asked = b"delete 5 exchanges before 2026-11-13 00:00:00 (of 5)? [y/N]: " in shown
    assert (child.returncode, len(ids(home)), asked) == (code, kept, not args)


def _take_terminal() -> None:
    """Makes the terminal on stdin the controlling one, so that Ctrl-C means something."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
