"""The responses format: a stream, joined, is the whole response."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from moonpalace.mock.answer import Choice, ToolCall
from moonpalace.mock.completion import Completion, Finished
from moonpalace.mock.render.responses import render
from moonpalace.mock.reply import EVENTS
from moonpalace.testing.chats import chat
from moonpalace.testing.completions import completions, events
from moonpalace.wire.completion import merged
from moonpalace.wire.lenient import decode

END = ("response.completed", "response.incomplete")
TEXTS = {"summary_text": "response.reasoning_summary_text", "output_text": "response.output_text"}


def joined(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items put together from deltas alone, without a look at what the last events repeat."""
    items: list[dict[str, Any]] = []
    for event in found:
        kind = event["type"]
        if kind == "response.output_item.added":
            assert event["output_index"] == len(items)
            items.append(dict(event["item"]))
        elif kind.endswith("_part.added"):
            item = items[event["output_index"]]
            place = "summary" if "summary_index" in event else "content"
            assert event[f"{place}_index"] == len(item[place]) and event["item_id"] == item["id"]
            item[place] = [*item[place], dict(event["part"])]
        elif kind == "response.function_call_arguments.delta":
            items[event["output_index"]]["arguments"] += event["delta"]
        elif kind.endswith(".delta"):
            item = items[event["output_index"]]
            part = item["summary" if "summary_index" in event else "content"][-1]
            assert kind == f"{TEXTS[part['type']]}.delta"
            part["text"] += event["delta"]
        elif kind.endswith("text.done"):
            item = items[event["output_index"]]
            assert item["summary" if "summary_index" in event else "content"][-1]["text"] == event["text"]
        elif kind == "response.function_call_arguments.done":
            item = items[event["output_index"]]
            assert (item["arguments"], item["name"]) == (event["arguments"], event["name"])
        elif kind == "response.output_item.done":
            if "status" in event["item"]:
                items[event["output_index"]]["status"] = event["item"]["status"]
            assert items[event["output_index"]] == event["item"]
    return items


@given(completions(most=1))
def test_a_stream_joined_is_the_whole_response(completion: Completion) -> None:
    """By deltas, by the last event, and by our merge."""
    whole = decode(render(completion, chat(), "1", 7).body)
    streamed = render(completion, chat(stream=True), "1", 7)
    assert streamed.streamed and streamed.content_type == EVENTS
    found = events(streamed)
    assert joined(found) == whole["output"]
    assert found[-1]["response"] == whole and found[-1]["type"] in END
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert decode(merged("text/event-stream", streamed.body) or b"") == whole


@given(completions(most=1))
def test_it_opens_without_an_answer(completion: Completion) -> None:
    """In progress: no items, no usage, nothing incomplete yet."""
    found = events(render(completion, chat(stream=True), "1", 7))
    assert [event["type"] for event in found[:2]] == ["response.created", "response.in_progress"]
    for event in found[:2]:
        opening = event["response"]
        assert (opening["status"], opening["output"], opening["usage"]) == ("in_progress", [], None)
        assert opening["incomplete_details"] is None


def test_a_whole_response_byte_by_byte() -> None:
    """Items in their order; what the cache had is told apart."""
    choice = Choice("你好", "hm", (ToolCall("f", '{"a":1}', "f:0"),))
    completion = Completion((Finished(choice, "tool_calls", 9, 2),), 10, 4)
    assert (
        render(completion, chat(tool_choice="function:f"), "1f", 7).body
        == (
            '{"id":"resp_1f","object":"response","created_at":7,"status":"completed","error":null,'
            '"incomplete_details":null,"model":"kimi-k3","output":[{"id":"rs_1f","type":"reasoning","summary":'
            '[{"type":"summary_text","text":"hm"}]},{"id":"msg_1f","type":"message","role":"assistant",'
            '"status":"completed","content":[{"type":"output_text","text":"你好","annotations":[]}]},{"id":"fc_1f0",'
            '"type":"function_call","status":"completed","call_id":"f:0","name":"f","arguments":"{\\"a\\":1}"}],'
            '"parallel_tool_calls":true,"tool_choice":"function","tools":[],"metadata":{},"usage":{"input_tokens":10,'
            '"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":0},"output_tokens":9,'
            '"output_tokens_details":{"reasoning_tokens":2},"total_tokens":19}}'
        ).encode()
    )


def test_the_events_of_each_item() -> None:
    """In the order of OpenAI's reference; gaps go with the pieces of text."""
    choice = Choice("ab", "hm", (ToolCall("f", "{}", "f:0"),), None, ("a", "b"), (0.5,))
    reply = render(Completion((Finished(choice, "stop", 9),), 10, 0), chat(stream=True), "1", 7)
    names = [event["type"].removeprefix("response.") for event in events(reply)]
    assert names == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    deltas = [chunk for chunk, name in zip(reply.chunks, names, strict=True) if name == "output_text.delta"]
    assert [chunk.gap_s for chunk in deltas] == [0.5, None]
    assert sum(chunk.tokens for chunk in reply.chunks) == 5


def test_what_the_limit_cut_off_is_incomplete() -> None:
    """The response and its items, and the event that ends it."""
    completion = Completion((Finished(Choice("a"), "length", 9),), 10, 0)
    whole = decode(render(completion, chat(), "1", 7).body)
    assert (whole["status"], whole["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert whole["output"][0]["status"] == "incomplete"
    assert events(render(completion, chat(stream=True), "1", 7))[-1]["type"] == "response.incomplete"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), ["message"]),
        (Choice("a"), ["message"]),
        (Choice("", "a"), ["reasoning"]),
        (Choice("", "", (ToolCall("f", "{}", "x"),) * 2), ["function_call"] * 2),
        (Choice("a", "b", (ToolCall("f", "{}", "x"),)), ["reasoning", "message", "function_call"]),
    ],
)
def test_only_what_was_said_is_an_item(choice: Choice, expected: list[str]) -> None:
    """Nothing at all is an empty message; each item has an id of its own."""
    items = decode(render(Completion((Finished(choice, "stop", 1),), 1, 0), chat(), "1", 7).body)["output"]
    assert [item["type"] for item in items] == expected
    assert len({item["id"] for item in items}) == len(items)
