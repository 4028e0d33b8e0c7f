"""An exchange as a case."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from moonpalace.core.exchange import Body, Message
from moonpalace.core.finding import Finding
from moonpalace.service.export import case, indented
from moonpalace.testing.exchanges import body, chat, headers, refused

STREAM = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"he"}}]}\n\n' \
         b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"y"},"finish_reason":"stop"}]}\n\n' \
         b'data: [DONE]\n\n'  # fmt: skip


def told(data: bytes, *lines: tuple[str, str]) -> Message:
    """An answer of the API."""
    return Message("HTTP/1.1 200 OK", headers(*lines), body(data))


def members(made: bytes) -> dict[str, Any]:
    """The case read back."""
    found: dict[str, Any] = json.loads(made)
    return found


def test_the_case_has_the_shape_of_the_guide() -> None:
    """Reports are read by programs that were made for it."""
    sent = Message(
        "", headers(("Accept", "a"), ("Authorization", "Bearer [key:0123abcd]"), ("X", "月")), None, same_as="asked"
    )
    made = case(chat(13, sent=sent, query="a=1"))
    found = members(made)
    assert list(found) == ["metadata", "request", "response"]
    assert found["metadata"]["moonpalace_id"] == "13"
    assert all(type(value) is str for value in found["metadata"].values())
    assert list(found["metadata"]) == sorted(found["metadata"])
    assert found["request"] == {
        "url": "https://api.moonshot.cn/v1/chat/completions?a=1",
        "header": "Accept: a\r\nX: 月\r\n",
        "body": {"model": "kimi-k2", "messages": [{"role": "user", "content": "你好"}]},
    }
    assert list(found["response"]) == ["status", "header", "body"]
    assert found["response"]["status"] == "200 OK"
    assert found["response"]["header"] == "Content-Type: application/json\r\nMsh-Request-Id: req-13\r\n"
    assert made.endswith(b"\n}\n") and b'\n    "request": {\n        "url": "' in made


def test_error_category_and_tags_are_there_when_they_are_set() -> None:
    """After the rest; stored ones count, flags are added."""
    found = members(case(refused(1, category="badcase", tags=("a",)), tags=("b, c", "a")))
    assert list(found) == ["metadata", "request", "response", "error", "category", "tags"]
    assert found["error"] == "connect: refused: 127.0.0.1:1 refused the connection"
    assert (found["category"], found["tags"]) == ("badcase", ["a", "b, c"])
    assert members(case(chat(1, category="badcase"), category="goodcase"))["category"] == "goodcase"
    assert members(case(chat(1, path="/v1/models"), tags=("x",)))["tags"] == ["x"]


def test_findings_and_flags_go_with_the_case() -> None:
    """Whoever gets the report has nothing else to find them in. The flags are metadata; the old members come first."""
    finding = Finding("truncated", "warning", "too small: “a”", "choices.0.finish_reason", "raise it")
    made = case(chat(1, findings=(finding,), flags=("a", "b"), tags=("x",)))
    found = members(made)
    assert list(found) == ["metadata", "request", "response", "tags", "findings"]
    assert found["findings"] == [
        {
            "rule": "truncated",
            "severity": "warning",
            "title": "too small: “a”",
            "evidence": "choices.0.finish_reason",
            "advice": "raise it",
        }
    ]
    assert found["metadata"]["flags"] == "a,b"
    assert made.decode().splitlines()[-9].startswith("        {")


def test_what_never_was_sent_or_told_is_shown_as_what_there_is() -> None:
    """The proxy's own answer, whole: its status fits its body."""
    found = members(case(refused(1)))
    assert found["request"]["header"].startswith("Host: 127.0.0.1:9988\r\n")
    assert found["response"]["status"] == "502 Bad Gateway"
    assert found["response"]["body"]["error"]["type"] == "connect"
    nothing = members(case(refused(1, delivered=None)))
    assert nothing["response"] == {"status": "", "header": "", "body": ""}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            b'{"n":1.0,"big":12345678901234567890,"far":1e400,"n":2}',
            '"n": 1.0,|"big": 12345678901234567890,|"far": 1e400,|"n": 2',
        ),
        (b'"text"', '"body": "text"'),
        (b"12.50", '"body": 12.50'),
        (b"null", '"body": null'),
        (b"", '"body": ""'),
        (b'{"a":"\\ud800","b":"\\\\ud800 \\u6708"}', '"a": "\\ud800",|"b": "\\\\ud800 \\u6708"'),
        (b'{"a":"<&>"}', '"a": "<&>"'),
        (b"plain \x00 text\n", '"body": "plain \\u0000 text\\n"'),
        (b"[1,]", '"body": "[1,]"'),
        (b'{"a":NaN}', '"body": "{\\"a\\":NaN}"'),
        (b"[\\ud800]", '"body": "[\\\\ud800]"'),
        (b'{"a":"\xff"}', '"base64": "eyJhIjoi/yJ9"'),
        (b"\xff", '"base64": "/w=="'),
    ],
)
def test_a_body_stands_in_it_digit_for_digit(data: bytes, expected: str) -> None:
    """A parser in between would change numbers, drop repeated names and stumble over halves of surrogates."""
    text = case(chat(1, told=told(data))).decode()
    for part in expected.split("|"):
        assert part in text
    json.loads(text)


def test_content_is_decoded_and_streams_are_merged_when_asked() -> None:
    """`export` shows the events as they came; `list --export` one object for each exchange."""
    packed = told(gzip.compress(STREAM, mtime=0), ("Content-Encoding", "gzip"), ("Content-Type", "text/event-stream"))
    exchange = chat(1, told=packed)
    assert members(case(exchange))["response"]["body"] == STREAM.decode()
    assert members(case(exchange, merge=True))["response"]["body"]["choices"][0]["message"]["content"] == "hey"


def test_html_is_escaped_only_when_asked() -> None:
    """The earlier program always did."""
    exchange = chat(1, told=told(b'{"<a>":"&"}'), tags=("<b>",))
    assert b'"<a>": "&"' in case(exchange)
    escaped = case(exchange, escape_html=True)
    assert not set(b"<>&") & set(escaped)
    assert members(escaped) == members(case(exchange))


def test_no_secret_leaves() -> None:
    """Records of the earlier program have other keys in clear."""
    lines = (("authorization", "Bearer sk-a"), ("X-Api-Key", "sk-b"), ("Cookie", "s=[key:0123abcd]"), ("X", "y"))
    answer = told(b"", ("Set-Cookie", "s=sk-c"), ("Authorization", "sk-d"))
    made = case(chat(1, sent=Message("", headers(*lines), body(b"")), told=answer))
    assert b"sk-" not in made
    assert members(made)["request"]["header"] == "X-Api-Key: [redacted]\r\nCookie: s=[key:0123abcd]\r\nX: y\r\n"


def test_a_deep_body_does_not_blow_up() -> None:
    """Indented, half of it would be blanks a hundred times over; deeper still it is text."""
    deep = b"[" * 500 + b"1," * 999 + b"1" + b"]" * 500
    made = case(chat(1, told=told(deep)))
    assert len(made) < 2 * len(deep) + 3000
    assert indented(b"[" * 90 + b"]" * 90) is not None
    assert members(case(chat(1, told=told(b"[" * 100_000))))["response"]["body"] == "[" * 100_000


def test_tags_of_any_bytes_are_json() -> None:
    """An argument that is not UTF-8 has lone surrogates in it."""
    assert members(case(chat(1), tags=("\udcff",)))["tags"] == ["\udcff"]


def test_a_partly_kept_body_is_text() -> None:
    """Half an object is none."""
    cut = Message("", headers(), Body(b'{"a":', 1000))
    assert members(case(chat(1, told=cut)))["response"]["body"] == '{"a":'
