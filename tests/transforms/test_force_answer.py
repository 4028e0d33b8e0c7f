"""A merged stream as an answer: head and body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moonpalace.transforms.base import Head
from moonpalace.transforms.force_answer import body_of, head_of
from moonpalace.wire.http1 import parse_response_head
from moonpalace.wire.merge import Merged, merge

Json = dict[str, Any]
STOP = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
START = {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": []}}


def chunk(delta: Any = None, index: Any = 0, **more: Any) -> Json:
    return {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": index, "delta": delta}], **more}


def test_the_body_is_compact_json_in_utf_8() -> None:
    """Shorter than what the API sends, and what every reader takes."""
    body, trouble = body_of(merge([chunk({"content": "你\n"}), STOP]))
    choice = '{"index":0,"message":{"content":"你\\n"},"finish_reason":"stop"}'
    expected = '{"id":"c","object":"chat.completion","choices":[' + choice + "]}"
    assert (expected, "") == (body.decode(), trouble)


def test_a_character_in_two_halves_is_joined() -> None:
    """A stream may cut between two surrogates; together they are a character, alone one stays an escape."""
    body, _ = body_of(merge([*(chunk({"content": text}) for text in ("\ud83d", "\ude00", "\ud83d")), STOP]))
    assert json.loads(body)["choices"][0]["message"]["content"] == "😀\ud83d"
    assert body.isascii()


def test_tool_calls_are_numbered() -> None:
    """As this vendor has them, unstreamed too."""
    call = {"id": "f:0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body, _ = body_of(merge([chunk({"tool_calls": [{"index": place, **call} for place in (5, 2)]}), STOP]))
    assert [{"index": 0, **call}, {"index": 1, **call}] == json.loads(body)["choices"][0]["message"]["tool_calls"]


@pytest.mark.parametrize(("pieces", "expected"), [(['{"a":', "1}"], {"a": 1}), (['{"a": "b'], {}), ([], {"c": 1})])
def test_a_tools_input_is_an_object(pieces: list[str], expected: Json) -> None:
    """Clients look into it by key; what is left of one that was cut off is on record."""
    start = {"type": "content_block_start", "index": 0}
    start["content_block"] = {"type": "tool_use", "id": "t", "name": "f", "input": {"c": 1}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": piece}}
        for piece in pieces
    ]
    body, _ = body_of(merge([START, start, *deltas]))
    assert expected == json.loads(body)["content"][0]["input"]


@pytest.mark.parametrize(
    "merged",
    [
        Merged(None),
        Merged({"error": "x"}),
        Merged({"object": "chat.completion", "choices": []}),
        merge([]),
        merge([{}]),
    ],
    ids=["nothing", "an error", "no choice", "no event", "events of no kind"],
)
def test_what_is_no_answer_is_given_as_none(merged: Merged) -> None:
    """An empty 200 would look like one."""
    assert body_of(merged) == (b"", "the stream holds no answer")


@pytest.mark.parametrize(
    ("event", "note"),
    [
        (chunk({"content": "a"}, index=-1), "choice_index"),
        (chunk({"content": "a"}, index=1 << 40), "choice_index"),
        (chunk("a"), "delta_not_an_object"),
        (chunk({"content": 1}), "not_a_text"),
        (chunk({"tool_calls": [{"index": -1, "function": {"arguments": "a"}}]}), "tool_call_index"),
        (chunk({"tool_calls": ["a"]}), "tool_call_not_an_object"),
        (chunk({"tool_calls": {"index": 0}}), "tool_calls_not_a_list"),
        (chunk({"tool_calls": [{"index": 0, "function": "a"}]}), "function_not_an_object"),
        ({"id": "c", "choices": ["a"]}, "choice_not_an_object"),
        ({"id": "c", "choices": {"0": "a"}}, "choices_not_a_list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_that_lacks_something_is_none(event: Json, note: str) -> None:
    """Nobody could tell that it does; an error says it."""
    expected = f"the stream holds what has no place in one answer ({note})"
    assert (b"", expected) == body_of(merge([chunk({"content": "b"}), event]))


def test_two_calls_at_one_index_are_no_answer() -> None:
    """Some servers give every call the index 0: joined, they would be one call with the arguments of both."""
    calls = [{"index": 0, "id": name, "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    expected = "the stream holds what has no place in one answer (tool_calls_mixed)"
    assert (b"", expected) == body_of(merge([chunk({"tool_calls": [call]}) for call in calls]))


@pytest.mark.parametrize(
    ("event", "note"),
    [
        ({"type": "content_block_delta", "index": -1, "delta": {"type": "text_delta", "text": "a"}}, "block_index"),
        ({"type": "content_block_delta", "index": 0, "delta": {"type": "new_delta", "new": "a"}}, "delta_type"),
        ({"type": "content_block_delta", "index": 0, "delta": "a"}, "delta_not_an_object"),
        ({"type": "content_block_start", "index": 0, "content_block": "a"}, "block_not_an_object"),
        ({"type": "message_start", "message": "a"}, "message_not_an_object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_message_that_lacks_something_is_none(event: Json, note: str) -> None:
    """The same."""
    assert (b"", f"the stream holds what has no place in one answer ({note})") == body_of(merge([START, event]))


def test_a_message_without_its_start_is_none() -> None:
    """It has no id and no model."""
    events = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}]
    assert "(no_message_start)" in body_of(merge(events))[1]


def test_what_is_odd_and_complete_is_an_answer() -> None:
    """An id that changes, an event of a new type, members that nobody knows."""
    events = [
        chunk({"content": "a", "new": "1"}),
        {**chunk({"content": "b", "new": "2"}), "id": "d", "newer": []},
        STOP,
    ]
    merged = merge(events)
    assert merged.notes
    body, trouble = body_of(merged)
    assert (json.loads(body)["choices"][0]["message"]["content"], trouble) == ("ab", "")
    assert body_of(merge([START, {"type": "new_event"}]))[1] == ""


def test_what_nests_too_deep_is_none() -> None:
    """It cannot be written."""
    value: Any = []
    for _ in range(5000):
        value = [value]
    assert body_of(merge([chunk({"content": "a", "x": value}), STOP])) == (
        b"",
        "the answer nests too deep to be written",
    )


def test_the_head_speaks_of_the_new_body() -> None:
    """What was true of the stream's bytes goes; what identifies the answer, or says when to come back, stays."""
    told = parse_response_head(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nETag: x\r\nMsh-Request-Id: r\r\n"
    )
    made = head_of(Head(told, streams=True, drop=frozenset((b"a",)), add=(b"B: c",)), 7)
    assert (made.told, made.status, made.length, made.streams) == (told, 200, 7, False)
    assert made.add == (b"B: c", b"Content-Type: application/json; charset=utf-8")
    assert {b"a", b"content-type", b"content-length", b"content-encoding", b"etag", b"trailer"} <= made.drop
    assert not {b"msh-request-id", b"retry-after", b"cache-control", b"server-timing", b"set-cookie"} & made.drop
    assert head_of(Head(told), 7, 529).status == 529
