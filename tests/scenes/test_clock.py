"""Somebody sets the clock: durations stay right, the order stays that of arrival, and what it touched is flagged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.testing.moved_clock import MovedClock
from moonpalace.testing.numbered import Follower, NumberedUpstream
from moonpalace.testing.program import Program

DAY = 86_400.0
MOVES = {
    "thirty days back": -30 * DAY,
    "thirty days on": 30 * DAY,
    "an hour on": 3600.0,
    "two seconds back": -2.0,
}


@pytest.fixture
def clock(tmp_path: Path) -> MovedClock:
    """The wall clock of the programs of one test."""
    return MovedClock(tmp_path / "clock")


@pytest.fixture
def upstream() -> Iterator[NumberedUpstream]:
    """Streams that end when the test says so."""
    made = NumberedUpstream()
    yield made
    made.close()


def ask(program: Program, name: str) -> Follower:
    """One short exchange, from beginning to end."""
    follower = Follower(program.port, name, 3)
    assert follower.join() and follower.ended_at
    return follower


def wait_for_bytes(follower: Follower, count: int) -> None:
    """Until so many came from now on. Raises: TimeoutError."""
    wanted, until = len(follower.raw) + count, time.monotonic() + 10
    while len(follower.raw) < wanted:
        if time.monotonic() > until:
            raise TimeoutError(f"{follower.name} stands still")
        time.sleep(0.005)


def at_s(row: Exchange) -> float:
    """When it was asked, by the wall clock of the program."""
    return row.requested_at / 1e9


@pytest.mark.parametrize("seconds", MOVES.values(), ids=MOVES)
def test_f46_the_clock_is_set_while_exchanges_run(
    programs: Callable[..., Program], upstream: NumberedUpstream, clock: MovedClock, seconds: float
) -> None:
    """One ended before, one is open meanwhile, one comes right after, and one later when the clock is as before."""
    program = programs(upstream.url, env=clock.environment)
    began = time.monotonic()
    before = ask(program, "before")
    program.wait_for_count(1)
    across = Follower(program.port, "across", 100_000)
    wait_for_bytes(across, 500)
    clock.offset_s = seconds
    wait_for_bytes(across, 500)
    after = ask(program, "after")
    upstream.finish.set()
    assert across.join() and across.ended_at
    later = ask(program, "later")
    program.wait_for_count(4)  # its end is told by the clock too, a moment after the client has seen it
    clock.offset_s = 0
    again = ask(program, "again")
    last = ask(program, "last")
    longest = (time.monotonic() - began) * 1e9
    rows = {row.path: row for row in program.wait_for_count(6)}
    names = {follower.name: rows[follower.target] for follower in (before, across, after, later, again, last)}
    flagged = {name for name, row in names.items() if "clock_jump" in row.flags}
    assert {name: row.state for name, row in names.items()} == dict.fromkeys(names, "complete")
    assert {"across", "again"} <= flagged <= {"across", "after", "again"}
    assert all(row.latency_ns is not None and 0 < row.latency_ns < longest for row in names.values())
    assert across.arrivals and (names["across"].latency_ns or 0) >= across.arrivals[-1][0] - across.arrivals[0][0]
    assert at_s(names["later"]) - at_s(names["before"]) == pytest.approx(seconds, abs=longest / 1e9 + 0.1)
    check_order(program, list(names.values()))


def check_order(program: Program, arrived: list[Exchange]) -> None:
    """Ids, uids and `list` follow the order of arrival, whatever the clock said."""
    assert [row.id for row in sorted(arrived, key=lambda row: row.uid)] == [row.id for row in arrived]
    assert len({row.uid for row in arrived}) == len(arrived)
    assert sorted(row.id or 0 for row in arrived) == [row.id for row in arrived]
    assert [row["id"] for row in program.records()] == [row.id for row in reversed(arrived)]


def test_f46_a_clock_that_is_slewed_flags_nothing(
    programs: Callable[..., Program], upstream: NumberedUpstream, clock: MovedClock
) -> None:
    """As NTP does it: in small steps, whatever they add up to."""
    program = programs(upstream.url, env=clock.environment)
    across = Follower(program.port, "across", 100_000)
    wait_for_bytes(across, 100)
    for number in range(20):
        clock.offset_s = -0.2 * number
        ask(program, f"n{number}")
    upstream.finish.set()
    assert across.join()
    rows = program.wait_for_count(21)
    assert {(row.state, "clock_jump" in row.flags) for row in rows} == {("complete", False)}


def test_f46_a_switch_to_winter_time_is_none(
    programs: Callable[..., Program], upstream: NumberedUpstream, clock: MovedClock
) -> None:
    """Local time goes back by an hour, and nothing in the record does."""
    switch = datetime.fromisoformat("2026-10-25T01:00:00+00:00").timestamp()
    clock.offset_s = switch - time.time() - 1.0
    program = programs(upstream.url, env={**clock.environment, "TZ": "Europe/Berlin"})
    names = []
    while time.time() + clock.offset_s < switch + 0.5:
        names.append(ask(program, f"n{len(names)}").target)
    rows = program.wait_for_count(len(names))
    assert at_s(rows[-1]) < switch < at_s(rows[0])
    assert {(row.state, row.flags) for row in rows} == {("complete", rows[0].flags)}
    assert "clock_jump" not in rows[0].flags
    assert [row.path for row in rows] == names[::-1]
    assert sorted(rows, key=at_s) == rows[::-1]


def test_f46_a_killed_proxy_and_the_next_one_under_another_clock(
    tmp_path: Path, upstream: NumberedUpstream, clock: MovedClock
) -> None:
    """Each run has its own clocks: between two of them there is nothing to compare, and ids still rise."""
    with Program(upstream.url, home=tmp_path, env=clock.environment) as program:
        first = ask(program, "first")
        assert program.stop() == 0
    clock.offset_s = -30 * DAY
    with Program(upstream.url, home=tmp_path, env=clock.environment) as program:
        second = ask(program, "second")
        rows = program.wait_for_count(2)
        assert [row.path for row in rows] == [second.target, first.target]
        assert [row.flags for row in rows] == [rows[0].flags] * 2 and "clock_jump" not in rows[0].flags
