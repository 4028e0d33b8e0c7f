"""How fast the librarian may go: it gives way to heavy traffic, and makes up for it afterwards.

1. While the journal grows faster than `HEAVY`, each step is followed by a rest of `REST` times its own length.
2. The journal keeps everything meanwhile, so all that this costs is that the record is some seconds late.

Why: on a processor shared with the traffic even a process of low priority slows it, by a quarter as measured here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..journal.runs import segment_path, segments
from ..journal.writer import SEGMENT

HEAVY = 4 * 1024 * 1024  # bytes of journal a second; a thousand small exchanges, or ten thousand chunks
REST = 8.0
LONGEST = 0.5
_WINDOW = 0.1  # seconds between looks at the growth


class Pace:
    """One run's. `clock` gives seconds; `size` the bytes that its journal has had so far."""

    def __init__(self, clock: Callable[[], float], size: Callable[[], int]) -> None:
        self._clock = clock
        self._size = size
        self._looked_at = clock()
        self._had = size()
        self._heavy = False

    def rest(self, took: float) -> float:
        """How long to rest after a step that took so many seconds; 0: go on."""
        now = self._clock()
        if now - self._looked_at >= _WINDOW:
            has = self._size()
            self._heavy = has - self._had > HEAVY * (now - self._looked_at)
            self._looked_at, self._had = now, has
        return min(REST * took, LONGEST) if self._heavy else 0.0


def journal_size(folder: Path) -> int:
    """The bytes that were ever written to a run's journal, nearly."""
    numbers = segments(folder)
    if not numbers:
        return 0
    try:
        return numbers[-1] * SEGMENT + segment_path(folder, numbers[-1]).stat().st_size
    except OSError:
        return numbers[-1] * SEGMENT
