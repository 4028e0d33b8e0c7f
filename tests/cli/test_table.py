"""Tables in the form that people and scripts know."""

from __future__ import annotations

from moonpalace.cli.table import body_cell, cell, table
from moonpalace.text.width import width


def test_a_table_has_the_old_form() -> None:
    """Left-aligned, a blank on both sides, rules of plus and minus."""
    expected = (
        "+----+--------+\n"
        "| id | status |\n"
        "+----+--------+\n"
        "| 15 | 200    |\n"
        "| 9  |        |\n"
        "+----+--------+\n"
    )  # fmt: skip
    assert expected == table(("id", "status"), [[cell(15), cell("200")], [cell(9), cell(None)]])


def test_an_empty_table_has_its_head() -> None:
    """One sees that nothing is there, not that nothing happened."""
    assert table(("id",), []) == "+----+\n| id |\n+----+\n"


def test_chinese_text_stays_in_line() -> None:
    """A wide character takes two columns."""
    text = table(("a", "b"), [[cell("月宫"), cell("x")], [cell("ab"), cell("，y")]])
    assert {width(line) for line in text.splitlines()} == {14}


def test_cells_of_different_height_are_filled() -> None:
    """Side by side, as inspect shows a request and its answer."""
    expected = "+---+---+\n| a | b |\n+---+---+\n| 1 | 3 |\n| 2 |   |\n+---+---+\n"
    assert expected == table(("a", "b"), [[["1", "2"], ["3"]]])


def test_a_cell_is_one_line_and_a_body_keeps_its_own() -> None:
    """What steers the terminal is shown escaped in both."""
    assert cell("a\nb\x1b") == ["a\\nb\\x1b"]
    assert body_cell("a\n\tb\x1b\r\n") == ["a", "    b\\x1b"]
    assert body_cell("月" * 30, 48) == ["月" * 24, "月" * 6]
