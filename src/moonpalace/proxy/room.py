"""Whether there is room for more: sockets within the limit of descriptors, memory within the limit of memory.

1. A connection takes one descriptor, an exchange one more for its upstream. `RESERVE` are kept for everything else: the
   journal's next segment, the librarian, the resolver, the terminal.
2. While a quarter of the places or more is free, requests are served; after that they are told 503. When the last place
   is taken (`is_full`), nothing more is let in: new connections wait in the kernel's queue.
3. Where memory is limited, a request is served while `PROBE` bytes can be had. `HELD` bytes of addresses are kept back
   (they cost no memory) and given up when there is nothing else, so that 503 can still be said.
4. Limits can be changed from outside while we run: `look` reads them again.

Source: getrlimit(2).
"""

from __future__ import annotations

import mmap
from types import ModuleType

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows: there are no such limits
    resource = None

RESERVE = 26  # 17 to 20 are open before the first connection comes
MOST = 40_000  # sockets, whatever the system would allow
MIB = 1 << 20
PROBE = 8 * MIB
HELD = 16 * MIB


class Room:
    """How much there is. `sockets` is always the number that the proxy holds now."""

    def __init__(self) -> None:
        self._held: mmap.mmap | None = None
        self._limited = False
        self.descriptors: int | None = None
        self.places = MOST
        self.look()

    def look(self) -> None:
        """Read the limits."""
        if resource is None:
            return
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.descriptors = None if soft == resource.RLIM_INFINITY else soft
        self.places = MOST if self.descriptors is None else max(2, min(MOST, self.descriptors - RESERVE))
        kinds = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
        self._limited = any(resource.getrlimit(kind)[0] != resource.RLIM_INFINITY for kind in kinds)
        if self._limited or self._held is None:
            self._has_memory()

    def refuses(self, sockets: int) -> str:
        """Why no request can be served now; empty when it can."""
        if sockets * 4 > self.places * 3:
            return f"{sockets} sockets are open{self._limit()}: try again, or allow more (ulimit -n)"
        if self._limited and not self._has_memory():
            return "the memory that the proxy may use is used up: try again, or allow more (ulimit -v)"
        return ""

    def is_full(self, sockets: int) -> bool:
        """Whether not even a 503 can be afforded."""
        return sockets >= self.places

    def _limit(self) -> str:
        return "" if self.descriptors is None else f" and {self.descriptors} descriptors are allowed"

    def _has_memory(self) -> bool:
        if self._held is None:
            self._held = _block(HELD)
        probe = _block(PROBE)
        if probe is not None and self._held is not None:
            probe.close()
            return True
        for block in (probe, self._held):
            if block is not None:
                block.close()
        self._held = None
        return False


def _block(size: int) -> mmap.mmap | None:
    """Addresses that nothing is written to, so they cost nothing but the limit's share. None: there are none left."""
    try:
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, MemoryError, ValueError):
        return None
