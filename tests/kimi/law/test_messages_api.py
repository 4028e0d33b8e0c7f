"""Requests in the format of Anthropic's Messages."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonpalace.kimi.errors import FORMS, Violation
from moonpalace.kimi.law.chat import Chat, judge
from moonpalace.kimi.law.messages_api import FIELDS, to_chat

from .cases import NAME, OBJECT, USER, count, profile

LAW = profile("2026 all")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(["user", "assistant", "text", "image", "tool_use", "tool_result", "thinking", "any", "enabled"])
BLOCKS = st.lists(
    st.dictionaries(
        st.sampled_from(["type", "text", "source", "id", "input", "content", "tool_use_id"]), WORDS | JSON, max_size=4
    ),
    max_size=3,
)
REQUESTS = st.fixed_dictionaries(
    {
        "model": st.just("kimi-k3"),
        "max_tokens": st.just(9) | JSON,
        "messages": st.lists(st.fixed_dictionaries({"role": WORDS | JSON, "content": BLOCKS | JSON}), max_size=3),
    },
    optional={name: WORDS | BLOCKS | JSON for name in FIELDS if name not in ("model", "messages", "max_tokens")},
)


def request(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "kimi-k3", "max_tokens": 100, "messages": list(messages) or [USER], **fields}


def tool(**fields: Any) -> dict[str, Any]:
    return {"name": "look_up", "input_schema": OBJECT, **fields}


def made(data: Any) -> dict[str, Any]:
    found = to_chat(data, LAW)
    assert isinstance(found, dict), found
    verdict = judge(found, LAW, count)
    assert isinstance(verdict, Chat), verdict
    return found


def field(path: str, expected: str, got: str) -> str:
    where = rf"Invalid request: the `{path}` field in the request \(expected type {re.escape(expected)}\)"
    return f"{where} is illegal, and {got} is not acceptable"


REFUSED = [
    ("no object", [], "invalid_request", "Invalid request: the request body must be a JSON object", ""),
    (
        "no max_tokens",
        {"model": "kimi-k3", "messages": [USER]},
        "invalid_request",
        "Invalid request: max_tokens .+",
        "max_tokens",
    ),
    (
        "max_tokens 0",
        request(max_tokens=0),
        "invalid_request",
        "Invalid request: max_tokens is required and must be at least 1",
        "max_tokens",
    ),
    ("max_tokens a text", request(max_tokens="9"), "field_type", field("max_tokens", "int", "string"), "max_tokens"),
    (
        "no messages",
        {"model": "kimi-k3", "max_tokens": 9},
        "messages_empty",
        "Invalid request: messages must not be empty",
        "messages",
    ),
    (
        "role system",
        request({"role": "system", "content": "x"}),
        "invalid_request",
        r"Invalid request: messages\[0\]\.role must be user or assistant",
        "messages[0].role",
    ),
    (
        "content a number",
        request({"role": "user", "content": 5}),
        "field_type",
        field("messages.content", "[]object", "number"),
        "messages[0].content",
    ),
    (
        "a document",
        request({"role": "user", "content": [{"type": "document"}]}),
        "part_type",
        "Invalid request: the message at position 0 with role 'user' contains an invalid part type: document",
        "messages[0].content[0].type",
    ),
    (
        "tool_use of the user",
        request({"role": "user", "content": [{"type": "tool_use"}]}),
        "part_type",
        ".+: tool_use",
        "messages[0].content[0].type",
    ),
    (
        "image of the assistant",
        request({"role": "assistant", "content": [{"type": "image"}]}, USER),
        "part_type",
        ".+: image",
        "messages[0].content[0].type",
    ),
    (
        "system of an image",
        request(system=[{"type": "image"}]),
        "part_type",
        ".+ role 'system' .+: image",
        "system[0].type",
    ),
    (
        "stop a text",
        request(stop_sequences="a"),
        "field_type",
        field("stop_sequences", "[]string", "string"),
        "stop_sequences",
    ),
    (
        "tool_choice tool",
        request(tools=[tool()], tool_choice={"type": "tool", "name": "look_up"}),
        "invalid_request",
        r"Invalid request: tool_choice\.type must be one of auto, any, none",
        "tool_choice.type",
    ),
    (
        "tool_choice a text",
        request(tool_choice="auto"),
        "field_type",
        field("tool_choice", "object", "string"),
        "tool_choice",
    ),
    (
        "a tool of the server",
        request(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
        "tool_type",
        "Invalid request: unknown tool type: web_search_20250305, .+",
        "tools[0].type",
    ),
    ("a tool's name", request(tools=[tool(name="a.b")]), "function_name", NAME, "tools[0].name"),
    ("a name of 129", request(tools=[tool(name="a" * 129)]), "function_name", NAME, "tools[0].name"),
    (
        "no input_schema",
        request(tools=[{"name": "look_up"}]),
        "invalid_request",
        r"Invalid request: tools\.input_schema is required",
        "tools[0].input_schema",
    ),
    (
        "thinking auto",
        request(thinking={"type": "auto"}),
        "invalid_request",
        r"Invalid request: thinking\.type must be enabled, adaptive or disabled",
        "thinking.type",
    ),
    (
        "format json_object",
        request(output_config={"format": {"type": "json_object"}}),
        "invalid_request",
        r"Invalid request: output_config\.format must be of type json_schema and have a schema",
        "output_config.format",
    ),
]
LATER = [
    ("temperature", request(temperature=0.5), "fixed_parameter"),
    ("effort", request(output_config={"effort": "medium"}), "invalid_request"),
    ("six stops", request(stop_sequences=list("abcdef")), "stop_too_many"),
    ("33 octets", request(stop_sequences=["a" * 33]), "invalid_request"),
    (
        "an image of the web",
        request({"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}]}),
        "image_url",
    ),
    (
        "a result without a call",
        request({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]}),
        "tool_call_id",
    ),
    (
        "no thoughts",
        request(
            USER,
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]},
        ),
        "reasoning_missing",
    ),
    ("an empty message", request({"role": "user", "content": ""}), "message_empty"),
    ("an empty answer", request(USER, {"role": "assistant", "content": ""}), "message_empty"),
    ("no model", {"max_tokens": 5, "messages": [USER]}, "model"),
    ("a schema", request(tools=[tool(input_schema={"type": "object", "properties": {"x": {}}})]), "schema"),
]


@pytest.mark.parametrize(
    ("data", "name", "pattern", "at"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_wrong_in_this_format_is_refused(data: Any, name: str, pattern: str, at: str) -> None:
    """Before it is a chat request at all."""
    found = to_chat(data, LAW)
    assert isinstance(found, Violation)
    assert (FORMS[name], at) == (found.form, found.at), found.message
    assert re.fullmatch(pattern, found.message), found.message


@pytest.mark.parametrize(("data", "name"), [row[1:] for row in LATER], ids=[row[0] for row in LATER])
def test_what_is_wrong_in_any_format_the_judge_refuses(data: Any, name: str) -> None:
    """One law for all formats."""
    found = to_chat(data, LAW)
    assert isinstance(found, dict), found
    verdict = judge(found, LAW, count)
    assert isinstance(verdict, Violation)
    assert name == verdict.form.name


def test_a_plain_request_says_the_same() -> None:
    """Field by field."""
    found = made(
        request(
            system="be kind", stream=True, temperature=1, stop_sequences=["x"], tools=[tool(description="looks")],
            tool_choice={"type": "any"}, metadata={"user_id": "me"}, thinking={"type": "adaptive"}, top_k=5,
            output_config={"effort": "low", "format": {"type": "json_schema", "schema": OBJECT}},
        )
    )  # fmt: skip
    assert found == {
        "model": "kimi-k3",
        "temperature": 1,
        "stream": True,
        "max_tokens": 100,
        "messages": [{"role": "system", "content": "be kind"}, USER],
        "stop": ["x"],
        "tools": [{"type": "function", "function": {"name": "look_up", "parameters": OBJECT, "description": "looks"}}],
        "tool_choice": "required",
        "prompt_cache_key": "me",
        "thinking": {"type": "enabled"},
        "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "output", "schema": OBJECT}},
    }


def test_effort_beside_thinking_is_left_out_where_both_are_refused() -> None:
    """Agents send both to every model."""
    data = request(model="kimi-k2.6", thinking={"type": "enabled"}, output_config={"effort": "low"})
    assert "reasoning_effort" not in made(data)
    assert made(request(model="kimi-k2.6", output_config={"effort": "low"}))["reasoning_effort"] == "low"


def test_nothing_of_the_request_is_changed() -> None:
    """It goes into the record as it came."""
    data = request(
        USER,
        {"role": "assistant", "content": [{"type": "text", "text": "Once"}]},
        system=[{"type": "text", "text": "x"}],
    )
    before = copy.deepcopy(data)
    made(data)
    assert before == data


@given(data=JSON | REQUESTS)
@settings(max_examples=200)
def test_any_json_is_read(data: Any) -> None:
    """What comes over the wire is anything; what comes out can be judged."""
    found = to_chat(data, LAW)
    if not isinstance(found, Violation):
        judge(found, LAW, count)


def test_a_deep_input_is_refused() -> None:
    """Arguments are text in a chat request, and writing them out takes the stack."""
    deep: Any = 1
    for _ in range(100_000):
        deep = {"x": deep}
    block = {"type": "tool_use", "id": "a", "name": "f", "input": deep}
    found = to_chat(request(USER, {"role": "assistant", "content": [block]}), LAW)
    assert isinstance(found, Violation)
    assert found.form.name == "tokenization"
