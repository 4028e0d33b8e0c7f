"""Requests and answers as a test looks at them, whatever an app sent."""

from __future__ import annotations

import json

import pytest

from moonpalace.mock.performance import KEEP, RESET, Performance, Step
from moonpalace.testing.seen import Request, Told

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"ab"}}]}\n\n'


def request(body: bytes, path: str = "/v1/chat/completions") -> Request:
    """One with that body."""
    return Request(1, 0.0, "POST", path, "", {}, body)


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b"{", b'"a"', b'{"messages":3}', b'{"messages":[1]}', b'{"tools":[1],"model":null}', b"\xff"],
)  # fmt: skip
def test_no_body_is_too_strange_to_look_at(body: bytes) -> None:
    """What an app sent wrongly is what its test wants to see."""
    seen = request(body)
    assert (seen.messages, seen.tools, seen.text, seen.tool_results, seen.model) == ([], [], "", {}, None)
    assert str(seen).startswith("1: POST")


def test_the_three_shapes_are_read_alike() -> None:
    """Texts and results of the chat, messages and responses APIs."""
    chat = request(b'{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},'
                   b'{"role":"tool","tool_call_id":"1","content":"b"}]}')  # fmt: skip
    messages = request(b'{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"1",'
                       b'"content":[{"type":"text","text":"b"}]}]}]}', "/anthropic/v1/messages")  # fmt: skip
    responses = request(b'{"input":[{"type":"function_call_output","call_id":"1","output":"b"}]}', "/v1/responses")
    assert chat.text == "a"
    assert [one.tool_results for one in (chat, messages, responses)] == [{"1": "b"}] * 3
    assert request(b'{"input":"a"}', "/v1/responses").text == "a"


def test_a_stream_that_was_cut_ends_where_it_was_cut() -> None:
    """What came before stays readable; the line says that it broke off."""
    sent = HEAD + b"%x\r\n%b\r\n" % (len(EVENT), EVENT) + b"ff\r\ndata: {"
    told = Told(Performance((Step(0.0, sent[:100]), Step(0.0, sent[100:])), RESET, 200))
    assert told.body == EVENT + b"data: {"
    assert told.json["choices"][0]["message"]["content"] == "ab"
    assert told.words == '200 "ab", broken off'


def test_an_answer_that_never_came() -> None:
    """A reset before the head has no words."""
    told = Told(Performance((), RESET, 200))
    assert (told.body, told.json, told.retry_after) == (b"", None, None)
    assert told.words == "200, never sent: the connection was broken off"


def test_retry_after_that_is_no_number() -> None:
    """A date is not what this API sends."""
    told = Told(Performance((Step(0.0, b"HTTP/1.1 429 X\r\nRetry-After: soon\r\n\r\n{}"),), KEEP, 429))
    assert told.retry_after is None


def test_a_request_in_a_line_shows_no_part_of_a_key() -> None:
    """The line stands under a failed test, in logs that many may read."""
    key = "sk-" + "A1b2C3d4" * 5
    body = json.dumps({"model": key, "messages": [{"role": "user", "content": f"my {key}"}]}).encode()
    shown = str(Request(1, 0.0, "POST", f"/v1/files/{key}", "", {}, body))
    assert "A1b2" not in shown
    assert shown == '1: POST /v1/files/sk-… sk-… "my sk-…" → no answer yet'
