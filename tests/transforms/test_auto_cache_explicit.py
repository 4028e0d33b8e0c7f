"""Explicit caches: what the guide promises and the original did, row by row, and the faults it had."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from moonpalace.testing.effects import CachingApi, Effects, line_of
from moonpalace.transforms.auto_cache import AutoCache
from moonpalace.transforms.base import Asked, Behind, Call, Load, Opening, Reply, Save, Scan, Session
from moonpalace.transforms.cache_entries import OFF_TABLE, TABLE, Entry, read_entry, write_entry
from moonpalace.transforms.settings import TransformSettings

CHAT, WHO, AT = b"/v1/chat/completions", b"[key:1]", "https://api.moonshot.cn"
MODEL, TTL, CLEANUP, START = "moonshot-v1-8k", 60, 1000, 50_000.0
Json = dict[str, Any]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
OTHER_TOOL = {"type": "function", "function": {"name": "peek", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "look:0", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
CALLING = {"role": "assistant", "content": "", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "look:0", "name": "look", "content": "1"}
SYSTEM = {"role": "system", "content": "s" * 200}
USER = {"role": "user", "content": "u" * 50}
ANSWER = {"role": "assistant", "content": "a" * 50}


@dataclass
class Proxy:
    """One running proxy, its tables and the API behind it. `now` is moved by hand."""

    api: CachingApi = field(default_factory=CachingApi)
    above: int = 100
    now: float = START
    effects: Effects = field(init=False)
    last: Session = field(init=False)

    def __post_init__(self) -> None:
        self.effects = Effects(self.api)
        self.restart()

    def restart(self) -> None:
        settings = TransformSettings(auto_cache=True, cache_min_bytes=self.above, cache_ttl=TTL, cache_cleanup=CLEANUP)
        self.cache = AutoCache(settings)

    def asked(
        self, messages: list[Any], who: bytes = WHO, endpoint: str = AT, path: bytes = CHAT, **more: Any
    ) -> Asked:
        raw = json.dumps({"model": MODEL, "messages": messages, **more}).encode()
        return Asked(b"POST", path, raw, who, endpoint, self.now)

    def open(self) -> Session:
        found = self.cache.open(Opening(b"POST", CHAT))
        assert found is not None
        return found

    def send(self, request: Asked) -> tuple[str, str | None]:
        """The flag, and the cache that the request went with. The calls are those of this request."""
        self.effects.done.clear()
        self.last = self.open()
        out = self.effects.run(self.last.prepare(request), request.who)
        assert out.body == request.body
        assert self.api.belongs(request.who, out)
        ttl = line_of(out, b"X-Msh-Context-Cache-Reset-TTL")
        cache = line_of(out, b"X-Msh-Context-Cache")
        assert ttl == (None if cache is None else str(TTL))
        assert len(self.cache.in_hand) == 0
        return ",".join(self.last.flags), cache

    def chat(self, *messages: Any, **more: Any) -> tuple[str, str | None]:
        return self.send(self.asked(list(messages), **more))

    @property
    def calls(self) -> list[str]:
        return self.effects.calls()

    @property
    def kept(self) -> list[Entry]:
        found = [read_entry(value) for value in self.effects.tables.get(TABLE, {}).values()]
        return [entry for entry in found if entry is not None]


HIT, MADE, NOTHING = "cache_hit", "cache_created", ("", None)
CREATE, GET1, DELETE1 = "POST /v1/caching", "GET /v1/caching/cache-1", "DELETE /v1/caching/cache-1"
ERROR = Reply(404, b'{"error":{"message":"Not found the context cache cache-1"}}')


# --- what is documented


def test_a_conversation_that_matches_nothing_gets_a_cache_for_the_ttl() -> None:
    """The guide's first case: all of its messages, for the family."""
    proxy = Proxy()
    assert proxy.chat(SYSTEM, USER, tools=[TOOL]) == (MADE, "cache-1")
    posted = next(effect for effect in proxy.effects.done if isinstance(effect, Call))
    assert (posted.method, posted.path) == (b"POST", b"/v1/caching")
    body = {"model": "moonshot-v1", "messages": [SYSTEM, USER], "tools": [TOOL], "ttl": TTL}
    assert json.loads(posted.body) == body
    assert proxy.kept == [Entry("cache-1", 260 + len(json.dumps([TOOL], separators=(",", ":"))), START, TTL, 7)]


@pytest.mark.parametrize("more", [{}, {"tools": None}])
def test_without_tools_none_are_sent(more: Json) -> None:
    """Null is none: a request with the one may use the cache of a request with the other."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER, **more)
    posted = next(effect for effect in proxy.effects.done if isinstance(effect, Call))
    assert "tools" not in json.loads(posted.body)
    assert proxy.chat(SYSTEM, USER, ANSWER) == (HIT, "cache-1")


def test_the_next_turn_uses_the_cache_and_renews_it_without_asking() -> None:
    """The guide's second case. The original asked the API about the cache before every request."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER)
    proxy.now += TTL - 1
    assert proxy.chat(SYSTEM, USER, ANSWER, USER) == (HIT, "cache-1")
    assert (proxy.calls, proxy.kept[0].used_at) == ([], START + TTL - 1)
    assert proxy.last.about == {"cache": {"id": "cache-1", "use": "hit", "tokens": 7, "ttl": TTL}}


def test_caches_stay_known_over_restarts() -> None:
    """They are in a table, not in the transform."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER)
    proxy.restart()
    assert proxy.chat(SYSTEM, USER, ANSWER) == (HIT, "cache-1")


@pytest.mark.parametrize(("above", "flag"), [(263, MADE), (264, "")])
def test_only_what_is_larger_than_the_minimum_is_cached(above: int, flag: str) -> None:
    """264 bytes: `system`, 200 letters, `user`, 54 letters. Exactly as many as the minimum are too few."""
    proxy = Proxy(above=above)
    assert proxy.chat(SYSTEM, USER | {"content": "u" * 54})[0] == flag


def test_the_longest_prefix_counts() -> None:
    """A conversation that grew beyond its first cache has two."""
    proxy = Proxy()
    grown = [SYSTEM, USER, ANSWER, {"role": "user", "content": "u" * 900}]
    assert proxy.chat(SYSTEM, USER) == (MADE, "cache-1")
    assert proxy.chat(*grown) == (MADE, "cache-2")
    assert proxy.chat(*grown, ANSWER) == (HIT, "cache-2")
    assert proxy.chat(SYSTEM, USER, ANSWER) == (HIT, "cache-1")


def test_the_longest_counts_whichever_was_made_first() -> None:
    """Both would do."""
    proxy = Proxy()
    assert proxy.chat(SYSTEM, USER, ANSWER) == (MADE, "cache-1")
    assert proxy.chat(SYSTEM, USER) == (MADE, "cache-2")
    assert proxy.chat(SYSTEM, USER, ANSWER, USER) == (HIT, "cache-1")


@pytest.mark.parametrize(("length", "flag"), [(199, HIT), (200, MADE), (201, MADE)])
def test_a_prefix_of_no_more_than_half_is_none(length: int, flag: str) -> None:
    """Integer half: 204 of 407 bytes are more, 204 of 408 are not."""
    proxy = Proxy()
    first = {"role": "user", "content": "u" * 200}
    assert proxy.chat(first) == (MADE, "cache-1")
    assert proxy.chat(first, {"role": "user", "content": "v" * length})[0] == flag


def test_other_models_of_the_family_share_a_cache() -> None:
    """A cache is made for `moonshot-v1`, whichever context length uses it; nor does anything else matter."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER)
    request = proxy.asked([SYSTEM, USER, ANSWER], temperature=0.1, stream=True, max_tokens=7, user="me")
    body = request.body.replace(b"moonshot-v1-8k", b"moonshot-v1-128k")
    assert proxy.send(replace(request, body=body)) == (HIT, "cache-1")


def test_one_message_can_be_cached() -> None:
    """The shortest conversation there is, asked twice."""
    proxy = Proxy()
    assert [proxy.chat(SYSTEM), proxy.chat(SYSTEM)] == [(MADE, "cache-1"), (HIT, "cache-1")]


def test_calls_and_their_results_are_cached() -> None:
    """An agent's usual turn, whose results name their function."""
    proxy = Proxy()
    turn = [SYSTEM, USER, CALLING, RESULT]
    assert proxy.chat(*turn, tools=[TOOL]) == (MADE, "cache-1")
    assert proxy.chat(*turn, ANSWER, USER, tools=[TOOL]) == (HIT, "cache-1")


def test_caching_is_where_the_chats_are() -> None:
    """Behind a route's prefix too."""
    proxy = Proxy()
    proxy.chat(SYSTEM, path=b"/other/v1/chat/completions")
    assert proxy.calls == ["POST /other/v1/caching"]


# --- what must not be shared

LONG = "x" * 300
PAIRS: list[tuple[str, Json, Json]] = [
    ("role and content", {"messages": [{"role": "use", "content": "rhello" + LONG}]},
     {"messages": [{"role": "user", "content": "hello" + LONG}]}),
    ("two messages or one", {"messages": [{"role": "user", "content": LONG}, {"role": "user", "content": LONG}]},
     {"messages": [{"role": "user", "content": LONG + "user" + LONG}]}),
    ("tools or none", {"messages": [SYSTEM, USER], "tools": [TOOL]}, {"messages": [SYSTEM, USER]}),
    ("other tools", {"messages": [SYSTEM, USER], "tools": [TOOL]}, {"messages": [SYSTEM, USER], "tools": [OTHER_TOOL]}),
    ("another order", {"messages": [SYSTEM], "tools": [TOOL, OTHER_TOOL]},
     {"messages": [SYSTEM], "tools": [OTHER_TOOL, TOOL]}),
    ("another call", {"messages": [SYSTEM, CALLING, RESULT], "tools": [TOOL]}, {"messages": [
        SYSTEM, {"role": "assistant", "content": "look", "tool_calls": [
            {"id": "look:0", "type": "function", "function": {"name": "look", "arguments": '{"a":1} '}}]}, RESULT],
        "tools": [TOOL]}),
    ("another id", {"messages": [SYSTEM, CALLING, RESULT], "tools": [TOOL]}, {"messages": [
        SYSTEM, CALLING | {"tool_calls": [CALL | {"id": "look:1"}]}, RESULT | {"tool_call_id": "look:1"}],
        "tools": [TOOL]}),
    ("another key", {"messages": [SYSTEM]}, {"messages": [SYSTEM], "who": b"[key:2]"}),
    ("a key that goes on", {"messages": [SYSTEM], "who": b"a"}, {"messages": [SYSTEM], "who": b"a/b"}),
    ("another endpoint", {"messages": [SYSTEM]}, {"messages": [SYSTEM], "endpoint": "https://api.moonshot.ai"}),
    ("unknown members", {"messages": [SYSTEM]}, {"messages": [SYSTEM | {"reasoning_content": "x"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), [row[1:] for row in PAIRS], ids=[row[0] for row in PAIRS])
def test_what_differs_has_its_own_cache(one: Json, other: Json) -> None:
    """The original hashed all text in one run: `use` + `rhello` was given the cache of `user` + `hello`."""
    for first, second in ((one, other), (other, one)):
        proxy = Proxy()
        used = {proxy.send(proxy.asked(**first))[1], proxy.send(proxy.asked(**second))[1]}
        assert used != {"cache-1"}


# --- what cannot be cached

UNCACHEABLE: list[tuple[str, Any]] = [
    ("null", None), ("a number", 5), ("a text", "hello"), ("a list", []), ("no role", {"content": LONG}),
    ("a role that is null", {"role": None, "content": LONG}),
    ("an unknown role", {"role": "developer", "content": LONG}),
    ("parts", {"role": "user", "content": [{"type": "text", "text": LONG}]}),
    ("null parts", {"role": "user", "content": [None, {"type": "text", "text": LONG}, {"text": 5}]}),
    ("an object", {"role": "user", "content": {"text": LONG}}), ("no content", {"role": "user"}),
    ("null content", {"role": "assistant", "content": None}),
    ("a speaker", {"role": "user", "content": LONG, "name": "bob"}),
    ("partial", {"role": "assistant", "content": LONG, "partial": True}),
    ("a null call", {"role": "assistant", "content": LONG, "tool_calls": [None]}),
    ("no function", {"role": "assistant", "content": LONG, "tool_calls": [{"id": "a"}]}),
    ("a null function", {"role": "assistant", "content": LONG, "tool_calls": [{"id": "a", "function": None}]}),
    ("arguments that are no text", {"role": "assistant", "content": LONG, "tool_calls": [
        CALL | {"function": {"name": "look", "arguments": {"a": LONG}}}]}),
    ("a call of no tool", {"role": "assistant", "content": LONG, "tool_calls": [
        CALL | {"function": {"name": "peek", "arguments": "{}"}}]}),
    ("a call without a result", CALLING), ("a user's call", {"role": "user", "content": LONG, "tool_calls": [CALL]}),
    ("a result without a call", RESULT), ("a result for nothing", {"role": "tool", "content": LONG}),
    ("a result's id that is no text", {"role": "tool", "content": LONG, "tool_call_id": [1]}),
    ("a lone surrogate", {"role": "user", "content": LONG + "\ud83d"}),
]  # fmt: skip


@pytest.mark.parametrize("message", [row[1] for row in UNCACHEABLE], ids=[row[0] for row in UNCACHEABLE])
def test_what_cannot_be_cached_is_not_tried(message: Any) -> None:
    """Nothing is called, nothing breaks: the original's connection was closed by a null message or a null call."""
    proxy = Proxy()
    assert proxy.chat(message, tools=[TOOL]) == NOTHING
    assert proxy.calls == []


@pytest.mark.parametrize("message", [row[1] for row in UNCACHEABLE], ids=[row[0] for row in UNCACHEABLE])
def test_what_comes_before_it_can_be_cached(message: Any) -> None:
    """A long beginning is worth it: it is made, and found again."""
    proxy = Proxy(above=600)
    before = [SYSTEM | {"content": "s" * 900}, USER]
    assert proxy.chat(*before, message, tools=[TOOL]) == (MADE, "cache-1")
    assert proxy.api.caches["cache-1"].messages == before
    assert proxy.chat(*before, message, USER, tools=[TOOL]) == (HIT, "cache-1")


def test_a_beginning_that_is_not_more_than_half_is_not_made() -> None:
    """It would never be found again."""
    proxy = Proxy()
    assert proxy.chat(USER | {"content": LONG}, USER | {"content": [{"type": "text", "text": "y" * 400}]}) == NOTHING
    assert proxy.calls == []


def test_calls_that_wait_for_their_results_end_no_cache() -> None:
    """The API takes such messages and finds them in error later."""
    proxy = Proxy()
    two = CALLING | {"tool_calls": [CALL, CALL | {"id": "look:1"}]}
    late = {"role": "tool", "tool_call_id": "look:1", "content": [{"type": "text", "text": "1"}]}
    assert proxy.chat(SYSTEM, two, RESULT, late, tools=[TOOL]) == (MADE, "cache-1")
    assert proxy.api.caches["cache-1"].messages == [SYSTEM]


def test_tools_that_are_no_tools_have_no_functions() -> None:
    """Nothing breaks; a conversation without calls may still be cached, and the API judges it."""
    strange: list[Any] = [5, [None], [{"function": None}], {}]
    for tools in strange:
        assert Proxy().chat(SYSTEM, CALLING, RESULT, tools=tools)[1] in (None, "cache-1")


def test_too_many_messages_are_not_looked_at() -> None:
    """They hardly fit into any model with explicit caches, and to hash each would take its time."""
    proxy = Proxy()
    assert proxy.chat(*[{"role": "user", "content": "hello"}] * 4097) == NOTHING
    assert proxy.calls == []


def test_a_request_that_no_such_model_has_room_for_is_not_looked_at() -> None:
    """To read and hash it would only hold up the others."""
    proxy = Proxy()
    assert proxy.chat(USER | {"content": "x" * 4 * 1024 * 1024}) == NOTHING
    assert proxy.effects.done == []


# --- caches whose time is over


def late(proxy: Proxy) -> None:
    """Its cache made, and its time just over."""
    assert proxy.chat(SYSTEM, USER) == (MADE, "cache-1")
    proxy.now += TTL


def test_a_cache_whose_time_is_over_is_asked_for_and_renewed() -> None:
    """To set its time anew costs nothing, to make another does."""
    proxy = Proxy()
    late(proxy)
    proxy.api.set_status("cache-1", "inactive")
    assert proxy.chat(SYSTEM, USER, ANSWER) == (HIT, "cache-1")
    assert proxy.calls == [GET1]
    assert proxy.chat(SYSTEM, USER, ANSWER) == (HIT, "cache-1")
    assert proxy.calls == []


@pytest.mark.parametrize("status", ["pending", "ready", "inactive", "a new one"])
def test_any_status_but_error_is_of_use(status: str) -> None:
    """As in the original: what is pending is served at the full price."""
    proxy = Proxy()
    late(proxy)
    proxy.api.set_status("cache-1", status)
    assert proxy.chat(SYSTEM, USER) == (HIT, "cache-1")


GONE: list[tuple[str, Reply]] = [
    ("missing", ERROR), ("in error", Reply(200, b'{"id":"cache-1","status":"error"}')),
    ("no JSON", Reply(200, b"<html>")), ("a list", Reply(200, b"[]")), ("a server error", Reply(500, b"")),
    ("refused", Reply(400, b"{}")),
]  # fmt: skip


@pytest.mark.parametrize("reply", [row[1] for row in GONE], ids=[row[0] for row in GONE])
def test_a_cache_that_is_gone_is_forgotten_and_made_anew(reply: Reply) -> None:
    """In the original its row stayed, and the conversation went without a cache until the cleanup."""
    proxy = Proxy()
    late(proxy)
    proxy.api.answers[b"GET"] = reply
    assert proxy.chat(SYSTEM, USER, ANSWER) == (MADE, "cache-2")
    assert proxy.calls == [GET1, CREATE]
    assert [entry.id for entry in proxy.kept] == ["cache-2"]


def test_no_reply_in_time_says_nothing_of_the_cache() -> None:
    """The request goes; for a minute nothing is tried, so that not every request waits; then there may be more luck."""
    proxy = Proxy()
    late(proxy)
    proxy.api.answers[b"GET"] = None
    assert proxy.chat(SYSTEM, USER) == ("cache_failed", None)
    assert proxy.calls == [GET1]
    del proxy.api.answers[b"GET"]
    assert (proxy.chat(SYSTEM, USER), proxy.calls) == (("", None), [])
    proxy.now += 61
    assert proxy.chat(SYSTEM, USER) == (HIT, "cache-1")


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_key_that_is_refused_tries_nothing_for_a_minute(status: int) -> None:
    """Neither to make a cache, nor to ask for one, nor to delete any. Other keys are not concerned."""
    proxy = Proxy()
    late(proxy)
    proxy.api.answers[b"GET"] = Reply(status, b'{"error":{}}')
    assert (proxy.chat(SYSTEM, USER), proxy.calls) == (("cache_failed", None), [GET1])
    assert [entry.id for entry in proxy.kept] == ["cache-1"]
    proxy.api.answers[b"POST"] = Reply(status, b"")
    assert (proxy.chat(SYSTEM, USER), proxy.calls) == (NOTHING, [])
    assert (proxy.chat(SYSTEM, USER, who=b"[key:2]"), proxy.calls) == (("cache_failed", None), [CREATE])
    proxy.api.answers.clear()
    assert proxy.chat(SYSTEM, USER, who=b"[key:3]") == (MADE, "cache-2")
    proxy.now += 61
    assert proxy.chat(SYSTEM, USER) == (HIT, "cache-1")
    assert proxy.chat(SYSTEM, USER, who=b"[key:2]") == (MADE, "cache-3")


def test_a_refused_key_deletes_nothing_either() -> None:
    """What is overdue waits."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER)
    proxy.now += CLEANUP + 1
    proxy.api.answers[b"POST"] = Reply(429, b"")
    assert proxy.chat(SYSTEM, USER | {"content": LONG}) == ("cache_failed", None)
    assert (proxy.calls, len(proxy.kept)) == ([CREATE], 1)


def test_a_clock_set_back_makes_nothing_last_for_ever() -> None:
    """What was used in the future is asked for."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER)
    proxy.now -= TTL / 2
    assert (proxy.chat(SYSTEM, USER), proxy.calls) == ((HIT, "cache-1"), [])
    proxy.now -= TTL
    assert (proxy.chat(SYSTEM, USER), proxy.calls) == ((HIT, "cache-1"), [GET1])


@pytest.mark.parametrize("value", [b"x", b"[]", b"{}", write_entry(Entry("a\r\nb", 1, START, TTL)), b"\xff"])
def test_an_entry_that_cannot_be_read_is_none(value: bytes) -> None:
    """Nothing of it comes into a header line or a path."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER)
    (key,) = proxy.effects.tables[TABLE]
    proxy.effects.tables[TABLE][key] = value
    assert proxy.chat(SYSTEM, USER) == (MADE, "cache-2")


# --- what fails

FAILS: list[tuple[str, Reply | None, str]] = [
    ("no reply in time", None, "cache_failed"), ("refused", Reply(400, b'{"error":{}}'), "cache_failed"),
    ("too many", Reply(429, b""), "cache_failed"), ("a server error", Reply(502, b"<html>"), "cache_failed"),
    ("no JSON", Reply(200, b"<html>"), "cache_failed"), ("no id", Reply(200, b"{}"), "cache_failed"),
    ("null", Reply(200, b'{"id":null}'), "cache_failed"), ("an empty id", Reply(200, b'{"id":""}'), "cache_failed"),
    ("in error", Reply(200, b'{"id":"cache-1","status":"error"}'), "cache_failed"),
    ("an id with a line break", Reply(200, b'{"id":"a\\r\\nX: y"}'), "cache_failed"),
    ("an id with a path", Reply(200, b'{"id":"../files"}'), "cache_failed"),
    ("a cache that is missing", Reply(404, b'{"error":{"message":"no such cache"}}'), "cache_failed"),
    ("not found", Reply(404, b'{"error":{"message":"method not found"}}'), "cache_unavailable"),
    ("not found, repeating the path", Reply(404, b"Cannot POST /v1/caching"), "cache_unavailable"),
    ("not allowed", Reply(405, b""), "cache_unavailable"), ("gone", Reply(410, b"gone"), "cache_unavailable"),
    ("not implemented", Reply(501, b""), "cache_unavailable"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "flag"), [row[1:] for row in FAILS], ids=[row[0] for row in FAILS])
def test_a_cache_that_cannot_be_made_leaves_the_request_as_it_is(reply: Reply | None, flag: str) -> None:
    """The record says so, the answer is not looked at, and nothing is kept of it."""
    proxy = Proxy()
    proxy.api.answers[b"POST"] = reply
    request = proxy.asked([SYSTEM, USER])
    one = proxy.open()
    assert proxy.effects.run(one.prepare(request), WHO) is request
    assert (one.flags, one.wants_answer, proxy.kept, len(proxy.cache.in_hand)) == ((flag,), False, [], 0)


def test_an_endpoint_without_caching_is_left_alone_for_ten_minutes() -> None:
    """Nor is anything deleted there; another endpoint is asked all the same."""
    proxy = Proxy()
    proxy.api.answers[b"POST"] = Reply(404, b"method not found")
    assert proxy.chat(SYSTEM, USER) == ("cache_unavailable", None)
    assert [type(effect) for effect in proxy.effects.done] == [Load, Load, Call, Save]
    proxy.now += 599
    assert proxy.chat(SYSTEM, USER) == NOTHING
    assert [type(effect) for effect in proxy.effects.done] == [Load]
    del proxy.api.answers[b"POST"]
    assert proxy.chat(SYSTEM, USER, endpoint="https://api.moonshot.ai") == (MADE, "cache-1")
    proxy.now += 1
    assert proxy.chat(SYSTEM, USER) == (MADE, "cache-2")
    assert proxy.effects.tables[OFF_TABLE] == {}


def test_a_wrong_path_switches_nothing_off_at_the_right_one() -> None:
    """One client with a wrong base URL would take caching from all the others."""
    proxy = Proxy()
    proxy.api.answers[b"POST"] = Reply(404, b"method not found")
    assert proxy.chat(SYSTEM, USER, path=b"/bad/v1/chat/completions") == ("cache_unavailable", None)
    del proxy.api.answers[b"POST"]
    assert proxy.chat(SYSTEM, USER) == (MADE, "cache-1")
    assert proxy.chat(SYSTEM, USER, path=b"/bad/v1/chat/completions") == NOTHING


@pytest.mark.parametrize("coding", ["gzip", "deflate, gzip"])
def test_an_encoded_reply_is_read(coding: str) -> None:
    """None is asked for; a gateway may encode all the same."""
    body = b'{"id":"cache-9","status":"pending"}'
    body = gzip.compress(zlib.compress(body) if "deflate" in coding else body)
    proxy = Proxy()
    proxy.api.answers[b"POST"] = Reply(200, body, coding)
    one = proxy.open()
    out = proxy.effects.run(one.prepare(proxy.asked([SYSTEM, USER])), WHO)
    assert (one.flags, line_of(out, b"X-Msh-Context-Cache")) == ((MADE,), "cache-9")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, gzip.compress(b'{"id":"cache-9","x":"' + bytes([97]) * (17 << 20) + b'"}'), "gzip"),
        Reply(200, b'{"id":"cache-9"}', "gzip"), Reply(200, b'{"id":"cache-9"', "x"),
    ],
    ids=["too large", "not encoded", "unknown coding"],
)  # fmt: skip
def test_a_reply_that_cannot_be_decoded_is_none_of_use(reply: Reply) -> None:
    """What blows up is not held."""
    proxy = Proxy()
    proxy.api.answers[b"POST"] = reply
    assert proxy.chat(SYSTEM, USER) == ("cache_failed", None)


def test_an_endpoint_that_lost_its_caching_is_found_out_by_asking() -> None:
    """Its caches are forgotten as they are met."""
    proxy = Proxy()
    late(proxy)
    proxy.api.answers[b"GET"] = Reply(404, b'{"error":{"message":"GET /v1/caching/cache-1: method not found"}}')
    assert proxy.chat(SYSTEM, USER) == ("cache_unavailable", None)
    assert (proxy.kept, proxy.calls) == ([], [GET1])


def test_a_mark_that_cannot_be_read_is_taken_away() -> None:
    """It would switch caching off for ever."""
    proxy = Proxy()
    proxy.api.answers[b"POST"] = Reply(405, b"")
    proxy.chat(SYSTEM, USER)
    (key,) = proxy.effects.tables[OFF_TABLE]
    for value in (b"x", b"nan"):
        proxy.effects.tables[OFF_TABLE][key] = value
        assert proxy.chat(SYSTEM, USER) == ("cache_unavailable", None)


# --- cleanup


def test_what_was_not_used_for_long_is_forgotten_and_deleted_at_the_api() -> None:
    """The original forgot only its own rows; its caches stayed and cost."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER)
    proxy.now += CLEANUP + 1
    assert proxy.chat(USER) == NOTHING
    assert (proxy.kept, proxy.calls, proxy.api.caches) == ([], [DELETE1], {})
    assert [type(effect) for effect in proxy.effects.done] == [Load, Scan, Save, Behind]


def test_what_was_used_in_time_stays() -> None:
    """Exactly so long ago is in time."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER)
    proxy.now += CLEANUP
    assert proxy.chat(USER) == NOTHING
    assert (len(proxy.kept), proxy.calls) == (1, [])


def test_what_this_request_uses_is_not_swept() -> None:
    """It is used now."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER)
    proxy.now += CLEANUP + 1
    assert proxy.chat(SYSTEM, USER) == (HIT, "cache-1")
    assert proxy.calls == [GET1]
    assert proxy.chat(SYSTEM, USER) == (HIT, "cache-1")


def test_a_request_deletes_no_more_than_eight() -> None:
    """The rest waits for the next requests, which need not look for it."""
    proxy = Proxy()
    for number in range(20):
        proxy.chat(SYSTEM | {"content": f"{number} {LONG}"})
    proxy.now += CLEANUP + 1
    left, scans = [], 0
    for _ in range(4):
        proxy.chat(USER)
        left.append(len(proxy.api.caches))
        scans += sum(isinstance(effect, Scan) for effect in proxy.effects.done)
    assert (left, scans, proxy.kept) == ([12, 4, 0, 0], 1, [])


def test_entries_are_looked_through_once_a_minute() -> None:
    """There may be ten thousand of them; each API key has its own minute."""
    proxy = Proxy()
    scans = []
    for seconds, who in ((0, WHO), (59, WHO), (0, b"[key:2]"), (1, WHO), (-30, WHO), (-40, WHO)):
        proxy.now += seconds
        proxy.chat(USER, who=who)
        scans.append(sum(isinstance(effect, Scan) for effect in proxy.effects.done))
    assert scans == [1, 0, 1, 1, 0, 1]


def test_another_key_sweeps_nothing_of_this_one() -> None:
    """It could not delete it at the API either."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER)
    proxy.now += CLEANUP + 1
    proxy.chat(USER, who=WHO + b"/")
    assert (len(proxy.kept), proxy.calls) == (1, [])


def test_what_another_endpoint_has_is_forgotten_and_not_deleted() -> None:
    """An id means nothing there."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER)
    proxy.now += CLEANUP + 1
    proxy.chat(USER, endpoint="https://api.moonshot.ai")
    assert (proxy.kept, proxy.calls) == ([], [])


def test_an_id_that_a_live_entry_has_is_not_deleted() -> None:
    """An API may give one id to what is equal to it, and is not to us."""
    proxy = Proxy()
    proxy.chat(SYSTEM, USER)
    proxy.now += CLEANUP + 1
    proxy.api.made = 0  # the next is cache-1 again
    assert proxy.chat(SYSTEM, USER, tools=[]) == (MADE, "cache-1")
    assert ([entry.used_at for entry in proxy.kept], proxy.calls) == ([proxy.now], [CREATE])
