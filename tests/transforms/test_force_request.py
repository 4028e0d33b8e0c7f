"""A request made into one for a stream, whatever it looks like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.transforms.force_request import FORCED, STREAMS, UNFIT, choices_asked, force

USAGE = b'"stream_options":{"include_usage":true}'
KEYS = st.sampled_from(["stream", "stream_options", "messages", "a b", "你", '"', "\\", "\ud83d", "\x00"]) | st.text()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", b'{"stream":true,' + USAGE + b"}"),
        (b" \r\n{\t}\n", b'{"stream":true,' + USAGE + b"}"),
        (b'{"stream":null}', b'{"stream":true,' + USAGE + b"}"),
        (b'{"stream":false}', b'{"stream":true,' + USAGE + b"}"),
        (b'{"model":"m"}', b'{"model":"m","stream":true,' + USAGE + b"}"),
        (b'{ "a" : [1 ,2 ] ,\n"stream" : false , "b":\t{ } }', b'{"a":[1 ,2 ],"stream":true,"b":{ },' + USAGE + b"}"),
        (b'{"stream_options":null}', b"{" + USAGE + b',"stream":true}'),
        (b'{"stream_options":{}}', b"{" + USAGE + b',"stream":true}'),
        (b'{"stream_options":{"include_usage":false}}', b"{" + USAGE + b',"stream":true}'),
        (b'{"stream_options":{"include_usage":null, "x": [1, 2]},"stream":false}',
         b'{"stream_options":{"include_usage":true,"x":[1, 2]},"stream":true}'),
        (b'{"messages":[{"stream":false,"stream_options":1}]}',
         b'{"messages":[{"stream":false,"stream_options":1}],"stream":true,' + USAGE + b"}"),
        (b'{"stream":true,"stream":false}', b'{"stream":true,' + USAGE + b"}"),
        (b'{"stream_options":1,"a":1,"stream_options":{"x":1}}',
         b'{"stream_options":{"x":1,"include_usage":true},"a":1,"stream":true}'),
        (b'{"\\u0073tream":false}', b'{"stream":true,' + USAGE + b"}"),
        (b'{"a":12345678901234567890123,"b":1e999,"c":1.10,"d":-0.0}',
         b'{"a":12345678901234567890123,"b":1e999,"c":1.10,"d":-0.0,"stream":true,' + USAGE + b"}"),
        (b'{"a":"\\u4f60\\/\\u0000"}', b'{"a":"\\u4f60\\/\\u0000","stream":true,' + USAGE + b"}"),
        (b'{"a":"\xff\xfe"}', b'{"a":"\xff\xfe","stream":true,' + USAGE + b"}"),
        (b'{"a":"\\ud83d <0>","\\uDE00":"\\\\ud83d"}',
         b'{"a":"\\ud83d <0>","\\uDE00":"\\\\ud83d","stream":true,' + USAGE + b"}"),
        (b'{"a":"\\ud83d\\ud83d\\ude00\\ude00","stream_options":{"\\ud800":1}}',
         b'{"a":"\\ud83d\\ud83d\\ude00\\ude00","stream_options":{"\\ud800":1,"include_usage":true},"stream":true}'),
    ],
    ids=[
        "empty", "blanks", "null", "false", "absent", "formatted", "options null", "options empty", "usage false",
        "options with more", "the same names further in", "twice", "options twice", "name with an escape", "numbers",
        "escapes", "not UTF-8", "lone surrogates", "lone beside pairs",
    ],
)  # fmt: skip
def test_a_request_without_stream_becomes_one_with(body: bytes, expected: bytes) -> None:
    """Valid JSON without a member twice, and nothing else changed: text insertion went wrong on half of these."""
    assert (FORCED, expected) == force(body, usage=True)


@pytest.mark.parametrize("body", [b"{}", b'{"stream":null}', b'{"stream":false}'])
def test_without_usage_only_stream_is_set(body: bytes) -> None:
    """Anthropic's streams always tell it, and know no such option."""
    assert force(body, usage=False) == (FORCED, b'{"stream":true}')


def test_without_usage_options_are_the_apis_affair() -> None:
    """Whatever their type."""
    assert force(b'{"stream_options":1}', usage=False) == (FORCED, b'{"stream_options":1,"stream":true}')


@pytest.mark.parametrize(
    "body", [b'{"stream":true}', b' {"a":1, "stream" : true}', b'{"stream":false,"stream":true,"stream_options":7}']
)
@pytest.mark.parametrize("usage", [True, False])
def test_who_asks_for_a_stream_is_left_alone(body: bytes, usage: bool) -> None:
    """Not even usage is asked for: it would be another event than the client knows."""
    assert (STREAMS, body) == force(body, usage=usage)


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"null", b"true", b"1", b'"x"', b"[1]", b"[]", b"{", b"{}{}", b'{"a":1,}', b"{'a':1}", b'{"a":NaN}',
        b'{"a":01}', b'{"a":"\n"}', b'{"a":"\\q"}', b"\xef\xbb\xbf{}", b'{"\xff":1}', '{"a":1}'.encode("utf-16"),
        b'{"a":"\\ud83d"', b'{"a":"\\ud83d\\q"}', b"\\ud83d", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"stream":1}', b'{"stream":0}', b'{"stream":"true"}', b'{"stream":"false"}', b'{"stream":[]}',
        b'{"stream":{}}', b'{"stream_options":[]}', b'{"stream_options":true}', b'{"stream_options":"x"}',
        b'{"stream_options":1,"stream":false}',
    ],
    ids=lambda body: repr(body[:24]),
)  # fmt: skip
def test_what_the_api_is_to_judge_stays_as_it_is(body: bytes) -> None:
    """Its error speaks of what the client sent, not of what we made of it."""
    assert (UNFIT, body) == force(body, usage=True)


@given(st.dictionaries(KEYS, VALUES, max_size=6), st.booleans(), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_any_object_keeps_its_meaning(value: dict[str, Any], ascii_only: bool, indent: Any, usage: bool) -> None:
    """As Python's own reader sees it, before and after."""
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "backslashreplace")
    result, forced = force(body, usage=usage)
    if value.get("stream") is True:
        assert (STREAMS, body) == (result, forced)
        return
    options = value.get("stream_options") if usage else None
    fits = value.get("stream") is None or value.get("stream") is False
    if not fits or not (options is None or isinstance(options, dict)):
        assert (UNFIT, body) == (result, forced)
        return
    expected = json.loads(body) | {"stream": True}
    if usage:
        expected["stream_options"] = (options or {}) | {"include_usage": True}
    assert result == FORCED
    assert expected == json.loads(forced)


def test_ten_megabytes_are_no_burden() -> None:
    """Agents send their whole history: it is copied, never taken apart. Deep history with lone surrogates too."""
    messages = [{"role": "user", "content": "你好 \n \\ud83d 😀 \ud83d" * 50}] * 10_000
    body = json.dumps({"messages": messages, "stream": False}).encode()
    assert len(body) > 10_000_000
    result, forced = force(body, usage=True)
    assert result == FORCED
    assert json.loads(body)["messages"] == json.loads(forced)["messages"]


def test_a_body_made_of_marks_costs_one_pass() -> None:
    """What stands for a backslash is numbered: a body that holds all of them must not hold up everybody else."""
    marks = b"".join([b"<%d>" % number for number in range(200_000)])
    body = b'{"messages":"\\ud83d' + marks + b'"}'
    assert force(body, usage=False) == (FORCED, body[:-1] + b',"stream":true}')


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", 1),
        (b'{"n":2}', 2),
        (b'{"n": 3, "messages": [{"n": 7}]}', 3),
        (b'{"n":2,"n":4}', 4),
        (b'{"n":2.0}', 2),
        (b'{"n":128,"a":"\\ud83d"}', 128),
        (b'{"n":null}', 1),
        (b'{"n":true}', 1),
        (b'{"n":0}', 1),
        (b'{"n":-1}', 1),
        (b'{"n":1.5}', 1),
        (b'{"n":"2"}', 1),
        (b'{"n":[2]}', 1),
        (b'{"messages":[{"n":7}]}', 1),
        (b'["n"]', 1),
        (b'"n"', 1),
        (b'{"n":2', 1),
    ],
)
def test_the_choices_that_are_asked_for_are_counted(body: bytes, expected: int) -> None:
    """What says nothing that can be understood asks for one, as the API has it."""
    assert choices_asked(body) == expected
