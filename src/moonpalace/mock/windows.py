"""What was asked for lately: the counters behind an account's gauges.

1. Each says how long a request has to wait (0: there is room), takes one in, and says where it would stand with it.
2. `now` is in seconds and never goes back. `current` and `take` speak of the moment of the last `wait`.
3. A window is half open, `(now - span, now]`: what came at 0 s has left a minute's window at 60 s.
4. Kept are at most twice the requests of the last minute, or twice the minutes of the last day.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from typing import Protocol

MINUTE = 60.0
DAY = 86_400.0


class Window(Protocol):
    """One counter with its limit."""

    limit: int

    def wait(self, now: float, tokens: int) -> float:
        """Seconds until a request of so many tokens has room, if nothing else comes; 0: now."""

    def take(self, now: float, tokens: int) -> None:
        """Charge one request."""

    def current(self, tokens: int) -> int:
        """Where it would stand with this request."""


class Requests:
    """Requests of the last minute. Only the newest `limit` are kept: when the oldest of these leaves, there is room."""

    __slots__ = ("limit", "_ends")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._ends: deque[float] = deque(maxlen=limit)

    def wait(self, now: float, tokens: int) -> float:
        """O(1)."""
        full = len(self._ends) == self.limit and now < self._ends[0]
        return _until(now, self._ends[0]) if full else 0.0

    def take(self, now: float, tokens: int) -> None:
        """One more, whatever its tokens."""
        self._ends.append(now + MINUTE)

    def current(self, tokens: int) -> int:
        """Right when it is full, which is when it is asked: then all that is kept lies in the window."""
        return len(self._ends) + 1


class Tokens:
    """Tokens of the last `span` seconds, kept in portions: what comes within `grain` seconds leaves together.

    `_ends[i]` is when portion i leaves, `_sums[i]` all that was ever charged up to it, `_gone` all that has left: the
    portion that makes room is found by bisection. Those before `_head` have left; they are cut off once they are half.
    """

    __slots__ = ("limit", "_span", "_grain", "_begun", "_ends", "_sums", "_head", "_gone")

    def __init__(self, limit: int, span: float, grain: float = 0.0) -> None:
        self.limit = limit
        self._span = span
        self._grain = grain
        self._begun = -math.inf
        self._ends: list[float] = []
        self._sums: list[int] = []
        self._head = 0
        self._gone = 0

    def __len__(self) -> int:
        """Portions in memory."""
        return len(self._ends)

    def wait(self, now: float, tokens: int) -> float:
        """Amortised O(1) if there is room, O(log n) more if not. What is larger than the limit waits a whole span."""
        self._forget(now)
        excess = self.current(tokens) - self.limit
        if excess <= 0:
            return 0.0
        if tokens > self.limit:
            return self._span
        return _until(now, self._ends[bisect_left(self._sums, self._gone + excess)])

    def take(self, now: float, tokens: int) -> None:
        """Into the open portion, or a new one."""
        if now - self._begun < self._grain:
            self._ends[-1] = now + self._span
            self._sums[-1] += tokens
            return
        self._begun = now
        self._ends.append(now + self._span)
        self._sums.append(self.current(tokens) + self._gone)

    def current(self, tokens: int) -> int:
        """All that has not left, and these."""
        return (self._sums[-1] - self._gone if self._sums else 0) + tokens

    def _forget(self, now: float) -> None:
        while self._head < len(self._ends) and self._ends[self._head] <= now:
            self._gone = self._sums[self._head]
            self._head += 1
        if self._head * 2 > len(self._ends):
            del self._ends[: self._head], self._sums[: self._head]
            self._head = 0


class CalendarDay:
    """Tokens since midnight: since `wall` last passed a multiple of 86,400 s."""

    __slots__ = ("limit", "_wall", "_day", "_used")

    def __init__(self, limit: int, wall: Callable[[], float]) -> None:
        self.limit = limit
        self._wall = wall
        self._day = -math.inf
        self._used = 0

    def wait(self, now: float, tokens: int) -> float:
        """O(1). Until midnight, also for what is larger than the limit."""
        today = self._wall()
        if today // DAY != self._day:
            self._day, self._used = today // DAY, 0
        return 0.0 if self.current(tokens) <= self.limit else _until(today, (self._day + 1) * DAY)

    def take(self, now: float, tokens: int) -> None:
        """On today's account."""
        self._used += tokens

    def current(self, tokens: int) -> int:
        """All of today, and these."""
        return self._used + tokens


def _until(now: float, end: float) -> float:
    """The seconds to add to now so that `end` is reached, in floats too."""
    wait = end - now
    return wait if now + wait >= end else math.nextafter(wait, math.inf)
