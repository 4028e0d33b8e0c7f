"""Content that is a list of parts, which some APIs stream."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.wire.merging.content import grow_content
from moonpalace.wire.merging.parts import Fields, Notes

A, B, IMAGE = {"type": "text", "text": "a"}, {"type": "text", "text": "b"}, {"type": "image_url", "image_url": "data:"}
CASES: dict[str, tuple[list[Any], Any, int, tuple[str, ...]]] = {
    "a text": (["", "a", None, "b"], "ab", 2, ()),
    "null": ([None], None, 0, ()),
    "null, then parts": ([None, [A], None], [A], 1, ()),
    "parts": ([[A], [B, IMAGE], []], [A, B, IMAGE], 2, ()),
    "parts that are texts": ([["xyz", 5, None]], ["xyz", 5, None], 3, ()),
    "an empty text, then parts": (["", [A]], [A], 1, ()),
    "a text, then parts": (["a", "x", [B]], [{"type": "text", "text": "ax"}, B], 3, ("text_beside_parts",)),
    "parts, then a text": ([[A], "", "x", "y"], [A, {"type": "text", "text": "xy"}], 3, ("text_beside_parts",)),
    "parts, a text, parts": ([[A], "x", [B]], [A, {"type": "text", "text": "x"}, B], 3, ("text_beside_parts",)),
    "no parts": ([[]], [], 0, ()),
    "no parts, then a text": ([[], None, "a"], "a", 1, ()),
    "parts, then another type": ([[A], {"x": 1}], [A], 1, ("not_a_text",)),
    "another type": ([{"x": 1}], {"x": 1}, 0, ("text_of_another_type",)),
}


@pytest.mark.parametrize(("pieces", "expected", "length", "notes"), CASES.values(), ids=CASES)
def test_content(pieces: list[Any], expected: Any, length: int, notes: tuple[str, ...]) -> None:
    """Nothing is lost, and where a text and parts meet it is told."""
    fields, remarks = Fields(), Notes()
    for piece in pieces:
        grow_content(fields, "content", piece, remarks)
    assert (expected, length, notes) == (fields.whole()["content"], fields.characters(), tuple(remarks))


def test_the_parts_that_were_handed_in_stay_as_they_are() -> None:
    """They belong to the event."""
    fields, first = Fields(), [A]
    for piece in (first, [B], "x"):
        grow_content(fields, "content", piece, Notes())
    assert first == [A]
