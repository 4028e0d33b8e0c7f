"""The two clocks of a run, compared: whether the wall clock jumped against the monotonic one. Pure.

1. A jump is more than a second of difference between one look and the next. A clock that is slewed into place (NTP does
   it with up to 1/2000) is no jump, however long nobody looked: one part in a thousand is allowed for.
2. A machine that sleeps stops the monotonic clock and not the wall clock (Linux, macOS): that is a jump too. Daylight
   saving time is none, for wall times are UTC.
"""

from __future__ import annotations

SECOND = 1_000_000_000
SLEW = 1000  # one part in so many


class Clocks:
    """Remembers the last look at both clocks."""

    __slots__ = ("_at_ns", "_offset")

    def __init__(self) -> None:
        self._at_ns = 0
        self._offset: int | None = None

    def jumped(self, at_ns: int, wall_ns: int) -> bool:
        """Whether the wall clock jumped since the last look; the first one has nothing to compare with."""
        offset, before = wall_ns - at_ns, self._offset
        elapsed = abs(at_ns - self._at_ns)
        self._at_ns, self._offset = at_ns, offset
        return before is not None and abs(offset - before) > SECOND + elapsed // SLEW
