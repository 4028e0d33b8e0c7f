"""The librarian as a process: it ends when it should, survives what it must, and nothing is lost when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from moonpalace.core.errors import StoreError
from moonpalace.journal import runs
from moonpalace.librarian.catchup import take_in_dead_runs, wait_until_current
from moonpalace.librarian.process import run_librarian
from moonpalace.store.sqlite import FILE_NAME, SqliteReader
from moonpalace.testing.journals import JournalBuilder, Script


class Said:
    """A log that remembers."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def offer(self, entries: Sequence[Any], /) -> None:
        self.entries += entries

    @property
    def sentences(self) -> list[str]:
        return [entry for entry in self.entries if isinstance(entry, str)]


class Running:
    """A librarian in a thread."""

    def __init__(self, builder: JournalBuilder, home: Path) -> None:
        self.stop = threading.Event()
        self.said = Said()
        self._thread = threading.Thread(
            target=run_librarian, args=(home, builder.path.name), kwargs={"stop": self.stop, "log": self.said}
        )
        self._thread.start()

    def end(self) -> None:
        self.stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[JournalBuilder]:
    made = JournalBuilder(tmp_path, living=True)
    yield made
    made.die()


def states(home: Path) -> list[str]:
    try:
        reader = SqliteReader(home / FILE_NAME)
    except StoreError:
        return []
    try:
        return [x.state for x in reversed(reader.recent(0))]
    finally:
        reader.close()


def until(condition: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def start(home: Path, builder: JournalBuilder, **more: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "moonpalace.librarian.process", "--home", str(home), "--run", builder.path.name]
    return subprocess.Popen(command, stdin=subprocess.PIPE, **{"stderr": subprocess.DEVNULL, **more})


def test_a_row_is_there_as_soon_as_the_journal_has_it(tmp_path: Path, builder: JournalBuilder) -> None:
    """`list` right after a request shows it, running or ended."""
    running = Running(builder, tmp_path)
    script = Script(1, ended=False, uid=builder.uids())
    builder.add(*script.records())
    assert wait_until_current(tmp_path, 20)
    assert states(tmp_path) == ["in_flight"]
    script.ended = True
    builder.add(script.records()[-1])
    assert wait_until_current(tmp_path, 20)
    assert states(tmp_path) == ["complete"]
    builder.end(1)
    running.end()
    assert [local_id for local_id, _ in running.said.entries] == [1]


def test_a_run_that_ended_in_order_leaves_no_folder(tmp_path: Path, builder: JournalBuilder) -> None:
    """The traffic process may still hold its lock while the last of it is taken in."""
    running = Running(builder, tmp_path)
    builder.exchange(Script(1))
    builder.end(1)
    running.end()
    assert runs.list_runs(tmp_path) == []
    assert states(tmp_path) == ["complete"]


def test_a_run_that_died_leaves_interrupted_rows(tmp_path: Path, builder: JournalBuilder) -> None:
    """`kill -9` of the traffic process alone: its librarian sees its input end."""
    running = Running(builder, tmp_path)
    builder.exchange(Script(1, ended=False))
    builder.die()
    running.end()
    assert states(tmp_path) == ["interrupted"]
    assert runs.list_runs(tmp_path) == []


def test_a_dead_run_is_taken_in_before_our_own(tmp_path: Path, builder: JournalBuilder) -> None:
    """What a crash left comes first, and is told in one line."""
    dead = JournalBuilder(tmp_path, name="0-dead")
    dead.exchange(Script(1, state="truncated", uid=b"d" * 16))
    builder.exchange(Script(1))
    builder.end(1)
    running = Running(builder, tmp_path)
    running.end()
    until(lambda: sorted(states(tmp_path)) == ["complete", "truncated"] or take_in_dead_runs(tmp_path))


def test_a_store_that_cannot_be_used_is_told_once_and_waited_for(tmp_path: Path, builder: JournalBuilder) -> None:
    """The journal keeps everything until somebody has mended it."""
    path = tmp_path / FILE_NAME
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE holiday_photos (id INTEGER PRIMARY KEY)")
    db.close()
    running = Running(builder, tmp_path)
    builder.exchange(Script(1))
    until(lambda: running.said.sentences)
    path.unlink()
    assert wait_until_current(tmp_path, 20)
    builder.end(1)
    running.end()
    assert states(tmp_path) == ["complete"]
    assert "another program" in running.said.sentences[0]
    assert running.said.sentences[-1] == "the record is written again"


def test_a_deleted_store_is_made_anew_from_what_the_journal_has(tmp_path: Path, builder: JournalBuilder) -> None:
    """F42."""
    running = Running(builder, tmp_path)
    builder.exchange(Script(1))
    assert wait_until_current(tmp_path, 20)
    for path in tmp_path.glob(f"{FILE_NAME}*"):
        path.unlink()
    builder.exchange(Script(2))
    assert wait_until_current(tmp_path, 20)
    assert states(tmp_path) == ["complete", "complete"]
    builder.end(2)
    running.end()


def test_an_exclusive_lock_of_another_program_only_delays(tmp_path: Path, builder: JournalBuilder) -> None:
    """F40, as `sqlite3` in a terminal does it."""
    running = Running(builder, tmp_path)
    builder.exchange(Script(1))
    assert wait_until_current(tmp_path, 20)
    other = apsw.Connection(str(tmp_path / FILE_NAME))
    other.execute("BEGIN EXCLUSIVE")
    builder.exchange(Script(2))
    until(lambda: running.said.sentences)
    other.execute("ROLLBACK")
    other.close()
    assert wait_until_current(tmp_path, 20)
    assert states(tmp_path) == ["complete", "complete"]
    builder.end(2)
    running.end()


def test_killing_the_librarian_again_and_again_changes_nothing(tmp_path: Path, builder: JournalBuilder) -> None:
    """`kill -9` at ten random moments of its work, with a journal that grows meanwhile."""
    count = 0
    for round_ in range(10):
        for _ in range(400):
            count += 1
            builder.exchange(Script(count), frames=2)
        process = start(tmp_path, builder)
        if round_ % 2:
            before = len(states(tmp_path))
            until(lambda before=before: len(states(tmp_path)) > before)
        else:
            time.sleep(0.01 * round_)
        process.kill()
        process.communicate()
    builder.end(count)
    last = start(tmp_path, builder)
    last.communicate(timeout=30)
    assert states(tmp_path) == ["complete"] * count
    db = apsw.Connection(str(tmp_path / FILE_NAME))
    assert db.pragma("integrity_check") == "ok"
    db.close()
    assert runs.list_runs(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_signals_for_the_whole_terminal_do_not_end_it(tmp_path: Path, builder: JournalBuilder) -> None:
    """Ctrl-C reaches both processes; the traffic process decides."""
    process = start(tmp_path, builder)
    builder.exchange(Script(1))
    assert wait_until_current(tmp_path, 20)
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGINT)):
        process.send_signal(number)
    builder.exchange(Script(2))
    assert wait_until_current(tmp_path, 20)
    builder.end(2)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert states(tmp_path) == ["complete", "complete"]


def test_a_log_that_nobody_reads_does_not_hold_up_the_taking_in(tmp_path: Path, builder: JournalBuilder) -> None:
    """F59: stderr is a full pipe. It ends all the same."""
    out, into = os.pipe()
    process = start(tmp_path, builder, stderr=into)
    os.close(into)
    for number in range(1, 2001):
        builder.exchange(Script(number))
    assert wait_until_current(tmp_path, 20)
    builder.end(2000)
    process.communicate(timeout=20)
    assert len(states(tmp_path)) == 2000
    os.close(out)
