"""The table of models."""

from __future__ import annotations

import pytest

from moonpalace.kimi.models import BY_ID, MODELS, Model, Range, find, on

IDS = [model.id for model in MODELS]


@pytest.mark.parametrize(
    ("day", "there", "gone"),
    [
        ("2024-03-01", {"moonshot-v1-8k", "moonshot-v1-32k", "moonshot-v1-128k"}, {"moonshot-v1-auto", "kimi-latest"}),
        ("2025-11-10", {"kimi-latest", "kimi-thinking-preview", "kimi-k2-thinking"}, {"kimi-k2.5"}),
        ("2025-11-11", {"kimi-latest", "kimi-k2-thinking"}, {"kimi-thinking-preview"}),
        ("2026-01-28", {"kimi-k2.5", "moonshot-v1-8k"}, {"kimi-latest"}),
        ("2026-05-25", {"kimi-k2.5", "kimi-k2.6"}, {"kimi-k2-0905-preview", "kimi-k2-thinking-turbo", "kimi-k3"}),
        (
            "2026-10-02",
            {"kimi-k2.6", "kimi-k2.7-code", "kimi-k2.7-code-highspeed", "kimi-k3"},
            {"kimi-k2.5", "moonshot-v1-auto"},
        ),
    ],
)
def test_models_come_and_go(day: str, there: set[str], gone: set[str]) -> None:
    """A request for one that has gone is answered 404."""
    ids = {model.id for model in on(day)}
    assert there <= ids
    assert not gone & ids


@pytest.mark.parametrize(
    ("name", "context"),
    [("moonshot-v1-8k", 8192), ("moonshot-v1-128k", 131072), ("kimi-k2-0905-preview", 262144), ("kimi-k3", 1048576)],
)
def test_a_context_is_counted_in_powers_of_two(name: str, context: int) -> None:
    """The error names the number."""
    assert context == BY_ID[name].context


def test_an_alias_names_the_context() -> None:
    """Coding agents are set up with it."""
    assert BY_ID["kimi-k3"] is find("kimi-k3[1m]")
    assert find("kimi-k2") is None


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_every_model_makes_sense(model: Model) -> None:
    """Its dates are in order, its values in their ranges, and what replaces it is still there."""
    assert model.retired is None or model.since < model.retired
    assert model.context > model.family.max_tokens
    assert find(model.replacement) in on("2026-10-02")
    for allowed in (model.family.temperature, model.family.top_p, model.family.n, model.family.penalties):
        if isinstance(allowed, Range):
            assert allowed.low <= allowed.default <= allowed.high


def test_ids_are_unique() -> None:
    """A later row must not hide an earlier one."""
    assert len(BY_ID) == len(MODELS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("moonshot-v1-8k", False),
        ("moonshot-v1-8k-vision-preview", True),
        ("kimi-latest", True),
        ("kimi-k2-thinking", False),
        ("kimi-k3", True),
    ],
)
def test_some_models_see(name: str, expected: bool) -> None:
    """The others refuse images."""
    assert expected == BY_ID[name].sees
