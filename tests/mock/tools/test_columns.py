"""What is said of a column."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.mock.tools.columns import described


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2", "6"], {"type": "number", "count": 3, "min": 1.0, "max": 6.0, "mean": 3.0, "median": 2.0}),
        (["a", "b", "a"], {"type": "text", "count": 3, "distinct": 2}),
        (["1", "x"], {"type": "text", "count": 2, "distinct": 2}),
        (["1", "nan", "inf"], {"type": "text", "count": 3, "distinct": 3}),
        (["1" * 500], {"type": "text", "count": 1, "distinct": 1}),
        ([], {"type": "text", "count": 0, "distinct": 0}),
    ],
    ids=["numbers", "text", "mixed", "no real numbers", "endless", "empty"],
)
def test_a_column_is_numbers_only_if_all_its_cells_are(cells: list[str], expected: dict[str, Any]) -> None:
    """JSON has no infinity, and a mean of half a column would mislead."""
    assert described(cells) == expected


def test_the_mean_of_the_largest_numbers_is_finite() -> None:
    """Their sum is not."""
    assert described(["1.7e308", "1.7e308"])["mean"] == pytest.approx(1.7e308)
