"""When two requests are the same."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.core.headers import Headers
from moonpalace.mock.tape.canonical import Form, encode, form, nearness
from moonpalace.mock.tape.ignore import parse
from moonpalace.testing.exchanges import headers

JSON = headers(("Content-Type", "application/json"))
KEY = "sk-0123456789abcdefghijklmnop"


def chat(body: bytes | dict[str, Any], lines: Headers = JSON, query: str = "", ignore: tuple[str, ...] = ()) -> Form:
    """The form of a chat request."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return form("POST", "/v1/chat/completions", query, lines, raw, None, [parse(path) for path in ignore])


SAME: list[tuple[str, bytes, bytes]] = [
    ("key order", b'{"a":1,"b":{"c":2,"d":3}}', b'{"b":{"d":3,"c":2},"a":1}'),
    ("blanks", b'{"a":[1,2]}', b' {\n"a" : [ 1, 2 ] }\n'),
    ("numbers", b'{"a":1,"b":0.30,"c":-0.0,"d":100}', b'{"a":1.0,"b":0.3,"c":0,"d":1e2}'),
    ("escapes", '{"a":"你 /"}'.encode(), rb'{"a":"\u4f60 \/"}'),
    ("the last of two", b'{"a":1,"a":2}', b'{"a":2}'),
    ("not JSON", b"abc", b"abc"),
    ("nothing", b"", b""),
    ("no object", b"[1, 2]", b"[1,2.0]"),
    ("wide numbers", b'{"a":123456789012345678901234,"b":1e300}', b'{"b":1e300,"a":123456789012345678901234}'),
]  # fmt: skip
OTHER: list[tuple[str, bytes, bytes]] = [
    ("a value", b'{"a":"x"}', b'{"a":"y"}'),
    ("absent and null", b'{"a":null}', b"{}"),
    ("a number and its text", b'{"a":1}', b'{"a":"1"}'),
    ("true and one", b'{"a":true}', b'{"a":1}'),
    ("order of a list", b'{"a":[1,2]}', b'{"a":[2,1]}'),
    ("near numbers", b'{"a":0.3}', b'{"a":0.30000001}'),
    ("not JSON", b'{"a":1} x', b'{"a":1}'),
    ("a list and a number", b'{"messages":[]}', b'{"messages":0}'),
    ("a list and null", b'{"messages":[]}', b'{"messages":null}'),
    ("turns", b'{"messages":[1,2]}', b'{"messages":[2,1]}'),
    ("the names of lists", b'{"messages":[1]}', b'{"input":[1]}'),
    ("a large number", b'{"a":9007199254740993}', b'{"a":9007199254740992}'),
]


@pytest.mark.parametrize(("one", "other"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_the_same_value_is_the_same_request(one: bytes, other: bytes) -> None:
    """Another version of the SDK writes its JSON otherwise and means the same."""
    assert chat(one).key == chat(other).key


@pytest.mark.parametrize(("one", "other"), [row[1:] for row in OTHER], ids=[row[0] for row in OTHER])
def test_another_value_is_another_request(one: bytes, other: bytes) -> None:
    """Or the wrong answer would be served, silently."""
    assert chat(one).key != chat(other).key


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), VALUES, max_size=5))
def test_however_a_value_is_written_it_has_one_form(value: dict[str, Any]) -> None:
    """Indented, escaped and turned round, as well as compact."""
    turned = json.dumps(dict(reversed(value.items())), indent=2)
    assert chat(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")).key == chat(turned.encode()).key


def test_what_nests_very_deep_is_compared_too() -> None:
    """Nothing that a client sends may stop the mock."""
    deep = b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"
    assert chat(deep).key == chat(deep).key
    assert chat(deep).key != chat(deep + b" ").key


def test_header_lines_and_keys_have_no_part_in_it() -> None:
    """The key of the mock is another one, and the record does not have the real one."""
    lines = headers(("Content-Type", "application/json"), ("Authorization", f"Bearer {KEY}"), ("X-Other", "1"))
    assert chat(b'{"a":1}', lines).key == chat(b'{"a":1}').key
    recorded = headers(("Authorization", "Bearer [key:01234567]"))
    asked = f'{{"a":"my key is {KEY}"}}'.encode()
    assert chat(asked, lines).key == chat(b'{"a":"my key is [key:01234567]"}', recorded).key
    assert KEY not in str(chat(asked, lines).value)


def test_a_query_is_compared_in_any_order() -> None:
    """And a key in it is like any other."""
    assert chat(b"", query="b=2&a=1&key=x").key == chat(b"", query="key=%5Bkey%3A01234567%5D&a=1&b=2").key
    assert chat(b"", query="a=1").key != chat(b"", query="a=2").key
    assert chat(b"", query="a=1").key != chat(b"").key


def test_a_coded_body_is_compared_by_what_it_says() -> None:
    """Whoever compresses writes other bytes each time."""
    lines = headers(("Content-Encoding", "gzip"))
    assert chat(gzip.compress(b'{"a":1}', mtime=5), lines).key == chat(b'{"a": 1}').key


def test_ignored_members_may_differ_and_may_be_absent() -> None:
    """A user id or a time stamp."""
    ignore = ("user", "messages[0].content")
    one = {"user": "a", "messages": [{"role": "system", "content": "it is one o'clock"}], "model": "m"}
    other = {"messages": [{"role": "system", "content": "it is two o'clock"}], "model": "m"}
    assert chat(one, ignore=ignore).key == chat(other, ignore=ignore).key
    assert chat(one, ignore=ignore).key != chat({**other, "model": "n"}, ignore=ignore).key


def test_method_and_path_count() -> None:
    """A file that is deleted is not a file that is read."""
    keys = {form(method, path, "", Headers(), b"").key for method in ("GET", "DELETE") for path in ("/a", "/b")}
    assert len(keys) == 4


def test_the_longer_common_conversation_is_nearer_then_the_more_members() -> None:
    """Of a session each request repeats the one before it."""
    messages = [{"role": "user", "content": str(number)} for number in range(6)]
    here = chat({"messages": messages[:4], "temperature": 0.3}).sketch

    def near(body: dict[str, Any]) -> tuple[int, ...]:
        return nearness(chat(body).sketch, here)

    ranked = [
        {"messages": [*messages[:3], messages[5]], "temperature": 0.3},
        {"messages": [*messages[:3], messages[5]], "temperature": 0.9},
        {"messages": messages[:3], "temperature": 0.3},
        {"messages": messages[:2], "temperature": 0.3},
        {"messages": [], "temperature": 0.3},
    ]
    assert sorted(ranked, key=near, reverse=True) == ranked


def test_any_value_is_written_somehow() -> None:
    """Half of a surrogate pair is no UTF-8."""
    assert encode({"b": 1, "a": "\ud83c"}) == b'{"a": "\\ud83c", "b": 1}'
