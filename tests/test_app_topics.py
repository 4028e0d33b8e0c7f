"""What `mock --show` lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from moonpalace.app_topics import NAMES, entries
from moonpalace.core.errors import UsageError
from moonpalace.kimi.errors import FORMS
from moonpalace.kimi.profiles import PROFILES, SWITCHES
from moonpalace.mock.faults import TABLE, parse
from moonpalace.mock.scenario import shipped

KNOWN = {
    "errors": set(FORMS), "switches": set(SWITCHES), "profiles": set(PROFILES),
    "scenarios": {scenario.name for scenario in shipped().scenarios},
}  # fmt: skip


@pytest.mark.parametrize("topic", NAMES)
def test_each_name_once_and_with_words(topic: str) -> None:
    """A list with holes would look as if nobody knew."""
    found = list(entries(topic))
    assert all(words for _, words in found)
    assert len(dict(found)) == len(found)
    assert KNOWN.get(topic, set(dict(found))) == set(dict(found))


def test_a_fault_is_shown_as_it_can_be_written() -> None:
    """With its arguments as they are when nobody gives them."""
    shown = [name for name, _ in entries("faults")]
    assert [parse(text) for text in shown] == [parse(name) for name in TABLE]


def test_a_scenario_file_goes_before_the_shipped_ones(tmp_path: Path) -> None:
    """As it does when they are played."""
    file = tmp_path / "a.toml"
    file.write_text('[[scenario]]\nname = "weather"\nabout = "mine"\n[[scenario.answer]]\ncontent = "x"\n')
    assert next(entries("scenarios", [file])) == ("weather", "mine")
    assert dict(entries("scenarios", [file]))["weather"] == "mine"


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(UsageError, match=r"none\.toml"):
        list(entries("scenarios", [tmp_path / "none.toml"]))
