"""How long each chunk of a reply takes.

1. Times are seconds from the moment the request was whole. With speed 0 all of them are 0.
2. The time to the first token comes before the first chunk that has tokens; a chunk's own gap counts before all.
"""

from __future__ import annotations

import random

from .answer import Pace
from .reply import Reply

USUAL = Pace(0.4, 60.0, 0.2)


class Pacer:
    """The time each chunk takes. `speed`: 1 as it is, 10 ten times as fast, 0 at once."""

    def __init__(self, pace: Pace = USUAL, speed: float = 1.0) -> None:
        self.pace = pace
        self.speed = speed

    def offsets(self, reply: Reply, pace: Pace, seed: float) -> list[float]:
        """When each chunk of a reply leaves. Cost: nothing where nothing is waited for."""
        chunks = reply.chunks
        if self.speed == 0 or not any(chunk.tokens or chunk.gap_s for chunk in chunks):
            return [0.0] * len(chunks)
        ttft = _first(pace.ttft_s, self.pace.ttft_s, USUAL.ttft_s)
        tps = _first(pace.tps, self.pace.tps, USUAL.tps)
        jitter = _first(pace.jitter, self.pace.jitter, USUAL.jitter)
        shake = random.Random(seed).uniform if jitter else None
        at, found, begun = 0.0, [], False
        for chunk in chunks:
            if chunk.gap_s is not None:
                gap = chunk.gap_s
            else:
                gap = chunk.tokens / tps if tps > 0 else 0.0
                if not begun:
                    begun = True
                    gap += ttft
                if shake is not None:
                    gap *= 1 + shake(-jitter, jitter)
            at += gap / self.speed
            found.append(at)
        return found


def _first(*values: float | None) -> float:
    return next((value for value in values if value is not None), 0.0)
