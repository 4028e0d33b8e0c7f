"""The packed timeline reads back as it was, and as far as it can when a newer version wrote it."""

from __future__ import annotations

import random
from array import array

import msgspec
import pytest

from moonpalace.core.exchange import Event
from moonpalace.store import timeline


@pytest.mark.parametrize(
    ("flat", "events"),
    [
        ([], ()),
        ([timeline.ARRIVED, 0, -1], (Event("arrived", 0),)),
        ([timeline.CHUNK + 2, 5, 0, timeline.ENDED, 9, 7], (Event("told_chunk", 5, 0), Event("ended", 9, 7))),
        ([99, 1, 2], (Event("event 99", 1, 2),)),
        ([timeline.CONNECT, -3, -1, 5], (Event("connect", -3),)),
    ],
    ids=["none", "arrival", "two", "unknown code", "cut off"],
)
def test_a_timeline_reads_back(flat: list[int], events: tuple[Event, ...]) -> None:
    """Codes are stored for ever: their meaning must not move."""
    assert timeline.unpack(timeline.pack(flat)) == events


@pytest.mark.parametrize("count", [39, 40, 41, 500])
def test_a_long_timeline_reads_back(count: int) -> None:
    """A stream has thousands of events; where packing changes its form must not show."""
    chance = random.Random(count)
    times = [chance.randrange(-5, 2**40) for _ in range(count)]  # clocks are not always in order
    flat = [number for at in times for number in (chance.randrange(20), at, chance.choice((-1, 0, 2**33)))]
    wanted = [(at, None if flat[3 * n + 2] < 0 else flat[3 * n + 2]) for n, at in enumerate(times)]
    for given in (flat, array("q", flat)):
        assert [(event.at_ns, event.size) for event in timeline.unpack(timeline.pack(given))] == wanted
    names = [event.name for event in timeline.unpack(timeline.pack(flat))]
    assert names == [timeline.NAMES[code] if code < 15 else f"event {code}" for code in flat[0::3]]


def test_a_long_timeline_takes_little_space() -> None:
    """Each event of a steady stream adds a few bytes."""
    chance = random.Random(1)
    flat = [each for n in range(1000) for each in (3, n * 20_000_000 + chance.randrange(1_000_000), 200 + n % 3)]
    assert len(timeline.pack(flat)) < 4 * 1000


def test_a_timeline_of_the_first_version_still_reads() -> None:
    """It was one plain array, however long: what was migrated was not packed again."""
    flat = [each for n in range(300) for each in (3, n, n)]
    events = timeline.unpack(msgspec.msgpack.encode(flat))
    assert [event.at_ns for event in events] == list(range(300))


def test_codes_and_names_agree() -> None:
    """A name added in the middle would rename what is stored."""
    names = timeline.NAMES
    assert [names[timeline.CHUNK + side] for side in range(4)] == [
        "asked_chunk",
        "sent_chunk",
        "told_chunk",
        "delivered_chunk",
    ]
    assert [names[timeline.BODY_END + side] for side in range(4)] == [
        "asked_end",
        "sent_end",
        "told_end",
        "delivered_end",
    ]
    assert (names[timeline.CONNECT], names[timeline.DELIVERED_HEAD], names[timeline.ENDED]) == (
        "connect",
        "delivered_head",
        "ended",
    )
    assert timeline.unpack(None) == ()
