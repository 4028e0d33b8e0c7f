"""The exact count of what repeats, against sorted suffixes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repetition_oracle import distinct

from moonpalace.text.automaton import Automaton


def fed(*pieces: str) -> Automaton:
    counted = Automaton()
    for piece in pieces:
        counted.feed(piece)
    return counted


@pytest.mark.parametrize(
    ("text", "repeated", "longest"),
    [("", 0, 0), ("a", 0, 0), ("aaaa", 6, 3), ("abab", 3, 2), ("abcbc", 3, 2), ("abcd", 0, 0), ("月宫月宫。", 3, 0)],
)
def test_what_repeats_is_counted(text: str, repeated: int, longest: int) -> None:
    """Small enough to count by hand."""
    counted = fed(text)
    assert (len(text), repeated, longest) == (counted.length, counted.repeated, counted.longest)


@given(st.lists(st.text(alphabet=st.sampled_from("aab月🙂\ud800"), max_size=20), max_size=12))
def test_the_count_is_that_of_sorted_suffixes(pieces: list[str]) -> None:
    """In whatever pieces the text comes."""
    text, counted = "".join(pieces), fed(*pieces)
    longest = max(size for size in range(len(text) + 1) if not size or text[-size:] in text[:-1])
    assert distinct(text) == len(text) * (len(text) + 1) // 2 - counted.repeated
    assert longest == counted.longest
