"""The profiles and their switches."""

from __future__ import annotations

import dataclasses

import pytest

from moonpalace.kimi.models import BY_ID, MODELS
from moonpalace.kimi.profiles import PROFILES, SWITCHES, BadSwitch, Profile, switched

NOW = PROFILES["2026"]


@pytest.mark.parametrize(
    ("year", "name", "expected"),
    [
        ("2024", "moonshot-v1-8k", True),
        ("2024", "kimi-latest", False),
        ("2025", "kimi-latest", True),
        ("2025", "kimi-thinking-preview", True),
        ("2025", "kimi-k3", False),
        ("2026", "kimi-k3", True),
        ("2026", "kimi-k2.5", False),
        ("2026", "gpt-4o", False),
    ],
)
def test_a_model_answers_in_its_years(year: str, name: str, expected: bool) -> None:
    """Or not at all."""
    profile = PROFILES[year]
    assert expected == (profile.model(name) is not None) == (BY_ID.get(name) in profile.models())


def test_all_models_can_be_made_to_answer() -> None:
    """To try an old program without its year."""
    profile = switched(NOW, "retired_models", "on")
    assert profile.models() == MODELS
    assert profile.model("kimi-latest") is BY_ID["kimi-latest"]
    assert profile.model("gpt-4o") is None


@pytest.mark.parametrize(
    ("year", "name", "expected"),
    [
        ("2024", "moonshot-v1-8k", 1024),
        ("2025", "kimi-k2-0905-preview", 1024),
        ("2026", "kimi-k2-0905-preview", 32768),
        ("2026", "kimi-k2.6", 32768),
        ("2026", "kimi-k2.7-code", 32768),
        ("2026", "kimi-k3", 131072),
    ],
)
def test_an_answer_has_a_default_length(year: str, name: str, expected: int) -> None:
    """The limit of tokens per minute is charged with it."""
    assert expected == PROFILES[year].default_max_tokens(BY_ID[name])


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_has_words_and_its_values_are_allowed(name: str) -> None:
    """They are listed for people, and each profile must itself be one that can be made."""
    words, choices = SWITCHES[name]
    assert words
    for profile in PROFILES.values():
        value = getattr(profile, name)
        assert not choices or value in choices
        text = ("on" if value else "off") if isinstance(value, bool) else str(value)
        assert profile == switched(profile, name, text)
    for choice in choices:
        assert choice == getattr(switched(NOW, name, choice), name)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("nothing", "on", "there is no switch 'nothing'"),
        ("caching", "yes", "caching must be on or off"),
        ("mfjs_limits", "both", "mfjs_limits must be code or prose"),
        ("gateway_timeout", "-1", "gateway_timeout must be a whole number"),
        ("gateway_timeout", "²", "gateway_timeout must be a whole number"),
        ("gateway_timeout", "9" * 10, "gateway_timeout must be a whole number"),
        ("law_order", "shape", "law_order must hold each of"),
        ("law_order", f"{Profile('', '').law_order},shape", "law_order must hold each of"),
        ("year", "2025", "there is no switch 'year'"),
    ],
)
def test_a_switch_that_cannot_be_set_says_why(name: str, value: str, words: str) -> None:
    """With what can be."""
    with pytest.raises(BadSwitch, match=words):
        switched(NOW, name, value)


def test_a_switch_changes_one_thing() -> None:
    """And never the profile it is taken from."""
    made = switched(NOW, "gateway_timeout", "300")
    assert made == dataclasses.replace(NOW, gateway_timeout=300)
    assert PROFILES["2026"] is NOW and NOW.gateway_timeout != 300
