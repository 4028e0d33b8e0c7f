"""What runs beside the traffic."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from moonpalace.app_beside import MOST_LINES, Librarian, Notices
from moonpalace.testing.waiting import wait_until


def test_a_librarian_that_has_just_been_asked_for_finishes_all_the_same(tmp_path: Path) -> None:
    """A proxy may be stopped right after its start; it would say that the record is not whole."""
    said: list[str] = []
    for _ in range(3):
        librarian = Librarian(["--home", str(tmp_path), "--run", "none", "--log", "off"], said.append)
        assert librarian.finish(30.0, lambda: False)
    assert said == []


class Stuck:
    """A terminal that takes nothing until it is let go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        """Waits."""
        self.go_on.wait(20)
        self.lines.append(line)

    def flush(self) -> None:
        """Nothing is held back."""


def test_a_stuck_terminal_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was left out is counted, and told as soon as lines are taken again."""
    stuck = Stuck()
    monkeypatch.setattr(sys, "stderr", stuck)
    notices = Notices(colour=False, as_json=False)
    for number in range(MOST_LINES + 50):
        notices.say(f"line {number}")
    stuck.go_on.set()
    wait_until(lambda: len(stuck.lines) >= MOST_LINES, "lines are taken")
    notices.say("the last")
    notices.close()
    assert MOST_LINES <= len(stuck.lines) - 2 <= MOST_LINES + 1  # one was on its way
    lost = MOST_LINES + 50 - (len(stuck.lines) - 2)
    assert stuck.lines[-2].endswith(f" {lost} lines could not be shown: nobody took them\n")
    assert stuck.lines[-1].endswith(" the last\n")


def test_what_is_said_to_nobody_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """stderr is gone for good: nothing is kept for it."""

    class Gone:
        def write(self, line: str) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    notices = Notices(colour=False, as_json=False)
    notices.say("one")
    wait_until(lambda: not notices._thread.is_alive(), "the thread has ended")
    for _ in range(100):
        notices.say("another")
    notices.close()
    assert notices._queue.qsize() <= 1
