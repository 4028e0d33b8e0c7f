"""Shapes, and the words for what has another."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.law.reading import INT, NUMBER, STRING, Say, Shape, array, cut, either, number, record, sound


@pytest.mark.parametrize(
    ("value", "shape", "expected"),
    [
        (1, INT, True),
        (1.0, INT, False),
        (True, INT, False),
        ((1 << 63) - 1, INT, True),
        (1 << 63, INT, False),
        (-(1 << 63), INT, True),
        (-(1 << 63) - 1, INT, False),
        (1, NUMBER, True),
        (1.5, NUMBER, True),
        (False, NUMBER, False),
        (None, STRING, False),
        ("a", either(STRING, array(STRING)), True),
        (["a", 1], either(STRING, array(STRING)), False),
        ({"a": None, "b": 1}, record({"a": STRING}), True),
        ({"a": 1}, record({"a": STRING}), False),
        ([None], array(record({})), False),
        ([], array(STRING), True),
    ],
    ids=repr,
)
def test_a_value_has_its_shape_or_not(value: Any, shape: Shape, expected: bool) -> None:
    """Whole numbers are written as such, null is absent except in an array."""
    say = Say("2026")
    assert expected == sound(value, shape, "f", "f", say)
    assert expected == (not say.found)


def test_the_words_name_field_types_and_place() -> None:
    """The field without indices, as the service names it; the place with them."""
    say = Say("2026")
    sound([{"a": ["x", 1]}], array(record({"a": array(STRING)})), "f", "f", say)
    (found,) = say.found
    assert found.at == "f[0].a[1]"
    assert found.message.startswith(
        "Invalid request: the `f.a` field in the request (expected type string) is illegal,"
    )
    assert found.message.endswith(", and number is not acceptable")


@pytest.mark.parametrize(("value", "expected"), [(1, "1"), (1.0, "1"), (0.95, "0.95"), (-2.0, "-2")])
def test_numbers_are_written_short(value: float, expected: str) -> None:
    """`only 1 is allowed`, never `1.0`."""
    assert expected == number(value)


def test_a_quoted_text_is_short_and_can_be_encoded() -> None:
    """It goes into an answer."""
    assert cut("a\ud800") == "a?"
    assert len(cut("x" * 1000)) == 256
