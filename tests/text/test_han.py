"""Runs of Han characters."""

from __future__ import annotations

import pytest

from moonpalace.text import han


@pytest.mark.parametrize(
    ("run", "expected"),
    [("月", 1.0), ("髫", 1.0), ("我们", 1.0), ("月宫", 1.2), ("我们可以", 1.0), ("我们可以发展", 1.5), ("髫髫髫", 5.4)],
)
def test_pairs_are_cheap_and_rare_characters_dear(run: str, expected: float) -> None:
    """Common words are one token; a character outside the vocabulary is two."""
    assert pytest.approx(expected) == han.han_tokens(run)


def test_traditional_text_costs_more_than_simplified() -> None:
    """The vocabulary was learned from simplified text."""
    assert han.han_tokens("機場附近開了一間書店") > 1.3 * han.han_tokens("机场附近开了一间书店")


def test_the_pairs_are_two_thousand_different_ones() -> None:
    """The string is read two by two: one character too few would shift all that follow."""
    assert len(han.PAIRS) == 2000 * 2
    assert len(han._PAIRS) == 2000
    assert {"我们", "可以", "企业"} <= han._PAIRS
