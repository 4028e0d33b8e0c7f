"""How a run is set up: how long, against whom, with which command."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TypeVar

from .targets import MOONPALACE, NAMES, Target

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """`count` is the number of requests of the soak; `names` the targets measured."""

    command: tuple[str, ...]
    quick: bool = False
    names: tuple[str, ...] = NAMES
    count: int = 10_000

    def pick(self, quick: T, full: T) -> T:
        """A quick run's value or a full one's."""
        return quick if self.quick else full

    @property
    def measured(self) -> bool:
        """Whether MoonPalace takes part."""
        return MOONPALACE in self.names


def say(text: str) -> None:
    """A line of talk while it runs; the tables go to stdout."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()


def say_round(number: int, target: Target, text: str) -> None:
    """What one round gave."""
    say(f"round {number}  {target.name:<10} {text}")
