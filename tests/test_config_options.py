"""The table of settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.config_options import BY_NAME, GROUPS, NEGATED, OPTIONS, Option
from moonpalace.config_values import BadValue


def test_names_fields_and_shorts_are_there_once() -> None:
    """Two with one name would overwrite one another in silence."""
    assert len(BY_NAME) == len(OPTIONS)
    assert len({option.field for option in OPTIONS}) == len(OPTIONS)
    shorts = [option.short for option in OPTIONS if option.short]
    assert sorted(shorts) == ["k", "p"]


def test_groups_and_negations_name_options() -> None:
    """They are other ways to say the same."""
    for group, members in GROUPS.items():
        assert BY_NAME[group].switch
        assert all(name in BY_NAME for name in members.values())
    assert all(name in BY_NAME for name in NEGATED.values())


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.shown], ids=lambda option: option.name)
def test_the_default_in_the_help_is_the_default(option: Option) -> None:
    """Written by hand, so held against the value."""
    assert option.read(option.shown) == option.default


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
@given(value=st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.none())))
def test_any_value_is_read_or_refused(option: Option, value: object) -> None:
    """A traceback for a typo would help nobody."""
    try:
        option.read(value)
    except BadValue:
        pass
