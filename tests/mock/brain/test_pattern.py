"""A text that a regular expression matches."""

from __future__ import annotations

import random
import re

import pytest

from moonpalace.mock.brain.pattern import matching


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{2}[0-9]{4}$",
        r"^\d{3}-\d{4}$",
        "^(foo|bar)+$",
        "abc",
        "^a.c$",
        "^[^a-z]+$",
        r"^\w+@\w+\.com$",
        "^x*$",
        "^[\u4e00-\u9fff]{2,4}$",
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_simple_expressions_are_met(pattern, seed):
    """Tool schemas have them for codes, dates and names."""
    made = matching(pattern, random.Random(seed))
    assert made is not None
    assert re.search(pattern, made)


def test_a_wanted_length_is_reached_where_it_can_be():
    """`pattern` and `minLength` stand side by side."""
    made = matching("^[a-c]+$", random.Random(0), 12)
    assert made is not None
    assert len(made) >= 12


@pytest.mark.parametrize("pattern", ["(((a{1000}){1000}){1000})", "a{65535}", "(?:x{999}){999}"])
def test_huge_repetitions_are_bounded(pattern):
    """A schema must not fill the memory."""
    assert len(matching(pattern, random.Random(0)) or "") <= 1000


def test_what_cannot_be_read_is_none():
    """Then the length alone counts."""
    assert matching("(", random.Random(0)) is None
