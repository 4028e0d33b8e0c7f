"""The Anthropic messages format: a stream, joined, is the whole message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from moonpalace.kimi.errors import FORMS, violate
from moonpalace.mock.answer import Choice, ToolCall
from moonpalace.mock.completion import Completion, Finished
from moonpalace.mock.render.messages import error, render, signature
from moonpalace.mock.reply import EVENTS
from moonpalace.testing.chats import chat
from moonpalace.testing.completions import completions, events
from moonpalace.wire.completion import merged
from moonpalace.wire.lenient import decode, read_json


def value_of(text: str) -> Any:
    """What a client makes of the arguments of a call; nothing of broken ones."""
    value, is_json = read_json(text.encode() or b"{}")
    return value if is_json else {}


def joined(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The events put together as a client does."""
    message: dict[str, Any] = {}
    texts: list[str] = []
    for event in found:
        kind, index = event["type"], event.get("index", 0)
        if kind == "message_start":
            message = event["message"]
        elif kind == "content_block_start":
            assert index == len(message["content"])
            message["content"].append(dict(event["content_block"]))
            texts.append("")
        elif kind == "content_block_delta":
            assert index == len(texts) - 1
            delta = event["delta"]
            block = message["content"][index]
            if delta["type"] == "input_json_delta":
                texts[index] += delta["partial_json"]
            else:
                name = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}[
                    delta["type"]
                ]
                block[name] += delta[name]
        elif kind == "content_block_stop":
            block = message["content"][index]
            if block["type"] == "tool_use":
                block["input"] = value_of(texts[index])
        elif kind == "message_delta":
            message |= event["delta"]
            message["usage"] |= event["usage"]
    return message


@given(completions(most=1))
def test_a_stream_joined_is_the_whole_message(completion: Completion) -> None:
    """By a client's own loop; calls with the same id are still two."""
    whole = decode(render(completion, chat(), "1").body)
    streamed = render(completion, chat(stream=True), "1")
    assert streamed.streamed and streamed.content_type == EVENTS
    found = events(streamed)
    assert joined(found) == whole
    assert [found[0]["type"], found[-2]["type"], found[-1]["type"]] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]


@given(completions(most=1))
def test_our_merge_joins_it_to_the_same(completion: Completion) -> None:
    """But for arguments that are no JSON: it reads them as far as it can, where a whole message has an empty object."""
    whole = decode(render(completion, chat(), "1").body)
    again, _ = read_json(merged("text/event-stream", render(completion, chat(stream=True), "1").body) or b"")
    calls = completion.choices[0].choice.tool_calls
    blocks = again["content"][len(again["content"]) - len(calls) :]
    for call, block in zip(calls, blocks, strict=True):
        if value_of(call.arguments) == {}:
            block["input"] = {}
    assert again == whole


def test_a_whole_message_byte_by_byte() -> None:
    """Blocks in their order."""
    choice = Choice("你好", "hm", (ToolCall("f", '{"a":1}', "f:0"),))
    completion = Completion((Finished(choice, "tool_calls", 9, 2),), 10, 4)
    assert (
        render(completion, chat(), "1f").body
        == (
            '{"id":"msg_1f","type":"message","role":"assistant","model":"kimi-k3","content":[{"type":"thinking",'
            f'"thinking":"hm","signature":"{signature("hm")}"}},{{"type":"text","text":"你好"}},{{"type":"tool_use",'
            '"id":"f:0","name":"f","input":{"a":1}}],"stop_reason":"tool_use","stop_sequence":null,"usage":'
            '{"input_tokens":6,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":9,'
            '"output_tokens_details":{"thinking_tokens":2}}}'
        ).encode()
    )


def test_a_stream_byte_by_byte() -> None:
    """Each event under the name of its type."""
    completion = Completion((Finished(Choice("你", pieces=("你",), gaps=(0.5,)), "stop", 2, 0, "。"),), 10, 0)
    reply = render(completion, chat(stream=True), "1f")
    usage = '{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":%d}'
    assert reply.body.decode() == "".join(
        [
            'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1f","type":"message",'
            '"role":"assistant","model":"kimi-k3","content":[],"stop_reason":null,"stop_sequence":null,"usage":'
            f"{usage % 0}}}}}\n\n",
            'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
            '{"type":"text","text":""}}\n\n',
            'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
            '{"type":"text_delta","text":"你"}}\n\n',
            'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
            'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
            f'"stop_sequence":"。"}},"usage":{usage % 2}}}\n\n',
            'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        ]
    )
    assert [(chunk.tokens, chunk.gap_s) for chunk in reply.chunks] == [
        (0, None), (0, None), (1, 0.5), (0, None), (1, None), (0, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), ["text"]),
        (Choice("a"), ["text"]),
        (Choice("", "a"), ["thinking"]),
        (Choice("", "", (ToolCall("f", "{}", "x"),)), ["tool_use"]),
        (
            Choice("a", "b", (ToolCall("f", "{}", "x"), ToolCall("f", "{}", "x"))),
            ["thinking", "text", *["tool_use"] * 2],
        ),
    ],
)
def test_only_what_was_said_has_a_block(choice: Choice, expected: list[str]) -> None:
    """Nothing at all is an empty text."""
    message = decode(render(Completion((Finished(choice, "stop", 1),), 1, 0), chat(), "1").body)
    assert [block["type"] for block in message["content"]] == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("tool_calls", "tool_use"), ("content_filter", "refusal"),
     ("pause_turn", "pause_turn")],
)  # fmt: skip
def test_reasons_have_their_own_names(reason: str, expected: str) -> None:
    """What has none stays."""
    completion = Completion((Finished(Choice("a"), reason, 1),), 1, 0)
    for reply in (render(completion, chat(), "1"), render(completion, chat(stream=True), "1")):
        found = decode(reply.body) if not reply.streamed else joined(events(reply))
        assert found["stop_reason"] == expected


@pytest.mark.parametrize("arguments", ["", "{", '{"a":1', "nonsense"])
def test_broken_arguments_are_an_empty_input(arguments: str) -> None:
    """A whole message cannot hold them."""
    choice = Choice(tool_calls=(ToolCall("f", arguments, "x"),))
    message = decode(render(Completion((Finished(choice, "stop", 1),), 1, 0), chat(), "1").body)
    assert message["content"][0]["input"] == {}


@pytest.mark.parametrize(
    "name", [form.name for form in FORMS.values() if form.surface == "platform" and "{" not in form.message]
)
def test_errors_have_the_shape_of_their_status(name: str) -> None:
    """Anthropic's, but for 401 and 429."""
    violation = violate(name)
    found = error(violation, "r-1")
    if violation.status in (401, 429):
        assert found == violation.body()
    else:
        assert found == {
            "type": "error", "request_id": "r-1",
            "error": {"type": violation.form.type, "message": violation.message},
        }  # fmt: skip


def test_the_signature_of_a_thought_is_its_own() -> None:
    """A client that hands back another one is found out."""
    assert signature("a") == signature("a") != signature("b")


def test_one_choice_is_all_there_is() -> None:
    """The format has no place for more."""
    first = Finished(Choice("a"), "stop", 1)
    one = Completion((first,), 1, 0)
    two = Completion((first, replace(first, choice=Choice("b"), tokens=0)), 1, 0)
    assert render(two, chat(), "1").body == render(one, chat(), "1").body
