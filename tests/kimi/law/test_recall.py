"""Which earlier thoughts are read again."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.law.recall import recalled
from moonpalace.kimi.models import BY_ID

from .cases import calls, chat, result, taken

FIELD = "reasoning_content"
USER: dict[str, Any] = {"role": "user", "content": "and now?"}
SAID: dict[str, Any] = {"role": "assistant", "content": "yes", FIELD: "first"}
CALL = calls("look_up:0", reasoning_content="second")
LOOP = [USER, CALL, result("look_up:0")]
LATER = [USER, SAID, *LOOP]
OVER = [*LOOP, SAID, USER]
PARTIAL: dict[str, Any] = {"role": "assistant", "content": "y", "partial": True, FIELD: "third"}


@pytest.mark.parametrize(
    ("model", "on", "keep", "messages", "thoughts"),
    [
        ("kimi-k2.6", True, False, LATER, ["second"]),
        ("kimi-k2.6", True, False, OVER, []),
        ("kimi-k2.6", True, True, LATER, ["first", "second"]),
        ("kimi-k2.6", True, True, OVER, ["second", "first"]),
        ("kimi-k2.6", False, False, LATER, []),
        ("kimi-k2.6", True, False, [*OVER, PARTIAL], ["third"]),
        ("kimi-k2.5", True, False, LATER, ["second"]),
        ("kimi-k2-thinking", True, False, LATER, ["second"]),
        ("kimi-thinking-preview", True, False, [USER, SAID, USER], []),
        ("kimi-k3", True, True, OVER, ["second", "first"]),
        ("moonshot-v1-8k", False, False, LATER, []),
    ],
    ids=[
        "a loop goes on", "a loop is over", "kept", "kept beyond the loop", "thinking off", "beside a partial message",
        "K2.5", "K2 Thinking", "the preview", "kimi-k3", "no thinking",
    ],
)  # fmt: skip
def test_what_is_read_again(
    model: str, on: bool, keep: bool, messages: list[dict[str, Any]], thoughts: list[str]
) -> None:
    """It is what the prompt is charged with."""
    found = recalled(messages, BY_ID[model].family, on=on, keep=keep)
    assert [message[FIELD] for message in found if FIELD in message] == thoughts
    assert [{**message, FIELD: ""} for message in found] == [{**message, FIELD: ""} for message in messages]


def test_nothing_is_copied_without_need() -> None:
    """Most conversations have no thoughts in them."""
    messages = [USER, {"role": "assistant", "content": "yes"}]
    assert recalled(messages, BY_ID["moonshot-v1-8k"].family, on=False, keep=False) is messages
    assert recalled(OVER, BY_ID["kimi-k3"].family, on=True, keep=True) is OVER


def test_the_prompt_has_no_forgotten_thoughts() -> None:
    """K2.6 ignores them unless `keep` is all: they cost nothing, and take no room."""
    without = [{key: value for key, value in message.items() if key != FIELD} for message in OVER[3:]]
    asked = chat("kimi-k2.6", *OVER[3:]), chat("kimi-k2.6", *without)
    kept = chat("kimi-k2.6", *OVER[3:], thinking={"type": "enabled", "keep": "all"})
    assert taken(asked[0]).prompt_tokens == taken(asked[1]).prompt_tokens == taken(kept).prompt_tokens - len("first")
