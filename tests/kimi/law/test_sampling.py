"""Temperature, top_p, n, penalties, lengths, stop texts."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.law.chat import violations

from .cases import assert_refused, chat, count, names, passes, profile, refused, taken

OFF = {"type": "disabled"}


def only(name: str, value: str) -> str:
    return rf"invalid {name}: only {value} is allowed for this model"


def says(text: str) -> str:
    return f"Invalid request: {text}"


REFUSED = [
    *(
        refused(f"{model} {name} {value}", "fixed_parameter", chat(model, **{name: value}), only(name, right), name)
        for model in ("kimi-k2.6", "kimi-k2.7-code", "kimi-k3")
        for name, value, right in (
            ("temperature", 0.6, "1"),
            ("temperature", float("nan"), "1"),
            ("top_p", 1, "0.95"),
            ("n", 2, "1"),
            ("presence_penalty", 0.1, "0"),
            ("frequency_penalty", -1, "0"),
        )
    ),
    refused(
        "K2.6 without thinking",
        "fixed_parameter",
        chat("kimi-k2.6", temperature=1, thinking=OFF),
        only("temperature", "0.6"),
        "temperature",
    ),
    *(
        refused(
            f"v1 {name} {value}", "invalid_request", chat("moonshot-v1-8k", **{name: value}), says(text), name, "2024"
        )
        for name, value, text in (
            ("temperature", 1.1, "temperature must be between 0 and 1"),
            ("temperature", -0.1, "temperature must be between 0 and 1"),
            ("temperature", float("nan"), "temperature must be between 0 and 1"),
            ("top_p", 1.01, "top_p must be between 0 and 1"),
            ("top_p", -1, "top_p must be between 0 and 1"),
            ("n", 6, "n must be between 1 and 5"),
            ("n", 0, "n must be between 1 and 5"),
            ("presence_penalty", 2.1, "presence_penalty must be between -2 and 2"),
            ("frequency_penalty", -2.1, "frequency_penalty must be between -2 and 2"),
            ("max_tokens", 0, "max_tokens must be at least 1"),
            ("max_completion_tokens", -1, "max_completion_tokens must be at least 1"),
        )
    ),
    *(
        refused(
            f"n 2 at temperature {value}",
            "invalid_request",
            chat("moonshot-v1-8k", n=2, temperature=value),
            says("n must be 1 when temperature is close to 0"),
            "n",
            "2024",
        )
        for value in (0, 0.0, 0.009)
    ),
    refused(
        "six stops",
        "stop_too_many",
        chat(stop=list("abcdef")),
        "stop array too long. Expected an array with maximum length 5, but got 6",
        "stop",
    ),
    refused(
        "33 octets", "invalid_request", chat(stop="a" * 33), says("each stop sequence must be at most 32 bytes"), "stop"
    ),
    refused(
        "eleven Chinese characters",
        "invalid_request",
        chat("moonshot-v1-8k", stop=["好", "好" * 11]),
        says("each stop sequence must be at most 32 bytes"),
        "stop[1]",
        "2024",
    ),
    refused(
        "top_logprobs alone",
        "top_logprobs",
        chat(top_logprobs=2),
        "Invalid request: logprobs must be set to true if top_logprobs is used",
        "top_logprobs",
    ),
    refused(
        "top_logprobs 21",
        "invalid_request",
        chat(logprobs=True, top_logprobs=21),
        says("top_logprobs must be between 0 and 20"),
        "top_logprobs",
    ),
    refused(
        "logprobs, as the probes have it",
        "fixed_parameter",
        chat(logprobs=True),
        only("logprobs", "false"),
        "logprobs",
        "2026 k3_logprobs=refused",
    ),
    refused(
        "ttl",
        "invalid_request",
        chat(prompt_cache_options={"ttl": "1d"}),
        says(r"prompt_cache_options\.ttl must be 5m or 1h"),
        "prompt_cache_options.ttl",
    ),
    refused(
        "mode",
        "invalid_request",
        chat(prompt_cache_options={"mode": "explicit"}),
        says(r"prompt_cache_options\.mode must be implicit"),
        "prompt_cache_options.mode",
    ),
    refused(
        "prediction",
        "invalid_request",
        chat(prediction={"content": "x"}),
        says(r"prediction\.type must be content"),
        "prediction.type",
    ),
]
FIXED = {"temperature": 1.0, "top_p": 0.95, "n": 1, "presence_penalty": 0, "frequency_penalty": 0.0}
PASSES = [
    *(
        passes(f"{model}, the fixed values", chat(model, **FIXED))
        for model in ("kimi-k2.6", "kimi-k2.7-code", "kimi-k3")
    ),
    passes("K2.6 without thinking", chat("kimi-k2.6", temperature=0.6, thinking=OFF)),
    passes("kimi-k3 without thinking", chat("kimi-k3", temperature=1, thinking=OFF)),
    *(
        passes(f"v1 {name} {value}", chat("moonshot-v1-8k", **{name: value}), "2024")
        for name, values in (
            ("temperature", (0, 0.3, 1, 1.0)),
            ("top_p", (0, 1)),
            ("n", (1, 5)),
            ("presence_penalty", (-2, 2.0)),
            ("frequency_penalty", (-2.0, 2)),
            ("max_tokens", (1,)),
            ("max_completion_tokens", (1,)),
        )
        for value in values
    ),
    passes("n 2 at the default temperature", chat("moonshot-v1-8k", n=2), "2024"),
    passes("n 2 at 0.01", chat("moonshot-v1-8k", n=2, temperature=0.01), "2024"),
    passes("n 1 at 0", chat("moonshot-v1-8k", n=1, temperature=0), "2024"),
    passes("K2 in its year", chat("kimi-k2-0905-preview", temperature=0.6, n=3, top_p=0.5), "2025"),
    passes("five stops", chat(stop=list("abcde"))),
    passes("32 octets", chat(stop=["a" * 32, "好" * 10])),
    passes("half a surrogate pair", chat(stop="\ud800")),
    passes("no stops", chat(stop=[])),
    passes("top_logprobs 20", chat(logprobs=True, top_logprobs=20)),
    passes("logprobs false", chat(logprobs=False), "2026 k3_logprobs=refused"),
    passes("cache options", chat(prompt_cache_options={"mode": "implicit", "ttl": "1h"})),
    passes("prediction", chat(prediction={"type": "content", "content": "x"})),
    passes("both lengths", chat(max_tokens=5, max_completion_tokens=6)),
]


@pytest.mark.parametrize(("data", "name", "pattern", "at", "year"), REFUSED)
def test_a_value_the_model_does_not_take_is_refused(data: Any, name: str, pattern: str, at: str, year: str) -> None:
    """With the value that it takes."""
    assert_refused(data, name, pattern, at, year)


@pytest.mark.parametrize(("data", "year"), PASSES)
def test_a_value_at_the_edge_passes(data: Any, year: str) -> None:
    """Ranges include their ends, and a fixed value may be sent."""
    taken(data, year)


def test_a_number_beyond_all_floats_is_refused_not_raised() -> None:
    """JSON knows no largest number."""
    found = violations(chat("moonshot-v1-8k", top_p=10**400, temperature=1e308), profile("2024"), count)
    assert names(found) == ["field_type", "invalid_request"]


def test_what_holds_is_what_was_asked_else_the_models_own() -> None:
    """The generator of answers reads these, whatever the request left open."""
    assert (
        (read := taken(chat("moonshot-v1-8k", temperature=0.3, n=2, stop="a"), "2024")).temperature,
        read.n,
        read.stop,
    ) == (0.3, 2, ("a",))
    assert ((read := taken(chat(stop=[""]))).temperature, read.n, read.stop) == (1.0, 1, ())
    assert taken(chat("kimi-k2.6", thinking=OFF)).temperature == 0.6
    assert taken(chat("moonshot-v1-8k"), "2024").temperature == 0.0


def test_the_newer_name_of_the_length_counts() -> None:
    """`max_tokens` is its deprecated alias."""
    assert taken(chat(max_tokens=5, max_completion_tokens=6)).asked_max_tokens == 6
    assert taken(chat(max_tokens=5)).max_tokens == 5
