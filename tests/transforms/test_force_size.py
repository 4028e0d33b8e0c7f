"""How much a stream that is held counts."""

from __future__ import annotations

import pytest

from moonpalace.transforms.base import Event
from moonpalace.transforms.force_size import HeldSize

USUAL = 'data: {"id":"c","object":"o","choices":[{"index":0,"delta":{"content":"好"}}]}\n\n'.encode()
MANY = b'data: {"choices":[{"delta":{"content":[' + b"{}," * 100 + b"{}]}}]}\n\n"
LONGER = b'data: {"x":"' + b"a" * 500 + b'"}\n\n'


def size(*events: bytes, pieces: int = 1 << 20) -> int:
    """Of these events, each in pieces of that size."""
    held, now = HeldSize(), 0
    for event in events:
        for at in range(0, len(event), pieces):
            piece = event[at : at + pieces]
            now = held.add(Event(piece, b"x" if at + pieces >= len(event) else None))
    return now


def test_a_usual_event_counts_by_its_bytes() -> None:
    """What merges into a text takes no more than that."""
    assert size(USUAL) == 384  # a small one
    assert size(*[LONGER] * 100) == 100 * len(LONGER)


@pytest.mark.parametrize("value", [b"{}", b"[]", b'"ab"', b"1.5"])
def test_small_values_count_more(value: bytes) -> None:
    """An object that is empty takes 64 bytes and its place."""
    event = b'data: {"x":[' + b",".join([value] * 1000) + b"]}\n\n"
    assert size(event) > len(event) + 1000 * 20


@pytest.mark.parametrize("sign", ["😀".encode(), rb"\ud83d\ude00", rb"\uD83D\uDE00"])
def test_a_text_with_a_sign_of_four_bytes_counts_twice(sign: bytes) -> None:
    """One of them widens all the others of its text."""
    event = b'data: {"x":"' + sign + b"a" * 1000 + b'"}\n\n'
    assert size(event, LONGER) == 2 * len(event) + len(LONGER)


@pytest.mark.parametrize("pieces", [1, 3, 64])
@pytest.mark.parametrize("event", [USUAL, MANY, b'data: "' + "😀".encode() + b"a" * 100 + b'"\n\n'])
def test_the_chunking_makes_no_difference(event: bytes, pieces: int) -> None:
    """An event counts as a whole, however it came."""
    assert size(event, MANY, event, pieces=pieces) == size(event, MANY, event)


def test_what_is_under_way_counts() -> None:
    """It is given up before it is read."""
    held = HeldSize()
    assert held.add(Event(MANY[:-20])) > 2000
