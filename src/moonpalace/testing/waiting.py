"""Waiting for a condition: looking again and again until a deadline, never trusting a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

LIMIT = 30.0  # seconds; only a failure takes that long


class _Speaks(Protocol):
    @property
    def stderr(self) -> str: ...


def wait_until(
    holds: Callable[[], object], what: str = "what was waited for did not come", limit: float = LIMIT
) -> None:
    """Until it holds. Raises: TimeoutError."""
    until = time.monotonic() + limit
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(0.01)


def wait_for_words(program: _Speaks, words: str, limit: float = LIMIT) -> None:
    """Until a program has said them on stderr. Raises: TimeoutError."""
    try:
        wait_until(lambda: words in program.stderr, limit=limit)
    except TimeoutError:
        raise TimeoutError(f"not said: {words}\n{program.stderr[-2000:]}") from None
