"""Running checks, and what comes of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from moonpalace.service.diagnosis import Report, Result, amount, as_object, examine, fail, ok, warn, worst


def test_results_come_in_order_and_one_by_one() -> None:
    """A slow check must not hold back what is known already."""
    asked: list[str] = []

    def check(name: str) -> Result:
        asked.append(name)
        return ok(name)

    reports = examine([("a", lambda: check("a")), ("b", lambda: check("b"))])
    assert next(reports) == Report("a", ok("a"))
    assert asked == ["a"]
    assert [report.check for report in reports] == ["b"]


def test_a_check_with_nothing_to_look_at_is_left_out() -> None:
    """A line about nothing would be noise."""
    assert list(examine([("a", lambda: None)])) == []


def test_what_the_system_refuses_is_a_result(tmp_path: Path) -> None:
    """The doctor goes on."""
    (found,) = examine([("a", lambda: ok(str(os.lstat(tmp_path / "gone"))))])
    assert found.result.verdict == "fail"
    assert str(tmp_path / "gone") in found.result.text


def test_the_sentence_has_the_remedy_in_its_second_half() -> None:
    """One line says both."""
    assert warn("it is open", "close it").sentence == "it is open; close it"
    assert fail("it is broken: mend it").sentence == "it is broken: mend it"


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [([], "ok"), (["ok", "ok"], "ok"), (["warn", "ok"], "warn"), (["ok", "fail", "warn"], "fail")],
)
def test_the_worst_counts(verdicts: Sequence[str], expected: str) -> None:
    """For the exit code and the object."""
    assert worst(verdicts) == expected


def test_the_object_has_every_member() -> None:
    """What is not known is null, never left out."""
    found = as_object([Report("a", ok("fine")), Report("b", warn("odd", "mend it"))])
    assert found == {
        "verdict": "warn",
        "checks": [
            {"check": "a", "verdict": "ok", "text": "fine", "remedy": None},
            {"check": "b", "verdict": "warn", "text": "odd", "remedy": "mend it"},
        ],
    }


@pytest.mark.parametrize(("size", "expected"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 KB"),
                                                (3_440_000, "3.4 MB"), (2 * 10**12, "2000.0 GB")])  # fmt: skip
def test_amounts_are_for_people(size: int, expected: str) -> None:
    """Decimal, as disks are sold."""
    assert amount(size) == expected
