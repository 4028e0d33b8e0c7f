"""The two clocks compared: what is a jump, and what is a clock being put right."""

from __future__ import annotations

import pytest

from moonpalace.librarian.clocks import Clocks

S = 1_000_000_000
DAY = 86_400 * S
WALL = 1_780_000_000 * S
MOVES = [
    ("none", 10 * S, 0, False),
    ("half a second", S, S // 2, False),
    ("just a second", 0, S, False),
    ("more than a second", 0, S + 1, True),
    ("more than a second back", 0, -S - 1, True),
    ("thirty days on", 5 * S, 30 * DAY, True),
    ("thirty days back", 5 * S, -30 * DAY, True),
    ("a night's sleep", S, 8 * 3600 * S, True),
    ("slewed for ten hours", 36_000 * S, 18 * S, False),
    ("slewed back for ten hours", 36_000 * S, -18 * S, False),
    ("a minute in ten hours", 36_000 * S, 60 * S, True),
    ("looks that stand in the file the wrong way round", -S // 100, 0, False),
]


@pytest.mark.parametrize(("elapsed", "moved", "jumps"), [case[1:] for case in MOVES], ids=[case[0] for case in MOVES])
def test_a_jump_is_told_from_a_slew(elapsed: int, moved: int, jumps: bool) -> None:
    """F46: NTP puts a clock right by at most 1/2000, which may add up to much; who sets it moves it at once."""
    clocks = Clocks()
    assert not clocks.jumped(50 * S, WALL), "the first look has nothing to compare with"
    assert clocks.jumped(50 * S + elapsed, WALL + elapsed + moved) is jumps


def test_a_jump_is_told_once() -> None:
    """Afterwards the clock goes on from where it is."""
    clocks = Clocks()
    looks = [(1 * S, 0), (2 * S, 90), (3 * S, 90), (4 * S, 90), (5 * S, 0), (6 * S, 0)]
    assert [clocks.jumped(at, WALL + at + moved * S) for at, moved in looks] == [False, True, False, False, True, False]


def test_small_steps_never_add_up_to_a_jump() -> None:
    """Each look is compared with the one before it."""
    clocks = Clocks()
    assert not any(clocks.jumped(n * S, WALL + n * (S + S // 1500)) for n in range(10_000))
