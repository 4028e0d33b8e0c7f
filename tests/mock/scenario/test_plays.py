"""Errors as answers."""

from __future__ import annotations

import pytest

from moonpalace.kimi.errors import FORMS
from moonpalace.kimi.profiles import PROFILES
from moonpalace.mock.scenario import Call, Stage, parse
from moonpalace.mock.setup import MockSettings
from moonpalace.mock.values import filled
from moonpalace.testing.chats import chat
from moonpalace.testing.mock_api import MockApi


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("year", PROFILES)
def test_every_error_can_be_an_answer(name, year):
    """Without a value given: its message is whole."""
    made = Stage([parse(f"[[scenario]]\nname = 'a'\n[[scenario.answer]]\nerror = '{name}'", "x")])
    found = made.pick(chat(), Call())
    assert found is not None
    assert name == found.error
    mock = MockApi(MockSettings(profile=year))
    message = filled(mock.world, found.error, mock.world.account("mock"), found.values).message
    assert "{" not in message


def test_values_given_win():
    """What is not given is made up later, by who serves."""
    made = Stage([parse("[[scenario]]\nname='a'\n[[scenario.answer]]\nerror='rpm'\nvalues={limit=99}", "x")])
    found = made.pick(chat(), Call())
    assert found is not None
    assert (found.values, found.choices) == ({"limit": 99}, ())
    message = filled(MockApi().world, "rpm", None, found.values).message
    assert "max RPM: 99, please try again after 1 seconds" in message
