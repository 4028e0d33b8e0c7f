"""The models as the API lists them, by profile."""

from __future__ import annotations

import pytest

from moonpalace.kimi.models import MODELS
from moonpalace.mock.catalogue import ROUTES
from moonpalace.testing.mock_scene import Scene

PLAIN = {"id", "object", "created", "owned_by", "permission", "root", "parent"}
ABLE = {"context_length", "supports_image_in", "supports_video_in", "supports_reasoning", "supports_dynamic_tools"}


def test_2026_lists_the_four_models_that_live_probes_saw() -> None:
    """Both hosts answered with these four in 2026-09."""
    listed = Scene(ROUTES).json("GET", "/v1/models")
    assert listed["object"] == "list"
    names = {entry["id"] for entry in listed["data"]}
    assert names == {"kimi-k2.6", "kimi-k2.7-code", "kimi-k2.7-code-highspeed", "kimi-k3"}


@pytest.mark.parametrize("year", ["2024", "2025"])
def test_before_2026_an_entry_says_nothing_of_what_the_model_can(year: str) -> None:
    """Clients of then must not come to rely on it."""
    for entry in Scene(ROUTES, year).json("GET", "/v1/models")["data"]:
        assert entry.keys() == PLAIN
        assert entry["object"] == "model" and entry["owned_by"] == "moonshot" and entry["root"] == entry["id"]
        assert entry["permission"][0]["object"] == "model_permission"


def test_2024_lists_the_three_models_of_the_reference() -> None:
    """The names of the API reference of 2024-03 answer there."""
    names = [entry["id"] for entry in Scene(ROUTES, "2024").json("GET", "/v1/models")["data"]]
    assert {"moonshot-v1-8k", "moonshot-v1-32k", "moonshot-v1-128k"} <= set(names)
    assert not [name for name in names if name.startswith("kimi-k")]


def test_kimi_k3_tells_its_efforts() -> None:
    """Live probes of 2026-09: low, high and max, it only thinks, and it takes tools in messages."""
    entry = Scene(ROUTES).json("GET", "/v1/models/kimi-k3")
    assert entry.keys() == PLAIN | ABLE | {"think_efforts", "reasoning_efforts", "supports_thinking_type"}
    assert entry["think_efforts"]["valid_efforts"] == entry["reasoning_efforts"] == ["low", "high", "max"]
    assert entry["supports_thinking_type"] == "only" and entry["supports_dynamic_tools"] is True
    assert entry["context_length"] == 1_048_576


def test_other_models_have_the_plain_abilities() -> None:
    """What does not think in levels says nothing of them."""
    entry = Scene(ROUTES).json("GET", "/v1/models/kimi-k2.6")
    assert entry.keys() == PLAIN | ABLE
    assert entry["supports_image_in"] is entry["supports_video_in"] is entry["supports_reasoning"] is True


@pytest.mark.parametrize("name", ["gpt-4", "moonshot-v1-8k", "kimi-latest"])
def test_a_model_that_does_not_answer_is_not_found(name: str) -> None:
    """Unknown and retired ones get the same words."""
    expected = (404, "resource_not_found_error", f"Not found the model {name} or Permission denied")
    assert Scene(ROUTES).refused("GET", f"/v1/models/{name}") == expected


def test_retired_models_are_listed_when_they_answer() -> None:
    """The list is what a chat request may name."""
    listed = Scene(ROUTES, switches={"retired_models": True}).json("GET", "/v1/models")["data"]
    assert [entry["id"] for entry in listed] == [model.id for model in MODELS]


def test_the_list_is_the_same_each_time() -> None:
    """Nothing in it depends on the clock or the order of requests."""
    scene = Scene(ROUTES)
    first = scene.ask("GET", "/v1/models").body
    scene.now += 5000
    assert scene.ask("GET", "/v1/models").body == first
