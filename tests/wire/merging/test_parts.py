"""What an answer is made of while it grows."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.wire.merging.parts import Fields, Items, Name, Notes, Size, Text, error_of, slot


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (Size(0, 0), "0 events, 0 characters"),
        (Size(1, 1), "1 event, 1 character"),
        (Size(12, 340), "12 events, 340 characters"),
        (Size(1_234, 5_678_901), "1,234 events, 5,678,901 characters"),
    ],
    ids=str,
)
def test_a_size_is_said_in_words(size: Size, expected: str) -> None:
    """For messages."""
    assert expected == str(size)


def test_remarks_are_kept_once() -> None:
    """A million faults are one remark."""
    notes = Notes()
    for text in ("b", "a", "b"):
        notes.add(text)
    assert notes == ["b", "a"]


def test_only_what_grew_is_counted() -> None:
    """Ids and other values that come whole are no text of the answer."""
    fields = Fields(id="abc", content=Text(("x", "yz")), function=Fields(name=Name("fn"), n=5), items=Items(["abc"]))
    assert fields.characters() == 5
    assert fields.whole() == {"id": "abc", "content": "xyz", "function": {"name": "fn", "n": 5}, "items": ["abc"]}


def test_an_empty_text_costs_its_pieces_once() -> None:
    """It may be asked again with every event."""
    text = Text(("", "", "a", ""))
    assert not text.empty()
    assert text == ["a", ""]
    empty = Text(("", ""))
    assert empty.empty()
    assert (empty, empty.whole()) == ([], "")


def test_a_place_is_made_once() -> None:
    """Whatever index comes."""
    places: dict[int, Fields] = {}
    notes = Notes()
    first = slot(places, 1023, notes, "no_place")
    assert first is not None and slot(places, 1023, notes, "no_place") is first
    assert notes == []
    for index in (-1, 1024, True, 1.0, "1", None):
        assert slot(places, index, notes, "no_place") is None
    assert (list(places), notes) == ([1023], ["no_place"])


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({}, None),
        ({"error": None}, None),
        ({"error": {}}, None),
        ({"error": {"message": "x"}, "type": "error"}, {"message": "x"}),
        ({"error": "x"}, "x"),
        ({"type": "error", "message": "x"}, {"message": "x"}),
        ({"object": "error", "type": "Bad"}, {"type": "Bad"}),
        ({"type": "error"}, None),
        ({"type": ["error"]}, None),
        ({"type": "response.created"}, None),
    ],
    ids=repr,
)
def test_an_error_is_told_in_one_of_three_ways(event: dict[str, Any], expected: Any) -> None:
    """Under `error`, or as the event itself."""
    assert expected == error_of(event)
