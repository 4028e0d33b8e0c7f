"""A chat request that uses an explicit cache: both ways, each state, each refusal."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.core.headers import Headers
from moonpalace.mock.asked import Refused
from moonpalace.mock.contexts.cache_use import Used, use
from moonpalace.mock.contexts.caching import ROUTES
from moonpalace.testing.mock_scene import Scene

CACHED = [{"role": "system", "content": "You are Kimi."}, {"role": "user", "content": "Hello."}]
TOOL = {"type": "function", "function": {"name": "CodeRunner", "parameters": {"type": "object", "properties": {}}}}
QUESTION = {"role": "user", "content": "What is 1+1?"}
HOUR = 3600


class Chats:
    """A world with one cache, and requests that use it."""

    def __init__(self, tools: list[Any] | None = None, delay: float = 0.0, ttl: int = 60, **given: Any) -> None:
        self.scene = Scene(ROUTES, given.pop("year", "2024"), **given)
        self.scene.world.state["cache_delay_s"] = delay
        body = {"model": "moonshot-v1", "messages": CACHED, "tools": tools, "ttl": ttl, "tags": ["mine"]}
        self.cache = self.scene.json("POST", "/v1/caching", body)
        self.id = self.cache["id"]

    def use(self, data: Any, *lines: tuple[str, str]) -> Used | None:
        headers = Headers(tuple((name.encode(), value.encode()) for name, value in lines))
        return use(self.scene.world, self.scene.world.account("mock"), data, headers)

    def by_headers(self, data: Any = None, **options: str) -> Used | None:
        lines = [(f"X-Msh-Context-Cache-{name.replace('_', '-')}", value) for name, value in options.items()]
        return self.use(chat(*CACHED, QUESTION) if data is None else data, ("X-Msh-Context-Cache", self.id), *lines)

    def by_message(self, content: Any = None, **fields: Any) -> Used | None:
        content = f"cache_id={self.id}" if content is None else content
        return self.use(chat({"role": "cache", "content": content}, QUESTION, **fields))

    def refused(self, asked: Any) -> tuple[int, str]:
        with pytest.raises(Refused) as refused:
            asked()
        return refused.value.violation.status, refused.value.violation.message

    def status(self) -> str:
        return str(self.scene.json("GET", f"/v1/caching/{self.id}")["status"])


def chat(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "moonshot-v1-8k", "messages": list(messages), **fields}


def lines(chats: Chats, expired_at: int) -> tuple[tuple[str, str], ...]:
    return (
        ("Msh-Context-Cache-Id", chats.id),
        ("Msh-Context-Cache-Token-Saved", str(chats.cache["tokens"])),
        ("Msh-Context-Cache-Token-Exp", str(expired_at)),
    )


def test_headers_leave_the_request_as_it_is_and_save_its_tokens() -> None:
    """The request repeats what is cached."""
    chats = Chats()
    data = chat(*CACHED, QUESTION)
    assert chats.by_headers(data) == Used(data, chats.cache["tokens"], lines(chats, chats.cache["expired_at"]))


def test_a_message_is_replaced_by_what_is_cached() -> None:
    """Messages in its place, tools beside them; nothing of the request is changed in place."""
    chats = Chats(tools=[TOOL])
    used = chats.by_message()
    assert used is not None
    assert used.data == chat(*CACHED, QUESTION, tools=[TOOL])
    assert used.cached_tokens == chats.cache["tokens"]
    assert used.headers == lines(chats, chats.cache["expired_at"])


def test_a_tag_stands_for_its_cache() -> None:
    """The other way to name it."""
    chats = Chats()
    used = chats.by_message("tag=mine;reset_ttl=600;dry_run=0")
    assert used is not None and used.data["messages"] == [*CACHED, QUESTION]
    assert used.headers == lines(chats, chats.scene.world.now() + 600)


MISSES = [
    ("another message", chat({**CACHED[0], "content": "You are Kimi!"}, CACHED[1], QUESTION)),
    ("another order", chat(CACHED[1], CACHED[0], QUESTION)),
    ("a field more", chat({**CACHED[0], "name": "x"}, CACHED[1], QUESTION)),
    ("fewer messages", chat(CACHED[0])),
    ("tools more", chat(*CACHED, QUESTION, tools=[TOOL])),
    ("tools of another type", chat(*CACHED, QUESTION, tools="x")),
    ("messages that are none", chat(5, None, QUESTION)),
]


@pytest.mark.parametrize("data", [row[1] for row in MISSES], ids=[row[0] for row in MISSES])
def test_a_request_that_differs_is_not_hit(data: Any) -> None:
    """The documents: then the request goes on at its full price."""
    assert Chats().by_headers(data) == Used(data)


@pytest.mark.parametrize("data", [row[1] for row in MISSES], ids=[row[0] for row in MISSES])
def test_a_request_that_differs_can_be_refused_instead(data: Any) -> None:
    """What the real service did is not sure, so it is a switch."""
    chats = Chats(switches={"cache_mismatch": "refused"})
    status, message = chats.refused(lambda: chats.by_headers(data))
    assert status == 400 and "do not match the context cache" in message


def test_the_order_of_fields_does_not_matter() -> None:
    """Equal JSON is equal."""
    data = chat(dict(reversed(CACHED[0].items())), CACHED[1], QUESTION, tools=[])
    used = Chats().by_headers(data)
    assert used is not None and used.cached_tokens > 0


def test_what_is_pending_is_not_hit() -> None:
    """The request is answered all the same, with what the message stands for."""
    chats = Chats(delay=45.0)
    for used in (chats.by_headers(), chats.by_message()):
        assert used == Used(chat(*CACHED, QUESTION))


@pytest.mark.parametrize("way", ["by_headers", "by_message"])
def test_an_expired_cache_is_refused(way: str) -> None:
    """400, unless a new lifetime is asked for."""
    chats = Chats(ttl=60)
    chats.scene.now += 60
    status, message = chats.refused(getattr(chats, way))
    assert (status, message) == (400, f"Invalid request: context cache {chats.id} has expired")


@pytest.mark.parametrize("delay", [0.0, 45.0], ids=["at once", "in time"])
def test_a_new_lifetime_brings_an_expired_cache_back(delay: float) -> None:
    """The documents: its status becomes pending, and its time is new."""
    chats = Chats(ttl=60, delay=delay)
    chats.scene.now += 100
    used = chats.by_headers(Reset_TTL="600")
    assert used is not None and bool(used.cached_tokens) == (delay == 0.0)
    assert chats.status() == ("ready" if delay == 0.0 else "pending")
    chats.scene.now += delay
    assert chats.by_headers() == Used(
        chat(*CACHED, QUESTION), chats.cache["tokens"], lines(chats, int(chats.scene.world.now() - delay) + 600)
    )


def test_a_new_lifetime_counts_from_now() -> None:
    """Not from when the cache would have ended."""
    chats = Chats(ttl=60)
    chats.scene.now += 30
    used = chats.by_headers(Reset_TTL=str(HOUR))
    assert used is not None and used.headers == lines(chats, chats.scene.world.now() + HOUR)
    chats.scene.now += HOUR - 1
    assert chats.status() == "ready"


def test_a_miss_does_not_renew() -> None:
    """Only a request that succeeds with the cache does."""
    chats = Chats(ttl=60)
    chats.by_headers(chat(QUESTION), Reset_TTL=str(HOUR))
    chats.scene.now += 60
    assert chats.status() == "inactive"


def test_a_dry_run_says_whether_it_would_be_hit() -> None:
    """Nothing is to be generated: the caller is told."""
    chats = Chats()
    for used in (chats.by_headers(DryRun="1"), chats.by_message(f"cache_id={chats.id};dry_run=1")):
        assert used is not None and used.dry_run and used.cached_tokens == chats.cache["tokens"]
    missed = chats.by_headers(chat(QUESTION), DryRun="1")
    assert missed is not None and missed.dry_run and not missed.cached_tokens


def test_a_cache_in_error_is_refused() -> None:
    """With why it failed."""
    chats = Chats()
    body = {"model": "moonshot-v1", "messages": [{"role": "tool", "tool_call_id": "x", "content": "1"}]}
    chats.id = chats.scene.json("POST", "/v1/caching", body)["id"]
    for way in (chats.by_headers, chats.by_message):
        status, message = chats.refused(way)
        assert status == 400 and f"context cache {chats.id} is invalid: " in message and "tool_call_id" in message


@pytest.mark.parametrize("way", ["by_headers", "by_message"])
def test_an_unknown_cache_is_not_found(way: str) -> None:
    """404, as at its own endpoint."""
    chats = Chats()
    chats.id = "cache-none"
    expected = (404, "Not found the context cache cache-none")
    assert chats.refused(getattr(chats, way)) == expected


def test_the_cache_of_another_account_is_not_found() -> None:
    """Ids are no secrets."""
    chats = Chats()
    lines = Headers(((b"X-Msh-Context-Cache", chats.id.encode()),))
    with pytest.raises(Refused):
        use(chats.scene.world, chats.scene.world.account("tier1"), chat(*CACHED), lines)


BAD: list[tuple[str, Any, dict[str, Any], int, str]] = [
    ("no content", "", {}, 400, "must be like cache_id="),
    ("content that is no text", ["cache_id=x"], {}, 400, "must be like cache_id="),
    ("an unknown option", "cache_id=x;more=1", {}, 400, "must be like cache_id="),
    ("a semicolon at the end", "cache_id=x;", {}, 400, "must be like cache_id="),
    ("an option twice", "cache_id=x;cache_id=y", {}, 400, "must be like cache_id="),
    ("neither id nor tag", "reset_ttl=5", {}, 400, "must be like cache_id="),
    ("both id and tag", "cache_id=x;tag=mine", {}, 400, "must be like cache_id="),
    ("a tag that is not there", "tag=none", {}, 404, "Not found the tag none"),
    ("a bad lifetime", "tag=mine;reset_ttl=x", {}, 400, "reset_ttl must be"),
    ("a lifetime of 0", "tag=mine;reset_ttl=0", {}, 400, "reset_ttl must be"),
    ("a lifetime beyond an hour", "tag=mine;reset_ttl=3601", {}, 400, "reset_ttl must be"),
    ("a bad dry run", "tag=mine;dry_run=yes", {}, 400, "dry_run must be"),
    ("tools", "tag=mine", {"tools": [TOOL]}, 400, "tools must be null"),
    ("an empty list of tools", "tag=mine", {"tools": []}, 400, "tools must be null"),
    ("a model without caches", "tag=mine", {"model": "moonshot-v1-8k-vision-preview"}, 400, "does not support"),
]


@pytest.mark.parametrize(("content", "fields", "code", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_reference_is_refused(content: Any, fields: dict[str, Any], code: int, words: str) -> None:
    """Each rule of the documents."""
    chats = Chats(switches={"retired_models": True})
    status, message = chats.refused(lambda: chats.by_message(content, **fields))
    assert status == code and words in message


@pytest.mark.parametrize("messages", [[QUESTION, "ref"], ["ref", QUESTION, "ref"]], ids=["last", "two"])
def test_the_reference_is_the_first_message_and_the_only_one(messages: list[Any]) -> None:
    """The documents: it must be placed at the beginning."""
    chats = Chats()
    reference = {"role": "cache", "content": f"cache_id={chats.id}"}
    data = chat(*[reference if message == "ref" else message for message in messages])
    status, message = chats.refused(lambda: chats.use(data))
    assert status == 400 and "must be the first message" in message


@pytest.mark.parametrize(
    "data",
    [chat(QUESTION), {}, chat() | {"messages": 5}, chat(5, []), {"messages": [QUESTION]}],
    ids=["plain", "empty", "no list", "no objects", "no model"],
)
def test_a_request_that_names_no_cache_is_left_alone(data: Any) -> None:
    """Whatever else is wrong with it is the law's to say."""
    assert Chats().use(data) is None


def test_header_lines_do_nothing_for_models_that_cache_by_themselves() -> None:
    """Old code that still sends them goes on working."""
    chats = Chats(year="2026", switches={"caching": True})
    assert chats.by_headers(chat(*CACHED, QUESTION) | {"model": "kimi-k3"}) is None


@pytest.mark.parametrize("year", ["2025", "2026"])
def test_where_caching_is_gone_nothing_is_read(year: str) -> None:
    """Header lines are ignored; a message of the role is the law's to refuse."""
    world = Scene(ROUTES, year).world
    headers = Headers(((b"X-Msh-Context-Cache", b"cache-x"),))
    data = chat({"role": "cache", "content": "cache_id=x"}, QUESTION)
    assert use(world, world.account("mock"), data, headers) is None
