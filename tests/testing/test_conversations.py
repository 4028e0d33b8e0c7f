"""Calls, results and thoughts are found in the JSON of any of the three APIs, and in none that is something else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.testing.conversations import called, differs, is_empty, results, text_of, thoughts

KEYS = ["messages", "role", "content", "type", "tool_calls", "id", "choices", "message", "input", "text", "output"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "tool_use", "text", "assistant", "function_call"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ({"choices": [{"message": {"tool_calls": [{"id": "1"}, {}, 3]}}]}, ["1"]),
        ({"content": [{"type": "tool_use", "id": "1"}, {"type": "text"}]}, ["1"]),
        ({"output": [{"type": "function_call", "call_id": "1", "id": "fc"}]}, ["1"]),
        (None, []),
        ({"choices": 3}, []),
    ],
)
def test_calls_of_tools_are_found(value: Any, ids: list[str]) -> None:
    """In the answers of all three APIs."""
    assert called(value) == ids


@given(ANYTHING, ANYTHING)
def test_nothing_is_too_strange(value: Any, other: Any) -> None:
    """An app under test may send anything; its test must not fail for that with a trace through us."""
    called(value)
    results(value)
    thoughts(value)
    text_of(value)
    differs(value, other)
    if isinstance(value, dict):
        is_empty(value)


def test_the_instructions_of_the_responses_api_are_part_of_the_prompt() -> None:
    """A clock in them spoils the prefix as one in a system message does."""
    assert differs({"instructions": "1", "input": []}, {"instructions": "2", "input": []}) == "instructions"
    assert differs({"input": [{"a": 1}]}, {"input": [{"a": 2}]}) == "input[0].a"
    assert differs({"input": ["a"]}, {"input": ["b"]}) == "input[0]"
