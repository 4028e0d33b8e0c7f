"""Slices are the data, and a text is cut alike wherever it stands."""

from __future__ import annotations

import json
import random

import pytest

from moonpalace.store.sqlite.slices import slices

DATA = {
    "empty": b"",
    "short": b'{"a":"b"}',
    "no string": bytes(5000),
    "quotes": b'"' * 5000,
    "backslashes": b'"' + b"\\" * 5001,
    "escaped quotes without an end": b'{"a":"' + b'\\"' * 50_000,
    "an end without a beginning": b"x" * 300 + b'"' + b"y" * 300,
    "huge": b'{"a":"' + b"z" * 100_000 + b'","b":1}',
    "line ends in strings": b'"' + b"a\n\\\n" * 100 + b'"',
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_slices_joined_are_the_data(data: bytes) -> None:
    """Whatever it holds."""
    found = slices(data)
    assert b"".join(found) == data
    assert b"" not in found


def test_slices_of_anything_joined_are_the_data() -> None:
    """Bytes that mean something to the cutting, in any order."""
    chance = random.Random(1)
    for _ in range(500):
        data = b"".join(chance.choices((b'"', b"\\", b"a" * 300, b"\n", b'"' + b"b" * 249, b"\xff"), k=30))
        assert b"".join(slices(data)) == data


def test_a_text_is_cut_alike_wherever_it_stands() -> None:
    """An answer has it among other keys than the next request."""
    text = "".join(random.Random(2).choices("abc 月\n", k=3000))
    wholes = [{"id": 1, "message": {"role": "assistant", "content": text}}, {"content": text, "tool_calls": []}]
    first, second = (set(slices(json.dumps(whole).encode())) for whole in wholes)
    shared = sum(map(len, first & second))
    assert shared == len(json.dumps(text))


def test_pages_can_be_filled() -> None:
    """Eight to a page of 8 KB; only what has pages of its own is longer."""
    data = b"x" * 60_000
    assert {len(each) for each in slices(data)} == {1000}
    assert [len(each) for each in slices(b"x" * 70_000)] == [70_000]
