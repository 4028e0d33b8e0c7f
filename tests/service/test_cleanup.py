"""What `--before` means, when to ask, what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from moonpalace.core.errors import UsageError
from moonpalace.service.cleanup import Cleaning, Empty, Outcome, Plan, as_object, moment

NOW = datetime(2026, 11, 20, 15, 30, 45, 500_000)
SECOND = 1_000_000_000


@pytest.fixture(autouse=True)
def _shanghai(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Eight hours ahead of UTC, no summer time."""
    if not hasattr(time, "tzset"):
        pytest.skip("the zone cannot be set here")
    monkeypatch.setenv("TZ", "CST-8")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text + "+00:00").timestamp()) * SECOND


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, utc("2026-11-12T16:00:00")),
        ("2026-11-13", utc("2026-11-12T16:00:00")),
        (" 2026-11-13 ", utc("2026-11-12T16:00:00")),
        ("2026-11-13 08:00:01", utc("2026-11-13T00:00:01")),
        ("2026-11-13T08:00:01", utc("2026-11-13T00:00:01")),
        ("7d", utc("2026-11-13T07:30:45") + SECOND // 2),
        ("12h", utc("2026-11-19T19:30:45") + SECOND // 2),
        ("0d", utc("2026-11-20T07:30:45") + SECOND // 2),
        ("9999-12-31", 2**63 - 1),
        ("0001-01-01", -(2**63)),
        ("99999999999999999999d", -(2**63)),
    ],
    ids=str,
)
def test_a_time_is_local(text: str | None, expected: int) -> None:
    """As the list shows it; midnight where no time of the day is given."""
    assert expected == moment(text, NOW)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-13-01", "2026-02-30", "2026-1-1", "2026-11-13 8:00:00", "2026-11-13 08:00", "7", "d", "-7d",
     "7w", "20261113", "2026-11-13 24:00:00", "2026-11-13T08:00:01Z", "\x1b[2J", "٧d\n"],
)  # fmt: skip
def test_what_is_no_time_is_refused_and_both_formats_are_named(text: str) -> None:
    """Nothing is deleted by a guess."""
    with pytest.raises(UsageError, match=r"YYYY-MM-DD or YYYY-MM-DD HH:MM:SS") as caught:
        moment(text, NOW)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "total", "expected"),
    [(0, 0, False), (0, 10, False), (5, 10, False), (6, 10, True), (100, 1000, False), (101, 1000, True), (1, 1, True)],
)
def test_much_is_more_than_a_hundred_or_than_half(old: int, total: int, expected: bool) -> None:
    """Who sits there is asked then."""
    assert expected == Plan(0, total, old).is_much


def test_the_plan_is_a_sentence() -> None:
    """Numbers that can be read, and the time as it was understood."""
    assert (
        Plan(utc("2026-11-12T16:00:00"), 1300, 1234).sentence == "1,234 exchanges before 2026-11-13 00:00:00 (of 1,300)"
    )
    assert Plan(utc("2026-11-12T16:00:00"), 1, 1).sentence == "1 exchange before 2026-11-13 00:00:00 (of 1)"
    assert "before" in Plan(2**63 - 1, 1, 1).sentence


class Shelf(Empty):
    """Takes 100 bytes, and after a cleaning 30."""

    def __init__(self) -> None:
        self.bytes = 100
        self.closed = 0

    def clean(self, before_ns: int) -> int:
        self.bytes = 30
        return 3

    def size(self) -> int:
        return self.bytes

    def close(self) -> None:
        self.closed += 1


def test_what_was_given_back_is_what_the_database_takes_less() -> None:
    """And never less than nothing: a proxy may have written meanwhile."""
    shelf, after = Shelf(), []
    cleaning = Cleaning(shelf, ("note",), lambda: after.append(shelf.closed))
    assert cleaning.run(5) == Outcome(3, 70)
    shelf.bytes = 10
    assert cleaning.run(5) == Outcome(3, 0)
    cleaning.close()
    assert after == [1], "what comes after comes when the file is closed"


def test_json_has_both() -> None:
    """In UTC, as everywhere in JSON."""
    found = as_object(Plan(utc("2026-11-12T16:00:00"), 5, 3), Outcome(3, 70))
    assert found == {
        "before": "2026-11-12T16:00:00.000Z", "total": 5, "old": 3, "deleted": 3, "given_back_bytes": 70
    }  # fmt: skip
