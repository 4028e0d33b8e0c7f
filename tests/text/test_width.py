"""Columns of text on a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.text import width


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0), ("abc", 3), ("月宫", 4), ("ａ", 2), ("é", 1), ("e\u0301", 1), ("ｱ", 1), ("한글", 4),
        ("\u1112\u1161\u11ab", 2), ("🙂", 2), ("…", 1), ("\u200b", 0), ("，。", 4), ("½", 1),
    ],
)  # fmt: skip
def test_text_takes_the_columns_that_terminals_give_it(text: str, expected: int) -> None:
    """UAX 11: wide 2, combining 0, ambiguous 1."""
    assert expected == width.width(text)


def test_padding_counts_columns() -> None:
    """A table with Chinese text stays in line."""
    assert width.pad("月", 4) == "月  "
    assert width.pad("月宫", 3) == "月宫"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [""]), ("abcdef", ["abc", "def"]), ("ab\n\ncdef", ["ab", "", "cde", "f"]),
        ("月宫月", ["月", "宫", "月"]), ("a月b", ["a月", "b"]), ("abe\u0301f", ["abe\u0301", "f"]),
    ],
)  # fmt: skip
def test_wrapping_cuts_where_the_columns_are_full(text: str, expected: list[str]) -> None:
    """A wide character is never cut in two, a mark never parted from its letter."""
    assert expected == width.wrap(text, 3)


@given(st.text(alphabet=st.sampled_from("ab月宫e\u0301\n，")), st.integers(2, 6))
def test_wrapping_loses_nothing_and_keeps_the_limit(text: str, columns: int) -> None:
    """Whatever the text."""
    lines = width.wrap(text, columns)
    assert "".join(lines) == text.replace("\n", "")
    assert all(width.width(line) <= columns for line in lines)
