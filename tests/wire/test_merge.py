"""Merging streams: what the answer would have been, had it not been streamed."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.wire.merge import Merged, Merger, merge

Json = dict[str, Any]


def chunk(*choices: Json, **more: Any) -> Json:
    return {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": list(choices), **more}


def delta(index: int = 0, finish: str | None = None, **fields: Any) -> Json:
    return {"index": index, "delta": fields, "finish_reason": finish}


def call(index: object, **fields: Any) -> Json:
    return {"index": index, **fields}


def message_of(*chunks: Json) -> Json:
    merged = merge(list(chunks))
    assert merged.value is not None
    assert merged.notes == ()
    message: Json = merged.value["choices"][0]["message"]
    return message


def test_a_plain_stream_becomes_the_answer_that_was_not_streamed() -> None:
    """The shape must be that of the API: `message`, `chat.completion`, usage at the top level."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    merged = merge(
        [
            chunk(delta(role="assistant", content="")),
            chunk(delta(content="He")),
            chunk(delta(content="llo")),
            chunk({**delta(finish="stop"), "usage": usage}),
        ]
    )
    assert merged.value == {
        "id": "c1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
        "usage": usage,
    }


@pytest.mark.parametrize("field", ["content", "reasoning_content", "refusal", "reasoning"])
def test_texts_are_joined(field: str) -> None:
    """Keeping only the last piece of the reasoning is a known fault of other merges."""
    message = message_of(*[chunk({"index": 0, "delta": {field: piece}}) for piece in ("Let me ", "think ", "hard.")])
    assert {field: "Let me think hard."} == message


def test_choices_are_told_apart_by_index_whatever_comes_first() -> None:
    """Choice 1 before choice 0 must not mix their texts."""
    merged = merge(
        [
            chunk(delta(1, content="B")),
            chunk(delta(0, content="A")),
            chunk(delta(0, content="a"), delta(1, content="b")),
        ]
    )
    assert merged.value is not None
    assert [(c["index"], c["message"]["content"]) for c in merged.value["choices"]] == [(0, "Aa"), (1, "Bb")]


def test_a_gap_in_the_choices_is_not_filled() -> None:
    """Index 3 after 0 makes two choices, not four."""
    merged = merge([chunk(delta(0, content="A")), chunk(delta(3, content="D"))])
    assert merged.value is not None
    assert [c["index"] for c in merged.value["choices"]] == [0, 3]


def test_tool_calls_are_told_apart_by_index_whatever_comes_first() -> None:
    """Call 1 before call 0 must not mix their arguments; the unstreamed answer has no index in its calls."""
    message = message_of(
        chunk(delta(tool_calls=[call(1, id="b", type="function", function={"name": "g", "arguments": ""})])),
        chunk(delta(tool_calls=[call(0, id="a", type="function", function={"name": "f", "arguments": '{"x"'})])),
        chunk(delta(tool_calls=[call(1, function={"arguments": '{"y":2}'}), call(0, function={"arguments": ":1}"})])),
    )
    assert message["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": '{"y":2}'}},
    ]


@pytest.mark.parametrize("names", [["get_", "weather"], ["get_weather", None, ""], ["get_weather", "get_weather"]])
def test_a_function_name_is_whole(names: list[str | None]) -> None:
    """Some servers send it in pieces, some once, some again with every chunk."""
    message = message_of(
        *[chunk(delta(tool_calls=[call(0, id="a", function={"name": n, "arguments": "x"})])) for n in names]
    )
    assert [{"id": "a", "function": {"name": "get_weather", "arguments": "x" * len(names)}}] == message["tool_calls"]


def test_calls_without_index_are_placed_by_id() -> None:
    """Some compatible servers leave the index out."""
    calls = [
        {"id": "a", "function": {"arguments": "1"}},
        {"function": {"arguments": "2"}},
        {"id": "b", "function": {"arguments": "3"}},
    ]
    message = message_of(*[chunk(delta(tool_calls=[one])) for one in calls])
    assert [one["function"]["arguments"] for one in message["tool_calls"]] == ["12", "3"]


def test_logprobs_are_extended() -> None:
    """Keeping only the first token's is a known fault of other merges; the chunks stay as they were."""
    chunks = [chunk({**delta(content=t), "logprobs": {"content": [{"token": t}], "refusal": None}}) for t in "abc"]
    before = copy.deepcopy(chunks)
    merged = merge(chunks)
    assert merged.value is not None
    assert {"content": [{"token": t} for t in "abc"], "refusal": None} == merged.value["choices"][0]["logprobs"]
    assert before == chunks


def test_the_last_finish_reason_that_is_not_null_counts() -> None:
    """A null after it takes nothing back."""
    merged = merge([chunk(delta(content="x")), chunk(delta(finish="length")), chunk(delta())])
    assert merged.value is not None
    assert merged.value["choices"][0]["finish_reason"] == "length"


def test_a_stream_that_died_has_no_finish_reason() -> None:
    """null, as on the wire: nothing is made up."""
    merged = merge([chunk(delta(content="x"))])
    assert merged.value is not None
    assert merged.value["choices"][0]["finish_reason"] is None


def test_usage_of_several_choices_counts_the_prompt_once() -> None:
    """Each choice repeats the prompt, as documented; the sum is what is billed."""

    def usage(n: int) -> Json:
        return {
            "prompt_tokens": 10,
            "completion_tokens": n,
            "total_tokens": 10 + n,
            "completion_tokens_details": {"reasoning_tokens": 1},
        }

    merged = merge([chunk({**delta(i, finish="stop"), "usage": usage(n)}) for i, n in ((1, 3), (0, 4))])
    assert merged.value is not None
    expected = {
        "prompt_tokens": 10,
        "completion_tokens": 7,
        "total_tokens": 17,
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    assert expected == merged.value["usage"]
    assert all("usage" not in choice for choice in merged.value["choices"])


def test_usage_at_the_top_level_wins() -> None:
    """With `include_usage` a last chunk has no choices and the usage of all."""
    merged = merge(
        [chunk({**delta(finish="stop"), "usage": {"total_tokens": 1}}, usage=None), chunk(usage={"total_tokens": 2})]
    )
    assert merged.value is not None
    assert merged.value["usage"] == {"total_tokens": 2}


def test_unknown_fields_are_kept() -> None:
    """The record may not lose what a new version of the API adds; the last value that is not null counts."""
    merged = merge(
        [
            chunk({**delta(content="x", mood=1), "zone": "a"}, new={"a": 1}),
            chunk({**delta(mood=2), "zone": None}, new={"b": 2}),
        ]
    )
    assert merged.value is not None
    choice = merged.value["choices"][0]
    assert (merged.value["new"], choice["zone"], choice["message"]["mood"]) == ({"b": 2}, "a", 2)


def test_the_legacy_function_call_is_joined() -> None:
    """The older form of a tool call."""
    message = message_of(
        *[
            chunk(delta(function_call=f))
            for f in ({"name": "f", "arguments": ""}, {"arguments": "{"}, {"arguments": "}"})
        ]
    )
    assert message["function_call"] == {"name": "f", "arguments": "{}"}


def test_an_error_in_mid_stream_is_kept() -> None:
    """An answer that broke off must show why."""
    merged = merge([chunk(delta(content="x")), {"error": {"message": "boom"}}])
    assert merged.value is not None
    assert (merged.value["error"], merged.value["choices"][0]["message"]["content"]) == ({"message": "boom"}, "x")
    assert merge([{"error": {"message": "boom"}}]).value == {"error": {"message": "boom"}}


def test_legacy_completions_join_their_text() -> None:
    """`text` instead of a message, and no message is made up."""
    chunks = [
        {"id": "c", "object": "text_completion", "choices": [{"index": 0, "text": t, "finish_reason": f}]}
        for t, f in (("a", None), ("b", "stop"))
    ]
    expected = {
        "id": "c",
        "object": "text_completion",
        "choices": [{"index": 0, "text": "ab", "finish_reason": "stop"}],
    }
    assert expected == merge(chunks).value


@pytest.mark.parametrize("index", [-1, 1024, 10**9, 2**63, "a", "0", True, 1.0, None, [], {}], ids=repr)
def test_an_index_without_a_place_is_left_out_and_told(index: object) -> None:
    """A negative index crashed, and a huge one filled the memory of, other merges."""
    merged = merge([chunk(delta(content="x")), chunk(delta(index, content="y"))])  # type: ignore[arg-type]
    assert merged.value is not None
    assert merged.notes == ("choice_index",)
    assert merged.value["choices"][0]["message"]["content"] == "x"
    merged = merge([chunk(delta(tool_calls=[call(index, id="a")]))])
    assert merged.notes == ("tool_call_without_index" if index is None else "tool_call_index",)


ANTHROPIC: list[Json] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 9, "cache_read_input_tokens": 3, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "h"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "m"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
    },
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ""}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a"'}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": " you"}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ":1}"}},
    {"type": "content_block_stop", "index": 2},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 20, "cache_read_input_tokens": None},
    },
    {"type": "message_stop"},
]


def test_an_anthropic_stream_becomes_one_message() -> None:
    """Blocks by index, input parsed, usage of both ends together; the events stay as they were."""
    before = copy.deepcopy(ANTHROPIC)
    merged = merge(ANTHROPIC)
    assert before == ANTHROPIC
    assert merged.notes == ()
    assert merged.value == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "text", "text": "Hi you"},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "cache_read_input_tokens": 3, "output_tokens": 20},
    }


def test_tool_input_that_is_no_json_is_kept_as_text() -> None:
    """A stream cut inside the input, or a model that wrote rubbish: exactly what one wants to see."""
    merged = merge(ANTHROPIC[:12])
    assert merged.value is not None
    assert merged.value["content"][-1]["input"] == '{"a"'
    assert merged.notes == ("tool_input_not_json",)


def test_an_anthropic_stream_without_its_beginning_is_still_a_message() -> None:
    """What came is shown, and that the start is missing is said."""
    merged = merge([ANTHROPIC[9], {"type": "error", "error": {"type": "overloaded_error"}}, {"type": "new_thing"}])
    assert merged.value is not None
    assert merged.value["content"] == [{"text": "Hi"}]
    assert merged.value["error"] == {"type": "overloaded_error"}
    assert merged.notes == ("event_type", "no_message_start", "no_block_start")


RESPONSES: list[Json] = [
    {
        "type": "response.created",
        "response": {"id": "resp_1", "object": "response", "status": "in_progress", "model": "m", "output": []},
    },
    {
        "type": "response.output_item.added",
        "output_index": 1,
        "item": {"id": "f1", "type": "function_call", "name": "f", "arguments": ""},
    },
    {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": '{"a"'},
    {"type": "response.output_item.added", "output_index": 0, "item": {"id": "r1", "type": "reasoning", "summary": []}},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "be"},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "cause"},
    {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": ":1}"},
    {"type": "response.output_item.added", "output_index": 2, "item": {"id": "m1", "type": "message", "content": []}},
    {"type": "response.output_text.delta", "output_index": 2, "content_index": 0, "delta": "He"},
    {"type": "response.output_text.delta", "output_index": 2, "content_index": 0, "delta": "y"},
]


def test_a_responses_stream_takes_the_final_response() -> None:
    """The last event carries the whole: nothing needs to be put together."""
    final = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "output": [{"type": "message"}],
        "usage": {"input_tokens": 1},
    }
    assert final == merge([*RESPONSES, {"type": "response.completed", "response": final}]).value


def test_a_responses_stream_that_broke_off_is_built_from_its_events() -> None:
    """What the client had seen when the stream died."""
    merged = merge(RESPONSES)
    assert merged.value is not None
    assert merged.notes == ()
    assert merged.value["status"] == "in_progress"
    assert merged.value["output"] == [
        {"id": "r1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "because"}]},
        {"id": "f1", "type": "function_call", "name": "f", "arguments": '{"a":1}'},
        {"id": "m1", "type": "message", "content": [{"type": "output_text", "text": "Hey"}]},
    ]


@pytest.mark.parametrize(
    "events", [[], [{}], [1, None, "x"], [{"type": []}], [{"type": "status"}], [{"choices": 5}]], ids=repr
)
def test_what_is_no_answer_gives_nothing(events: list[Any]) -> None:
    """An unknown stream is not forced into a shape."""
    assert merge(events).value is None


ERROR = {"message": "boom"}
FINAL: Json = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}}
FAILED: Json = {"type": "response.failed", "response": {"id": "r", "status": "failed", "error": ERROR}}
STOP: Json = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}


def brief(value: object) -> str:
    """The end of a value, as the name of a case."""
    return repr(value)[-70:]


def told(*events: Any) -> Merger:
    merger = Merger()
    for event in events:
        merger.add(event)
    return merger


@pytest.mark.parametrize(
    ("events", "kind", "finished"),
    [
        ([], "other", False),
        ([{"type": "status"}, None], "other", False),
        ([chunk()], "chat", False),
        ([{"object": "chat.completion.chunk"}], "chat", False),
        ([{"type": "status"}, chunk(delta(content="x"))], "chat", False),
        ([chunk(delta(content="x", finish="stop"))], "chat", True),
        ([chunk(delta(0, "stop"), delta(1))], "chat", False),
        ([chunk(delta(0, "stop"), delta(1)), chunk(delta(1, "length"))], "chat", True),
        ([chunk(delta(0, "stop")), chunk(delta(content="x"))], "chat", True),
        ([chunk(delta(0, ""))], "chat", False),
        ([{"choices": [{"text": "x"}]}], "text", False),
        ([{"object": "text_completion", "choices": []}], "text", False),
        ([{"choices": [{"text": "x", "finish_reason": "stop"}]}], "text", True),
        (ANTHROPIC[:1], "anthropic", False),
        ([*ANTHROPIC[:1], STOP], "anthropic", True),
        ([ANTHROPIC[0], ANTHROPIC[-1]], "anthropic", True),
        ([{"type": "ping"}], "anthropic", False),
        (RESPONSES, "responses", False),
        ([*RESPONSES, FINAL], "responses", True),
        ([*RESPONSES, FAILED], "responses", True),
        ([{"error": ERROR}], "other", False),
    ],
    ids=brief,
)
def test_the_kind_and_whether_it_is_whole_are_known_on_the_way(events: list[Any], kind: str, finished: bool) -> None:
    """By the answer's own account: who holds a stream back must know whether what came is an answer."""
    merger = told(*events)
    assert (merger.kind, merger.finished) == (kind, finished)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([chunk(delta(content="x"))], None),
        ([chunk(delta(content="x")), {"error": ERROR}, {"error": "later"}], ERROR),
        ([{"error": ERROR}, chunk(delta(content="x")), {"error": "later"}], ERROR),
        ([chunk(), {"error": ERROR, "choices": []}], ERROR),
        ([chunk(), {"error": ERROR, "choices": None}], ERROR),
        ([chunk(delta(content="x"), error=ERROR)], None),
        ([chunk(), {"object": "error", "message": "boom"}], ERROR),
        ([{"error": "boom"}], "boom"),
        ([{"type": "error", "message": "boom"}], ERROR),
        ([*ANTHROPIC[:2], {"type": "error", "error": ERROR}], ERROR),
        ([*ANTHROPIC[:2], {"error": ERROR}], ERROR),
        ([*RESPONSES, {"type": "error", "message": "boom"}], ERROR),
        ([*RESPONSES, FAILED], ERROR),
        ([*RESPONSES, FINAL], None),
        ([{"error": None}, {"error": {}}, 5], None),
    ],
    ids=brief,
)
def test_the_first_error_is_given_as_it_was_told(events: list[Any], expected: Any) -> None:
    """In place of a piece of the answer; an `error` beside choices is a field of the answer."""
    assert expected == told(*events).error


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], "0 events, 0 characters"),
        ([None, {"type": "status"}], "2 events, 0 characters"),
        ([chunk(delta(content="ab", reasoning_content="c")), chunk(delta(1, content="d", refusal=""))],
         "2 events, 4 characters"),
        ([chunk(delta(tool_calls=[call(0, id="abc", function={"name": "f", "arguments": "{}"})]))],
         "1 event, 3 characters"),
        ([{"choices": [{"text": "ab"}]}, 5], "2 events, 2 characters"),
        (ANTHROPIC, "17 events, 15 characters"),
        (RESPONSES, "10 events, 17 characters"),
    ],
    ids=brief,
)  # fmt: skip
def test_how_much_came_can_be_said(events: list[Any], expected: str) -> None:
    """A broken stream is answered with what came of it; one by one and all at once count the same."""
    merger = Merger()
    merger.add_all(events)
    assert (expected, expected) == (str(told(*events).size()), str(merger.size()))


def test_what_came_before_the_kind_was_known_is_part_of_the_answer() -> None:
    """As far as it can be kept: a stream that never tells its kind must not fill the memory."""
    early = [{"type": "status", f"k{number}": number} for number in range(100)]
    merger = told(*early)
    assert merger.close() == Merged(None, ("events_before_kind",))
    merger.add(chunk(delta(content="x")))
    value = merger.close().value
    assert value is not None
    assert [key for key in value if key.startswith("k")] == [f"k{number}" for number in range(64)]
    assert value["choices"][0]["message"] == {"content": "x"}


def test_remarks_on_what_came_so_far_do_not_stay() -> None:
    """A tool's input that is cut today is whole tomorrow."""
    merger = told(*ANTHROPIC[1:12])
    assert merger.close().notes == ("no_message_start", "tool_input_not_json")
    merger.add_all([*ANTHROPIC[12:], ANTHROPIC[0]])
    assert merger.close().notes == ()


keys = st.sampled_from(
    [
        "type",
        "index",
        "delta",
        "choices",
        "message",
        "content",
        "text",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "usage",
        "logprobs",
        "finish_reason",
        "error",
        "response",
        "item",
        "output_index",
        "content_index",
        "summary_index",
        "content_block",
        "partial_json",
        "thinking",
        "signature",
        "citation",
        "object",
        "function_call",
        "model",
        "output",
    ]
)
words = st.sampled_from(
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "message_delta",
        "error",
        "text_delta",
        "input_json_delta",
        "citations_delta",
        "response.created",
        "response.completed",
        "response.output_item.added",
        "response.output_text.delta",
        "response.function_call_arguments.done",
        "text_completion",
        "x",
    ]
)
scalars = st.none() | st.booleans() | st.integers(-2, 3) | st.just(2**70) | st.floats() | words | st.just("\ud800")
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5), max_leaves=20
)
shapes = st.dictionaries(keys, values, max_size=6)


@given(st.lists(shapes | values, max_size=6), words)
def test_no_shape_raises(events: list[Any], first: str) -> None:
    """Whatever types stand where: a value or a note, never an exception, and the events stay as they were."""
    events = [{"type": first}, *events] if len(first) > 1 else [{"choices": []}, *events]
    before = json.dumps(events)
    merged = merge(events)
    assert merged.value is None or isinstance(merged.value, dict)
    merger = Merger()
    for event in events:
        merger.add(event)
        merger.close()
        assert merger.finished in (True, False)
        assert merger.error is None or merger.close().value is not None
        assert str(merger.size())
    assert repr(merged) == repr(merger.close())  # a NaN is not equal to itself
    assert before == json.dumps(events)
