"""Who lives, and where runs are: with the system's locks, and without any."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from moonpalace.journal import locks, process, runs
from moonpalace.journal.locks import FileLock, is_held
from moonpalace.journal.process import Identity
from moonpalace.journal.runs import RunInfo

HOLD = """
import sys
from pathlib import Path
from moonpalace.journal import locks
if sys.argv[2] == "bare":
    locks.fcntl = None
lock = locks.FileLock(Path(sys.argv[1]))
print(lock.try_acquire(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["system", "bare"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "bare":
        monkeypatch.setattr(locks, "fcntl", None)
        monkeypatch.setattr(locks, "msvcrt", None)
    return "system" if locks.by_system() else "bare"


def holder(path: Path, kind: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "True\n"
    return child


def test_a_lock_has_one_holder_until_it_is_released(tmp_path: Path, kind: str) -> None:
    """Two librarians must never take in one run at once."""
    path = tmp_path / "lock"
    first, second = FileLock(path), FileLock(path)
    assert not is_held(path)
    assert first.try_acquire()
    assert is_held(path)
    assert not second.try_acquire()
    first.release()
    assert not is_held(path)
    assert second.try_acquire()
    second.release()


def test_a_killed_holder_lets_go(tmp_path: Path, kind: str) -> None:
    """`kill -9` leaves no time for good manners."""
    path = tmp_path / "lock"
    child = holder(path, kind)
    assert is_held(path)
    assert not FileLock(path).try_acquire()
    child.kill()
    child.communicate()
    assert not is_held(path)
    lock = FileLock(path)
    assert lock.try_acquire()
    lock.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A child that outlives the traffic process must not make it look alive."""
    path = tmp_path / "lock"
    lock = FileLock(path)
    assert lock.try_acquire()
    out, into = os.pipe()
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(into)
        os.write(told, b"x")
        os.read(out, 1)
        os._exit(0)
    os.read(ready, 1)
    lock.release()
    assert not is_held(path)
    os.close(into)
    os.waitpid(child, 0)


def test_a_lock_file_is_its_owners_alone(tmp_path: Path, kind: str) -> None:
    """T08, under any umask."""
    old = os.umask(0)
    try:
        lock = FileLock(tmp_path / "lock")
        assert lock.try_acquire()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600
    lock.release()


@pytest.mark.parametrize(
    ("who", "running"),
    [
        (Identity(os.getpid(), None, None), True),
        (process.myself(), True),
        (Identity(os.getpid(), 1, None), process.start_time(os.getpid()) is None),
        (Identity(os.getpid(), None, "another boot"), process.boot_id() is None),
        (Identity(2**22 + 1, None, None), False),
    ],
    ids=["pid alone", "myself", "pid come back", "machine rebooted", "no such process"],
)
def test_a_process_is_its_pid_its_start_and_its_boot(who: Identity, running: bool) -> None:
    """A pid comes back; what the system does not tell never speaks against being alive."""
    assert process.is_running(who) == running


def test_without_proc_a_process_is_its_pid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Windows and macOS have no /proc."""
    monkeypatch.setattr(process, "_PROC", tmp_path)
    assert process.myself() == Identity(os.getpid(), None, None)
    assert process.is_running(Identity(os.getpid(), 5, "boot"))


@pytest.mark.parametrize("content", ["", "[1", '{"pid": 1}', "null"])
def test_a_lock_file_cut_off_by_a_crash_is_nobodys_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    """At first its holder may be writing it."""
    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setattr(locks, "msvcrt", None)
    path = tmp_path / "lock"
    path.write_text(content)
    assert not FileLock(path).try_acquire()
    os.utime(path, (1, 1))
    lock = FileLock(path)
    assert lock.try_acquire()
    lock.release()


def test_a_run_is_private_locked_and_described(tmp_path: Path, kind: str) -> None:
    """0700 and 0600 under any umask (T08)."""
    old = os.umask(0)
    try:
        run = runs.create_run(tmp_path, RunInfo(run="r1", pid=7, port=9988))
    finally:
        os.umask(old)
    made = (tmp_path / "journal", run.path, *run.path.iterdir())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made}
    assert modes == {"journal": 0o700, "r1": 0o700, "run.json": 0o600, "run.lock": 0o600}
    assert json.loads((run.path / "run.json").read_bytes())["port"] == 9988
    (found,) = runs.list_runs(tmp_path)
    assert (found.path, found.info) == (run.path, run.info)
    assert runs.is_alive(found)
    assert run.lock is not None
    run.lock.release()
    assert not runs.is_alive(found)
    runs.remove(found)
    assert runs.list_runs(tmp_path) == []


def test_a_folder_being_made_is_not_a_run_and_a_damaged_description_is(tmp_path: Path) -> None:
    """Nobody may take a run for dead that is not locked yet; nothing in segments may be passed by."""
    (tmp_path / "journal" / "being-made").mkdir(parents=True)
    damaged = tmp_path / "journal" / "damaged"
    damaged.mkdir()
    (damaged / "run.json").write_bytes(b'{"run":')
    bare = tmp_path / "journal" / "bare"
    bare.mkdir()
    (bare / "00000001.seg").write_bytes(b"")
    assert [run.info for run in runs.list_runs(tmp_path)] == [RunInfo(run="bare"), RunInfo(run="damaged")]


def test_the_end_of_a_journal_is_the_size_of_its_last_segment(tmp_path: Path) -> None:
    """What a command waits for."""
    assert runs.end(tmp_path) == (0, 0)
    runs.segment_path(tmp_path, 1).write_bytes(b"123")
    runs.segment_path(tmp_path, 12).write_bytes(b"12345")
    (tmp_path / "other.seg").write_bytes(b"1")
    assert runs.end(tmp_path) == (12, 5)
    assert runs.segments(tmp_path) == [1, 12]
