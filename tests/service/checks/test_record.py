"""The journal's runs, as the doctor tells of them."""

from __future__ import annotations

from pathlib import Path

from moonpalace.journal import runs
from moonpalace.journal.locks import FileLock
from moonpalace.journal.runs import RunInfo
from moonpalace.service.checks.record import journal
from moonpalace.service.diagnosis import Subject


def test_no_runs_is_fine(tmp_path: Path) -> None:
    """As after any orderly stop."""
    found = journal(Subject(tmp_path))
    assert found is not None and found.verdict == "ok"
    assert "no proxy runs" in found.text


def test_a_living_run_is_named(tmp_path: Path) -> None:
    """By pid and port: that is what one needs to stop it."""
    run = runs.create_run(tmp_path, RunInfo(run="a", pid=4711, port=9988))
    found = journal(Subject(tmp_path))
    assert found is not None and found.verdict == "ok"
    assert "pid 4711 on port 9988" in found.text
    assert run.lock is not None
    run.lock.release()


def test_what_dead_runs_left_is_counted(tmp_path: Path) -> None:
    """Until somebody takes it in; a journal that is being taken in is in good hands."""
    run = runs.create_run(tmp_path, RunInfo(run="a", pid=4711))
    runs.segment_path(run.path, 1).write_bytes(bytes(1500))
    runs.segment_path(run.path, 2).write_bytes(bytes(500))
    assert run.lock is not None
    run.lock.release()
    found = journal(Subject(tmp_path))
    assert found is not None and found.verdict == "warn"
    assert "1 run that is over left 2.0 KB" in found.text and "moonpalace list" in found.remedy
    take = FileLock(run.path / "take.lock")
    assert take.try_acquire()
    again = journal(Subject(tmp_path))
    assert again is not None and again.verdict == "ok"
    take.release()
