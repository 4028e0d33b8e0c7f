"""`thinking` and `reasoning_effort`, by model."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.law.ask import Thinking

from .cases import assert_refused, chat, passes, refused, taken

ON, OFF = {"type": "enabled"}, {"type": "disabled"}
BOTH = "cannot specify both 'thinking' and 'reasoning_effort'"
FIXED = "invalid thinking: only type=enabled is allowed for this model"
REFUSED = [
    *(
        refused(
            f"both, {model}",
            "thinking_and_effort",
            chat(model, thinking=ON, reasoning_effort="low"),
            BOTH,
            "reasoning_effort",
            year,
        )
        for model, year in (("kimi-k2.5", "2026 all"), ("kimi-k2.6", "2026"), ("kimi-k2.7-code", "2026"))
    ),
    refused("K2.7 disabled", "fixed_thinking", chat("kimi-k2.7-code", thinking=OFF), FIXED, "thinking.type"),
    refused("K2.7 auto", "fixed_thinking", chat("kimi-k2.7-code", thinking={"type": "auto"}), FIXED, "thinking.type"),
    refused(
        "K3 disabled, refused", "fixed_thinking", chat(thinking=OFF), FIXED, "thinking.type", "2026 k3_disabled=refused"
    ),
    *(
        refused(
            f"{model} type auto",
            "invalid_request",
            chat(model, thinking={"type": "auto"}),
            r"Invalid request: thinking\.type must be enabled or disabled",
            "thinking.type",
        )
        for model in ("kimi-k2.6", "kimi-k3")
    ),
    *(
        refused(
            f"{model} keep",
            "invalid_request",
            chat(model, thinking={**ON, "keep": "last"}),
            r'Invalid request: thinking\.keep must be "all" or null',
            "thinking.keep",
        )
        for model in ("kimi-k2.6", "kimi-k2.7-code", "kimi-k3")
    ),
    refused(
        "K2.5 knows no keep",
        "invalid_request",
        chat("kimi-k2.5", thinking={**ON, "keep": "all"}),
        r"Invalid request: thinking\.keep is not supported by this model",
        "thinking.keep",
        "2026 all",
    ),
    refused(
        "effort medium",
        "invalid_request",
        chat(reasoning_effort="medium"),
        "Invalid request: reasoning_effort must be one of low, high, max",
        "reasoning_effort",
    ),
    refused(
        "effort of thinking",
        "invalid_request",
        chat(thinking={"effort": "medium"}),
        r"Invalid request: thinking\.effort must be one of low, high, max",
        "thinking.effort",
    ),
]
PASSES = [
    *(
        passes(f"{model} {thinking}", chat(model, thinking=thinking), "2026 all")
        for model, several in (
            ("kimi-k2.5", (ON, OFF, {}, {"type": "enabled", "keep": None})),
            ("kimi-k2.6", (ON, OFF, {}, {**ON, "keep": "all"}, {**ON, "keep": None, "budget_tokens": 5})),
            ("kimi-k2.7-code", (ON, {}, {**ON, "keep": "all"}, {"keep": None})),
            ("kimi-k3", (ON, OFF, {**ON, "keep": "all", "effort": "low"})),
            ("kimi-k2-thinking", (OFF, {"type": "whatever"})),
            ("moonshot-v1-8k", (ON, {"type": "whatever"})),
        )
        for thinking in several
    ),
    *(passes(f"K3 effort {effort}", chat(reasoning_effort=effort)) for effort in ("low", "high", "max")),
    passes("K3 takes both", chat(thinking=ON, reasoning_effort="low")),
    passes("K2.6 with effort alone", chat("kimi-k2.6", reasoning_effort="medium")),
    passes("null beside effort", chat("kimi-k2.6", thinking=None, reasoning_effort="low")),
    passes("effort unchecked", chat(reasoning_effort="medium"), "2026 k3_effort=ignored"),
    passes("K3 disabled, ignored", chat(thinking=OFF), "2026 k3_disabled=ignored"),
]
STATES = [
    ("moonshot-v1-8k", {"thinking": ON}, Thinking(False)),
    ("kimi-k2-thinking", {"thinking": OFF}, Thinking(True)),
    ("kimi-k2.5", {}, Thinking(True)),
    ("kimi-k2.5", {"thinking": OFF}, Thinking(False)),
    ("kimi-k2.6", {"thinking": {**ON, "keep": "all"}}, Thinking(True, None, True)),
    ("kimi-k2.6", {"thinking": {**ON, "keep": None}}, Thinking(True)),
    ("kimi-k2.7-code", {"thinking": {"keep": None}}, Thinking(True, None, True)),
    ("kimi-k3", {}, Thinking(True, "max", True)),
    ("kimi-k3", {"reasoning_effort": "low", "thinking": {"effort": "high"}}, Thinking(True, "low", True)),
    ("kimi-k3", {"thinking": {"effort": "high"}}, Thinking(True, "high", True)),
    ("kimi-k3", {"thinking": OFF}, Thinking(False, None, True)),
]


@pytest.mark.parametrize(("data", "name", "pattern", "at", "year"), REFUSED)
def test_what_a_model_does_not_let_choose_is_refused(data: Any, name: str, pattern: str, at: str, year: str) -> None:
    """Each family has its own parameter."""
    assert_refused(data, name, pattern, at, year)


@pytest.mark.parametrize(("data", "year"), PASSES)
def test_what_a_model_lets_choose_passes(data: Any, year: str) -> None:
    """A family without a parameter ignores it."""
    taken(data, year)


@pytest.mark.parametrize(("model", "fields", "expected"), STATES)
def test_it_is_read_what_holds(model: str, fields: dict[str, Any], expected: Thinking) -> None:
    """The other stages, and the answers, depend on it."""
    read = taken(chat(model, **fields), "2026 all")
    assert expected == Thinking(read.thinking, read.effort, read.keep)


def test_thinking_that_cannot_be_switched_off_stays_on() -> None:
    """The documents say that kimi-k3 always thinks."""
    assert taken(chat(thinking=OFF), "2026 k3_disabled=ignored").thinking
