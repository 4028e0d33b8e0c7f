"""Prompt and answer against the context. Here a character is a token, a message costs 4 more, a prompt 3."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.errors import Violation
from moonpalace.kimi.law.chat import judge
from moonpalace.kimi.law.length import found_tokens

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


def searched(content: str, name: str = "$web_search") -> dict[str, Any]:
    """A search that was called, and what the client handed back."""
    call = {"id": "search:0", "type": "builtin_function", "function": {"name": name, "arguments": "{}"}}
    return chat(
        V1, {"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "search:0", "content": content},
    )  # fmt: skip


def prompt(request: dict[str, Any]) -> int:
    """The tokens of its prompt."""
    taken = judge(request, profile("2024"), len)
    assert not isinstance(taken, Violation)
    return taken.prompt_tokens


def test_what_a_search_found_is_read_with_the_prompt() -> None:
    """The documents warn of it: a prompt that fitted may not fit any more."""
    told = '{"usage":{"total_tokens":%d}}'
    assert prompt(searched(told % 5000)) - prompt(searched(told % 1000)) == 4000
    refused = judge(searched(told % 9000), profile("2024"), len)
    assert isinstance(refused, Violation) and refused.form.name == "input_too_long"


@pytest.mark.parametrize(
    "content",
    ["", "x", "[]", "{}", '{"usage":1}', '{"usage":{"total_tokens":"5"}}', '{"usage":{"total_tokens":-5}}', "[" * 9000,
     '{"usage":{"total_tokens":true}}', '{"usage":{"total_tokens":1e3}}', '{"usage":null}'],
)  # fmt: skip
def test_what_does_not_say_its_tokens_adds_none(content: str) -> None:
    """A client may hand back whatever it likes."""
    if len(content) < 8000:
        assert prompt(searched(content)) == prompt(searched("y" * len(content)))
    assert found_tokens(searched(content)["messages"]) == 0


def test_only_the_builtin_search_is_charged() -> None:
    """Another tool's result may look the same."""
    content = '{"usage":{"total_tokens":5000}}'
    assert found_tokens(searched(content, "look_up")["messages"]) == 0


@pytest.mark.parametrize("parts", [False, True], ids=["text", "parts"])
def test_a_text_far_beyond_the_context_is_not_counted_to_its_end(parts: bool) -> None:
    """Fifty megabytes would hold a server up for seconds, to say the same."""
    seen = 0

    def count(text: str) -> int:
        nonlocal seen
        seen += len(text)
        return len(text)

    text = "x" * 10_000_000
    found = judge(
        chat(V1, {"role": "user", "content": [{"type": "text", "text": text}] if parts else text}),
        profile("2026 all"),
        count,
    )
    assert isinstance(found, Violation)
    assert (found.status, found.message) == (400, "Input token length too long")
    assert seen < 200_000


def test_a_long_text_of_few_tokens_is_counted() -> None:
    """Blanks cost next to nothing: length alone says nothing."""
    request = chat(V1, {"role": "user", "content": " " * 1_000_000})
    assert not isinstance(judge(request, profile("2026 all"), lambda text: 1 + len(text) // 128), Violation)
