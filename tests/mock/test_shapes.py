"""The fields of the small endpoints: values in their types, or the API's own 400."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from moonpalace.mock import shapes
from moonpalace.mock.asked import Refused
from moonpalace.testing.mock_scene import Scene

WORLD = Scene(()).world


@pytest.mark.parametrize(
    ("given", "expected"),
    [({"x": "a"}, "a"), ({"x": "abc"}, "abc"), ({}, "-"), ({"x": None}, "-"), ({"x": ""}, "-")],
    ids=str,
)
def test_a_text_or_its_default_is_given(given: dict[str, Any], expected: str) -> None:
    """What is empty counts as missing, as with the API."""
    assert shapes.text(WORLD, given, "x", 3, "-") == expected


@pytest.mark.parametrize(
    ("given", "expected"), [({"x": 1}, 1), ({"x": 9}, 9), ({}, None), ({"x": None}, None)], ids=str
)
def test_a_whole_number_is_given(given: dict[str, Any], expected: int | None) -> None:
    """Or None, for the caller's default."""
    assert shapes.whole(WORLD, given, "x", 1, 9) == expected


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: shapes.text(WORLD, {}, "x"), "x is required"),
        (lambda: shapes.text(WORLD, {"x": 5}, "x"), "x must be a string"),
        (lambda: shapes.text(WORLD, {"x": "abcd"}, "x", 3), "x must be at most 3 characters"),
        (lambda: shapes.whole(WORLD, {"x": True}, "x", 1, 9), "x must be an integer between 1 and 9"),
        (lambda: shapes.whole(WORLD, {"x": 1.0}, "x", 1, 9), "x must be an integer between 1 and 9"),
        (lambda: shapes.labels(WORLD, {"metadata": "x"}), "metadata must be an object of strings"),
        (lambda: shapes.labels(WORLD, {"metadata": {"a": "b", "c": "d"}}, 1), "at most 1 entries"),
    ],
    ids=["missing", "no text", "too long", "a boolean", "a float", "no object", "too many"],
)
def test_the_refusal_names_the_field(read: Callable[[], object], words: str) -> None:
    """400, `invalid_request_error`, `Invalid request: …`."""
    with pytest.raises(Refused) as refused:
        read()
    violation = refused.value.violation
    assert (violation.status, violation.form.type) == (400, "invalid_request_error")
    assert violation.message.startswith("Invalid request: ") and words in violation.message


def test_a_conversation_is_judged_by_the_law_but_for_its_length() -> None:
    """What is too long is for the caller to say."""
    messages = [{"role": "user", "content": "word " * 50_000}]
    assert shapes.conversation(Scene((), "2024").world, {"messages": messages}, "moonshot-v1-8k") == []
    found = shapes.conversation(WORLD, {"messages": [{"role": "user", "content": ""}]}, "kimi-k3")
    assert [violation.form.name for violation in found] == ["message_empty"]
