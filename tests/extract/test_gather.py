"""Text put together from markup."""

from __future__ import annotations

import pytest

from moonpalace.extract import ExtractError
from moonpalace.extract.gather import Gather
from moonpalace.extract.result import MAX_TEXT


def test_cells_stand_in_one_line_also_when_tables_stand_in_cells() -> None:
    """A row is a line; what is inside of a cell cannot break it."""
    into = Gather()
    into.begin_row()
    into.add("a")
    into.end_line()
    into.add("b")
    into.end_line()
    into.end_cell()
    into.begin_row()
    into.add("c")
    into.end_cell()
    into.end_row()
    into.end_cell()
    into.end_row()
    into.add("after")
    into.end_line()
    assert into.text() == "a b\tc\nafter\n"


def test_more_text_than_any_result_may_have_is_not_gathered() -> None:
    """A document of a few bytes can ask for very much."""
    into = Gather()
    with pytest.raises(ExtractError, match="more than 50 MB"):
        for _ in range(100):
            into.add("a" * (MAX_TEXT // 10))
