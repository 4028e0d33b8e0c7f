"""Tool calls and the results that answer them."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.law.chat import violations

from .cases import NAME, USER, assert_refused, calls, chat, count, passes, profile, refused, result, taken

UNANSWERED = (
    "Invalid request: an assistant message with 'tool_calls' must be followed by tool messages responding to each "
    "'tool_call_id'. The following tool_call_ids did not have response messages: {}"
)
MISSING = "tool_call_id not found"
TWICE = "Invalid request: tool_call_id a is duplicated"
V1 = "kimi-k2-0905-preview"


def talk(*messages: Any) -> dict[str, Any]:
    """A conversation with a model that does not think."""
    return chat(V1, USER, *messages)


def call(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f"}, **fields}]}


REFUSED = [
    refused("no id", "tool_call_id", talk(calls("a"), result()), MISSING, "messages[2].tool_call_id", "2026 all"),
    refused("empty id", "tool_call_id", talk(calls("a"), result("")), MISSING, "messages[2].tool_call_id", "2026 all"),
    refused(
        "another id", "tool_call_id", talk(calls("a"), result("b")), MISSING, "messages[2].tool_call_id", "2026 all"
    ),
    refused("no call", "tool_call_id", talk(result("a")), MISSING, "messages[1].tool_call_id", "2026 all"),
    refused(
        "no id in 2025",
        "tool_call_id",
        talk(calls("a"), result()),
        "Invalid request: tool_call_id  is not found",
        "messages[2].tool_call_id",
        "2025",
    ),
    refused(
        "a call of an earlier turn",
        "tool_call_id",
        talk(calls("a"), result("a"), USER, result("a")),
        MISSING,
        "messages[4].tool_call_id",
        "2026 all",
    ),
    refused(
        "a call without an id",
        "tool_call_id",
        talk(calls("a", None), result("a")),
        MISSING,
        "messages[1].tool_calls[1].id",
        "2026 all",
    ),
    refused(
        "a call with an empty id", "tool_call_id", talk(calls("")), MISSING, "messages[1].tool_calls[0].id", "2026 all"
    ),
    refused(
        "unanswered at the end",
        "unanswered",
        talk(calls("a")),
        UNANSWERED.format("a"),
        "messages[1].tool_calls[0].id",
        "2026 all",
    ),
    refused(
        "one of three answered",
        "unanswered",
        talk(calls("a", "b", "c"), result("b")),
        UNANSWERED.format("a, c"),
        "messages[1].tool_calls[0].id",
        "2026 all",
    ),
    refused(
        "something between",
        "unanswered",
        talk(calls("a", "b"), result("a"), USER, result("b")),
        UNANSWERED.format("b"),
        "messages[1].tool_calls[1].id",
        "2026 all",
    ),
    refused(
        "answered twice",
        "invalid_request",
        talk(calls("a"), result("a"), result("a")),
        TWICE,
        "messages[3].tool_call_id",
        "2026 all",
    ),
    refused(
        "called twice",
        "invalid_request",
        talk(calls("a", "a"), result("a")),
        TWICE,
        "messages[1].tool_calls[1].id",
        "2026 all",
    ),
    refused(
        "type of a call",
        "tool_type",
        talk(call(type="custom"), result("a")),
        "Invalid request: unknown tool type: custom, currently only function and plugin are supported",
        "messages[1].tool_calls[0].type",
        "2026 all",
    ),
    refused(
        "a call without a function",
        "function_name",
        talk(call(function=None), result("a")),
        NAME,
        "messages[1].tool_calls[0].function.name",
        "2026 all",
    ),
    refused(
        "a call without a name",
        "function_name",
        talk(call(function={}), result("a")),
        NAME,
        "messages[1].tool_calls[0].function.name",
        "2026 all",
    ),
]
PASSES = [
    passes("one", talk(calls("a"), result("a")), "2026 all"),
    passes("several, in any order", talk(calls("a", "b"), result("b"), result("a")), "2026 all"),
    passes("the same id next turn", talk(calls("a"), result("a"), calls("a"), result("a"), USER), "2026 all"),
    passes("builtin", talk(call(type="builtin_function"), result("a")), "2026 all"),
    passes("without a type", talk(call(type=None), result("a")), "2026 all"),
    passes("arguments that are no JSON", talk(call(function={"name": "f", "arguments": "{"}), result("a")), "2026 all"),
    passes("tool_calls of a user", chat(V1, {**USER, "tool_calls": calls("a")["tool_calls"]}), "2026 all"),
]


@pytest.mark.parametrize(("data", "name", "pattern", "at", "year"), REFUSED)
def test_what_has_no_counterpart_is_refused(data: Any, name: str, pattern: str, at: str, year: str) -> None:
    """At the message that has none."""
    assert_refused(data, name, pattern, at, year)


@pytest.mark.parametrize(("data", "year"), PASSES)
def test_what_is_answered_passes(data: Any, year: str) -> None:
    """Each call by its id, directly after it."""
    taken(data, year)


def test_every_lost_pair_is_told() -> None:
    """Both sides of a broken pair have their place."""
    data = talk(calls("a"), USER, result("a"), calls("b"))
    found = violations(data, profile("2026 all"), count)
    assert [one.at for one in found] == [
        "messages[1].tool_calls[0].id",
        "messages[3].tool_call_id",
        "messages[4].tool_calls[0].id",
    ]
