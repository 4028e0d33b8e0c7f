"""The four gauges of an account's tier: requests in flight, requests a minute, tokens a minute, tokens a day.

1. A `Gauges` is one account's, shared by all its keys and models. It is pure state: one thread, the clock is given.
2. What is asked for counts when it is let in: prompt and requested output. What was really generated never matters.
3. No 60 s, wherever they are laid, hold more than the tier; nor do 24 h.
4. A request has to fit into all gauges. The first that is full, in the order above, is named; the wait serves all.
5. `admit` costs amortised O(1), a refusal O(log n) more; memory is bounded by what was let in, not by what was asked.

Unknown of the real API, therefore switches: whether a refused request counts, and which day its tokens a day belong to.
Source: platform.moonshot.cn, manual, rate limits (2024); platform.kimi.ai help center, rate limits (2026-07).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..kimi.tiers import Tier
from .windows import DAY, MINUTE, CalendarDay, Requests, Tokens, Window

SLOT_WAIT = 1.0  # nobody knows when a request in flight ends; the real API says one second too

GaugeName = Literal["concurrency", "rpm", "tpm", "tpd"]
DayKind = Literal["rolling", "calendar"]


@dataclass(frozen=True, slots=True)
class Over:
    """A request that may not come in.

    `current` is where the gauge would stand with this request, so it is above the limit, as in the API's own 429s.
    `retry_after_s`: when one of this size would be let in if nothing else came and a slot were free. What is larger
    than a whole window is never let in; it is told the length of the window.
    """

    gauge: GaugeName
    limit: int
    current: int
    retry_after_s: float


class Ticket:
    """A request that was let in: it holds its slot until `release`. Its tokens stay charged."""

    __slots__ = ("_flight",)

    def __init__(self, flight: _Flight) -> None:
        self._flight: _Flight | None = flight

    def release(self) -> None:
        """The request is over. To say so again changes nothing."""
        if self._flight is not None:
            self._flight.count -= 1
            self._flight = None


class Gauges:
    """One account's. `clock` gives seconds and never goes back.

    `count_refused`: a refused request counts as one of the minute, though its tokens do not. Off: the manual limits
    what is served, and a client that asks again too early should not push its own turn further away.

    `day`: "rolling" is any 24 hours, counted in portions of a minute, so tokens may stay up to 60 s longer than that.
    "calendar" begins anew when `wall` passes a multiple of 86,400 s: seconds since some midnight of the calendar that
    counts (for Beijing's day, Unix time + 28,800). Raises: ValueError for a calendar day without `wall`.
    """

    def __init__(
        self,
        tier: Tier,
        clock: Callable[[], float],
        *,
        count_refused: bool = False,
        day: DayKind = "rolling",
        wall: Callable[[], float] | None = None,
    ) -> None:
        calendar = wall if day == "calendar" else None
        if day == "calendar" and wall is None:
            raise ValueError("A calendar day needs a wall clock: pass wall=.")
        self._clock = clock
        self._count_refused = count_refused
        self._flight = _Flight(tier.concurrency)
        self._requests = Requests(tier.rpm)
        self._windows: list[tuple[GaugeName, Window]] = [
            ("concurrency", self._flight),
            ("rpm", self._requests),
            ("tpm", Tokens(tier.tpm, MINUTE)),
        ]
        if tier.tpd is not None:
            rolling = Tokens(tier.tpd, DAY, MINUTE)
            self._windows.append(("tpd", rolling if calendar is None else CalendarDay(tier.tpd, calendar)))

    def admit(self, tokens: int) -> Ticket | Over:
        """A place for a request of so many tokens, prompt and requested output together; or why there is none."""
        now = self._clock()
        waits = [window.wait(now, tokens) for _, window in self._windows]
        if any(waits):
            return self._refuse(now, tokens, waits)
        for _, window in self._windows:
            window.take(now, tokens)
        return Ticket(self._flight)

    def _refuse(self, now: float, tokens: int, waits: list[float]) -> Over:
        name, full = next(pair for pair, wait in zip(self._windows, waits, strict=True) if wait)
        current = full.current(tokens)
        if self._count_refused:
            self._requests.take(now, tokens)
            waits.append(self._requests.wait(now, tokens))
        return Over(name, full.limit, current, max(waits))


class _Flight:
    """Requests in flight."""

    __slots__ = ("limit", "count")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0

    def wait(self, now: float, tokens: int) -> float:
        return SLOT_WAIT if self.count >= self.limit else 0.0

    def take(self, now: float, tokens: int) -> None:
        self.count += 1

    def current(self, tokens: int) -> int:
        return self.count + 1
