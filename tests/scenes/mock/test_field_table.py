"""The table of fields in the API reference of 2024: each limit just kept and just broken, through the official SDK.

Source: platform.moonshot.cn, API reference (last updated 2024-03-28); tools since 2024-04.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest

from moonpalace.testing.mock_server import MockThread

Years = Callable[[str], tuple[MockThread, openai.OpenAI]]

QUESTION = "你好，我叫李雷，1+1等于多少？"  # 12 tokens, and 4 + 3 around them
USER: Any = [{"role": "user", "content": QUESTION}]
PROMPT = 19
ONE, TWO, THREE = "停", "停止", "停止吧"  # a Chinese character has 3 bytes
CALL = {"id": "get_weather:0", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}


@dataclass(frozen=True)
class Row:
    """A limit: `inside` passes; `outside` is refused with `message` (all of it, or what it has in it)."""

    name: str
    inside: tuple[dict[str, Any], ...]
    outside: tuple[dict[str, Any], ...]
    message: str
    status: int = 400
    type: str = "invalid_request_error"
    base: dict[str, Any] = field(default_factory=lambda: {"model": "moonshot-v1-8k", "messages": USER})


def messages(*found: tuple[str, Any]) -> dict[str, Any]:
    """Messages by role and content."""
    return {"messages": [{"role": role, "content": content} for role, content in found]}


def values(name: str, *found: Any) -> tuple[dict[str, Any], ...]:
    """A field with each of these values."""
    return tuple({name: value} for value in found)


def range_of(name: str, low: float, high: float, more: dict[str, Any] | None = None) -> Row:
    """A number that has to lie in a range."""
    inside = tuple(row | (more or {}) for row in values(name, low, (low + high) / 2, high))
    outside = values(name, low - 0.1, high + 0.1, low - 100, high + 100)
    return Row(name, inside, outside, f"Invalid request: {name} must be between {low:g} and {high:g}")


def mistyped(name: str, expected: str, got: str, *found: Any) -> Row:
    """A field of the wrong JSON type."""
    words = f"the `{name}` field in the request (expected type {expected}) is illegal, and {got} is not acceptable"
    return Row(f"{name}-{got}", (), values(name, *found), f"Invalid request: {words}")


TOOL_LOOP = {
    "messages": [
        *USER,
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "get_weather:0", "content": "晴"},
    ]
}

# fmt: off
ROWS = (
    Row("role", (messages(("system", "好"), ("user", "好")),
                 messages(("user", "好"), ("assistant", "好"), ("user", "好")), TOOL_LOOP),
        (messages(("owner", "好")), messages(("developer", "好"), ("user", "好")), messages(("User", "好"))),
        "Invalid request: the message at position 0 has an invalid role"),
    Row("content-user", (messages(("user", "好")), messages(("user", " "))),
        (messages(("user", "")), messages(("user", None)), messages(("user", []))),
        "Invalid request: the message at position 0 with role 'user' must not be empty"),
    Row("content-system", (messages(("system", "好"), ("user", "好")),), (messages(("system", ""), ("user", "好")),),
        "Invalid request: the message at position 0 with role 'system' must not be empty"),
    Row("content-assistant", (), (messages(("user", "好"), ("assistant", ""), ("user", "好")),),
        "Invalid request: the message at position 1 with role 'assistant' must not be empty"),
    Row("messages", (), ({"messages": []},), "Invalid request: messages must not be empty"),
    Row("model", values("model", "moonshot-v1-8k", "moonshot-v1-32k", "moonshot-v1-128k"),
        values("model", "moonshot-v1-256k"), "Not found the model moonshot-v1-256k or Permission denied", 404,
        "resource_not_found_error"),
    Row("model-empty", (), values("model", ""), "Not found the model  or Permission denied", 404,
        "resource_not_found_error"),
    Row("max_tokens-8k", values("max_tokens", 1, 1024, 8192 - PROMPT), values("max_tokens", 8192 - PROMPT + 1, 8192),
        "Invalid request: model max length exceeded, max length:8192"),
    Row("max_tokens-32k", ({"model": "moonshot-v1-32k", "max_tokens": 32768 - PROMPT},),
        ({"model": "moonshot-v1-32k", "max_tokens": 32768 - PROMPT + 1},),
        "Invalid request: model max length exceeded, max length:32768"),
    Row("max_tokens-128k", ({"model": "moonshot-v1-128k", "max_tokens": 131072 - PROMPT},),
        ({"model": "moonshot-v1-128k", "max_tokens": 131072 - PROMPT + 1},),
        "Invalid request: model max length exceeded, max length:131072"),
    Row("max_tokens-low", (), values("max_tokens", 0, -1), "Invalid request: max_tokens must be at least 1"),
    mistyped("max_tokens", "int", "string", "1024"),
    mistyped("max_tokens", "int", "number", 10.5),
    range_of("temperature", 0, 1),
    mistyped("temperature", "float64", "string", "0.3"),
    range_of("top_p", 0, 1),
    Row("n", ({"n": 1, "temperature": 0}, {"n": 2, "temperature": 0.3}, {"n": 5, "temperature": 0.3}, {"n": 5}),
        values("n", 6, 0, -1, 1000), "Invalid request: n must be between 1 and 5"),
    Row("n-cold", ({"n": 2, "temperature": 0.01},), ({"n": 2, "temperature": 0}, {"n": 5, "temperature": 0.001}),
        "Invalid request: n must be 1 when temperature is close to 0"),
    mistyped("n", "int", "string", "2"),
    range_of("presence_penalty", -2, 2),
    range_of("frequency_penalty", -2, 2),
    Row("stop-count", values("stop", "停", ["停"], ["a", "b", "c", "d", "e"], None), values("stop", list("abcdef")),
        "stop array too long. Expected an array with maximum length 5, but got 6"),
    Row("stop-bytes", values("stop", "x" * 32, ["x" * 32], "止" * 10, ["止" * 10] * 5),
        values("stop", "x" * 33, "止" * 11, ["a", "止" * 11]),
        "Invalid request: each stop sequence must be at most 32 bytes"),
    mistyped("stop", "[]string", "number", 3),
    Row("stream", values("stream", False), (), ""),
    mistyped("stream", "bool", "string", "true"),
    mistyped("stream", "bool", "number", 1),
    mistyped("messages", "[]object", "string", QUESTION),
)
# fmt: on
INSIDE = [(row, body) for row in ROWS for body in row.inside]
OUTSIDE = [(row, body) for row in ROWS for body in row.outside]


def ids(cases: list[tuple[Row, dict[str, Any]]]) -> list[str]:
    """Names of cases."""
    return [f"{row.name}-{number}" for number, (row, _) in enumerate(cases)]


@pytest.mark.parametrize(("row", "body"), INSIDE, ids=ids(INSIDE))
def test_just_inside_a_limit_passes(row: Row, body: dict[str, Any], years: Years) -> None:
    """A mock that refuses what the API takes makes work for nothing."""
    _, client = years("2024")
    answer = create(client, row.base | body)
    assert len(answer.choices) == body.get("n", 1)
    assert all(choice.message.content for choice in answer.choices)


@pytest.mark.parametrize(("row", "body"), OUTSIDE, ids=ids(OUTSIDE))
def test_just_outside_a_limit_is_refused(row: Row, body: dict[str, Any], years: Years) -> None:
    """One that takes what the API refuses hides a fault until production."""
    _, client = years("2024")
    with pytest.raises(openai.APIStatusError) as caught:
        create(client, row.base | body)
    error = caught.value
    assert isinstance(error.body, dict)
    assert (error.status_code, error.body["type"]) == (row.status, row.type)
    assert error.body["message"].startswith(row.message), error.body["message"]


@pytest.mark.parametrize("stop", [ONE, TWO, THREE])
def test_a_stop_word_is_not_given_out(stop: str, years: Years) -> None:
    """The answer ends before the first of them."""
    _, client = years("2024")
    question: Any = [{"role": "user", "content": f"请重复一遍：开始{stop}继续"}]
    whole = client.chat.completions.create(model="moonshot-v1-8k", messages=question).choices[0]
    text = whole.message.content or ""
    word = text[len(text) // 2 :][:3]
    cut = client.chat.completions.create(model="moonshot-v1-8k", messages=question, stop=[word, stop]).choices[0]
    assert text.startswith(cut.message.content or "") and word not in (cut.message.content or "")
    assert cut.finish_reason == "stop"


@pytest.mark.parametrize("most", [1, 2, 5, 10])
def test_an_answer_that_is_cut_off_says_length(most: int, years: Years) -> None:
    """`finish_reason` is "length" where max_tokens ended it, else "stop"."""
    _, client = years("2024")
    answer = client.chat.completions.create(model="moonshot-v1-8k", messages=USER, max_tokens=most)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None and answer.usage.completion_tokens == most


def test_the_prompt_has_the_tokens_that_the_rows_reckon_with(years: Years) -> None:
    """Else the rows of max_tokens would stand beside their limits."""
    _, client = years("2024")
    usage = client.chat.completions.create(model="moonshot-v1-8k", messages=USER).usage
    assert usage is not None and usage.prompt_tokens == PROMPT


def create(client: openai.OpenAI, body: dict[str, Any]) -> Any:
    """A chat request whose types the SDK does not look at."""
    known = {"model": body["model"], "messages": body["messages"]}
    return client.chat.completions.create(
        **known, extra_body={key: value for key, value in body.items() if key not in known}
    )
