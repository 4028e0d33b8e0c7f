"""The journal: which proxies live, and what dead ones left that is not in the record yet."""

from __future__ import annotations

from ...journal import runs
from ...journal.locks import is_held
from ...journal.runs import Run
from ..diagnosis import Result, Subject, amount, ok, warn


def journal(subject: Subject) -> Result | None:
    """Who writes, and what waits."""
    if subject.home is None:
        return None
    found = runs.list_runs(subject.home)
    alive = [run for run in found if runs.is_alive(run)]
    dead = [run for run in found if run not in alive and not is_held(run.path / "take.lock")]
    names = ", ".join(f"pid {run.info.pid} on port {run.info.port}" for run in alive)
    living = f"running: {names}" if alive else "no proxy runs on this record"
    if not dead:
        return ok(f"{living}; nothing waits to be taken in")
    left = f"{len(dead)} {'run that is' if len(dead) == 1 else 'runs that are'} over left {amount(_size(dead))}"
    return warn(f"{living}; {left} that is not in the record yet", "the next command takes it in: moonpalace list")


def _size(dead: list[Run]) -> int:
    paths = [runs.segment_path(run.path, number) for run in dead for number in runs.segments(run.path)]
    return sum(path.stat().st_size for path in paths if path.exists())
