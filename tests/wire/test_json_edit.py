"""Members of an object set, and nothing else touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.wire.json_edit import edit_members

TEXTS = st.text() | st.text(st.sampled_from('\\<sb0>ud"\ud83d\ude00é'))  # lone surrogates too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ROWS: list[tuple[str, bytes, bytes | None]] = [
    ("new, at the end", b'{"b": 2}', b'{"b":2,"a":1}'),
    ("there, in its place", b'{"a": 7, "b": 2}', b'{"a":1,"b":2}'),
    ("the only one", b" {} \n", b'{"a":1}'),
    ("numbers stay as written", b'{"b": 1.00e0, "c":12345678901234567890123}',
     b'{"b":1.00e0,"c":12345678901234567890123,"a":1}'),
    ("escapes stay as written", b'{"b": "\\u4e2d\\ud800"}', b'{"b":"\\u4e2d\\ud800","a":1}'),
    ("a lone surrogate behind a backslash", b'{"b": "\\\\\\ud83d", "c": "<s0><b0>\\\\ud83d"}',
     b'{"b":"\\\\\\ud83d","c":"<s0><b0>\\\\ud83d","a":1}'),
    ("a pair", b'{"b": "\\uD83d\\uDE00"}', b'{"b":"\\uD83d\\uDE00","a":1}'),
    ("a lone surrogate in half of it", b'{"b": "\\ud83d', None),
    ("blanks within a member stay", b'{"b": [ 1,\n 2 ]}', b'{"b":[ 1,\n 2 ],"a":1}'),
    ("the last of two counts", b'{"b":1,"b":2}', b'{"b":2,"a":1}'),
    ("null", b"null", None),
    ("a list", b"[1]", None),
    ("nothing", b"", None),
    ("half of it", b'{"b":', None),
    ("two values", b"{} {}", None),
    ("nested too deep", b'{"b":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_member_is_set_and_the_others_keep_their_bytes(body: bytes, expected: bytes | None) -> None:
    """What a client wrote is what the API must get: `1.00` and `1.0` are not the same to who signs a body."""
    assert edit_members(body, {"a": b"1"}) == expected


def test_several_members_at_once() -> None:
    """Each in its own place."""
    assert edit_members(b'{"a":1,"b":2}', {"b": b"true", "c": b"[ ]"}) == b'{"a":1,"b":true,"c":[ ]}'


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.text(), VALUES, st.sampled_from([None, 1]))
def test_any_object_any_member(found: dict[str, Any], name: str, value: Any, indent: int | None) -> None:
    """It means what it meant, but for that member."""
    edited = edit_members(json.dumps(found, indent=indent).encode(), {name: json.dumps(value).encode()})
    assert edited is not None
    assert json.loads(edited) == json.loads(json.dumps(found | {name: value}))


def test_a_body_made_of_marks_costs_one_pass() -> None:
    """The marks are numbered: a body that holds them all must not hold up the traffic of everybody else."""
    marks = b"".join([b"<b%d><s%d>" % (number, number) for number in range(200_000)])
    body = b'{"b":"\\ud83d' + marks + b'"}'
    assert edit_members(body, {"a": b"1"}) == body[:-1] + b',"a":1}'
