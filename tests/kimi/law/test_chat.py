"""The judge and the list of all that is wrong, on every JSON there is."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonpalace.kimi.errors import Violation
from moonpalace.kimi.law.chat import STAGES, Chat, judge, violations
from moonpalace.kimi.law.shape import FIELDS
from moonpalace.kimi.models import MODELS
from moonpalace.kimi.profiles import PROFILES, Profile, switched

from .cases import calls, chat, count, function, names, profile, result, taken

ORDER = PROFILES["2026"].law_order.split(",")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(
    [
        "user",
        "tool",
        "system",
        "cache",
        "text",
        "image_url",
        "function",
        "auto",
        "required",
        "enabled",
        "disabled",
        "json_schema",
        "json_object",
        "a",
        "",
        "object",
        "all",
        "max",
        "tag=x",
    ]
)
PARTS = st.lists(
    st.fixed_dictionaries({}, optional={"type": WORDS | JSON, "text": JSON, "image_url": JSON}), max_size=2
)
FUNCTION = st.fixed_dictionaries(
    {}, optional={"name": WORDS | JSON, "parameters": JSON, "strict": JSON, "arguments": JSON}
)
TOOLS = st.lists(
    st.fixed_dictionaries({}, optional={"id": WORDS | JSON, "type": WORDS | JSON, "function": FUNCTION | JSON}),
    max_size=2,
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "system", "cache"]) | JSON},
    optional={
        "content": WORDS | PARTS | JSON,
        "partial": JSON,
        "tool_calls": TOOLS | JSON,
        "tool_call_id": WORDS | JSON,
        "reasoning_content": JSON,
        "tools": TOOLS | JSON,
        "name": JSON,
    },
)
OBJECTS = st.dictionaries(
    st.sampled_from(
        ["type", "keep", "effort", "json_schema", "function", "name", "schema", "strict", "include_usage", "ttl"]
    ),
    WORDS | FUNCTION | JSON,
    max_size=3,
)
REQUESTS = st.fixed_dictionaries(
    {
        "model": st.sampled_from([*(model.id for model in MODELS), "gpt"]) | JSON,
        "messages": st.lists(MESSAGE, max_size=4) | JSON,
    },
    optional={name: WORDS | OBJECTS | TOOLS | JSON for name in FIELDS if name != "messages"},
)
MODES = st.builds(
    lambda year, retired, order: switched(
        switched(PROFILES[year], "retired_models", retired), "law_order", ",".join(order)
    ),
    st.sampled_from(list(PROFILES)),
    st.sampled_from(["on", "off"]),
    st.permutations(ORDER),
)
RICH = chat(
    "kimi-k3",
    {"role": "system", "content": "be kind"},
    {
        "role": "user",
        "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "ms://f"}}],
    },
    calls("a", "b", reasoning_content="hm"),
    result("b"),
    result("a"),
    {"role": "system", "tools": [function("late")]},
    {"role": "assistant", "content": "Once", "partial": True, "reasoning_content": ""},
    temperature=1,
    top_p=0.95,
    n=1,
    max_tokens=5,
    stop=["x"],
    stream=True,
    stream_options={"include_usage": True},
    tools=[function()],
    tool_choice="required",
    reasoning_effort="low",
    thinking={"type": "enabled", "keep": "all"},
    response_format={
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object", "properties": {}}},
    },
    logprobs=True,
    top_logprobs=3,
    prompt_cache_key="k",
    prediction={"type": "content", "content": "x"},
)


def agree(data: Any, law: Profile) -> list[Violation]:
    """All that is wrong; the judge must have said the first of it."""
    found = list(violations(data, law, count))
    verdict = judge(data, law, count)
    assert (found[0] if found else None) == (verdict if isinstance(verdict, Violation) else None)
    for one in found:
        one.message.encode()
        one.body()
    return found


@given(data=JSON, law=MODES)
def test_any_json_is_judged(data: Any, law: Profile) -> None:
    """What comes over the wire is anything."""
    assert agree(data, law)


@given(data=REQUESTS, law=MODES)
@settings(max_examples=200)
def test_anything_like_a_request_is_judged(data: Any, law: Profile) -> None:
    """The first violation is the answer, in any order of the stages; nothing is changed."""
    before = repr(data)
    agree(data, law)
    assert before == repr(data)


@given(place=st.data(), value=JSON, law=MODES)
@settings(max_examples=400)
def test_a_good_request_with_one_thing_changed_is_judged(place: st.DataObject, value: Any, law: Profile) -> None:
    """Where most mistakes are: nearly right."""
    data = copy.deepcopy(RICH)
    holder, key = place.draw(st.sampled_from(list(places(data))))
    if place.draw(st.booleans()):
        holder[key] = value
    else:
        del holder[key]
    agree(data, law)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every member of every object and array: what holds it, and under which key."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def nested(depth: int, make: Any) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = make(value)
    return value


@pytest.mark.parametrize("make", [lambda inner: [inner], lambda inner: {"type": "object", "properties": {"x": inner}}])
@pytest.mark.parametrize("depth", [500, 100_000])
@pytest.mark.parametrize(
    "place",
    [
        lambda deep: deep,
        lambda deep: chat(stop=deep),
        lambda deep: chat("kimi-k3", deep),
        lambda deep: chat("kimi-k3", {"role": "user", "content": deep}),
        lambda deep: chat(unknown=deep),
        lambda deep: chat(tools=[function(parameters=deep)]),
        lambda deep: chat(tools=[function(parameters={"type": "object", "x": deep}, strict=False)]),
        lambda deep: chat(
            tools=[function(parameters={"type": "object", "default": deep, "enum": [deep]}, strict=False)]
        ),
        lambda deep: chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"x": deep}}}),
    ],
)
def test_a_deep_request_is_judged(place: Any, depth: int, make: Any) -> None:
    """Deeper than Python's stack, which reading JSON by other means than ours may well give."""
    agree(place(nested(depth, make)), profile("2026"))


def test_the_rich_request_is_good() -> None:
    """It must be, or its changes would all be the same."""
    assert agree(RICH, profile("2026")) == []


def test_a_chat_says_what_was_asked() -> None:
    """Everything that answers need, in one value."""
    read = taken(RICH)
    assert isinstance(read, Chat)
    assert (read.model.id, read.model_name) == ("kimi-k3", "kimi-k3")
    assert tuple(RICH["messages"]) == read.messages
    assert (read.stream, read.include_usage, read.n, read.max_tokens, read.asked_max_tokens) == (True, True, 1, 5, 5)
    assert (
        read.tool_choice, read.stop, read.temperature, read.logprobs, read.top_logprobs, read.cache_key,
    ) == ("required", ("x",), 1.0, True, 3, "k")  # fmt: skip
    assert (read.thinking, read.effort, read.keep) == (True, "low", True)
    assert RICH["messages"][-1] == read.partial


def test_a_chat_holds_what_was_left_open() -> None:
    """Defaults are the law's, not the generator's."""
    read = taken(chat("kimi-k3[1m]"))
    assert (read.model.id, read.model_name) == ("kimi-k3", "kimi-k3[1m]")
    assert (
        read.stream, read.include_usage, read.n, read.asked_max_tokens, read.stop, read.cache_key, read.tools,
    ) == (False, False, 1, None, (), None, ())  # fmt: skip
    assert (
        read.tool_choice,
        read.format,
        read.partial,
        read.logprobs,
        read.top_logprobs,
    ) == ("auto", "text", None, False, 0)


def test_the_order_of_the_stages_is_the_profiles() -> None:
    """Nobody knows the true one, so it can be changed."""
    wrong = chat("kimi-k3", {"role": "user", "content": ""}, temperature=0.5, response_format={"type": "x"})
    assert names(agree(wrong, profile("2026"))) == ["fixed_parameter", "message_empty", "invalid_request"]
    other = switched(profile("2026"), "law_order", "shape,format,messages,tools,thinking,sampling,length,filter")
    assert names(agree(wrong, other)) == ["invalid_request", "message_empty", "fixed_parameter"]


def test_there_is_a_stage_for_each_name() -> None:
    """An order names nothing else."""
    assert list(STAGES) == ORDER
