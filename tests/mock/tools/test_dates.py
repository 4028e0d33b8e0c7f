"""Dates: each operation, and what cannot be reckoned with."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.mock.tools.dates import BadDate, calculate

NOW = 1_790_899_200  # 2026-10-02 00:00:00 UTC


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "2026-10-02 00:00:00"),
        ({"operation": "time", "zone": "Asia/Shanghai"}, "2026-10-02 08:00:00"),
        ({"operation": "time", "format": "%Y年%m月%d日"}, "2026年10月02日"),
        ({"operation": "convert", "date": "2026-01-01 12:00:00", "from_zone": "UTC", "to_zone": "Asia/Tokyo"},
         "2026-01-01 21:00:00"),
        ({"operation": "between", "date1": "2026-01-01", "date2": "2026-03-01"}, "59 days"),
        ({"operation": "between", "date1": "2026-10-03"}, "-1 days"),
        ({"operation": "add", "date": "2024-02-28", "days": 1}, "2024-02-29 00:00:00"),
        ({"operation": "subtract", "days": 2, "format": "%Y-%m-%d"}, "2026-09-30"),
    ],
    ids=str,
)  # fmt: skip
def test_a_date_is_reckoned(given: dict[str, Any], expected: str) -> None:
    """One for each operation; what is missing is now."""
    assert calculate(NOW, given) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"operation": "guess"},
        {"operation": ["time"]},
        {"operation": "time", "zone": "Mars/Base"},
        {"operation": "time", "zone": "../../etc/passwd"},
        {"operation": "time", "zone": "Asia"},
        {"operation": "time", "zone": 5},
        {"operation": "time", "format": "%1000000000d"},
        {"operation": "time", "format": "%"},
        {"operation": "time", "format": "x\0y"},
        {"operation": "time", "format": 5},
        {"operation": "add", "days": "1"},
        {"operation": "add", "days": 10**30},
        {"operation": "add", "date": "9999-12-31", "days": 1},
        {"operation": "between", "date1": "yesterday", "date2": "2026-01-01"},
        {"operation": "between", "date1": 5, "date2": []},
        {"operation": "convert", "date": "0001-01-01", "from_zone": "Asia/Tokyo", "to_zone": "America/New_York"},
    ],
    ids=str,
)
def test_what_cannot_be_reckoned_with_is_told(given: dict[str, Any]) -> None:
    """A width in a format could fill the memory, a zone could name a file: neither gets that far."""
    with pytest.raises(BadDate):
        calculate(NOW, given)
