"""Errors as answers."""

from __future__ import annotations

import pytest

from moonpalace.kimi.errors import FORMS, violate
from moonpalace.kimi.profiles import PROFILES
from moonpalace.mock.scenario import Call, Stage, parse
from moonpalace.mock.scenario.plays import FROM_THE_WORLD
from moonpalace.testing.chats import chat


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("year", PROFILES)
def test_every_error_can_be_an_answer(name, year):
    """Without a value given: its message is whole, but for whose account it is."""
    made = Stage([parse(f"[[scenario]]\nname = 'a'\n[[scenario.answer]]\nerror = '{name}'", "x")])
    found = made.pick(chat(), Call())
    assert found is not None
    assert name == found.error
    world = dict.fromkeys(FROM_THE_WORLD, "…")
    message = violate(name, year, **{**world, **{str(k): v for k, v in found.values.items()}}).message
    assert "{" not in message


def test_values_given_win():
    """And the model's name is the request's."""
    made = Stage([parse("[[scenario]]\nname='a'\n[[scenario.answer]]\nerror='rpm'\nvalues={limit=99}", "x")])
    found = made.pick(chat(), Call())
    assert found is not None
    assert (found.values["limit"], found.values["seconds"], found.choices) == (99, 1, ())
