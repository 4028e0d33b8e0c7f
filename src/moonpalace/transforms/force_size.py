"""How much memory a stream may take while it is held, told from its bytes before they are read.

1. Text counts by its bytes; twice if a sign of four bytes is in its event: Python then keeps each sign in four.
2. Small values count more than their bytes: `{},` are 3 on the wire and 80 in memory. Each member, object and list
   beyond the usual ones of an event, which merge into texts that are there already, counts 24 more.
3. A small event counts as one of 384 bytes.

With 128 MiB by this count no stream took more than 1 GB (measured: small objects, lists, texts, emoji; 2026-11).
"""

from __future__ import annotations

from .base import Event, Run

_VALUE = 24
_USUAL = 8
_SMALL = 384


class HeldSize:
    """The size of one stream, event by event. What an event holds counts from its first bytes on."""

    __slots__ = ("_bytes", "_total", "_values", "_wide")

    def __init__(self) -> None:
        self._total = 0
        self._bytes = 0  # of the event that is under way, as the next two
        self._values = 0
        self._wide = False

    def add(self, event: Event) -> int:
        """Count these bytes; how much there is now. Cost: a few searches in an event's bytes."""
        raw = event.raw
        self._bytes += len(raw)
        if self._bytes <= _SMALL and event.data is not None:
            self._total += _SMALL
            self._bytes = self._values = 0
            self._wide = False
            return self._total
        self._values += raw.count(b",") + raw.count(b"{") + raw.count(b"[")
        if b"\xf0" in raw or rb"\ud" in raw or rb"\uD" in raw:
            self._wide = True
        now = self._bytes * (1 + self._wide) + max(0, self._values - _USUAL) * _VALUE
        if event.data is None:
            return self._total + now
        self._total += now
        self._bytes = self._values = 0
        self._wide = False
        return self._total

    def add_run(self, run: Run) -> int:
        """The same for a run: what it holds is text."""
        self._total += len(run.raw) * (1 + (b"\xf0" in run.raw or rb"\ud" in run.raw or rb"\uD" in run.raw))
        return self._total
