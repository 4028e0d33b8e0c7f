"""Ids: unique, in the order of time, and in the shape that others read."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from moonpalace.core.ids import UidMaker, uid_bytes, uid_text

MS = 1_000_000


def clock(*times_ms: int) -> Iterator[int]:
    yield from (time * MS for time in times_ms)


def test_an_id_is_a_uuid_of_version_7() -> None:
    """Any tool can read the time from it."""
    at = 1_790_000_000_123
    made = uuid.UUID(bytes=UidMaker(lambda: at * MS)())
    assert made.version == 7 and made.variant == uuid.RFC_4122
    assert made.int >> 80 == at


def test_ids_of_one_process_rise_strictly() -> None:
    """Also within one millisecond, and past the counter's end."""
    make = UidMaker(lambda: 1_790_000_000_000 * MS)
    made = [make() for _ in range(10_000)]
    assert made == sorted(made) and len(set(made)) == len(made)


def test_a_clock_set_back_does_not_set_the_ids_back() -> None:
    """The order of the record would break."""
    times = clock(1000, 2000, 1500, 1, 2000, 2001)
    make = UidMaker(lambda: next(times))
    made = [make() for _ in range(6)]
    assert made == sorted(made)
    assert int.from_bytes(made[-1], "big") >> 80 == 2001


def test_two_makers_do_not_meet() -> None:
    """Several proxies write to one record."""
    one, two = UidMaker(lambda: MS), UidMaker(lambda: MS)
    assert not {one() for _ in range(1000)} & {two() for _ in range(1000)}


def test_text_and_bytes_are_inverse() -> None:
    """With hyphens, without, in capitals."""
    made = UidMaker(lambda: 1_790_000_000_000 * MS)()
    assert uid_text(made) == str(uuid.UUID(bytes=made))
    for text in (uid_text(made), made.hex(), uid_text(made).upper()):
        assert uid_bytes(text) == made


@pytest.mark.parametrize(
    "text", ["", "x", "0" * 31, "0" * 33, "g" * 32, "last", "0" * 30 + " 0", "0" * 30 + "\u0660\u0660", "-" * 40]
)
def test_what_is_no_id_is_none(text: str) -> None:
    """Users give all sorts of things to `inspect`."""
    assert uid_bytes(text) is None
