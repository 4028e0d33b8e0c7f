"""Reading answers: every shape, every accident, nothing that raises."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.testing import kimi_shapes as kimi
from moonpalace.wire.completion import Answer, merged, read_answer, read_request
from moonpalace.wire.lenient import write_compact

JSON = "application/json; charset=utf-8"
SSE = "text/event-stream"
USAGE = {"prompt_tokens": 19, "completion_tokens": 21, "total_tokens": 40, "cached_tokens": 10}


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def sse(*values: Any, done: bool = True) -> bytes:
    parts = [b"data: " + (value if isinstance(value, bytes) else body(value)) + b"\n\n" for value in values]
    return b"".join(parts) + (b"data: [DONE]\n\n" if done else b"")


def typed(*values: dict[str, Any]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (value["type"].encode(), body(value)) for value in values)


def read(content_type: str | None, data: bytes, path: str = "") -> Answer:
    answer = read_answer(content_type, data, path=path)
    assert answer is not None
    return answer


def chunk(finish: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "kimi-k3", "choices": [choice]}


CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "kimi-k3",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "你好"}, "finish_reason": "stop"}],
    "usage": {**USAGE, "completion_tokens_details": {"reasoning_tokens": 5}},
}


def test_a_chat_answer_is_read() -> None:
    """The usual case: one JSON object."""
    expected = Answer("chat", "chatcmpl-1", "kimi-k3", "stop", CHAT["usage"], 19, 21, 40, 10, 5)  # type: ignore[arg-type]
    assert expected == read(JSON, body(CHAT))


def test_a_chat_stream_is_read() -> None:
    """Usage inside the last choice, as this vendor sends it; the first token is the first non-empty text."""
    parts = [chunk(role="assistant", content=""), chunk(content="a"), chunk(content="b"), chunk("stop")]
    parts[-1]["choices"][0]["usage"] = USAGE
    data = sse(*parts)
    first = len(sse(*parts[:2], done=False))
    expected = Answer("chat", "chatcmpl-1", "kimi-k3", "stop", USAGE, 19, 21, 40, 10, None, True, first, 5)
    assert expected == read(SSE, data)


USAGES: dict[str, tuple[dict[str, Any], tuple[int | None, ...]]] = {
    "top-level cached": (USAGE, (19, 21, 40, 10, None)),
    "details": (
        {
            "prompt_tokens": 5,
            "completion_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
        (5, 2, 7, 4, 1),
    ),
    "input and output": (
        {
            "input_tokens": 5,
            "output_tokens": 2,
            "total_tokens": 7,
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens_details": {"reasoning_tokens": 1},
        },
        (5, 2, 7, 4, 1),
    ),
    "cache apart from input": (
        {
            "input_tokens": 5,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 10,
            "output_tokens": 2,
            "output_tokens_details": {"thinking_tokens": 1},
        },
        (115, 2, 117, 100, 1),
    ),
    "wrong types": (
        {
            "prompt_tokens": "5",
            "completion_tokens": -1,
            "total_tokens": True,
            "cached_tokens": 2**63,
            "prompt_tokens_details": [1],
            "completion_tokens_details": 7,
        },
        (None, None, None, None, None),
    ),
    "fractions": ({"prompt_tokens": 5.0, "completion_tokens": 2.5}, (5, None, None, None, None)),
    "sums too large": (
        {"prompt_tokens": 2**63 - 1, "completion_tokens": 2**63 - 1},
        (2**63 - 1, 2**63 - 1, None, None, None),
    ),
}


@pytest.mark.parametrize(("usage", "counts"), USAGES.values(), ids=USAGES)
def test_token_counts_are_found_in_any_shape_of_usage(usage: dict[str, Any], counts: tuple[int | None, ...]) -> None:
    """Columns hold one meaning; `usage` stays as the API sent it."""
    answer = read(JSON, body({"choices": [], "usage": usage}))
    found = (
        answer.prompt_tokens,
        answer.completion_tokens,
        answer.total_tokens,
        answer.cached_tokens,
        answer.reasoning_tokens,
    )
    assert (counts, usage) == (found, answer.usage)


def test_usage_of_several_choices_is_summed_and_the_top_level_wins() -> None:
    """The prompt counts once; a later chunk with the usage of all replaces the sum."""
    parts = [chunk("stop", 1), chunk("length", 0)]
    for part in parts:
        part["choices"][0]["usage"] = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}
    answer = read(SSE, sse(*parts))
    assert (
        answer.finish_reason,
        answer.prompt_tokens,
        answer.completion_tokens,
        answer.total_tokens,
    ) == ("length", 10, 6, 16)
    answer = read(SSE, sse(*parts, {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}))
    assert (answer.prompt_tokens, answer.completion_tokens, answer.total_tokens) == (1, 1, 2)


def function(**fields: Any) -> list[dict[str, Any]]:
    return [{"index": 0, "function": fields}]


TOKENS: dict[str, tuple[dict[str, Any], bool]] = {
    "content": ({"content": "a"}, True),
    "reasoning": ({"reasoning_content": "a"}, True),
    "refusal": ({"refusal": "a"}, True),
    "tool name": ({"tool_calls": function(name="f", arguments="")}, True),
    "tool arguments": ({"tool_calls": function(arguments="{")}, True),
    "function call": ({"function_call": {"name": "f"}}, True),
    "empty content": ({"role": "assistant", "content": "", "reasoning_content": ""}, False),
    "empty call": ({"tool_calls": function(name="", arguments="")}, False),
    "null": ({"content": None, "tool_calls": None}, False),
    "wrong types": ({"tool_calls": [None, 3, {"function": []}], "function_call": "x"}, False),
}


@pytest.mark.parametrize(("delta", "counts"), TOKENS.values(), ids=TOKENS)
def test_what_counts_as_the_first_token(delta: dict[str, Any], counts: bool) -> None:
    """Waiting ends with the first thing that the model said, whatever it is; an empty string is nothing."""
    answer = read(SSE, sse(chunk(**delta), chunk(content="later")))
    ends = [len(sse(*parts, done=False)) for parts in ([chunk(**delta)], [chunk(**delta), chunk(content="later")])]
    assert ends[0 if counts else 1] == answer.first_token_end


ANTHROPIC: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "model": "kimi-k3",
            "usage": {"input_tokens": 9, "cache_read_input_tokens": 3, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "h"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}},
    {"type": "message_stop"},
]


def test_an_anthropic_stream_is_read() -> None:
    """Usage from both ends, cached input counted as prompt."""
    usage = {"input_tokens": 9, "cache_read_input_tokens": 3, "output_tokens": 20}
    first = len(typed(*ANTHROPIC[:3]))
    expected = Answer("anthropic", "msg_1", "kimi-k3", "end_turn", usage, 12, 20, 32, 3, None, True, first, 6)
    assert expected == read(SSE, typed(*ANTHROPIC))


def test_an_anthropic_answer_is_read() -> None:
    """The same without streaming."""
    message = {
        "id": "msg_1",
        "type": "message",
        "model": "m",
        "content": [],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
    answer = read(JSON, body(message))
    assert (
        answer.kind,
        answer.id,
        answer.model,
        answer.finish_reason,
        answer.total_tokens,
    ) == ("anthropic", "msg_1", "m", "tool_use", 3)


def responses(*events: tuple[str, dict[str, Any]]) -> bytes:
    return typed(*[{"type": kind, **fields} for kind, fields in events])


def test_a_responses_stream_is_read() -> None:
    """The name of a function call is a token, as is the first delta of anything."""
    final = {
        "id": "resp_1",
        "object": "response",
        "model": "m",
        "status": "incomplete",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"},
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    }
    events: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": {"id": "resp_1", "model": "m", "status": "in_progress"}}),
        ("response.output_item.added", {"output_index": 0, "item": {"type": "message", "content": []}}),
        ("response.output_text.delta", {"output_index": 0, "delta": ""}),
        ("response.output_text.delta", {"output_index": 0, "delta": "a"}),
        ("response.incomplete", {"response": final}),
    ]
    answer = read(SSE, responses(*events))
    first = len(responses(*events[:4]))
    assert (
        answer.kind,
        answer.id,
        answer.model,
        answer.finish_reason,
        answer.total_tokens,
    ) == ("responses", "resp_1", "m", "max_output_tokens", 3)
    assert (first, ()) == (answer.first_token_end, answer.flags)
    whole = read(JSON, body(final))
    assert (whole.kind, whole.finish_reason, whole.error) == ("responses", "max_output_tokens", None)
    cut = read(SSE, responses(*events[:4]))
    assert (cut.finish_reason, cut.flags) == (None, ("sse_no_done", "sse_no_finish_reason"))


def test_legacy_completions_are_read() -> None:
    """Streamed and whole, the text stands in the choice itself."""
    value = {
        "id": "cmpl-1",
        "object": "text_completion",
        "model": "m",
        "choices": [{"index": 0, "text": "a", "finish_reason": "stop"}],
    }
    assert (read(JSON, body(value)).kind, read(JSON, body(value)).finish_reason) == ("text", "stop")
    stream = read(SSE, sse(value))
    assert ("text", len(sse(value, done=False)), ()) == (stream.kind, stream.first_token_end, stream.flags)


STREAM_FLAGS: dict[str, tuple[bytes, set[str]]] = {
    "all there": (sse(chunk("stop", content="a")), set()),
    "no [DONE]": (sse(chunk("stop", content="a"), done=False), {"sse_no_done"}),
    "no finish reason": (sse(chunk(content="a")), {"sse_no_finish_reason"}),
    "one choice unfinished": (sse(chunk("stop"), chunk(None, 1)), {"sse_no_finish_reason"}),
    "empty": (b"", {"sse_no_done", "sse_no_finish_reason"}),
    "only comments": (b": keep-alive\n\n: keep-alive\n\n", {"sse_no_done", "sse_no_finish_reason"}),
    "cut inside an event": (
        sse(chunk(content="a"), done=False) + b'data: {"id":"ch',
        {"sse_partial_event", "sse_no_done", "sse_no_finish_reason"},
    ),
    "[DONE] without its blank line": (sse(chunk("stop"), done=False) + b"data: [DONE]", {"sse_partial_event"}),
    "an error in mid-stream": (
        sse(chunk(content="a"), {"error": {"message": "x"}}, done=False),
        {"stream_error", "sse_no_done", "sse_no_finish_reason"},
    ),
    "no JSON": (sse(b"{broken", chunk("stop")), {"json_invalid"}),
    "loose JSON": (sse(b'{"choices":[],"x":NaN}', chunk("stop")), {"json_not_strict"}),
    "bad index": (sse(chunk("stop"), chunk(index=-1), chunk(index=10**9)), {"merge:choice_index"}),
    "scalars": (sse(1, None, "x", [], chunk("stop")), set()),
    "empty data": (b"data:\n\n" + sse(chunk("stop")), set()),
}


@pytest.mark.parametrize(("data", "flags"), STREAM_FLAGS.values(), ids=STREAM_FLAGS)
def test_oddities_of_a_stream_are_flagged(data: bytes, flags: set[str]) -> None:
    """The exchange is complete as far as HTTP can tell; the flags say what is missing."""
    answer = read(SSE, data, "/v1/chat/completions")
    assert ("chat", True, flags) == (answer.kind, answer.stream, set(answer.flags))


def test_an_anthropic_stream_that_broke_off_is_flagged() -> None:
    """Its end is `message_stop`; there is no `[DONE]`."""
    assert read(SSE, typed(*ANTHROPIC)).flags == ()
    assert read(SSE, typed(*ANTHROPIC[:3])).flags == ("sse_no_done", "sse_no_finish_reason")
    assert read(SSE, typed(*ANTHROPIC[:5])).flags == ("sse_no_done",)


def test_a_stream_of_another_kind_is_not_judged() -> None:
    """Not every event stream is an answer of a model."""
    assert Answer("other", stream=True, events=1) == read(SSE, sse({"jsonrpc": "2.0"}, done=False))


ERRORS: dict[str, tuple[str, bytes, tuple[str | None, str | None, str | None], str]] = {
    "type and message": (JSON, body({"error": {"message": "m", "type": "t"}}), ("t", None, "m"), "error"),
    "code as number": (
        JSON,
        body({"error": {"message": "m", "type": "t", "code": 400, "param": "p"}}),
        ("t", "400", "m"),
        "error",
    ),
    "plain text": (JSON, body({"error": "m"}), (None, None, "m"), "error"),
    "anthropic": (JSON, body({"type": "error", "error": {"type": "t", "message": "m"}}), ("t", None, "m"), "error"),
    "failed response": (
        JSON,
        body({"object": "response", "status": "failed", "error": {"code": "c", "message": "m"}}),
        (None, "c", "m"),
        "responses",
    ),
    "mid-stream": (SSE, sse(chunk(content="a"), {"error": {"type": "t", "message": "m"}}), ("t", None, "m"), "chat"),
    "first in stream": (SSE, sse({"error": {"type": "t", "message": "m"}}), ("t", None, "m"), "error"),
    "anthropic mid-stream": (
        SSE,
        typed(*ANTHROPIC[:2], {"type": "error", "error": {"type": "t", "message": "m"}}),
        ("t", None, "m"),
        "anthropic",
    ),
    "responses mid-stream": (
        SSE,
        responses(("response.created", {"response": {}}), ("error", {"code": "c", "message": "m"})),
        ("error", "c", "m"),
        "responses",
    ),
    "JSON sent as a stream": (SSE, body({"error": {"message": "m"}}), (None, None, "m"), "error"),
    "flat": (JSON, body({"object": "error", "type": "t", "code": 400, "message": "m"}), ("t", "400", "m"), "error"),
    "wrong types": (
        JSON,
        body({"error": {"message": ["m"], "type": 3, "code": {"a": 1}}}),
        (None, None, None),
        "error",
    ),
}


@pytest.mark.parametrize(("content_type", "data", "error", "kind"), ERRORS.values(), ids=ERRORS)
def test_errors_are_read(
    content_type: str, data: bytes, error: tuple[str | None, str | None, str | None], kind: str
) -> None:
    """Type, code and message, wherever the API put them."""
    answer = read(content_type, data)
    assert (error, kind) == (answer.error, answer.kind)


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        (None, b""),
        (JSON, b""),
        ("text/html", b"<html>504</html>"),
        ("image/png", b"\x89PNG"),
        ("text/plain", b"{no json"),
        (None, b"\xff" * 99),
    ],
    ids=["nothing", "empty JSON", "HTML", "image", "text", "bytes"],
)
def test_what_is_no_answer_is_none(content_type: str | None, data: bytes) -> None:
    """A gateway's page is not an answer of the API, and not an error of ours."""
    assert read_answer(content_type, data) is None


def test_other_json_is_other() -> None:
    """A list of models or a file has an id too, but no completion's."""
    assert Answer("other") == read(JSON, body({"id": "file_1", "object": "file", "model": "x"}))
    assert Answer("other") == read(JSON, b"[1,2]")
    assert Answer("other", flags=("json_invalid",)) == read(JSON, b'{"id":"chatcmpl-1","choi')


def test_a_stream_is_known_by_its_bytes_if_the_type_is_wrong() -> None:
    """Some gateways say application/json, or nothing."""
    data = sse(chunk("stop", content="a"))
    assert read(SSE, data) == read(JSON, data) == read(None, data) == read("TEXT/EVENT-STREAM; charset=utf-8", data)
    assert read(None, b"\xef\xbb\xbf" + data).stream
    assert read(JSON, data).stream


DEEP = b'{"choices":' * 100_000
HOSTILE: dict[str, bytes] = {
    "deep objects": DEEP,
    "deep arrays": b"[" * 100_000,
    "deep and closed": b'{"choices":[],"usage":' + b'{"a":' * 700 + b"1" + b"}" * 701,
    "deep arrays closed": b'{"choices":[],"usage":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "huge integer": b'{"choices":[],"usage":{"prompt_tokens":' + b"9" * 5000 + b"}}",
    "huge integer in id": b'{"choices":[],"id":' + b"9" * 300 + b"}",
    "lone surrogate": b'{"choices":[],"id":"\\ud83d","model":"\\udc00x","usage":{"a":"\\ud83d"}}',
    "surrogate in a key": b'{"choices":[],"usage":{"\\ud83d":1}}',
    "infinity": b'{"choices":[],"usage":{"prompt_tokens":1e400,"completion_tokens":NaN,"total_tokens":-Infinity}}',
    "no UTF-8": b'{"choices":[],"id":"\xff\xfe"}',
    "BOM": b'\xef\xbb\xbf{"choices":[]}',
    "control characters": b'{"choices":[],"id":"a\nb\x00"}',
    "trailing text": b'{"choices":[]}{"choices":[]}',
    "UTF-16": '{"choices":[]}'.encode("utf-16"),
    "wrong types": b'{"id":[],"model":{},"choices":[null,1,"x",[],{"index":{}},{"delta":5,"usage":7}],"usage":1}',
    "lists for texts": b'{"choices":[{"finish_reason":[],"delta":{"content":[[]],"tool_calls":[[]]}}],"usage":[]}',
    "choices is an object": b'{"object":"chat.completion","choices":{"0":{}}}',
    "long id": b'{"choices":[],"id":"' + b"x" * 5_000_000 + b'"}',
    "duplicate keys": b'{"choices":[],"id":"a","id":"b"}',
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("wrap", [bytes, lambda data: b"data: " + data + b"\n\n"], ids=["body", "event"])
def test_hostile_json_gives_storable_values(data: bytes, wrap: Any) -> None:
    """A store cannot take a lone surrogate, an integer of more than 63 bits or a nest that overflows its writer."""
    for content_type in (JSON, SSE):
        answer = read_answer(content_type, wrap(data))
        if answer is None:
            continue
        for text in (answer.id, answer.model, answer.finish_reason, *(answer.error or ())):
            assert text is None or len(text.encode()) < 20_000
        json.dumps(answer.usage, ensure_ascii=False).encode()
        for count in (answer.prompt_tokens, answer.completion_tokens, answer.total_tokens, answer.cached_tokens):
            assert count is None or 0 <= count < 2**63
    read_request(JSON, data)
    merged(SSE, wrap(data))


@pytest.mark.parametrize(
    "name", ["infinity", "lone surrogate", "no UTF-8", "BOM", "control characters", "trailing text"]
)
def test_json_that_is_not_strict_is_read_and_flagged(name: str) -> None:
    """Python programs send NaN, and models send halves of emoji: both are worth reading."""
    answer = read(JSON, HOSTILE[name])
    assert (answer.kind, answer.flags) == ("chat", ("json_not_strict",))


@given(
    st.sampled_from([JSON, SSE, None]),
    st.binary(max_size=60),
    st.integers(0, 400),
    st.sampled_from(["", "/v1/completions"]),
)
def test_no_bytes_raise(content_type: str | None, rubbish: bytes, at: int, path: str) -> None:
    """Whatever stands where: an answer or none."""
    for data in (sse(chunk(content="a"), chunk("stop")), typed(*ANTHROPIC), body(CHAT)):
        broken = data[:at] + rubbish + data[at:]
        read_answer(content_type, broken, path=path)
        read_answer(content_type, broken[at:], path=path)
        merged(content_type, broken)
        read_request(content_type, broken)


def test_what_is_merged_for_the_eye_holds_no_key() -> None:
    """Split over two events, no search in the stream has found it."""
    key = "sk-canarycanarycanary0123456789"
    data = sse(chunk(content=key[:9]), chunk("stop", content=key[9:]))
    for compact in (False, True):
        text = merged(SSE, data, compact=compact)
        assert text is not None and b"[redacted]" in text and key.encode() not in text


@pytest.mark.parametrize("mark", [b"[DONE]", b"[DONE] ", b" [DONE]\t"])
def test_blanks_around_the_end_mark_are_no_matter(mark: bytes) -> None:
    """Clients strip them."""
    answer = read_answer(SSE, sse(chunk("stop", content="a")).split(b"data: [DONE]")[0] + b"data: " + mark + b"\n\n")
    assert answer is not None and answer.marked
    assert not {"sse_no_done", "json_invalid"} & set(answer.flags)


def test_a_stream_is_merged_as_readable_json() -> None:
    """For the eye: indented, Chinese kept, a lone surrogate as its escape."""
    text = merged(
        SSE,
        sse(
            chunk(role="assistant", content="你"),
            b'{"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}',
            chunk("stop", content="好"),
        ),
    )
    assert text is not None
    assert '"content": "你\\ud83d好"'.encode() in text
    assert text.startswith(b'{\n  "id": "chatcmpl-1",\n')
    assert json.loads(text)["object"] == "chat.completion"


STREAMS: dict[str, bytes] = {
    "chat": b"".join(kimi.chat_events()),
    "chat with tools": b"".join(kimi.chat_events(tools=True)),
    "chat with usage at the end": b"".join(kimi.chat_events(include_usage=True)),
    "chat without its end": b"".join(kimi.chat_events(done=False)),
    "chat broken off": b"".join(kimi.chat_events())[:-190],
    "chat in CRLF": b"".join(kimi.chat_events()).replace(b"\n", b"\r\n"),
    "legacy": b"".join(kimi.completion_events()),
    "anthropic": b"".join(kimi.message_events()),
    "anthropic broken off": b"".join(kimi.message_events()[:6]),
    "responses": b"".join(kimi.response_events()),
    "responses broken off": b"".join(kimi.response_events()[:7]),
    "an error": sse({"error": {"message": "no", "type": "t"}}),
    "an error in the middle": sse(chunk(content="a"), {"error": {"message": "no"}}, chunk(content="b")),
    "rubbish between": sse(chunk(content="a"), b"not json", [1], chunk("stop"), b"{\"choices\":", 7, done=False),
    "not strict": sse(chunk(content="a"), b'{"choices":[{"index":0,"delta":{"content":"\x01"},"logprobs":NaN}]}'),
    "surrogates": sse(b'{"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}',
                      b'{"choices":[{"index":0,"delta":{"content":"\\ude00"}}]}'),
    "a long number": sse(b'{"choices":[{"index":0,"delta":{"content":"a"}}],"n":' + b"9" * 500 + b"}"),
    "deep": sse(chunk(content="a"), b'{"choices":[{"index":0,"delta":{"x":' + b"[" * 900 + b"]" * 900 + b"}}]}"),
    "unknown": sse({"a": 1}, {"b": 2}),
    "nothing": b"data: [DONE]\n\n",
    "comments": b": hello\n\n" + sse(chunk(content="a")),
    "a BOM": b"\xef\xbb\xbf" + sse(chunk(content="a")),
}  # fmt: skip


@pytest.mark.parametrize("data", STREAMS.values(), ids=STREAMS)
def test_what_is_merged_on_the_way_is_what_merging_gives(data: bytes) -> None:
    """New rows are merged while they are read, migrated ones and salvaged ones by themselves: one answer."""
    answer = read_answer(SSE, data)
    assert answer is not None
    assert answer.merged == merged(SSE, data, compact=True)
    assert answer.merged == (None if answer.value is None else write_compact(answer.value))


@given(st.lists(st.sampled_from(sorted(each for data in STREAMS.values() for each in data.split(b"\n\n"))), max_size=8))
def test_any_stream_is_merged_the_same_both_ways(events: list[bytes]) -> None:
    """Events of all APIs in any order."""
    data = b"data: {}\n\n" + b"\n\n".join(events)
    answer = read_answer(SSE, data)
    assert answer is not None
    assert answer.merged == merged(SSE, data, compact=True)


def test_a_whole_answer_has_the_value_that_was_read() -> None:
    """Whoever judges it need not read it again; what is no answer has none."""
    for value in (kimi.chat_json(), kimi.message_json(), kimi.response_json()):
        assert read("application/json", body(value)).value == value
    assert read("application/json", b"[1]").value is None
    assert read("application/json", b'{"object": "list"}').value is None


def test_what_is_no_stream_is_not_merged() -> None:
    """The caller shows the body as it is."""
    assert merged(JSON, body(CHAT)) is None
    assert merged(SSE, b": only comments\n\n") is None


REQUESTS: dict[str, tuple[str | None, bytes, tuple[str | None, bool]]] = {
    "stream": (JSON, b'{"model":"m","messages":[{"role":"user"}],"stream":true}', ("m", True)),
    "plain": (JSON, b'{"messages":[],"model":"m"}', ("m", False)),
    "stream false": (JSON, b'{"model":"m","stream":false}', ("m", False)),
    "stream null": (JSON, b'{"model":"m","stream":null}', ("m", False)),
    "wrong types": (JSON, b'{"model":["m"],"stream":"true"}', (None, False)),
    "no type": (None, b' \n{"model":"m"}', ("m", False)),
    "curl -d": ("application/x-www-form-urlencoded", b'{"model":"m","stream":true}', ("m", True)),
    "multipart": ("multipart/form-data; boundary=x", b'{"model":"m"}', (None, False)),
    "not strict": (JSON, b'{"model":"m","x":NaN,"stream":true}', ("m", True)),
    "BOM": (JSON, b'\xef\xbb\xbf{"model":"m"}', ("m", False)),
    "lone surrogate": (JSON, b'{"model":"m\\ud83d"}', ("m?", False)),
    "array": (JSON, b'[{"model":"m"}]', (None, False)),
    "cut": (JSON, b'{"model":"m","mess', (None, False)),
    "deep": (JSON, DEEP, (None, False)),
    "empty": (JSON, b"", (None, False)),
    "no JSON": (None, b"\x00\xff", (None, False)),
}


@pytest.mark.parametrize(("content_type", "data", "expected"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_is_read(content_type: str | None, data: bytes, expected: tuple[str | None, bool]) -> None:
    """Its model and whether it wants a stream are columns; everything else stays in the body."""
    assert expected == read_request(content_type, data)


def best(times: int, action: Any) -> float:
    spent = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(times):
            action()
        spent.append((time.perf_counter() - begun) / times)
    return min(spent)


def test_reading_is_cheap() -> None:
    """The budget is 10 µs for a small answer and 60 ms for 10,000 events; ten times that is a fault on any machine."""
    small = body(CHAT)
    assert best(1000, lambda: read_answer(JSON, small)) < 100e-6
    stream = sse(*[chunk(content="Hello")] * 10_000)
    assert best(1, lambda: read_answer(SSE, stream)) < 0.6
