"""Cleaning up: what is old, whether to ask before it is deleted, and what came of it.

1. A time is local, as the list shows it, and what came at that very time stays.
2. Counting comes first, and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ..core.errors import UsageError
from .listing import iso_time, local_time

DAYS = 7  # what is kept when nothing is said
MUCH = 100  # exchanges that are deleted without a question
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d)?", re.ASCII)
_AGE = re.compile(r"(\d{1,20})([hd])", re.ASCII)
_UNITS = {"h": 3600, "d": 86_400}
_LEAST, _GREATEST = -(2**63), 2**63 - 1


class Cleaner(Protocol):
    """What a store does for it."""

    def count(self, before_ns: int) -> tuple[int, int]:
        """How many exchanges there are, and how many of them came before that time and are over."""
        ...

    def clean(self, before_ns: int) -> int:
        """Delete these, and give their space back; how many they were."""
        ...

    def size(self) -> int:
        """The bytes on disk."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class Empty:
    """A record that was not begun yet."""

    def count(self, before_ns: int) -> tuple[int, int]:
        """Nothing."""
        return 0, 0

    def clean(self, before_ns: int) -> int:
        """Nothing."""
        return 0

    def size(self) -> int:
        """Nothing."""
        return 0

    def close(self) -> None:
        """Nothing to give back."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be deleted: `old` of `total` exchanges."""

    before_ns: int
    total: int
    old: int

    @property
    def is_much(self) -> bool:
        """Whether somebody who sits there should be asked."""
        return self.old > MUCH or 2 * self.old > self.total

    @property
    def sentence(self) -> str:
        """The plan in words."""
        noun = "exchange" if self.old == 1 else "exchanges"
        return f"{self.old:,} {noun} before {local_time(self.before_ns)} (of {self.total:,})"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done. `given_back`: bytes that the database takes less."""

    deleted: int
    given_back: int


class Cleaning:
    """One cleaning up. `notes`: sentences that the user should see; `after` is done when it is over."""

    def __init__(self, cleaner: Cleaner, notes: tuple[str, ...] = (), after: Callable[[], None] = lambda: None) -> None:
        self._cleaner = cleaner
        self._after = after
        self.notes = notes

    def plan(self, before_ns: int) -> Plan:
        """Counts. Raises: StoreError."""
        total, old = self._cleaner.count(before_ns)
        return Plan(before_ns, total, old)

    def run(self, before_ns: int) -> Outcome:
        """Deletes. What was deleted before it was interrupted stays deleted. Raises: StoreError."""
        before = self._cleaner.size()
        deleted = self._cleaner.clean(before_ns)
        return Outcome(deleted, max(0, before - self._cleaner.size()))

    def close(self) -> None:
        """Give the file back, and do what is left to do."""
        self._cleaner.close()
        self._after()


def as_object(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """Both for JSON."""
    return {
        "before": iso_time(plan.before_ns),
        "total": plan.total,
        "old": plan.old,
        "deleted": outcome.deleted,
        "given_back_bytes": outcome.given_back,
    }


def moment(text: str | None, now: datetime) -> int:
    """The time that `--before` means, in nanoseconds since 1970; None: midnight a week ago. `now`: local, naive.

    Raises: UsageError.
    """
    if text is None:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return _ns(midnight - timedelta(days=DAYS))
    given = text.strip()
    if found := _AGE.fullmatch(given):
        seconds = int(found[1]) * _UNITS[found[2]]
        return _bounded(_ns(now) - seconds * 1_000_000_000)
    if _DATE.fullmatch(given):
        try:
            return _ns(datetime.fromisoformat(given))
        except ValueError:
            pass  # the 30th of February
    raise UsageError(
        f"--before takes YYYY-MM-DD or YYYY-MM-DD HH:MM:SS, in local time, or an age: {DAYS}d, 12h; not {text!r}"
    )


def _ns(at: datetime) -> int:
    """Of a local time. Where the system knows no local time (the year 1), as if it were UTC."""
    try:
        seconds = at.timestamp()
    except (OverflowError, ValueError, OSError):
        seconds = at.replace(tzinfo=UTC).timestamp()
    return _bounded(int(seconds) * 1_000_000_000 + at.microsecond * 1000)


def _bounded(at_ns: int) -> int:
    """What a store can compare with; times beyond are before or after everything."""
    return min(max(at_ns, _LEAST), _GREATEST)
