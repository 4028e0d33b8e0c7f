"""A page of a list: its order, its ends, its size."""

from __future__ import annotations

import pytest

from moonpalace.core.headers import Headers
from moonpalace.mock.asked import Account, Asked, Refused
from moonpalace.mock.paging import page
from moonpalace.testing.mock_scene import Scene


def asked(**query: str) -> Asked:
    return Asked(1, "GET", "/", tuple(query.items()), Headers(), b"", Account("mock"), 0.0)


def names(**query: str) -> str:
    return "".join(page(Scene(()).world, asked(**query), "abcdef", str))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "fedcba"),
        ({"order": "asc"}, "abcdef"),
        ({"order": "desc", "limit": "2"}, "fe"),
        ({"after": "d"}, "cba"),
        ({"after": "d", "before": "a"}, "cb"),
        ({"after": "b", "order": "asc", "limit": "3"}, "cde"),
        ({"before": "c", "order": "asc"}, "ab"),
        ({"after": "a", "before": "f"}, ""),
        ({"after": "none", "before": "none", "limit": ""}, "fedcba"),
    ],
    ids=str,
)
def test_the_page_is_what_the_query_asks_for(query: dict[str, str], expected: str) -> None:
    """Newest first; the named rows themselves are left out."""
    assert names(**query) == expected


def test_twenty_rows_make_a_page() -> None:
    """The documented default."""
    rows = [str(number) for number in range(50)]
    assert page(Scene(()).world, asked(order="asc"), rows, str) == rows[:20]


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "x"}, {"limit": "-1"}, {"limit": "²"}, {"limit": "9" * 50}, {"order": "up"}],
    ids=str,
)
def test_a_bad_query_is_refused(query: dict[str, str]) -> None:
    """400, and never an exception of int()."""
    with pytest.raises(Refused) as refused:
        names(**query)
    assert refused.value.violation.status == 400
