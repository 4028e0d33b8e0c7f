"""Workbooks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

import documents
import pytest

from moonpalace.extract import sheets

pytest.importorskip("python_calamine", reason="moonpalace[files] is missing")


def test_all_sheets_are_told_under_their_names(keep: Callable[[bytes], Path]) -> None:
    """A row is a line; empty cells keep their place, empty ends of rows do not."""
    assert sheets.read(keep(documents.xlsx()), "xlsx") == (documents.XLSX_TEXT, "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "1"), (0.1, "0.1"), (1e300, "1e+300"), (True, "TRUE"), ("two\nlines\tand", "two lines and"), ("", ""),
        (date(2026, 3, 1), "2026-03-01"), (datetime(2026, 3, 1, 8, 30), "2026-03-01 08:30:00"), (time(8), "08:00:00"),
    ],
)  # fmt: skip
def test_values_are_written_plainly(value: object, expected: str) -> None:
    """A cell can break neither its line nor its row."""
    assert expected == sheets._shown(value)
