"""What can be said of a column of a table: numbers if all its cells are, else text."""

from __future__ import annotations

import math
import statistics
from typing import Any


def described(cells: list[str]) -> dict[str, Any]:
    """Its type, and what its values come to."""
    numbers = [number for number in map(_parsed, cells) if number is not None]
    if not numbers or len(numbers) < len(cells):
        return {"type": "text", "count": len(cells), "distinct": len(set(cells))}
    mean = math.fsum(number / len(numbers) for number in numbers)
    return {
        "type": "number",
        "count": len(numbers),
        "min": min(numbers),
        "max": max(numbers),
        "mean": mean,
        "median": statistics.median_low(numbers),
    }


def _parsed(cell: str) -> float | None:
    try:
        number = float(cell) if len(cell) < 400 else math.inf
    except ValueError:
        return None
    return number if math.isfinite(number) else None
