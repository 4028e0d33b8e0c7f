"""Errors by name: whoever asks for one gets a whole sentence."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from moonpalace.kimi.errors import FORMS
from moonpalace.kimi.profiles import PROFILES
from moonpalace.mock.values import filled
from moonpalace.mock.world import World


def world(year: str = "2026") -> World:
    return World(Path("nowhere"), lambda: 0.0, lambda: 0.0, PROFILES[year])


@pytest.mark.parametrize("year", PROFILES)
@pytest.mark.parametrize("name", FORMS)
def test_every_value_is_made_up_sensibly(name: str, year: str) -> None:
    """Nothing in braces is left, for any error of any year."""
    violation = filled(world(year), name, None, {})
    assert violation.form is FORMS[name]
    assert violation.message and not re.search(r"\{\w*\}", violation.message)


def test_given_values_come_first_then_the_account() -> None:
    """As a scenario says them."""
    place = world()
    account = place.account("mock")
    message = filled(place, "rpm", account, {"limit": 7}).message
    assert f"{account.org_id}<{account.ak_id}>" in message and "max RPM: 7," in message
    assert "org-mine<" in filled(place, "rpm", account, {"org": "org-mine"}).message
    assert "org-mock<ak-mock>" in filled(place, "rpm", None, {}).message


def test_a_value_may_look_like_a_place_for_one() -> None:
    """It is put in once."""
    assert (
        filled(world(), "invalid_request", None, {"details": "{limit} {0}"}).message == "Invalid request: {limit} {0}"
    )


def test_a_place_that_nobody_knows_stays_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is added later must not be a fault of ours."""
    monkeypatch.setitem(FORMS, "new", replace(FORMS["rpm"], message="new: {unheard} {limit}"))
    assert filled(world(), "new", None, {}).message == "new: {unheard} 3"


def test_no_such_error() -> None:
    """The caller's fault."""
    with pytest.raises(KeyError):
        filled(world(), "nonsense", None, {})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("message_size", "total message size 2097153 exceeds limit 2097152"),
        ("context_exceeded", "Your request exceeded model token limit: 262144 (requested: 269030)"),
        ("stop_too_many", "maximum length 5, but got 6"),
        ("file_count", "max file count 1000,"),
        ("tpm", "current:500123, limit:500000"),
        ("tpd", "current:1500123, limit:1500000"),
    ],
)
def test_numbers_that_are_made_up_could_have_been(name: str, message: str) -> None:
    """Who reads them out of the message must be able to reckon with them."""
    assert message in filled(world(), name, None, {}).message
