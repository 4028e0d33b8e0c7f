"""What a program finds in its environment."""

from __future__ import annotations

import pytest

from moonpalace.config_program import (
    ANTHROPIC,
    KEYS,
    MOCK_KEY,
    OPENAI,
    PLACEHOLDER,
    anthropic_base,
    environment,
    replaced,
)
from moonpalace.config_values import MOCK

BASE = "http://127.0.0.1:4711/v1"
API = "https://api.moonshot.cn"


def test_base_urls_are_set_whatever_was_there() -> None:
    """And nothing else is touched."""
    env = {"PATH": "/bin", "OPENAI_BASE_URL": "https://api.openai.com/v1"}
    found = environment(env, BASE, API, has_key=False)
    assert {found[name] for name in OPENAI} == {BASE}
    assert {found[name] for name in ANTHROPIC} == {"http://127.0.0.1:4711/anthropic"}
    assert set(found) == {"PATH", *OPENAI, *ANTHROPIC}
    assert env == {"PATH": "/bin", "OPENAI_BASE_URL": "https://api.openai.com/v1"}


@pytest.mark.parametrize(
    ("endpoint", "base_url", "expected"),
    [
        (API, BASE, "http://127.0.0.1:4711/anthropic"),
        ("https://gate.test/kimi", BASE, "http://127.0.0.1:4711/anthropic"),
        ("https://api.kimi.com/coding", BASE, "http://127.0.0.1:4711"),
        (f"{API}/anthropic", BASE, "http://127.0.0.1:4711"),
        (f"{API}/v1", "http://127.0.0.1:4711", None),
    ],
)
def test_the_messages_api_is_where_the_endpoint_has_it(endpoint: str, base_url: str, expected: str | None) -> None:
    """Beside /v1; below an endpoint that ends in /v1 it cannot be reached, so nothing is said."""
    assert anthropic_base(base_url, endpoint) == expected
    assert ("ANTHROPIC_BASE_URL" in environment({}, base_url, endpoint, has_key=False)) == (expected is not None)


@pytest.mark.parametrize(
    ("env", "missing"),
    [
        ({}, set(KEYS)),
        ({"OPENAI_API_KEY": "sk-1"}, set(KEYS) - {"OPENAI_API_KEY"}),
        ({"OPENAI_API_KEY": ""}, set(KEYS)),
        ({"ANTHROPIC_AUTH_TOKEN": "t"}, set(KEYS) - {"ANTHROPIC_API_KEY"}),
    ],
    ids=["none", "one", "an empty one", "the same by another name"],
)
def test_a_missing_key_is_a_placeholder_where_the_proxy_has_one(env: dict[str, str], missing: set[str]) -> None:
    """SDKs refuse to start without; the real one is not for the program."""
    found = environment(env, BASE, API, has_key=True)
    assert {name for name in KEYS if found.get(name) == PLACEHOLDER} == missing
    assert not set(KEYS) & environment({}, BASE, API, has_key=False).keys()


@pytest.mark.parametrize("has_key", [False, True])
def test_before_a_mock_a_missing_key_is_one_that_it_takes(has_key: bool) -> None:
    """SDKs refuse to start without one; a real one is left alone."""
    found = environment({"OPENAI_API_KEY": "sk-1"}, BASE, MOCK, has_key=has_key)
    assert {name: found[name] for name in KEYS} == {**dict.fromkeys(KEYS, MOCK_KEY), "OPENAI_API_KEY": "sk-1"}
    assert MOCK_KEY.startswith("sk-")
    assert found["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4711/anthropic"


def test_the_key_of_the_proxy_is_not_for_the_program() -> None:
    """What a program does with its environment nobody knows: agents print it."""
    found = environment({"MOONPALACE_KEY": "sk-1", "MOONPALACE_HOME": "/h"}, BASE, API, has_key=True)
    assert "sk-1" not in found.values()
    assert found["MOONPALACE_HOME"] == "/h"


@pytest.mark.parametrize(
    ("env", "lower", "upper"),
    [
        ({}, None, None),
        ({"no_proxy": "a.test"}, "a.test", None),
        ({"HTTPS_PROXY": "p"}, "127.0.0.1,localhost", "127.0.0.1,localhost"),
        ({"http_proxy": "p", "NO_PROXY": "a.test, localhost"}, "a.test,localhost,127.0.0.1",
         "a.test,localhost,127.0.0.1"),
        ({"ALL_PROXY": "p", "no_proxy": "a", "NO_PROXY": "b"}, "a,127.0.0.1,localhost", "b,127.0.0.1,localhost"),
        ({"all_proxy": "p", "NO_PROXY": "*"}, "*", "*"),
    ],
    ids=["nothing", "no proxy", "a proxy", "one case", "both cases", "everything"],
)  # fmt: skip
def test_a_proxy_is_not_asked_for_this_machine(env: dict[str, str], lower: str | None, upper: str | None) -> None:
    """Many clients would send loopback to it."""
    found = environment(env, BASE, API, has_key=False)
    assert (found.get("no_proxy"), found.get("NO_PROXY")) == (lower, upper)


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({}, None),
        ({"OPENAI_BASE_URL": f"{API}/v1"}, None),
        ({"OPENAI_BASE_URL": "http://localhost:9988/v1"}, None),
        ({"OPENAI_BASE_URL": "nonsense"}, None),
        ({"OPENAI_BASE_URL": "http://[broken"}, None),
        ({"OPENAI_BASE_URL": "https://me:sk-hunter2@api.moonshot.ai/v1?k=sk-hunter2"}, "api.moonshot.ai"),
        ({"ANTHROPIC_BASE_URL": "https://api.anthropic.com"}, "api.anthropic.com"),
    ],
    ids=["none", "the same", "here", "no URL", "broken", "the other platform", "another protocol"],
)
def test_another_api_in_the_environment_is_told_of(env: dict[str, str], named: str | None) -> None:
    """Its key would be refused: .cn and .ai do not know each other's. Only the host's name is shown."""
    said = replaced(env, API)
    assert (said is not None) == (named is not None)
    assert said is None or (named in said and "hunter2" not in said and "--endpoint" in said)
