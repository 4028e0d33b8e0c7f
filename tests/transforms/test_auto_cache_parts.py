"""The parts of automatic caching: sizes of messages, digests of prefixes, what is kept and swept, calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.transforms.base import Reply
from moonpalace.transforms.cache_calls import ask, caching_path, has_no_caching
from moonpalace.transforms.cache_entries import (
    TABLE,
    Entry,
    InHand,
    Sweeps,
    is_id,
    read_entry,
    shelf,
    whose,
    write_entry,
)
from moonpalace.transforms.cache_messages import Request, compact_size, read_request
from moonpalace.transforms.cache_prefixes import Prefixes, prefixes

WHO, AT = b"who", "https://api.moonshot.cn"


def read(messages: list[Any], **more: Any) -> Request:
    found = read_request(json.dumps({"model": "m", "messages": messages, **more}).encode())
    assert found is not None
    return found


def found(messages: list[Any], above: int = -1, **more: Any) -> Prefixes:
    return prefixes(read(messages, **more), WHO, AT, "moonshot-v1", above)


def call(name: str = "look", arguments: Any = "{}") -> Any:
    return {"id": "a", "type": "function", "function": {"name": name, "arguments": arguments}}


SIZES: list[tuple[str, Any, int]] = [
    ("a text", {"role": "user", "content": "hello"}, 9),
    ("Chinese", {"role": "user", "content": "你好"}, 10),
    ("escapes", {"role": "user", "content": '"\n\\u4f60'}, 12),
    ("a pair of surrogates", {"role": "user", "content": "😀"}, 8),
    ("nothing", {"role": "user", "content": ""}, 4),
    ("null", {"role": "user", "content": None}, 4),
    ("parts", {"role": "user", "content": [{"type": "text", "text": "ab"}, {"type": "text", "text": "cé"}, {}]}, 9),
    ("a picture", {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}, 4),
    ("parts that are none", {"role": "user", "content": [5]}, 4),
    ("a call", {"role": "assistant", "content": "", "tool_calls": [call(arguments='{"a":"é"}')]}, 9 + 4 + 10),
    ("two calls", {"role": "assistant", "content": "x", "tool_calls": [call(), call("peek")]}, 9 + 1 + 12),
    ("no calls", {"role": "assistant", "content": "x", "tool_calls": []}, 10),
    ("a null call", {"role": "assistant", "content": "x", "tool_calls": [None]}, 10),
    ("names and ids", {"role": "tool", "content": "x", "name": "look", "tool_call_id": "look:0"}, 5),
    ("null itself", None, 0), ("no role", {"content": "hello"}, 0),
]  # fmt: skip


@pytest.mark.parametrize(("message", "size"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES])
@pytest.mark.parametrize("plain", [True, False])
def test_a_message_counts_its_role_its_text_and_its_calls(message: Any, size: int, plain: bool) -> None:
    """As the original counted, however the JSON is written; the text in parts counts too."""
    body = json.dumps({"model": "m", "messages": [message]}, ensure_ascii=plain).encode()
    request = read_request(body)
    assert request is not None
    assert prefixes(request, WHO, AT, "moonshot-v1", 0).total == size


TOOLS = [(b"", 0), (b"[ ]", 2), (b'[ {"a b" : 1.50 ,\n\t"c":"\\u4e2d"} ]', 27), (b"{", 1)]


@pytest.mark.parametrize(("tools", "size"), TOOLS)
def test_tools_count_without_blanks(tools: bytes, size: int) -> None:
    """Blanks in texts and the way numbers are written are no blanks between."""
    assert compact_size(tools) == size


def test_a_size_is_that_of_all_before_it() -> None:
    """The larger ones are there, each by itself."""
    messages = [{"role": "user", "content": "x" * 10}] * 4
    assert [prefix.size for prefix in found(messages, above=28).found] == [42, 56]
    assert [prefix.count for prefix in found(messages, above=28, tools=[1]).found] == [2, 3, 4]


@given(st.text() | st.text('\\"\n\tu é/\x00😀'), st.booleans())
def test_a_text_counts_the_bytes_it_stands_for(text: str, plain: bool) -> None:
    """However its escapes are counted."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}, ensure_ascii=plain).encode()
    request = read_request(body)
    assert request is not None
    assert prefixes(request, WHO, AT, "moonshot-v1", 0).total == 4 + len(text.encode())


TEXTS = st.text('us er\\"é', max_size=4)
ROLES = st.sampled_from(("user", "system"))
MESSAGES = st.lists(st.fixed_dictionaries({"role": ROLES, "content": TEXTS}), min_size=1, max_size=4)
CASES = st.tuples(MESSAGES, st.sampled_from((None, [], [1], [[1]], "t")), st.sampled_from((b"a", b"ab")), TEXTS, TEXTS)


@given(CASES, CASES)
def test_equal_digests_mean_equal_prefixes(one: Any, other: Any) -> None:
    """Key, endpoint, family, tools, and every message: no two that differ in any of them meet."""
    seen: dict[str, Any] = {}
    for messages, tools, who, endpoint, family in (one, other):
        for prefix in prefixes(read(messages, tools=tools), who, endpoint, family, -1).found:
            what = (messages[: prefix.count], tools, who, endpoint, family)
            assert seen.setdefault(prefix.digest, what) == what


def test_each_part_is_in_the_digest() -> None:
    """One that differs in any of them is another."""
    one, other = (read([{"role": "user", "content": text}]) for text in "xy")
    cases = [
        (one, WHO, AT, "moonshot-v1"), (other, WHO, AT, "moonshot-v1"), (one, b"other", AT, "moonshot-v1"),
        (one, WHO, "https://api.moonshot.ai", "moonshot-v1"), (one, WHO, AT, "other"),
    ]  # fmt: skip
    assert len({prefixes(*case, above=-1).found[0].digest for case in cases}) == len(cases)


@given(MESSAGES, MESSAGES)
def test_what_comes_later_changes_nothing(messages: list[Any], more: list[Any]) -> None:
    """A prefix is found again at every turn that follows."""
    assert found(messages + more).found[: len(messages)] == found(messages).found


def test_a_digest_has_160_bits_and_no_text() -> None:
    """It goes into the journal and the store."""
    (prefix,) = found([{"role": "user", "content": "secret"}]).found
    assert (len(prefix.digest), int(prefix.digest, 16) > 0) == (40, True)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["user", "tool", "look", "a", "\ud83d"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["role", "content", "tool_calls", "function", "name", "arguments", "id", "tool_call_id"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(ANY_JSON, min_size=1, max_size=4), ANY_JSON)
def test_nothing_raises(messages: list[Any], tools: Any) -> None:
    """Whatever a client sends."""
    assert found(messages, tools=tools).total >= 0


def test_lone_surrogates_do_not_hide_the_other_messages() -> None:
    """A client that cut a text within a pair sends that with every request from then on."""
    first = {"role": "user", "content": "hello \\ud83d <s0>"}
    cut, plain = found([first, {"role": "user", "content": "\ud83d"}]), found([first])
    assert (cut.found, cut.total) == (plain.found, plain.total)


# --- what is kept


def test_an_entry_is_read_as_it_was_written() -> None:
    """With what is not known left out."""
    for entry in (Entry("cache-1", 5, 1.5, 60), Entry("a_B.9-", 0, 0.0, 1, 7)):
        assert read_entry(write_entry(entry)) == entry
    assert write_entry(Entry("c", 5, 1.5, 60)) == b'{"id":"c","size":5,"used_at":1.5,"ttl":60}'


@pytest.mark.parametrize("id", ["", "a\r\nb", "../x", "a/b", "a b", "é", "-a", "x" * 129, "a?b", "a\n"])
def test_an_id_that_could_steer_a_path_or_a_line_is_none(id: str) -> None:
    """It came from outside, and goes out in a header line."""
    assert not is_id(id) and read_entry(write_entry(Entry(id, 1, 1.0, 1))) is None


def test_keys_of_one_are_not_keys_of_another() -> None:
    """Whatever stands for an API key: nothing in it can end it."""
    pairs = [(b"a", AT), (b"a/", AT), (b"a", AT + "/"), (b"", AT), (b"\x00", AT), (b"ab", AT)]
    places = [shelf(*pair) for pair in pairs]
    assert len(set(places)) == len(pairs)
    assert [at for at in places if at.startswith(whose(b"a"))] == [places[0], places[2]]
    assert TABLE == "caches"


def test_several_may_have_a_key_in_hand() -> None:
    """It is free when the last leaves it."""
    hand = InHand()
    for _ in range(2):
        hand.take("a")
    hand.leave("a")
    assert "a" in hand
    hand.leave("a")
    assert "a" not in hand and len(hand) == 0


def test_only_so_much_is_in_hand() -> None:
    """Who comes when it is full goes without a cache."""
    hand = InHand()
    for number in range(4096):
        assert not hand.is_full
        hand.take(str(number))
    assert hand.is_full


def rows(*entries: tuple[str, str, float]) -> list[tuple[str, bytes]]:
    return [(key, write_entry(Entry(id, 1, used_at, 60))) for key, id, used_at in entries]


def test_a_sweep_takes_a_few_at_a_time_and_leaves_what_is_in_hand() -> None:
    """What is in hand is met again later."""
    sweeps, hand = Sweeps(100), InHand()
    sweeps.found(WHO, rows(*[(str(number), f"id{number}", 0.0) for number in range(10)]), 101.0)
    hand.take("0")
    assert [key for key, _ in sweeps.next(WHO, hand)] == [str(number) for number in range(1, 9)]
    hand.leave("0")
    assert sweeps.next(WHO, hand) == [("0", "id0"), ("9", "id9")]
    assert sweeps.next(WHO, hand) == []


def test_what_came_into_use_since_is_spared() -> None:
    """By its key, or by its id alone: then it is forgotten, and not deleted."""
    sweeps = Sweeps(100)
    sweeps.found(WHO, rows(("a", "x", 0.0), ("b", "x", 0.0), ("c", "y", 0.0), ("d", "y", 101.0)), 101.0)
    sweeps.spare(WHO, "a", "x")
    assert sweeps.next(WHO, InHand()) == [("b", ""), ("c", "")]


def test_many_api_keys_do_not_fill_the_memory() -> None:
    """Who is forgotten is looked through again."""
    sweeps = Sweeps(100)
    for number in range(3000):
        who = str(number).encode()
        assert sweeps.due(who, 0.0)
        sweeps.found(who, rows(("a", "x", -200.0)), 0.0)
    assert (len(sweeps._looked), len(sweeps._overdue)) == (1024, 1024)
    assert sweeps.due(b"0", 0.0) and not sweeps.due(b"2999", 0.0)


# --- calls


@pytest.mark.parametrize("base", [b"", b"/v1", b"/other/v1", b"/chat/completions"])
def test_caching_stands_beside_the_chats(base: bytes) -> None:
    """Whatever the base URL begins with."""
    assert caching_path(base + b"/chat/completions") == base + b"/caching"


REPLIES = [
    (404, b"", True), (404, b"404 page not found", True), (404, b"No route GET /v1/caching/cache-1", True),
    (404, b"Not found the context cache cache-1", False), (404, b"Context Cache gone", False), (405, b"", True),
    (410, b"", True), (501, b"", True), (200, b"", False), (400, b"", False), (403, b"", False), (500, b"", False),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "none"), REPLIES)
def test_an_endpoint_without_caching_is_told_from_a_missing_cache(status: int, body: bytes, none: bool) -> None:
    """Both answer 404; an error that repeats the path says nothing of a cache."""
    assert has_no_caching(Reply(status, body), ask(b"/v1/caching", "cache-1")) == none
