"""Requests in the format of OpenAI's Responses."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonpalace.kimi.errors import FORMS, Violation
from moonpalace.kimi.law.chat import Chat, judge
from moonpalace.kimi.law.responses_api import FIELDS, to_chat

from .cases import OBJECT, USER, count, profile

LAW = profile("2026")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(
    ["user", "assistant", "message", "function_call", "function_call_output", "reasoning", "input_text"]
)
ITEMS = st.lists(
    st.dictionaries(
        st.sampled_from(["type", "role", "content", "call_id", "name", "arguments", "output", "summary"]),
        WORDS | JSON,
        max_size=4,
    ),
    max_size=4,
)
REQUESTS = st.fixed_dictionaries(
    {"model": st.just("kimi-k3"), "input": ITEMS | JSON},
    optional={name: WORDS | ITEMS | JSON for name in FIELDS if name not in ("model", "input")},
)
TOOL = {"type": "function", "name": "look_up", "description": "looks", "parameters": OBJECT, "strict": True}


def request(*items: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "kimi-k3", "input": list(items) or "hi", **fields}


def made(data: Any) -> dict[str, Any]:
    found = to_chat(data, LAW)
    assert isinstance(found, dict), found
    verdict = judge(found, LAW, count)
    assert isinstance(verdict, Chat), verdict
    return found


REFUSED = [
    ("no object", "hi", "invalid_request", "Invalid request: the request body must be a JSON object", ""),
    (
        "no input",
        {"model": "kimi-k3"},
        "invalid_request",
        "Invalid request: input is required and must not be empty",
        "input",
    ),
    (
        "input []",
        {"model": "kimi-k3", "input": []},
        "invalid_request",
        "Invalid request: input is required .+",
        "input",
    ),
    (
        "input a number",
        {"model": "kimi-k3", "input": 5},
        "field_type",
        "Invalid request: the `input` field .+",
        "input",
    ),
    *(
        (
            f"effort {effort}",
            request(reasoning={"effort": effort}),
            "responses_effort",
            f'reasoning.effort value "{effort}" is not supported',
            "reasoning.effort",
        )
        for effort in ("none", "medium", "minimal", "")
    ),
    (
        "max_output_tokens",
        request(max_output_tokens=0),
        "invalid_request",
        "Invalid request: max_output_tokens must be at least 1",
        "max_output_tokens",
    ),
    (
        "a memory",
        request(previous_response_id="resp_1"),
        "invalid_request",
        "Invalid request: previous_response_id is not supported",
        "previous_response_id",
    ),
    (
        "web_search",
        request(tools=[{"type": "web_search"}]),
        "tool_type",
        "Invalid request: unknown tool type: web_search, .+",
        "tools[0].type",
    ),
    (
        "an item",
        request({"type": "image_generation_call"}),
        "invalid_request",
        "Invalid request: unknown input item type: image_generation_call",
        "input[0].type",
    ),
    (
        "a role",
        request({"role": "tool", "content": "x"}),
        "invalid_request",
        r"Invalid request: input\[0\]\.role must be one of user, assistant, system, developer",
        "input[0].role",
    ),
    (
        "a file",
        request({"role": "user", "content": [{"type": "input_file"}]}),
        "part_type",
        ".+: input_file",
        "input[0].content[0].type",
    ),
    (
        "instructions",
        request(instructions=["x"]),
        "field_type",
        "Invalid request: the `instructions` field .+",
        "instructions",
    ),
]
LATER = [
    ("temperature", request(temperature=0.5), "fixed_parameter"),
    ("a tool's name", request(tools=[{**TOOL, "name": "a.b"}]), "function_name"),
    ("a lost result", request({"type": "function_call_output", "call_id": "a", "output": "x"}), "tool_call_id"),
    ("a schema without a name", request(text={"format": {"type": "json_schema", "schema": OBJECT}}), "invalid_request"),
    ("only thoughts", request({"type": "reasoning", "summary": []}), "messages_empty"),
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
    """Field by field; `thinking` and what nobody knows are ignored."""
    found = made(
        request(
            instructions="be kind", tools=[TOOL], tool_choice="required", reasoning={"effort": "low"}, stream=True,
            max_output_tokens=9, prompt_cache_key="k", thinking={"type": "disabled"}, store=False, include=[],
            text={"format": {"type": "json_schema", "name": "a", "schema": OBJECT, "strict": True}},
        )
    )  # fmt: skip
    function = {key: value for key, value in TOOL.items() if key != "type"}
    assert {
        "model": "kimi-k3",
        "stream": True,
        "prompt_cache_key": "k",
        "messages": [{"role": "system", "content": "be kind"}, USER],
        "max_completion_tokens": 9,
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "required",
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": OBJECT, "strict": True},
        },
    } == found


def test_a_tool_loop_becomes_messages() -> None:
    """Thoughts, text and calls in a row are one message of the assistant."""
    found = made(
        request(
            {"role": "developer", "content": "be kind"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "wait"}]},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "1"},
            {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "2"}]},
            {"role": "user", "content": "and?"},
        )
    )
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "wait"}],
            "reasoning_content": "hm",
            "tool_calls": [{"id": "a", **call}, {"id": "b", **call}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
        {"role": "user", "content": "and?"},
    ] == found["messages"]


def test_a_call_without_thoughts_passes() -> None:
    """Clients of this format need not send them back."""
    found = made(
        request(
            {"role": "user", "content": "hi"},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "1"},
        )
    )
    assert found["messages"][1]["reasoning_content"] == " "


def test_two_answers_in_a_row_stay_two() -> None:
    """Only what belongs together is joined."""
    answer = {"type": "message", "role": "assistant", "content": "x"}
    assert [
        message["role"]
        for message in made(
            request({"role": "user", "content": "a"}, answer, answer, {"role": "user", "content": "b"})
        )["messages"]
    ] == ["user", "assistant", "assistant", "user"]


def test_images_and_named_functions_are_carried_over() -> None:
    """The judge decides about both."""
    image = {"type": "input_image", "image_url": "ms://f"}
    found = to_chat(
        request(
            {"role": "user", "content": [image]}, tools=[TOOL], tool_choice={"type": "function", "name": "look_up"}
        ),
        LAW,
    )
    assert isinstance(found, dict)
    assert found["messages"][0]["content"] == [{"type": "image_url", "image_url": {"url": "ms://f"}}]
    assert found["tool_choice"] == {"type": "function", "function": {"name": "look_up"}}


def test_nothing_of_the_request_is_changed() -> None:
    """It goes into the record as it came."""
    data = request({"role": "user", "content": "hi"}, tools=[TOOL])
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
