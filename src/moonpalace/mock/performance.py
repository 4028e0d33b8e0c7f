"""The script of one answer: bytes, when they leave, and how it ends. Plain data; playing it decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

KEEP, CLOSE, RESET, HANG, REFUSE = "keep", "close", "reset", "hang", "refuse"


@dataclass(frozen=True, slots=True)
class Step:
    """Bytes, and when they leave."""

    at_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Performance:
    """What is played on a connection. `ending`: KEEP, CLOSE, RESET, HANG (nothing more comes) or REFUSE.

    `status`: what was meant. `done`: called when it is over. `about`: what is played, in words for the log.
    """

    steps: tuple[Step, ...]
    ending: str = KEEP
    status: int = 0
    refuse_s: float = 0.0
    done: Callable[[], object] | None = None
    about: tuple[str, ...] = ()
