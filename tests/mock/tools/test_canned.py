"""The made-up web: the same everywhere, and honest about being made up."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.mock.tools.canned import is_address, page, results
from moonpalace.testing.mock_scene import Scene


def test_results_depend_on_the_query_and_the_seed_alone() -> None:
    """Not on the clock, nor on what was asked before."""
    one, two, other = Scene(()), Scene((), now=9.0), Scene((), seed=1)
    assert results(one.world, "kimi", 5) == results(two.world, "kimi", 5) != results(other.world, "kimi", 5)
    assert results(one.world, "kimi", 3) == results(one.world, "kimi", 5)[:3]


@given(st.text(max_size=100), st.dates(), st.dates())
def test_results_lie_on_the_sites_and_in_the_window(query: str, one: date, two: date) -> None:
    """Whatever the query; each address can be opened, and each score falls."""
    start, end = min(one, two), max(one, two)
    found = results(Scene(()).world, query, 20, ["moonshot.cn", "kimi.com"], (start, end))
    assert len(found) == 20
    assert {one.site for one in found} == {"moonshot.cn", "kimi.com"}
    assert all(start <= date.fromisoformat(one.day) <= end for one in found)
    assert all(is_address(one.url) and page(one.url) is not None for one in found)
    assert [one.score for one in found] == sorted([one.score for one in found], reverse=True)
    assert all("Made up" in one.snippet and "made up" in one.text for one in found)


def test_invalid_hosts_have_nothing() -> None:
    """A way to ask for an empty result."""
    assert results(Scene(()).world, "kimi", 5, ["a.invalid", "b.INVALID/path"]) == []
    assert [one.site for one in results(Scene(()).world, "kimi", 2, ["a.invalid", "kimi.com"])] == ["kimi.com"] * 2
    assert page("https://a.invalid/x") is None


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://example.com/a", True),
        ("http://127.0.0.1:8080", True),
        ("ftp://example.com", False),
        ("example.com", False),
        ("https://", False),
        ("https://a:99999/", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_an_address_has_a_scheme_and_a_host(url: str, good: bool) -> None:
    """And never raises."""
    assert is_address(url) is good


def test_a_page_says_that_nothing_was_fetched() -> None:
    """Its title names it."""
    title, text = page("https://example.com/docs/guide") or ("", "")
    assert title == "guide - example.com"
    assert text.startswith("# guide - example.com") and "nothing was fetched" in text
