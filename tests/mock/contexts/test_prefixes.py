"""Prefix caching: what an earlier prompt lends to the next, how long, and what breaks it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.kimi.law.chat import Chat, judge
from moonpalace.kimi.templates import estimate_tokens
from moonpalace.mock.catalogue import ROUTES
from moonpalace.mock.contexts.prefixes import KEPT, LONG_TTL, Part, Prefixes, parts_of
from moonpalace.testing.mock_scene import Scene


def parts(text: str, tokens: int = 100) -> list[Part]:
    """A part for each letter."""
    return [(letter.encode(), tokens) for letter in text]


CASES = [
    ("the same prompt", "abc", "abc", 300),
    ("it goes on", "abc", "abcde", 300),
    ("another end", "abcd", "abxy", 200),
    ("it is shorter now", "abcd", "ab", 200),
    ("another beginning", "abc", "xbc", 0),
    ("another order", "abc", "acb", 100),
    ("the earlier one was short", "ab", "abc", 0),
]


@pytest.mark.parametrize(("earlier", "later", "cached"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_whole_parts_of_the_common_beginning_come_from_the_cache(earlier: str, later: str, cached: int) -> None:
    """The first part that differs ends it: that is what a changed system prompt costs."""
    prefixes = Prefixes()
    assert prefixes.hit("k", "m", parts(earlier), 0.0) == 0
    assert prefixes.hit("k", "m", parts(later), 1.0) == cached


def test_an_earlier_prompt_needs_more_than_256_tokens() -> None:
    """The documented threshold, on both sides."""
    for tokens, cached in ((256, 0), (257, 257)):
        prefixes = Prefixes()
        prefixes.hit("k", "m", [(b"a", tokens)], 0.0)
        assert prefixes.hit("k", "m", [(b"a", tokens), (b"b", 5)], 1.0) == cached


@pytest.mark.parametrize(
    ("key", "model", "effort"), [("other", "m", "high"), ("k", "other", "high"), ("k", "m", "low")], ids=str
)
def test_another_key_model_or_effort_shares_nothing(key: str, model: str, effort: str) -> None:
    """Each has its own cache in the real service too."""
    prefixes = Prefixes()
    prefixes.hit("k", "m", parts("abc"), 0.0, effort="high")
    assert prefixes.hit(key, model, parts("abc"), 1.0, effort=effort) == 0
    assert prefixes.hit("k", "m", parts("abc"), 2.0, effort="high") == 300


def test_a_prompt_counts_until_five_minutes_after_its_last_use() -> None:
    """The time slides: a conversation that goes on stays cached."""
    prefixes = Prefixes()
    for now, cached in ((0.0, 0), (299.0, 300), (598.0, 300), (898.0, 0)):
        assert prefixes.hit("k", "m", parts("abc"), now) == cached


def test_a_long_time_holds_for_an_hour() -> None:
    """`prompt_cache_options.ttl` of 1h; a later request for five minutes does not shorten it."""
    prefixes = Prefixes()
    prefixes.hit("k", "m", parts("abc"), 0.0, ttl=LONG_TTL)
    assert prefixes.hit("k", "m", parts("abcd"), 10.0) == 300
    assert prefixes.hit("k", "m", parts("abcx"), 3599.0) == 300


def test_blocks_count_whole_blocks_only() -> None:
    """Whether the service counts blocks is not known, so it can be asked for."""
    prefixes = Prefixes()
    prefixes.hit("k", "m", parts("abc"), 0.0)
    assert prefixes.hit("k", "m", parts("abcd"), 1.0, block=256) == 256
    assert prefixes.hit("k", "m", parts("abcx"), 2.0, block=512) == 0


def test_several_branches_of_a_conversation_are_remembered() -> None:
    """An agent with parallel branches hits each."""
    prefixes = Prefixes()
    for letter in "wxyz":
        prefixes.hit("k", "m", parts("abc" + letter), 0.0)
    assert [prefixes.hit("k", "m", parts("abc" + letter + "!"), 1.0) for letter in "wxyz"] == [400] * 4


@given(st.lists(st.tuples(st.sampled_from("kl"), st.text("ab", max_size=12), st.integers(0, 400)), max_size=60))
def test_memory_is_bounded_and_counted_right(asked: list[tuple[str, str, int]]) -> None:
    """A mock that runs for weeks must not grow; a count that drifts would end the cache or the bound."""
    prefixes = Prefixes(most=40)
    now = 0.0
    for key, text, later in asked:
        now += later
        cached = prefixes.hit(key, "m", parts(text), now)
        assert 0 <= cached <= 100 * len(text)
        held = [prompt for prompts in prefixes._prompts.values() for prompt in prompts]
        assert len(prefixes) == sum(len(prompt.parts) for prompt in held) <= 40
        assert all(len(prompts) <= KEPT for prompts in prefixes._prompts.values())


def chat(scene: Scene, **fields: object) -> Chat:
    messages = [{"role": "system", "content": "word " * 400}, {"role": "user", "content": "hello"}]
    tool = {"type": "function", "function": {"name": "tool_a", "parameters": {"type": "object", "properties": {}}}}
    data = {
        "model": "kimi-k3",
        "messages": messages,
        "tools": [tool, {**tool, "function": {**tool["function"], "name": "tool_b"}}],
    }
    judged = judge(data | fields, scene.world.profile, scene.world.count)
    assert isinstance(judged, Chat)
    return judged


def test_a_request_is_looked_up_by_its_tools_messages_and_effort() -> None:
    """The way from a judged request to its cached tokens, which never exceed the prompt."""
    scene, prefixes = Scene(ROUTES), Prefixes()
    account = scene.world.account("mock")
    request = chat(scene)
    assert prefixes.look(scene.world, account, request) == 0
    cached = prefixes.look(scene.world, account, request)
    assert cached == estimate_tokens(request.messages, request.tools, scene.world.count) < request.prompt_tokens
    assert prefixes.look(scene.world, account, chat(scene, reasoning_effort="low")) == 0
    assert prefixes.look(scene.world, account, chat(scene, prompt_cache_key="mine")) == 0
    assert prefixes.look(scene.world, account, chat(scene, tools=list(reversed(request.tools)))) == 0
    assert prefixes.look(scene.world, scene.world.account("other"), request) == 0
    assert prefixes.look(scene.world, account, replace(request, prompt_tokens=7)) == 7


def test_the_parts_come_tools_first_and_their_tokens_add_up() -> None:
    """A change of the tools breaks all that follows; the sum is the prompt as the estimate counts it."""
    scene = Scene(ROUTES)
    request = chat(scene)
    made = parts_of(request.messages, request.tools, scene.world.count)
    assert len(made) == 4
    assert sum(tokens for _, tokens in made) == estimate_tokens(request.messages, request.tools, scene.world.count)
    assert made[2:] == parts_of(request.messages, (), scene.world.count)


def test_what_is_nested_too_deep_has_no_parts() -> None:
    """It cannot be hashed, and must not break the answer."""
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    assert parts_of([{"role": "user", "content": "x", "more": deep}], (), len) == []


@pytest.mark.parametrize(("keep", "whole"), [(None, False), ("all", True)], ids=["forgotten", "kept"])
def test_thoughts_that_are_not_read_again_are_no_part_of_the_prefix(keep: str | None, whole: bool) -> None:
    """Leaving them out of the history breaks it only where they are kept."""
    scene = Scene(ROUTES)
    ask = {"role": "user", "content": "word " * 300}
    thought = {"role": "assistant", "content": "yes", "reasoning_content": "hm " * 50}
    said = {"role": "assistant", "content": "yes"}

    def request(answer: dict[str, str]) -> Chat:
        data = {"model": "kimi-k2.6", "messages": [ask, answer, ask], "thinking": {"type": "enabled", "keep": keep}}
        judged = judge(data, scene.world.profile, scene.world.count)
        assert isinstance(judged, Chat)
        return judged

    prefixes = Prefixes()
    account = scene.world.account("mock")
    prefixes.look(scene.world, account, request(thought))
    cached = prefixes.look(scene.world, account, request(said))
    everything = estimate_tokens([ask, said, ask], [], scene.world.count)
    first = estimate_tokens([ask], [], scene.world.count)
    assert cached == (first if whole else everything)


def test_a_long_cache_key_is_not_kept_in_memory() -> None:
    """It is the client's and may have megabytes; keys that differ at their end still are two."""
    scene = Scene(ROUTES)
    prefixes, account = Prefixes(), scene.world.account("mock")
    long = "k" * 1_000_000
    for key, hits in ((long, False), (long, True), (long + "x", False)):
        assert (prefixes.look(scene.world, account, chat(scene, prompt_cache_key=key)) > 0) is hits
    assert len(repr(list(prefixes._prompts))) < 1_000
