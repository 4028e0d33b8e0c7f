"""The spread of many measurements: p50, p90, p99 and the worst, by nearest rank."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median


def spread_us(values_ns: Iterable[int]) -> dict[str, float]:
    """Shape: count, p50, p90, p99, max. Units: nanoseconds in, microseconds out; nothing measured gives zeros."""
    ordered = sorted(values_ns)
    if not ordered:
        return {"count": 0, "p50": 0.0, "p90": 0.0, "p99": 0.0, "max": 0.0}

    def rank(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000

    return {"count": len(ordered), "p50": rank(0.5), "p90": rank(0.9), "p99": rank(0.99), "max": ordered[-1] / 1000}


def middle(rounds: Sequence[dict[str, float]], key: str) -> float:
    """The median over the rounds of one figure."""
    return float(median(one[key] for one in rounds))
