"""Prompt and answer against the context. Here a character is a token, a message costs 4 more, a prompt 3."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.law.chat import judge

from .cases import assert_refused, chat, function, passes, profile, refused, taken

V1 = "moonshot-v1-8k"
AROUND = 4 + 3


def long(tokens: int, **fields: Any) -> dict[str, Any]:
    """A request whose prompt has this many tokens."""
    return chat(V1, {"role": "user", "content": "x" * (tokens - AROUND)}, **fields)


def exceeded(requested: int) -> str:
    return rf"Invalid request: Your request exceeded model token limit: 8192 \(requested: {requested}\)"


REFUSED = [
    refused("one beyond", "input_too_long", long(8193), "Input token length too long", "messages", "2026 all"),
    refused(
        "one beyond, with a wish",
        "input_too_long",
        long(8193, max_tokens=1),
        "Input token length too long",
        "messages",
        "2026 all",
    ),
    refused("nothing left", "context_exceeded", long(8192), exceeded(8193), "messages", "2026 all"),
    refused("max_tokens", "context_exceeded", long(4096, max_tokens=4097), exceeded(8193), "max_tokens", "2026 all"),
    refused(
        "max_completion_tokens",
        "context_exceeded",
        long(4096, max_completion_tokens=8192),
        exceeded(12288),
        "max_completion_tokens",
        "2026 all",
    ),
    refused(
        "in 2025",
        "context_exceeded",
        long(4096, max_tokens=4097),
        "Invalid request: Your request exceeded model token limit: 8192",
        "max_tokens",
        "2025",
    ),
    refused(
        "in 2024",
        "context_exceeded",
        long(4096, max_tokens=4097),
        "Invalid request: model max length exceeded, max length:8192",
        "max_tokens",
        "2024",
    ),
    refused(
        "more than 4,300 digits together",
        "context_exceeded",
        chat(max_tokens=(1 << 63) - 1),
        ".*limit: 1048576 .*",
        "max_tokens",
    ),
    refused(
        "the hidden prompt of kimi-k3",
        "context_exceeded",
        chat(max_tokens=1048576 - 9),
        ".*requested: 1048651.*",
        "max_tokens",
        "2026 k3_hidden_tokens=75",
    ),
]
PASSES = [
    passes("just fits", long(4096, max_tokens=4096), "2024"),
    passes("one left", long(8191), "2024"),
    passes("kimi-k3, all of it", chat(max_tokens=1048576 - 9)),
]


@pytest.mark.parametrize(("data", "name", "pattern", "at", "year"), REFUSED)
def test_what_does_not_fit_is_refused(data: Any, name: str, pattern: str, at: str, year: str) -> None:
    """With the sum that was asked for, in the words of the year."""
    assert_refused(data, name, pattern, at, year)


@pytest.mark.parametrize(("data", "year"), PASSES)
def test_what_fits_to_the_last_token_passes(data: Any, year: str) -> None:
    """The context is prompt and answer together."""
    taken(data, year)


@pytest.mark.parametrize(
    ("data", "year", "expected"),
    [
        (long(100), "2024", 1024),
        (long(8000), "2024", 192),
        (long(8191), "2024", 1),
        (long(100, max_tokens=5), "2024", 5),
        (chat("kimi-k2.6"), "2026", 32768),
        (chat("kimi-k2.6"), "2026 k2_max_tokens=1024", 1024),
        (chat("kimi-k3"), "2026", 131072),
    ],
)
def test_the_default_is_lowered_to_what_is_left(data: Any, year: str, expected: int) -> None:
    """The error is for what was asked; a default nobody asked for must not be one."""
    assert expected == taken(data, year).max_tokens


def test_the_charge_is_prompt_and_answer() -> None:
    """The manual: what the answer really took does not matter to the limit."""
    read = taken(long(100, max_tokens=5), "2024")
    assert (read.prompt_tokens, read.charge) == (100, 105)


def test_tools_count() -> None:
    """Their definitions are part of the prompt."""
    assert taken(chat(tools=[function()])).prompt_tokens > taken(chat()).prompt_tokens


def test_counting_is_done_once() -> None:
    """It is what a request of a megabyte costs."""
    counted: list[str] = []

    def note(text: str) -> int:
        counted.append(text)
        return 1

    judge(chat(), profile("2026"), note)
    assert counted == ["hi"]
