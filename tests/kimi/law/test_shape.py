"""JSON types, required fields, roles and the model."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.law.chat import violations

from .cases import USER, assert_refused, calls, chat, count, function, names, passes, profile, refused, result, taken

PART = {"type": "text", "text": "hi"}


def field(path: str, expected: str, got: str) -> str:
    expected = expected.replace("[", r"\[").replace("]", r"\]")
    field = rf"Invalid request: the `{path}` field in the request \(expected type {expected}\)"
    return f"{field} is illegal, and {got} is not acceptable"


MODEL = "Not found the model {} or Permission denied"
REFUSED = [
    *(
        refused(
            f"body {body!r}", "invalid_request", body, "Invalid request: the request body must be a JSON object", ""
        )
        for body in (None, [], "text", 5, True)
    ),
    refused("no model", "model", {"messages": [USER]}, MODEL.format(""), "model"),
    refused("model null", "model", chat(None), MODEL.format(""), "model"),  # type: ignore[arg-type]
    refused("model no text", "model", chat(["kimi-k3"]), MODEL.format(""), "model"),  # type: ignore[arg-type]
    refused("model unknown", "model", chat("gpt-4o"), MODEL.format("gpt-4o"), "model"),
    refused("model retired", "model", chat("kimi-latest"), MODEL.format("kimi-latest"), "model"),
    refused("model not out yet", "model", chat("kimi-k3"), MODEL.format("kimi-k3"), "model", "2024"),
    refused(
        "no messages", "messages_empty", {"model": "kimi-k3"}, "Invalid request: messages must not be empty", "messages"
    ),
    refused(
        "messages null",
        "messages_empty",
        {"model": "kimi-k3", "messages": None},
        "Invalid request: messages must not be empty",
        "messages",
    ),
    refused(
        "messages []",
        "messages_empty",
        {"model": "kimi-k3", "messages": []},
        "Invalid request: messages must not be empty",
        "messages",
    ),
    refused(
        "messages {}",
        "field_type",
        {"model": "kimi-k3", "messages": {}},
        field("messages", "[]object", "object"),
        "messages",
    ),
    refused(
        "message a text", "field_type", chat("kimi-k3", "hi"), field("messages", "object", "string"), "messages[0]"
    ),
    refused(
        "message null", "field_type", chat("kimi-k3", USER, None), field("messages", "object", "null"), "messages[1]"
    ),
    refused(
        "content an object",
        "field_type",
        chat("kimi-k3", {"role": "user", "content": PART}),
        field("messages.content", "[]object", "object"),
        "messages[0].content",
    ),
    refused(
        "content a number",
        "field_type",
        chat("kimi-k3", {"role": "user", "content": 5}),
        field("messages.content", "[]object", "number"),
        "messages[0].content",
    ),
    refused(
        "content texts",
        "field_type",
        chat("kimi-k3", {"role": "user", "content": ["hi"]}),
        field("messages.content", "object", "string"),
        "messages[0].content[0]",
    ),
    refused(
        "text of a part",
        "field_type",
        chat("kimi-k3", {"role": "user", "content": [{"type": "text", "text": 1}]}),
        field("messages.content.text", "string", "number"),
        "messages[0].content[0].text",
    ),
    refused(
        "url of an image",
        "field_type",
        chat("kimi-k3", {"role": "user", "content": [{"type": "image_url", "image_url": {"url": []}}]}),
        field("messages.content.image_url.url", "string", "array"),
        "messages[0].content[0].image_url.url",
    ),
    refused(
        "no role",
        "invalid_request",
        chat("kimi-k3", {"content": "hi"}),
        "Invalid request: the message at position 0 has an invalid role: ",
        "messages[0].role",
    ),
    refused(
        "role developer",
        "invalid_request",
        chat("kimi-k3", USER, {"role": "developer", "content": "hi"}),
        "Invalid request: the message at position 1 has an invalid role: developer",
        "messages[1].role",
    ),
    refused(
        "role cache in 2026",
        "invalid_request",
        chat("kimi-k3", {"role": "cache", "content": "tag=a"}, USER),
        "Invalid request: the message at position 0 has an invalid role: cache",
        "messages[0].role",
    ),
    refused(
        "role cache not first",
        "invalid_request",
        chat("moonshot-v1-8k", USER, {"role": "cache", "content": "tag=a"}),
        "Invalid request: the message at position 1 has an invalid role: cache",
        "messages[1].role",
        "2024",
    ),
    refused(
        "arguments an object",
        "field_type",
        chat("kimi-k3", {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]}),
        field("messages.tool_calls.function.arguments", "string", "object"),
        "messages[0].tool_calls[0].function.arguments",
    ),
    refused(
        "parameters an array",
        "field_type",
        chat(tools=[function(parameters=[])]),
        field("tools.function.parameters", "dict[string,interface]", "array"),
        "tools[0].function.parameters",
    ),
    refused("tools an object", "field_type", chat(tools={}), field("tools", "[]object", "object"), "tools"),
    refused(
        "strict a text",
        "field_type",
        chat(tools=[function(strict="no")]),
        field("tools.function.strict", "bool", "string"),
        "tools[0].function.strict",
    ),
    refused(
        "schema an array",
        "field_type",
        chat(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": []}}),
        field("response_format.json_schema.schema", "dict[string,interface]", "array"),
        "response_format.json_schema.schema",
    ),
    refused(
        "strict of a schema",
        "field_type",
        chat(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {}, "strict": 1}}),
        field("response_format.json_schema.strict", "bool", "number"),
        "response_format.json_schema.strict",
    ),
    refused("thinking true", "field_type", chat(thinking=True), field("thinking", "object", "bool"), "thinking"),
    refused(
        "effort a number",
        "field_type",
        chat(reasoning_effort=3),
        field("reasoning_effort", "string", "number"),
        "reasoning_effort",
    ),
    refused("stop numbers", "field_type", chat(stop=[1]), field("stop", "string", "number"), "stop[0]"),
    refused(
        "include_usage a text",
        "field_type",
        chat(stream_options={"include_usage": "yes"}),
        field("stream_options.include_usage", "bool", "string"),
        "stream_options.include_usage",
    ),
    refused(
        "stream_options a bool",
        "field_type",
        chat(stream_options=True),
        field("stream_options", "object", "bool"),
        "stream_options",
    ),
    *(
        refused(f"{name} {value!r}", "field_type", chat(**{name: value}), field(name, expected, got), name)
        for name, value, expected, got in (
            ("temperature", "1", "float64", "string"),
            ("temperature", True, "float64", "bool"),
            ("top_p", [], "float64", "array"),
            ("n", 1.0, "int", "number"),
            ("n", True, "int", "bool"),
            ("max_tokens", 1.0, "int", "number"),
            ("max_tokens", "100", "int", "string"),
            ("max_completion_tokens", 1 << 63, "int", "number"),
            ("presence_penalty", {}, "float64", "object"),
            ("frequency_penalty", "0", "float64", "string"),
            ("stop", 5, "[]string", "number"),
            ("stream", "true", "bool", "string"),
            ("stream", 1, "bool", "number"),
            ("response_format", "json_object", "object", "string"),
            ("tool_choice", 1, "string", "number"),
            ("prompt_cache_key", 1, "string", "number"),
            ("safety_identifier", 1, "string", "number"),
            ("logprobs", 1, "bool", "number"),
            ("top_logprobs", "5", "int", "string"),
            ("prediction", "x", "object", "string"),
            ("prompt_cache_options", "5m", "object", "string"),
        )
    ),
]
PASSES = [
    passes("plain", chat()),
    passes("null is absent", chat(temperature=None, tools=None, stop=None, response_format=None, thinking=None)),
    passes("unknown fields", chat(store=True, seed="x", user=1, parallel_tool_calls=[], logit_bias={}, functions=5)),
    passes("unknown fields of a message", chat("kimi-k3", {**USER, "cache_control": 1, "refusal": None})),
    passes("temperature 1.0", chat(temperature=1.0)),
    passes("parts", chat("kimi-k3", {"role": "user", "content": [PART]})),
    passes("a model's alias", chat("kimi-k3[1m]")),
    passes("a retired model", chat("kimi-latest"), "2026 all"),
    passes("role cache", chat("moonshot-v1-8k", {"role": "cache", "content": "tag=a"}, USER), "2024"),
    passes("fields that came later", chat("moonshot-v1-8k", thinking=1, logprobs="x", prediction=5), "2024"),
    passes("only a system message", chat("moonshot-v1-8k", {"role": "system", "content": "hi"}), "2024"),
    passes("all types", chat(temperature=1, n=1, max_tokens=5, stop="x", stream=True, tools=[], tool_choice="auto")),
    passes("a tool loop", chat("kimi-k3", USER, calls("a", reasoning_content="hm"), result("a"))),
]


@pytest.mark.parametrize(("data", "name", "pattern", "at", "year"), REFUSED)
def test_what_has_the_wrong_shape_is_refused(data: Any, name: str, pattern: str, at: str, year: str) -> None:
    """In the words of the service, with the place."""
    assert_refused(data, name, pattern, at, year)


@pytest.mark.parametrize(("data", "year"), PASSES)
def test_what_has_the_right_shape_passes(data: Any, year: str) -> None:
    """Unknown fields and nulls are ignored, as the service ignores them."""
    taken(data, year)


def test_a_retired_model_is_judged_by_its_own_rules() -> None:
    """Who has to move to another model wants to know what else is wrong."""
    found = violations(chat("kimi-k2.5", temperature=0.3), profile("2026"), count)
    assert names(found) == ["model", "fixed_parameter"]


def test_every_field_of_the_wrong_type_is_told() -> None:
    """One at a time would take as many requests as there are mistakes."""
    found = list(violations(chat(n="1", stream="x", stop=[1, "a", 2]), profile("2026"), count))
    assert [one.at for one in found] == ["n", "stream", "stop[0]", "stop[2]"]


def test_nothing_is_said_about_what_cannot_be_read() -> None:
    """Without its messages a request has no tool results to miss."""
    data = chat("kimi-k3", USER, calls("a"), {"role": "tool", "content": 5}, temperature=0.3)
    assert names(violations(data, profile("2026"), count)) == ["field_type", "fixed_parameter"]


def test_a_long_or_broken_name_is_quoted_in_part() -> None:
    """A message that cannot be encoded, or is as long as the request, helps nobody."""
    (found,) = violations(chat("\ud800" + "x" * 5000), profile("2026"), count)
    assert len(found.message.encode()) < 400
