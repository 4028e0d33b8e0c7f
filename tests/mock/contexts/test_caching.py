"""The endpoints of explicit caching: each state, each limit, each refusal."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.templates import estimate_tokens
from moonpalace.mock.asked import Refused
from moonpalace.mock.contexts.caches import HELD, IDLE, LARGEST, held
from moonpalace.mock.contexts.caching import ROUTES
from moonpalace.testing.mock_scene import Scene

PATH, TAGS = "/v1/caching", "/v1/caching/refs/tags"
INVALID = "invalid_request_error"
SYSTEM = {"role": "system", "content": "You are Kimi."}
TOOL = {"type": "function", "function": {"name": "CodeRunner", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "CodeRunner:0", "type": "function", "function": {"name": "CodeRunner", "arguments": "{}"}}


def wanted(**fields: Any) -> dict[str, Any]:
    return {"model": "moonshot-v1", "messages": [SYSTEM], **fields}


def scene(delay: float = 0.0, **given: Any) -> Scene:
    made = Scene(ROUTES, given.pop("year", "2024"), **given)
    made.world.state["cache_delay_s"] = delay
    return made


def status(place: Scene, cache: dict[str, Any]) -> str:
    return str(place.json("GET", f"{PATH}/{cache['id']}")["status"])


def test_a_new_cache_is_what_was_asked_for_and_pending() -> None:
    """The documented object, with the documented default of one hour."""
    place = scene()
    asked = wanted(tools=[TOOL], name="mine", description="words", metadata={"biz_id": "110998541001"})
    cache = place.json("POST", PATH, asked)
    assert cache == {
        "id": cache["id"],
        "status": "pending",
        "object": "context-cache",
        "created_at": place.world.now(),
        "tokens": estimate_tokens([SYSTEM], [TOOL], place.world.count),
        "expired_at": place.world.now() + 3600,
        **asked,
    }
    assert cache["id"].startswith("cache-")


def test_a_cache_is_pending_for_its_delay_then_ready_then_inactive() -> None:
    """The real one takes 40 to 60 s; clients must poll."""
    place = scene(delay=45.0)
    cache = place.json("POST", PATH, wanted(ttl=100))
    seen = []
    for second in (0.0, 44.9, 45.0, 99.9, 100.0, 5000.0):
        place.now = 1000.0 + second
        seen.append(status(place, cache))
    assert seen == ["pending", "pending", "ready", "ready", "inactive", "inactive"]


def test_without_a_delay_a_cache_is_ready_when_next_asked_for() -> None:
    """The usual case of a test: the answer still says pending, as the documents have it."""
    place = scene()
    assert status(place, place.json("POST", PATH, wanted())) == "ready"


def test_expired_at_is_a_point_in_time() -> None:
    """The other way to give a lifetime; 0 is the default one."""
    place = scene()
    until = place.world.now() + 60
    assert place.json("POST", PATH, wanted(expired_at=until))["expired_at"] == until
    assert place.json("POST", PATH, wanted(expired_at=0))["expired_at"] == place.world.now() + 3600


ERRORS: list[tuple[str, dict[str, Any], str]] = [
    ("too large", {"messages": [{"role": "user", "content": "word " * (LARGEST + 9)}]}, f"at most {LARGEST} tokens"),
    ("a result without a call", {"messages": [{"role": "tool", "tool_call_id": "x", "content": "1"}]}, "tool_call_id"),
    ("a call without a result", {"messages": [{"role": "assistant", "content": "", "tool_calls": [CALL]}]}, "Runner:0"),
    ("a call of no tool", {"messages": [
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "CodeRunner:0", "content": "1"}]}, "function CodeRunner is called"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "words"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_what_cannot_be_cached_ends_in_error(fields: dict[str, Any], words: str) -> None:
    """The documents: creation fails, the status is error, and an error says why."""
    place = scene(delay=10.0)
    cache = place.json("POST", PATH, wanted(**fields))
    assert cache["status"] == status(place, cache) == "pending"
    place.now += 10
    found = place.json("GET", f"{PATH}/{cache['id']}")
    assert found["status"] == "error"
    assert found["error"]["type"] == INVALID and words in found["error"]["message"]


def test_a_whole_exchange_with_tools_can_be_cached() -> None:
    """Calls, their results, and the tools beside them."""
    place = scene()
    call = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    messages = [SYSTEM, call, {"role": "tool", "tool_call_id": "CodeRunner:0", "content": "1"}]
    assert status(place, place.json("POST", PATH, wanted(messages=messages, tools=[TOOL]))) == "ready"


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("no model", {"model": None}, 400, "model is required"),
    ("a single model", {"model": "moonshot-v1-8k"}, 404, "Not found the model moonshot-v1-8k"),
    ("no messages", {"messages": None}, 400, "messages"),
    ("an empty message", {"messages": [{"role": "user", "content": ""}]}, 400, "must not be empty"),
    ("a cache in a cache", {"messages": [{"role": "cache", "content": "cache_id=x"}]}, 400, "role 'cache'"),
    ("a partial message", {"messages": [{"role": "assistant", "content": "x", "partial": True}]}, 400, "partial"),
    ("tools that are no list", {"tools": 5}, 400, "tools"),
    ("a long name", {"name": "x" * 257}, 400, "name must be at most 256 characters"),
    ("a name that is no text", {"name": 5}, 400, "name must be a string"),
    ("a long description", {"description": "x" * 513}, 400, "description must be at most 512"),
    ("metadata that is a list", {"metadata": []}, 400, "metadata must be an object"),
    ("metadata of numbers", {"metadata": {"a": 1}}, 400, "metadata must be an object"),
    ("17 metadata", {"metadata": {str(i): "x" for i in range(17)}}, 400, "at most 16"),
    ("a long key", {"metadata": {"k" * 65: "x"}}, 400, "at most 64"),
    ("a long value", {"metadata": {"k": "x" * 513}}, 400, "512"),
    ("ttl and expired_at", {"ttl": 60, "expired_at": 1_760_001_060}, 400, "only one of"),
    ("a ttl of 0", {"ttl": 0}, 400, "ttl must be"),
    ("a ttl that is no number", {"ttl": "60"}, 400, "ttl must be"),
    ("a ttl beyond an hour", {"ttl": 3601}, 400, "ttl must be"),
    ("a time that is over", {"expired_at": 1_000}, 400, "expired_at must be later than now"),
    ("a time beyond an hour", {"expired_at": 1_760_001_000 + 3601}, 400, "expired_at must be"),
    ("tags that are no list", {"tags": "x"}, 400, "tags must be an array"),
    ("a bad tag", {"tags": ["1x"]}, 400, "tag must start with a letter"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "code", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_the_request_itself_shows_is_refused(fields: dict[str, Any], code: int, words: str) -> None:
    """At once, and nothing is kept."""
    place = scene()
    found, kind, message = place.refused("POST", PATH, wanted(**fields))
    assert (found, kind) == (code, INVALID if code == 400 else "resource_not_found_error")
    assert words in message
    assert place.json("GET", PATH)["data"] == place.json("GET", TAGS)["data"] == []


def test_an_account_holds_a_million_tokens_that_are_alive() -> None:
    """What expired makes room; what is in error holds nothing; another account has its own."""
    place = scene()
    content = "word " * (LARGEST * 9 // 10)
    tokens = 0
    for number in range(20):
        body = wanted(messages=[{"role": "user", "content": f"{number} {content}"}], ttl=60)
        try:
            tokens += place.json("POST", PATH, body)["tokens"]
        except Refused:
            break
    assert HELD - LARGEST < tokens <= HELD
    refused = place.refused("POST", PATH, body)
    assert refused[:2] == (400, INVALID) and str(HELD) in refused[2]
    assert place.json("POST", PATH, body, key="sk-tier5")["status"] == "pending"
    place.now += 60
    assert place.json("POST", PATH, body)["status"] == "pending"


def test_inactive_caches_do_not_pile_up() -> None:
    """A mock that runs for weeks must not grow."""
    place = scene()
    for number in range(IDLE + 50):
        place.now += 2
        place.json("POST", PATH, wanted(name=str(number), ttl=1))
    caches = held(place.world.account("mock")).caches
    assert len(caches) <= IDLE + 1
    assert [cache.name for cache in caches.values()][-1] == str(IDLE + 49)


def test_an_update_changes_metadata_and_time_and_makes_it_pending() -> None:
    """The documents: on update the status reverts to pending."""
    place = scene(delay=5.0)
    cache = place.json("POST", PATH, wanted(ttl=60, metadata={"a": "1"}))
    place.now += 30
    changed = place.json("PUT", f"{PATH}/{cache['id']}", {"metadata": {"b": "2"}, "ttl": 600})
    assert changed == cache | {"metadata": {"b": "2"}, "expired_at": place.world.now() + 600}
    assert status(place, cache) == "pending"
    place.now += 5
    assert status(place, cache) == "ready"


def test_an_update_brings_an_expired_cache_back() -> None:
    """Its content is still there."""
    place = scene()
    cache = place.json("POST", PATH, wanted(ttl=60))
    place.now += 100
    assert status(place, cache) == "inactive"
    place.json("PUT", f"{PATH}/{cache['id']}", {"expired_at": place.world.now() + 10})
    assert status(place, cache) == "ready"


def test_an_update_that_is_refused_changes_nothing() -> None:
    """Half an update would be worse than none."""
    place = scene()
    cache = place.json("POST", PATH, wanted(ttl=60, metadata={"a": "1"}))
    for body in ({"metadata": {"b": "2"}, "ttl": -1}, {"metadata": 5, "ttl": 100}, [], b"{"):
        assert place.refused("PUT", f"{PATH}/{cache['id']}", body)[0] == 400
    assert place.json("GET", f"{PATH}/{cache['id']}") == cache | {"status": "ready"}


def test_a_deleted_cache_is_gone() -> None:
    """A second time it is not found."""
    place = scene()
    path = f"{PATH}/{place.json('POST', PATH, wanted())['id']}"
    assert place.json("DELETE", path)["deleted"] is True
    for method in ("GET", "PUT", "DELETE"):
        code, kind, message = place.refused(method, path, {})
        assert (code, kind) == (404, "resource_not_found_error")
        assert message.startswith("Not found the context cache cache-")


def test_the_deletion_is_answered_as_documented() -> None:
    """To the name of the object."""
    place = scene()
    id = place.json("POST", PATH, wanted())["id"]
    assert place.json("DELETE", f"{PATH}/{id}") == {
        "deleted": True,
        "id": id,
        "object": "context_cache_object.deleted",
    }


def test_the_list_is_newest_first_and_can_be_narrowed() -> None:
    """By metadata, in pages."""
    place = scene()
    for number in range(25):
        place.now += 1
        place.json("POST", PATH, wanted(name=str(number), metadata={"even": str(number % 2 == 0), "all": "x"}))

    def names(query: str) -> list[str]:
        return [cache["name"] for cache in place.json("GET", f"{PATH}{query}")["data"]]

    assert names("") == [str(number) for number in range(24, 4, -1)]
    assert names("?order=asc&limit=2") == ["0", "1"]
    assert names("?metadata[even]=True&limit=3") == ["24", "22", "20"]
    assert names("?metadata[even]=True&metadata[all]=y") == []
    second = place.json("GET", PATH)["data"][1]["id"]
    assert names(f"?after={second}&limit=1") == ["22"]


def test_accounts_do_not_see_each_other() -> None:
    """A cache belongs to whose key made it."""
    place = scene()
    cache = place.json("POST", PATH, wanted(tags=["mine"]))
    assert place.json("GET", PATH, key="sk-tier1")["data"] == []
    assert place.refused("GET", f"{PATH}/{cache['id']}", key="sk-tier1")[0] == 404
    assert place.refused("GET", f"{TAGS}/mine", key="sk-tier1")[0] == 404


def test_a_tag_names_a_cache() -> None:
    """Made, read, listed, followed, moved, deleted."""
    place = scene()
    first, second = [place.json("POST", PATH, wanted(name=name)) for name in ("one", "two")]
    tag = place.json("POST", TAGS, {"tag": "my-tag", "cache_id": first["id"]})
    account = place.world.account("mock")
    assert tag == {
        "cache_id": first["id"],
        "created_at": place.world.now(),
        "object": "cache_object.tag",
        "owned_by": account.user_id,
        "tag": "my-tag",
    }
    assert place.json("GET", f"{TAGS}/my-tag") == tag
    assert place.json("GET", TAGS) == {"object": "list", "data": [tag]}
    assert place.json("GET", f"{TAGS}/my-tag/content") == first | {"status": "ready"}
    place.json("POST", TAGS, {"tag": "my-tag", "cache_id": second["id"]})
    assert place.json("GET", f"{TAGS}/my-tag/content")["name"] == "two"
    for _ in range(2):
        assert place.json("DELETE", f"{TAGS}/my-tag") == {
            "deleted": True,
            "object": "cache_object.tag.deleted",
            "tag": "my-tag",
        }
    assert place.refused("GET", f"{TAGS}/my-tag") == (404, "resource_not_found_error", "Not found the tag my-tag")


def test_tags_can_be_given_when_the_cache_is_made() -> None:
    """`tags` of the create request."""
    place = scene()
    cache = place.json("POST", PATH, wanted(tags=["a", "b.c_d-9"]))
    assert place.json("GET", f"{TAGS}/b.c_d-9")["cache_id"] == cache["id"]
    assert len(place.json("GET", TAGS)["data"]) == 2


def test_a_tag_outlives_its_cache() -> None:
    """It then leads nowhere."""
    place = scene()
    cache = place.json("POST", PATH, wanted(tags=["a"]))
    place.json("DELETE", f"{PATH}/{cache['id']}")
    assert place.json("GET", f"{TAGS}/a")["cache_id"] == cache["id"]
    assert place.refused("GET", f"{TAGS}/a/content")[0] == 404


@pytest.mark.parametrize("tag", ["1a", "", "ä", "a" * 129, "a b", "-a", 5, None], ids=repr)
def test_a_bad_tag_is_refused(tag: Any) -> None:
    """1 to 128 characters, a letter first, then letters, digits, _ - and dots."""
    place = scene()
    cache = place.json("POST", PATH, wanted())
    assert place.refused("POST", TAGS, {"tag": tag, "cache_id": cache["id"]})[:2] == (400, INVALID)


@pytest.mark.parametrize(("cache_id", "code"), [("cache-none", 404), (None, 400), (5, 400)], ids=str)
def test_a_tag_needs_a_cache(cache_id: Any, code: int) -> None:
    """It names one that exists."""
    assert scene().refused("POST", TAGS, {"tag": "a", "cache_id": cache_id})[0] == code


def test_where_caching_is_gone_its_paths_are_too() -> None:
    """2025 and later answer as for any unknown path."""
    for year in ("2025", "2026"):
        assert scene(year=year).refused("POST", PATH, wanted()) == (404, "resource_not_found_error", "method not found")


def test_with_the_switches_it_is_there_in_any_year() -> None:
    """And a longer life can be allowed."""
    place = scene(year="2026", switches={"caching": True, "cache_ttl_limit": 0})
    assert place.json("POST", PATH, wanted(ttl=86_400))["expired_at"] == place.world.now() + 86_400


def test_frozen_worlds_give_the_same_bytes() -> None:
    """Same request, same seed: ids and times included."""
    one, two = scene(frozen=True), scene(frozen=True, now=5000.0)
    two.json("POST", PATH, wanted(name="before"))
    assert one.ask("POST", PATH, wanted(ttl=5)).body == two.ask("POST", PATH, wanted(ttl=5)).body
    one.now += 10
    assert one.json("GET", PATH)["data"][0]["status"] == "inactive"
