"""Writes to sockets, one after the other where there are many.

1. With little to do every write goes out at once. When one turn of the event loop brings many reads, their writes leave
   together at its end: the peers are then woken once for many, instead of once for each.
2. What goes to one transport keeps its order. Large writes go out at once, after what waits.
3. Whoever closes a transport flushes first. What waits for one that was closed meanwhile (its client left) is dropped:
   uvloop raises for a write to it, and the writes behind it, of others, would be lost with it.

Why: on two processors shared with client and upstream, waking sleeping peers cost as much as the work itself.
"""

from __future__ import annotations

import asyncio
from typing import Any

MANY = 6  # writes in one turn of the loop
LARGE = 16 * 1024


class Outbox:
    """The way out of all connections of one event loop."""

    __slots__ = ("_loop", "_queue", "_count", "_ticking", "_busy")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: list[tuple[Any, bytes]] = []
        self._count = 0
        self._ticking = False
        self._busy = False

    def put(self, transport: Any, data: bytes) -> None:
        """Write data, now or at the end of this turn."""
        self._count += 1
        if not self._ticking:
            self._ticking = True
            self._loop.call_soon(self._tick)
        if not self._busy:
            transport.write(data)
        elif len(data) < LARGE:
            self._queue.append((transport, data))
        else:
            self.flush()
            transport.write(data)

    def flush(self) -> None:
        """Write what waits."""
        if self._queue:
            queue, self._queue = self._queue, []
            for transport, data in queue:
                if not transport.is_closing():
                    transport.write(data)

    def _tick(self) -> None:
        self._ticking = False
        self._busy = self._count > MANY
        self._count = 0
        self.flush()
