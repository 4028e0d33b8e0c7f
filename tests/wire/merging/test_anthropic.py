"""Anthropic Messages: what the common cases leave out."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.wire.merge import merge

Json = dict[str, Any]
START: Json = {
    "type": "message_start",
    "message": {
        "id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
        "usage": {"input_tokens": 9, "output_tokens": 0},
    },
}  # fmt: skip
STOP: Json = {"type": "message_stop"}


def block(index: Any, **fields: Any) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": fields}


def delta(index: Any, kind: str, **fields: Any) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def text(index: Any, piece: Any) -> Json:
    return delta(index, "text_delta", text=piece)


def tool(*pieces: Any) -> list[Json]:
    """A tool's block, whose input comes in these pieces."""
    deltas = [delta(0, "input_json_delta", partial_json=piece) for piece in pieces]
    return [block(0, type="tool_use", id="t", name="f", input={}), *deltas]


def called(value: Any) -> list[Json]:
    return [{"type": "tool_use", "id": "t", "name": "f", "input": value}]


TEXT, HI = block(0, type="text", text=""), [{"type": "text", "text": "Hi"}]
# name: (events after the start, the blocks of the message, notes)
BLOCKS: dict[str, tuple[list[Any], Any, tuple[str, ...]]] = {
    "none": ([STOP], [], ()),
    "in turns": (
        [block(1, type="text", text=""), TEXT, text(1, "b"), text(0, "H"), text(1, "B"), text(0, "i")],
        [*HI, {"type": "text", "text": "bB"}], (),
    ),
    "a text that has begun at the start": ([block(0, type="text", text="H"), text(0, "i")], HI, ()),
    "empty and null pieces": ([TEXT, text(0, ""), text(0, "Hi"), text(0, None), delta(0, "text_delta")], HI, ()),
    "a piece of another type": ([TEXT, text(0, "Hi"), text(0, 5)], HI, ("not_a_text",)),
    "a delta before its start": ([text(0, "Hi"), TEXT], HI, ()),
    "a second start": ([TEXT, text(0, "Hi"), block(0, type="text", text="")], HI, ("block_started_again",)),
    "a start that is none": ([TEXT, text(0, "Hi"), {"type": "content_block_start", "index": 1}], [*HI, {}],
                             ("block_not_an_object",)),
    "no index": ([TEXT, text(0, "Hi"), text(None, "x"), text(-1, "x"), text(True, "x")], HI, ("block_index",)),
    "stops twice": ([TEXT, text(0, "Hi"), *[{"type": "content_block_stop", "index": 0}] * 2], HI, ()),
    "a delta that is none": ([TEXT, text(0, "Hi"), {**text(0, ""), "delta": "x"}], HI, ("delta_not_an_object",)),
    "a delta of a new type": ([TEXT, text(0, "Hi"), delta(0, "new_delta", x=1)], HI, ("delta_type",)),
    "unknown fields of a block": ([block(0, type="text", text="", new=[1]), text(0, "Hi")],
                                  [{**HI[0], "new": [1]}], ()),
    "citations": (
        [block(0, type="text", text="", citations=None), text(0, "Hi"), delta(0, "citations_delta", citation={"n": 1}),
         delta(0, "citations_delta", citation={"n": 2})],
        [{**HI[0], "citations": [{"n": 1}, {"n": 2}]}], (),
    ),
    "citations that had begun": (
        [block(0, type="text", text="Hi", citations=[{"n": 0}]), delta(0, "citations_delta", citation={"n": 1})],
        [{**HI[0], "citations": [{"n": 0}, {"n": 1}]}], (),
    ),
    "thinking and its signature": (
        [block(0, type="thinking", thinking="", signature=""), delta(0, "thinking_delta", thinking="a"),
         delta(0, "thinking_delta", thinking="b"), delta(0, "signature_delta", signature="s")],
        [{"type": "thinking", "thinking": "ab", "signature": "s"}], (),
    ),
    "a thought that is kept back": ([block(0, type="redacted_thinking", data="x")],
                                    [{"type": "redacted_thinking", "data": "x"}], ()),
    "a tool without input": (tool(), called({}), ()),
    "a tool with empty pieces": (tool("", " ", None), called({}), ()),
    "a tool's input": (tool("", '{"a"', ": [1", "]}"), called({"a": [1]}), ()),
    "a tool's input that is no object": (tool("[1]"), called([1]), ()),
    "a tool's input that was cut": (tool('{"a"'), called('{"a"'), ("tool_input_not_json",)),
    "a tool's input, strangely written": (tool('{"a": NaN, "a": 2}'), called({"a": 2}), ("tool_input_not_strict",)),
    "a tool's input with a lone surrogate": (tool('{"a":"', "\ud800", '"}'), called({"a": "\ud800"}),
                                             ("tool_input_not_strict",)),
    "a tool's input of another type": (tool('{"a":1}', {"b": 2}), called({"a": 1}), ("not_a_text",)),
    "a field of the name of the pieces": ([block(0, type="text", text="Hi", partial_json="x")],
                                          [{**HI[0], "partial_json": "x"}], ()),
    "an unknown event": ([TEXT, text(0, "Hi"), {"type": "news"}, {"type": 5}, {}], HI, ("event_type",)),
}  # fmt: skip


@pytest.mark.parametrize(("events", "expected", "notes"), BLOCKS.values(), ids=BLOCKS)
def test_blocks(events: list[Any], expected: Any, notes: tuple[str, ...]) -> None:
    """By index, whole, and nothing else in the message."""
    merged = merge([START, *events])
    assert ({**START["message"], "content": expected}, notes) == (merged.value, merged.notes)


def test_the_end_tells_the_rest_of_the_message() -> None:
    """The event's own fields are the message's; a null takes nothing back; details of usage are kept."""
    end = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": "。", "container": None},
        "usage": {"output_tokens": 5, "input_tokens": None, "output_tokens_details": {"thinking_tokens": 2}},
        "context_management": {"applied_edits": []},
    }
    merged = merge([START, end, {**end, "delta": None, "usage": None}, {**end, "delta": "x", "usage": "y"}, STOP])
    assert merged.notes == ("delta_not_an_object",)
    assert merged.value == {
        **START["message"],
        "stop_reason": "end_turn",
        "stop_sequence": "。",
        "container": None,
        "usage": {"input_tokens": 9, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 2}},
        "context_management": {"applied_edits": []},
    }
    assert START["message"]["usage"] == {"input_tokens": 9, "output_tokens": 0}


@pytest.mark.parametrize("error", [{"type": "overloaded_error"}, "boom"], ids=repr)
@pytest.mark.parametrize("more", [{"type": "error"}, {}], ids=repr)
def test_an_error_is_kept_in_either_shape(error: Any, more: Json) -> None:
    """This vendor tells some errors of this API in the shape of the other."""
    merged = merge([START, {**more, "error": error}, {"type": "error", "error": "another"}])
    assert ({**START["message"], "error": error}, ()) == (merged.value, merged.notes)


@pytest.mark.parametrize("start", [None, [], "x"], ids=repr)
def test_a_start_that_is_none_is_remarked_on(start: Any) -> None:
    """What follows is shown all the same."""
    merged = merge([{"type": "message_start", "message": start}, TEXT, text(0, "Hi")])
    assert merged.value == {"type": "message", "role": "assistant", "content": HI}
    assert merged.notes == ("message_not_an_object", "no_message_start")


def test_usage_that_was_null_at_the_start_is_that_of_the_end() -> None:
    """Null is no object to add to."""
    start = {"type": "message_start", "message": {"id": "m1", "usage": None}}
    merged = merge([start, {"type": "message_delta", "usage": {"output_tokens": 1}}])
    assert merged.value == {"type": "message", "id": "m1", "usage": {"output_tokens": 1}}
