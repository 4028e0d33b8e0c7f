"""The packed timeline reads back as it was, and as far as it can when a newer version wrote it."""

from __future__ import annotations

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
