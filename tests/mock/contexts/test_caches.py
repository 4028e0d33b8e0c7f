"""The caches themselves: their states in time, and what counts as equal."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.mock.contexts.caches import Cache, Caches, digest, uncallable
from moonpalace.testing.mock_scene import Scene

MESSAGES = [{"role": "user", "content": "你好"}]


def cache(id: str = "cache-1", tokens: int = 10, error: dict[str, str] | None = None) -> Cache:
    return Cache(id, "moonshot-v1", MESSAGES, None, tokens, 0, ready_at=10.0, ends_at=20.0, error=error)


@pytest.mark.parametrize(
    ("now", "error", "status"),
    [
        (9.9, None, "pending"),
        (10.0, None, "ready"),
        (19.9, None, "ready"),
        (20.0, None, "inactive"),
        (9.9, {"message": "x"}, "pending"),
        (10.0, {"message": "x"}, "error"),
        (20.0, {"message": "x"}, "inactive"),
    ],
)
def test_the_state_follows_the_clock(now: float, error: dict[str, str] | None, status: str) -> None:
    """Bounds are half open."""
    assert cache(error=error).status(now) == status


def test_only_a_cache_in_error_shows_why() -> None:
    """As the documents have it: an additional field."""
    assert "error" not in cache().view("ready")
    assert cache(error={"message": "x"}).view("error")["error"] == {"message": "x"}


def test_a_renewal_of_what_is_alive_does_not_make_it_pending() -> None:
    """Only what was inactive has to be loaded anew."""
    world = Scene((), now=15.0).world
    world.state["cache_delay_s"] = 5.0
    alive, dead = cache(), cache()
    dead.ends_at = 12.0
    for one in (alive, dead):
        one.renew(world, 60)
        assert (one.ends_at, one.expired_at) == (75.0, world.now() + 60)
    assert (alive.status(15.0), dead.status(15.0), dead.status(20.0)) == ("ready", "pending", "ready")


def test_tokens_are_those_of_living_caches() -> None:
    """Neither expired ones nor those in error."""
    caches = Caches()
    for id, tokens, error in (("a", 1, None), ("b", 2, None), ("c", 4, {"message": "x"}), ("a", 8, None)):
        caches.add(cache(id, tokens, error), 0.0)
    assert caches.tokens(0.0) == 10
    assert caches.tokens(20.0) == 0


@pytest.mark.parametrize(
    ("messages", "tools", "same"),
    [
        ([{"content": "你好", "role": "user"}], [], True),
        ([{"role": "user", "content": "你好 "}], None, False),
        ([{"role": "user", "content": "你好"}], [{}], False),
        ([], None, False),
    ],
    ids=["fields in another order", "a blank more", "a tool", "nothing"],
)
def test_equal_is_what_has_equal_json(messages: list[Any], tools: list[Any] | None, same: bool) -> None:
    """No tools and an empty list of them are the same."""
    assert (digest(messages, tools) == digest(MESSAGES, None)) is same


def test_a_function_that_is_called_must_be_a_tool() -> None:
    """The first one that is not is named."""
    call = {"id": "f:0", "function": {"name": "f", "arguments": ""}}
    messages = [*MESSAGES, {"role": "assistant", "tool_calls": [call]}]
    assert uncallable(messages, None) == "function f is called but not in tools"
    assert uncallable(messages, [{"function": {"name": "f"}}]) is None
