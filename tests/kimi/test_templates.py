"""What a chat costs around its texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.kimi.templates import completion_tokens, estimate_tokens, message_tokens, prompt_tokens
from moonpalace.text.tokens import estimate

SYSTEM = (
    "你是 Kimi，由 Moonshot AI 提供的人工智能助手，你更擅长中文和英文的对话。你会为用户提供安全，有帮助，准确的回答。"
    "同时，你会拒绝一切涉及恐怖主义，种族歧视，黄色暴力等问题的回答。Moonshot AI 为专有名词，不可翻译成其他语言。"
)
USER = {"role": "user", "content": "你好，我叫李雷，1+1等于多少？"}
TOOL = {"type": "function", "function": {"name": "now", "description": "The time.", "parameters": {"type": "object"}}}
CALL = {"id": "now:0", "type": "function", "function": {"name": "now", "arguments": "{}"}}


def words(text: str) -> int:
    """A count that can be done by eye."""
    return len(text.split())


def test_the_documented_estimate_is_80() -> None:
    """The example of the estimate endpoint: 60 and 12 for the texts, 4 for each message."""
    assert estimate_tokens([{"role": "system", "content": SYSTEM}, USER], None, estimate) == 80


def test_the_documented_chat_is_19_and_21() -> None:
    """The chat example of 2024: the question alone and its answer."""
    assert prompt_tokens([USER], None, estimate) == 19
    assert completion_tokens(" 你好，李雷！1+1等于2。如果你有其他问题，请随时提问！", estimate) == 21


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "user", "content": "one two"}, 6),
        ({"role": "user", "content": ""}, 4),
        ({"role": "user"}, 4),
        ({"role": "user", "content": None}, 4),
        ({"role": "user", "content": "one", "name": "Ann of Kyiv"}, 7),
        ({"role": "user", "content": [{"type": "text", "text": "one two"}, {"type": "text", "text": "three"}]}, 7),
        ({"content": [{"type": "image_url", "image_url": {"url": "data:x"}}, {"type": "text", "text": "a"}]}, 1029),
        ({"role": "user", "content": [{"type": "image_url", "image_url": "ms://f"}]}, 1028),
        ({"role": "user", "content": [{"type": "video_url", "video_url": "ms://f"}]}, 1028),
        ({"role": "assistant", "content": "a", "reasoning_content": "b c"}, 7),
        ({"role": "assistant", "content": None, "tool_calls": [CALL]}, 4 + 2 + 3 + 1 + 1),
        ({"role": "assistant", "content": "", "tool_calls": [CALL, CALL]}, 4 + 2 + 2 * 5),
        ({"tool_calls": [{"function": {"name": "a b", "arguments": {"x": 1}}}]}, 4 + 2 + 3 + 2 + 2),
        ({"role": "tool", "tool_call_id": "now:0", "content": "noon"}, 4 + 4 + 1),
        ({"role": 7, "content": 7, "name": [], "tool_calls": 7, "reasoning_content": {}, "tool_call_id": 7}, 4),
        ({"content": [7, None, [], {}, {"type": 7}, {"type": []}, {"type": "text", "text": 7}]}, 4),
        ({"tool_calls": [7, {"id": 7}, {"function": 7}, {"function": {"arguments": 7}}]}, 4 + 2 + 3 * 3),
        ({}, 4),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_message_costs_its_texts_and_its_markers(message: dict[str, object], expected: int) -> None:
    """Whatever a client sends: what has the wrong type costs nothing."""
    assert expected == message_tokens(message, words)


def test_the_price_of_a_picture_can_be_given() -> None:
    """Newer models charge by size; 1024 is what the vision models of 2025 do."""
    assert message_tokens({"content": [{"type": "image_url"}]}, words, 7) == 4 + 7


def test_the_prompt_has_the_beginning_of_an_answer_and_the_hidden_text() -> None:
    """The estimate endpoint counts neither."""
    assert estimate_tokens([{"content": "a b"}], None, words) == 6
    assert prompt_tokens([{"content": "a b"}], None, words) == 9
    assert prompt_tokens([{"content": "a b"}], None, words, hidden=76) == 85


def test_tools_are_a_message_with_their_declarations() -> None:
    """`# Tools ## functions namespace functions { … }` is 7 words and the braces, the rest is the tool's."""
    alone = estimate_tokens([], [TOOL], words)
    declared = "# Tools\n\n## functions\nnamespace functions {\n// The time.\ntype now = (_: {}) => any;\n}\n"
    assert 4 + words(declared) == alone
    assert alone == estimate_tokens([], [TOOL, {"type": "builtin_function", "function": {"name": "$x"}}], words)
    assert estimate_tokens([], [], words) == 0
    assert estimate_tokens([], [7, None, {}], words) == 0


KEYS = st.sampled_from(
    [
        "content", "name", "type", "text", "tool_calls", "function", "arguments", "parameters", "properties",
        "required", "items", "enum", "anyOf", "$ref", "$defs", "description", "default", "additionalProperties",
        "minimum", "maxLength",
    ]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(JSON, max_size=3), st.lists(JSON, max_size=3))
def test_any_json_has_a_price(messages: list[object], tools: list[object]) -> None:
    """The mock counts before it judges, and a capture may hold anything."""
    assert prompt_tokens(messages, tools, estimate) >= 3
