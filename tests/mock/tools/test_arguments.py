"""Arguments of a tool: the value in its type, or words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from moonpalace.mock.tools.arguments import ENCODINGS, LONGEST, Failed, encoding, is_weight, number, text, whole


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (lambda given: text(given, "x"), "word", "word"),
        (lambda given: text(given, "x"), "w" * LONGEST, "w" * LONGEST),
        (lambda given: number(given, "x"), 5, 5.0),
        (lambda given: number(given, "x"), -1.5, -1.5),
        (lambda given: whole(given, "x", 3, 1, 9), None, 3),
        (lambda given: whole(given, "x", 3, 1, 9), 9, 9),
    ],
    ids=["text", "the longest text", "an int", "a float", "the default", "the bound"],
)
def test_a_good_value_is_given_in_its_type(read: Callable[[Any], Any], value: Any, expected: Any) -> None:
    """What the tools work with."""
    assert read({"x": value}) == expected


@pytest.mark.parametrize("value", [None, "", 5, [], {}, True, "w" * (LONGEST + 1)], ids=lambda value: repr(value)[:12])
def test_what_is_no_text_fails(value: Any) -> None:
    """And an empty one, and one that would fill the memory."""
    with pytest.raises(Failed):
        text({"x": value}, "x")


@pytest.mark.parametrize("value", [None, "5", True, [], 10**400, 1e300], ids=lambda value: repr(value)[:12])
def test_what_is_no_number_fails(value: Any) -> None:
    """And what no float can hold."""
    with pytest.raises(Failed):
        number({"x": value}, "x")


@pytest.mark.parametrize("value", [0, 10, 5.0, "5", False, 10**30], ids=repr)
def test_what_is_no_whole_number_in_bounds_fails(value: Any) -> None:
    """Booleans are none."""
    with pytest.raises(Failed):
        whole({"x": value}, "x", 3, 1, 9)


def test_weights_are_positive_numbers() -> None:
    """What sums can be made of."""
    assert [is_weight(value) for value in (1, 0.5, 0, -1, True, "1", 1e12, 10**400)] == [True, True] + [False] * 6


@pytest.mark.parametrize("value", ["zip", "rot13", 5, ["utf-8"], "utf-8\0"], ids=repr)
def test_only_encodings_of_text_are_taken(value: Any) -> None:
    """Python's other codecs do other things."""
    with pytest.raises(Failed):
        encoding({"encoding": value})
    assert encoding({}) == "utf-8" and encoding({"encoding": "UTF-8"}).lower() in ENCODINGS
