"""The windows by themselves: what they keep, and that they reach their ends in floats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.mock.windows import DAY, MINUTE, CalendarDay, Requests, Tokens, Window


def test_a_day_is_kept_in_minutes() -> None:
    """A fast client asks a million times a day: the memory of its tokens must not grow with that."""
    day = Tokens(10**9, DAY, MINUTE)
    most = 0
    for second in range(0, 3 * int(DAY), 5):
        assert day.wait(second, 1) == 0.0
        day.take(second, 1)
        most = max(most, len(day))
    assert most <= 2 * 1442
    assert DAY / 5 <= day.current(0) <= (DAY + MINUTE) / 5


def test_a_minute_forgets_what_has_left() -> None:
    """What is kept follows what was let in lately, not the length of the run."""
    minute = Tokens(10**9, MINUTE)
    most = 0
    for tick in range(100_000):
        assert minute.wait(tick / 4, 3) == 0.0
        minute.take(tick / 4, 3)
        most = max(most, len(minute))
    assert most <= 2 * 4 * 60 + 2
    assert minute.current(0) == 3 * 4 * 60


@pytest.mark.parametrize("tokens", [0, 1, 7], ids=str)
def test_an_empty_window_stands_at_the_request_alone(tokens: int) -> None:
    """After a quiet time nothing of the past may count."""
    window = Tokens(10, MINUTE)
    window.take(0.0, 5)
    assert window.wait(200.0, tokens) == 0.0
    assert window.current(tokens) == tokens


@pytest.mark.parametrize(
    ("window", "span"), [(Requests(1), MINUTE), (Tokens(1, MINUTE), MINUTE), (Tokens(1, DAY, MINUTE), DAY)]
)
def test_what_came_leaves_exactly_at_the_end_of_the_span(window: Window, span: float) -> None:
    """Half open: a request each 60 s is one a minute."""
    window.take(8.0, 1)
    assert window.wait(8.0, 1) == span
    assert window.wait(8.0 + span - 0.25, 1) == 0.25
    assert window.wait(8.0 + span, 1) == 0.0


@given(came=st.floats(0, 1e7), asked=st.floats(0, 59.9))
def test_the_wait_reaches_the_end_in_floats_too(came: float, asked: float) -> None:
    """A client that waits to the last bit what it was told must not be refused by a rounding."""
    for window in (Requests(1), Tokens(5, MINUTE)):
        window.take(came, 5)
        now = came + asked
        wait = window.wait(now, 5)
        assert window.wait(now + wait, 5) == 0.0


def test_a_calendar_day_ends_at_midnight() -> None:
    """However late its tokens were asked for."""
    wall = [3 * DAY - 10.0]
    day = CalendarDay(100, lambda: wall[0])
    assert day.wait(0.0, 100) == 0.0
    day.take(0.0, 100)
    assert (day.wait(0.0, 1), day.current(1)) == (10.0, 101)
    wall[0] += 10.0
    assert (day.wait(10.0, 100), day.current(1)) == (0.0, 1)
