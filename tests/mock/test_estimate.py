"""The token estimate: the form of each year, and the law of chat requests."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.law.chat import Chat, judge
from moonpalace.kimi.templates import GENERATION
from moonpalace.mock.contexts.caching import ROUTES as CACHING
from moonpalace.mock.estimate import ROUTES
from moonpalace.testing.mock_scene import Scene

PATH = "/v1/tokenizers/estimate-token-count"
HELLO = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


def test_the_example_of_the_documents_has_80_tokens() -> None:
    """The API reference says so."""
    system = (
        "你是 Kimi，由 Moonshot AI 提供的人工智能助手，你更擅长中文和英文的对话。"
        "你会为用户提供安全，有帮助，准确的回答。同时，你会拒绝一切涉及恐怖主义，种族歧视，黄色暴力等问题的回答。"
        "Moonshot AI 为专有名词，不可翻译成其他语言。"
    )
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "你好，我叫李雷，1+1等于多少？"}]
    answer = Scene(ROUTES, "2024").json("POST", PATH, {"model": "moonshot-v1-8k", "messages": messages})
    assert answer == {"code": 0, "data": {"total_tokens": 80}, "scode": "0x0", "status": True}


@pytest.mark.parametrize(
    ("year", "model", "keys"),
    [
        ("2024", "moonshot-v1-8k", {"code", "data", "scode", "status"}),
        ("2025", "kimi-latest", {"code", "data", "scode", "status"}),
        ("2026", "kimi-k3", {"data"}),
    ],
    ids=["2024", "2025", "2026"],
)
def test_the_answer_has_the_form_of_its_year(year: str, model: str, keys: set[str]) -> None:
    """Clients of then read `status`, those of now must not find it."""
    answer = Scene(ROUTES, year).json("POST", PATH, {"model": model, "messages": HELLO})
    assert answer.keys() == keys
    assert answer["data"].keys() == {"total_tokens"} and answer["data"]["total_tokens"] > 4


def test_tools_count() -> None:
    """Definitions of tools are a part of the prompt."""
    scene = Scene(ROUTES)
    plain = scene.json("POST", PATH, {"model": "kimi-k3", "messages": HELLO})["data"]["total_tokens"]
    more = scene.json("POST", PATH, {"model": "kimi-k3", "messages": HELLO, "tools": [TOOL]})["data"]["total_tokens"]
    assert more > plain


def test_it_is_what_the_chat_counts_but_for_the_opening() -> None:
    """Tools that a message of kimi-k3 brings are in the prompt, thoughts that K2.6 does not read again are not."""
    dynamic = [{"role": "system", "tools": [TOOL]}, *HELLO]
    thought = [*HELLO, {"role": "assistant", "content": "hi", "reasoning_content": "a greeting"}, *HELLO]
    scene = Scene(ROUTES)
    for model, messages in (("kimi-k3", dynamic), ("kimi-k3", thought), ("kimi-k2.6", thought)):
        data = {"model": model, "messages": messages}
        judged = judge(data, scene.world.profile, scene.world.count)
        assert isinstance(judged, Chat)
        assert scene.json("POST", PATH, data)["data"]["total_tokens"] == judged.prompt_tokens - GENERATION


def test_what_is_too_long_for_the_model_is_counted() -> None:
    """That is what one asks it for."""
    messages = [{"role": "user", "content": "word " * 20_000}]
    answer = Scene(ROUTES, "2024").json("POST", PATH, {"model": "moonshot-v1-8k", "messages": messages})
    assert answer["data"]["total_tokens"] > 8192


INVALID = "invalid_request_error"
REFUSED: list[tuple[str, Any, int, str]] = [
    ("no body", b"", 400, "request body is empty"),
    ("no JSON", b"{", 400, "not valid JSON"),
    ("no object", [], 400, "must be a JSON object"),
    ("no model", {"messages": HELLO}, 404, "Not found the model"),
    ("a model that is no text", {"model": 3, "messages": HELLO}, 404, "Not found the model"),
    ("a retired model", {"model": "moonshot-v1-8k", "messages": HELLO}, 404, "Not found the model moonshot-v1-8k"),
    ("no messages", {"model": "kimi-k3"}, 400, "messages"),
    ("messages that are no list", {"model": "kimi-k3", "messages": "hello"}, 400, "messages"),
    ("an empty message", {"model": "kimi-k3", "messages": [{"role": "user", "content": ""}]}, 400, "must not be empty"),
    ("an unknown role", {"model": "kimi-k3", "messages": [{"role": "king", "content": "x"}]}, 400, "king"),
    ("tools that are no list", {"model": "kimi-k3", "messages": HELLO, "tools": {}}, 400, "tools"),
    ("a picture of the web", {"model": "kimi-k3", "messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]},
     400, "unsupported image url"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_chat_refuses_is_refused(body: Any, status: int, words: str) -> None:
    """The same law: an estimate of what can never be asked would mislead."""
    found, kind, message = Scene(ROUTES).refused("POST", PATH, body)
    assert (found, kind) == (status, INVALID if status == 400 else "resource_not_found_error")
    assert words in message


def test_deep_nesting_is_refused() -> None:
    """It must not overflow the counting."""
    deep: Any = {}
    for _ in range(300):
        deep = {"properties": {"x": deep}}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": deep}}
    body = {"model": "kimi-k3", "messages": HELLO, "tools": [tool]}
    assert Scene(ROUTES).refused("POST", PATH, body)[:2] == (400, INVALID)


def test_a_named_cache_counts_as_what_is_cached() -> None:
    """The message that names it is not what the model reads."""
    scene = Scene((*ROUTES, *CACHING), "2024")
    long = [{"role": "system", "content": "word " * 500}]
    cache = scene.json("POST", "/v1/caching", {"model": "moonshot-v1", "messages": long})
    named = [{"role": "cache", "content": f"cache_id={cache['id']}"}, *HELLO]
    told = [
        scene.json("POST", PATH, {"model": "moonshot-v1-8k", "messages": messages})["data"]["total_tokens"]
        for messages in (named, [*long, *HELLO])
    ]
    assert told[0] == told[1]
