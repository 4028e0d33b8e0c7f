"""Automatic caching against the mock, without sockets: it answers the calls and the chats, and tells what it cached."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moonpalace.mock.setup import MockSettings
from moonpalace.testing.effects import Effects
from moonpalace.testing.mock_api import CHAT, STARTED, MockApi, error
from moonpalace.testing.rawclient import Answer
from moonpalace.transforms.auto_cache import AutoCache
from moonpalace.transforms.base import Asked, Call, Data, End, Head, Opening, Reply, Session
from moonpalace.transforms.cache_entries import TABLE
from moonpalace.transforms.settings import TransformSettings
from moonpalace.wire.http1 import parse_response_head

WHO, AT, TTL = b"[key:1]", "https://api.moonshot.cn", 60
SETTINGS = TransformSettings(auto_cache=True, cache_min_bytes=1000, cache_ttl=TTL, cache_cleanup=86_400)
SYSTEM = {"role": "system", "content": "You are a patient teacher of astronomy. " * 60}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


class Chats:
    """A conversation through the transform with the mock. `calls` are those of the last request."""

    def __init__(self, profile: str = "2024", switches: tuple[tuple[str, str], ...] = ()) -> None:
        self.mock = MockApi(MockSettings(profile=profile, switches=switches))
        self.effects = Effects(self._api)
        self.cache = AutoCache(SETTINGS)
        self.messages: list[Any] = [SYSTEM]
        self.sent: Any = None

    def _api(self, _who: bytes, call: Call) -> Reply:
        answer = self.mock.ask(call.method.decode(), call.path.decode(), call.body)
        return Reply(answer.status, answer.body)

    def ask(self, model: str = "moonshot-v1-8k", **more: Any) -> tuple[Answer, Session]:
        """The answer to what was said so far, as the client gets it."""
        self.effects.done.clear()
        session = self.cache.open(Opening(b"POST", CHAT.encode()))
        assert session is not None
        body = json.dumps({"model": model, "messages": self.messages, **more}).encode()
        asked = Asked(b"POST", CHAT.encode(), body, WHO, AT, STARTED + self.mock.now)
        out = self.effects.run(session.prepare(asked), WHO)
        lines = [tuple(line.decode().split(": ", 1)) for line in out.add]
        answer = self.mock.ask("POST", CHAT, out.body, lines)  # type: ignore[arg-type]
        self.sent = json.loads(out.body)
        if session.wants_answer:
            told = parse_response_head(b"HTTP/1.1 %d X\r\n" % answer.status)
            session.feed([Head(told), Data(answer.body), End()])
        for save in session.saves:
            self.effects.perform(WHO, save)
        return answer, session

    def turn(self, text: str, **more: Any) -> tuple[Answer, Session]:
        """One more question and its answer."""
        self.messages.append({"role": "user", "content": text})
        answer, session = self.ask(**more)
        assert answer.status == 200, answer.body
        self.messages.append(json.loads(answer.body)["choices"][0]["message"])
        return answer, session

    @property
    def id(self) -> str:
        (value,) = self.effects.tables[TABLE].values()
        return str(json.loads(value)["id"])


def test_a_conversation_of_six_turns_is_cached_from_the_first() -> None:
    """One call in all; from the second turn on the API says which cache it used and what that saved."""
    chats = Chats()
    seen = []
    for number in range(6):
        answer, session = chats.turn(f"Question {number}?")
        seen.append((session.flags, chats.effects.calls(), answer.header("Msh-Context-Cache-Id")))
        about: Any = session.about["cache"]
        saved = answer.header("Msh-Context-Cache-Token-Saved")
        assert saved == str(about["tokens"]) and about["ttl"] == TTL and about["tokens"] > 400
        assert answer.header("Msh-Context-Cache-Token-Exp") == str(int(STARTED + chats.mock.now + TTL))
        chats.mock.now += TTL - 1
    expected = [(("cache_created",), ["POST /v1/caching"], chats.id), *[(("cache_hit",), [], chats.id)] * 5]
    assert seen == expected


def test_a_cache_that_is_not_ready_costs_the_full_price_for_a_while() -> None:
    """The real one takes 40 to 60 s; the requests go on."""
    chats = Chats(switches=(("cache_pending", "45"),))
    saved = []
    for _ in range(3):
        answer, _ = chats.turn("And now?")
        saved.append(answer.header("Msh-Context-Cache-Token-Saved") is not None)
        chats.mock.now += 30
    assert saved == [False, False, True]


def test_a_cache_whose_time_was_over_is_renewed() -> None:
    """It costs nothing at the API, and one question."""
    chats = Chats()
    chats.turn("Why is the sky dark?")
    chats.mock.now += 10 * TTL
    answer, session = chats.turn("Since when?")
    assert (session.flags, chats.effects.calls()) == (("cache_hit",), [f"GET /v1/caching/{chats.id}"])
    assert answer.header("Msh-Context-Cache-Id") == chats.id
    assert chats.mock.json("GET", f"/v1/caching/{chats.id}")["status"] == "ready"


def test_a_cache_that_was_deleted_meanwhile_fails_one_request() -> None:
    """Nobody can know before; the next is well again."""
    chats = Chats()
    chats.turn("Why is the sky dark?")
    chats.mock.json("DELETE", f"/v1/caching/{chats.id}")
    chats.messages.append({"role": "user", "content": "Since when?"})
    answer, session = chats.ask()
    assert error(answer)[:2] == (404, "resource_not_found_error")
    assert session.flags == ("cache_hit", "cache_refused")
    answer, session = chats.ask()
    assert (answer.status, session.flags) == (200, ("cache_created",))
    assert answer.header("Msh-Context-Cache-Id") == chats.id


def test_calls_of_tools_are_cached() -> None:
    """With the tools, their calls and results; the API compares all of it."""
    chats = Chats()
    call = {"id": "look:0", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    chats.messages += [
        {"role": "user", "content": "Look!"}, {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "look:0", "name": "look", "content": "A comet."},
    ]  # fmt: skip
    answer, session = chats.ask(tools=[TOOL])
    assert (answer.status, session.flags) == (200, ("cache_created",))
    chats.messages += [{"role": "assistant", "content": "A comet."}, {"role": "user", "content": "Again?"}]
    answer, session = chats.ask(tools=[TOOL])
    assert (answer.status, session.flags) == (200, ("cache_hit",))
    assert answer.header("Msh-Context-Cache-Id") == chats.id


@pytest.mark.parametrize("mismatch", ["ignored", "refused"])
def test_every_cache_that_is_used_fits(mismatch: str) -> None:
    """Also where the API refuses what does not: branches of one conversation, other tools, an edited beginning."""
    chats = Chats(switches=(("cache_mismatch", mismatch),))
    begun = [SYSTEM, {"role": "user", "content": "Hello"}]
    edited = [SYSTEM | {"content": SYSTEM["content"] + "!"}, *begun[1:]]
    branches = [begun, [*begun, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Why?"}], edited]
    for _ in range(2):
        for messages in branches:
            for more in ({}, {"tools": [TOOL]}, {"tools": None}):
                chats.messages = messages
                answer, session = chats.ask(**more)
                assert answer.status == 200, answer.body
                assert answer.header("Msh-Context-Cache-Id") == session.about["cache"]["id"]  # type: ignore[index]


def test_an_api_without_caching_is_noticed_once() -> None:
    """That of 2025 has no `/v1/caching`, and the model is still there."""
    chats = Chats("2025")
    flags = [chats.turn(f"Question {number}?")[1].flags for number in range(3)]
    assert flags == [("cache_unavailable",), (), ()]


def test_a_model_that_caches_by_itself_is_told_the_conversation() -> None:
    """The same key at each turn, no calls, and the API counts what it had."""
    chats = Chats("2026")
    keys, cached = set(), []
    for number in range(3):
        answer, session = chats.turn(f"Question {number}?", model="kimi-k2.6")
        assert (session.flags, chats.effects.done) == (("cache_key",), [])
        keys.add(chats.sent["prompt_cache_key"])
        cached.append(json.loads(answer.body)["usage"].get("cached_tokens", 0) > 256)
    assert (len(keys), cached) == (1, [False, True, True])
