"""Repeat detection, from the bytes that the API told to those that the client gets."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moonpalace.core.exchange import Failure, Stage
from moonpalace.transforms.base import Abort, Data, End, Event, Head, Opening, Session, Unit
from moonpalace.transforms.pipeline import Passage
from moonpalace.transforms.repeat_stop import FLAG, RepeatStop
from moonpalace.transforms.settings import TransformSettings
from moonpalace.wire.http1 import ResponseHead, parse_response_head
from moonpalace.wire.merge import merge
from moonpalace.wire.sse import read_events

Json = dict[str, Any]

CHAT, TEXT, MESSAGES = b"/v1/chat/completions", b"/v1/completions", b"/anthropic/v1/messages"
ON = TransformSettings(detect_repeat=True)
DONE = b"data: [DONE]\n\n"
REQUEST = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}).encode()


def head_of(*lines: bytes, status: int = 200) -> ResponseHead:
    return parse_response_head(b"HTTP/1.1 %d OK\r\n%b\r\n" % (status, b"".join(line + b"\r\n" for line in lines)))


STREAM = head_of(b"Content-Type: text/event-stream; charset=utf-8")
GZIP = head_of(b"Content-Type: text/event-stream", b"Content-Encoding: gzip")


def sse(value: Json, end: str = "\n") -> bytes:
    name = f"event: {value['type']}{end}" if "type" in value else ""
    return f"{name}data: {json.dumps(value)}{end}{end}".encode()


def chunk(*choices: Json, **more: Any) -> Json:
    return {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": list(choices), **more}


def delta(index: int = 0, finish: str | None = None, **fields: Any) -> Json:
    return {"index": index, "delta": fields, "finish_reason": finish}


def said(pieces: Iterable[str], field: str = "content") -> list[Json]:
    return [chunk(delta(**{field: piece})) for piece in pieces]


def clean(length: int, seed: int = 1) -> str:
    """A text in which nothing repeats."""
    return "".join(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOP,.-0123456789", k=length))


def fours(text: str) -> Iterator[str]:
    return (text[at : at + 4] for at in range(0, len(text), 4))


class Delivered(NamedTuple):
    body: bytes
    flags: tuple[str, ...]
    end: type[Unit] | None

    def values(self) -> list[Any]:
        return [json.loads(event.data) for event in read_events(self.body) if event.data != b"[DONE]"]


def session(path: bytes = CHAT, settings: TransformSettings = ON, asked: bytes = b"") -> Session:
    opened = RepeatStop(settings).open(Opening(b"POST", path))
    assert opened is not None
    opened.saw(asked)
    return opened


def deliver(
    pieces: Iterable[bytes], path: bytes = CHAT, *, head: ResponseHead = STREAM, asked: bytes = b"",
    settings: TransformSettings = ON, failure: Failure | None = None,
) -> Delivered:  # fmt: skip
    """What comes of an answer told in these pieces."""
    passage = Passage([session(path, settings, asked)])
    assert passage.starts()
    units = [*passage.head(head)]
    for piece in pieces:
        units += passage.body(piece)
    units += passage.end() if failure is None else passage.failed(failure)
    body = b"".join(unit.raw for unit in units if isinstance(unit, Event | Data))
    last = type(units[-1])
    return Delivered(body, passage.close()[0], last if last in (End, Abort) else None)


def deliver_values(values: Iterable[Json], path: bytes = CHAT, **more: Any) -> Delivered:
    return deliver([sse(value) for value in values] + [DONE], path, **more)


def finishes(delivered: Delivered) -> list[tuple[int, str]]:
    """The choices that ended, and how, in the order of their ends."""
    choices = [choice for value in delivered.values() for choice in value["choices"]]
    return [(choice["index"], choice["finish_reason"]) for choice in choices if choice.get("finish_reason")]


def content(delivered: Delivered, index: int = 0) -> str:
    merged = merge(delivered.values())
    assert merged.value is not None
    texts = {choice["index"]: choice["message"]["content"] for choice in merged.value["choices"]}
    return str(texts[index])


@pytest.mark.parametrize(
    ("pieces", "length"),
    [
        pytest.param(["x"] * 500, 101, id="one character"),
        pytest.param(["spam "] * 100, 105, id="spam"),
        pytest.param([*fours("The quick brown fox jumped over. "[:32] * 20)], 112, id="a sentence of 32 characters"),
    ],
)
def test_a_loop_is_cut_where_it_is_documented(pieces: list[str], length: int) -> None:
    """The event that makes the measure give in goes on as it came; it is the last one that does."""
    told = [sse(value) for value in said(pieces)]
    delivered = deliver(told)
    kept = length // len(pieces[0])
    assert len(content(delivered)) == length
    assert delivered.body.startswith(b"".join(told[:kept]))
    assert delivered.body[len(b"".join(told[:kept])) :].endswith(DONE)
    assert finishes(delivered) == [(0, "length")]
    assert delivered.flags == (FLAG,)
    assert delivered.end is End


def test_all_in_one_read_is_cut_at_the_same_event() -> None:
    """What comes in the same read after the cut is dropped."""
    told = b"".join(sse(value) for value in said(["spam "] * 100)) + DONE
    assert deliver([told]) == deliver_values(said(["spam "] * 100))


def test_the_settings_count() -> None:
    """A longer least length cuts later; a threshold of 0 never."""
    loop = said(["x"] * 500)
    assert len(content(deliver_values(loop, settings=TransformSettings(repeat_min_length=200)))) == 201
    assert deliver_values(loop, settings=TransformSettings(repeat_threshold=0.0)).flags == ()


def test_the_finish_reason_of_the_original_can_be_had() -> None:
    """`repeat` is no value that SDKs know; who asks for it gets it."""
    settings = TransformSettings(repeat_finish_reason="repeat")
    assert finishes(deliver_values(said(["x"] * 500), settings=settings)) == [(0, "repeat")]


def test_a_stream_that_does_not_repeat_itself_is_left_as_it_is() -> None:
    """Byte for byte, its own end included."""
    told = [sse(value) for value in said(fours(clean(5000)))] + [sse(chunk(delta(finish="stop"))), DONE]
    delivered = deliver(told)
    assert delivered == Delivered(b"".join(told), (), End)


def test_units_are_passed_on_in_the_list_they_came_in() -> None:
    """It runs for every event: nothing is copied."""
    watched = session()
    units = [Event(sse(value), b"", value) for value in said(fours(clean(400)))]
    assert watched.feed(units) is units


def test_a_loop_is_cut_after_a_long_clean_text() -> None:
    """Long answers are those that begin to loop."""
    delivered = deliver_values(said([*fours(clean(50_000)), *["again and "] * 1000]))
    assert 50_000 < len(content(delivered)) < 52_000
    assert delivered.flags == (FLAG,)


def call(piece: str, index: int = 0) -> Json:
    return delta(tool_calls=[{"index": index, "function": {"arguments": piece}}])


def block(kind: str, name: str, piece: str, index: int = 0) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: piece}}


@pytest.mark.parametrize(
    ("path", "event"),
    [
        pytest.param(CHAT, lambda piece: chunk(delta(reasoning_content=piece)), id="reasoning_content"),
        pytest.param(CHAT, lambda piece: chunk(delta(reasoning=piece)), id="reasoning"),
        pytest.param(CHAT, lambda piece: chunk(delta(refusal=piece)), id="refusal"),
        pytest.param(CHAT, lambda piece: chunk(call(piece)), id="arguments"),
        pytest.param(CHAT, lambda piece: chunk(delta(function_call={"arguments": piece})), id="legacy arguments"),
        pytest.param(TEXT, lambda piece: chunk({"index": 0, "text": piece}), id="text completion"),
        pytest.param(MESSAGES, lambda piece: block("text_delta", "text", piece), id="anthropic text"),
        pytest.param(MESSAGES, lambda piece: block("thinking_delta", "thinking", piece), id="anthropic thinking"),
        pytest.param(MESSAGES, lambda piece: block("input_json_delta", "partial_json", piece), id="anthropic input"),
    ],
)
def test_every_text_is_measured(path: bytes, event: Any) -> None:
    """A loop of thoughts or of arguments costs as much as one of content."""
    told = [sse(event("spam ")) for _ in range(100)]
    delivered = deliver(told, path)
    assert delivered.flags == (FLAG,)
    assert delivered.body.count(b"spam ") == 21
    assert delivered.body.startswith(b"".join(told[:21]))


def test_a_cut_ends_every_choice_that_was_seen_and_has_not_finished() -> None:
    """A client waits for the end of each; a choice of which nothing came has none."""
    told = [chunk(delta(index, role="assistant", content="")) for index in (3, 0, 1)]
    told += [chunk(delta(1, content="done")), chunk(delta(1, "stop"))]
    told += [chunk(delta(0, content="x"), delta(3, content=letter)) for letter in clean(200)]
    delivered = deliver_values(told)
    assert finishes(delivered) == [(1, "stop"), (0, "length"), (3, "length")]
    assert content(delivered) == "x" * 101
    assert content(delivered, 3) == clean(200)[:101]


def test_a_choice_that_has_finished_is_not_cut() -> None:
    """It is over: what a strange API adds costs nothing that a cut could save."""
    told = [chunk(delta(content="y")), chunk(delta(finish="stop")), *said(["x"] * 300)]
    assert deliver_values(told).flags == ()
    told = [*said(["x"] * 100), chunk(delta(content="x", finish="stop"))]
    assert deliver_values(told).flags == ()


def test_a_message_that_has_its_stop_reason_is_not_cut() -> None:
    """As for a choice."""
    told = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, *[block("text_delta", "text", "x")] * 300]
    assert deliver([sse(value) for value in told], MESSAGES).flags == ()


def message(text: Iterable[str], *more: Json) -> list[Json]:
    opening = {"type": "message", "id": "m1", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    usage = {"input_tokens": 9, "output_tokens": 0}
    return [
        {"type": "message_start", "message": {**opening, "stop_sequence": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        block("thinking_delta", "thinking", "Hm."),
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        *[block("text_delta", "text", piece, 1) for piece in text],
        *more,
    ]


def test_an_anthropic_message_is_ended_in_its_own_way() -> None:
    """Blocks that are open are stopped, one that is not is not stopped again: SDKs fail on that."""
    delivered = deliver([sse(value) for value in message(["spam "] * 100)], MESSAGES)
    ending = [(event.event, json.loads(event.data)) for event in read_events(delivered.body)][-3:]
    tokens = ending[1][1]["usage"]["output_tokens"]
    assert ending == [
        ("content_block_stop", {"type": "content_block_stop", "index": 1}),
        (
            "message_delta",
            {
                "type": "message_delta",
                "delta": {"stop_reason": "max_tokens", "stop_sequence": None},
                "usage": {"output_tokens": tokens, "estimated": True},
            },
        ),
        ("message_stop", {"type": "message_stop"}),
    ]
    assert 20 <= tokens <= 60
    assert delivered.end is End


def test_what_is_delivered_merges_into_an_answer_that_was_not_streamed() -> None:
    """So it is where the stream was forced: the client gets one legal answer, its usage marked."""
    merged = merge(deliver_values(said(["spam "] * 100), asked=REQUEST).values())
    assert merged.value is not None and merged.notes == ()
    usage = merged.value.pop("usage")
    assert merged.value == {
        "id": "c1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [{"index": 0, "message": {"content": "spam " * 21}, "finish_reason": "length"}],
    }
    assert usage["estimated"] is True
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens"] == 8  # four around the message, three that open the answer, one of text


def test_an_anthropic_message_merges_too() -> None:
    """What the API told of the input stays, what was estimated is added."""
    merged = merge(deliver([sse(value) for value in message(["spam "] * 100)], MESSAGES).values())
    assert merged.value is not None and merged.notes == ()
    assert merged.value["stop_reason"] == "max_tokens"
    assert [part["type"] for part in merged.value["content"]] == ["thinking", "text"]
    assert merged.value["content"][1]["text"] == "spam " * 21
    assert merged.value["usage"]["input_tokens"] == 9
    assert merged.value["usage"]["estimated"] is True


def test_usage_of_several_choices_stays_marked_when_it_is_summed() -> None:
    """One choice was counted by the API, the other by nobody: the sum is an estimate."""
    counted = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    told = [chunk(delta(0, content="a")), chunk({**delta(0, "stop"), "usage": counted})]
    told += [chunk(delta(1, content="x"))] * 300
    merged = merge(deliver_values(told).values())
    assert merged.value is not None
    assert merged.value["usage"]["estimated"] is True
    assert merged.value["usage"]["prompt_tokens"] == 9


# --- what is not looked at


@pytest.mark.parametrize(
    ("method", "path"),
    [(b"GET", CHAT), (b"POST", b"/v1/models"), (b"POST", b"/v1/responses"), (b"POST", b"/v1/messages/count_tokens")],
)
def test_only_completions_are_watched(method: bytes, path: bytes) -> None:
    """Anything else goes the short way."""
    assert RepeatStop(ON).open(Opening(method, path)) is None


@pytest.mark.parametrize(
    "head",
    [
        head_of(b"Content-Type: application/json"),
        head_of(b"Content-Type: text/event-stream", status=429),
        head_of(b"Content-Type: text/event-stream", b"Content-Encoding: unheard-of"),
    ],
    ids=["json", "an error", "an unknown coding"],
)
def test_what_is_no_stream_passes(head: ResponseHead) -> None:
    """An answer that came whole has cost what it costs."""
    told = [sse(value) for value in said(["x"] * 300)]
    assert deliver(told, head=head, asked=REQUEST) == Delivered(b"".join(told), (), End)


@pytest.mark.parametrize(
    "event",
    [
        b": keep-alive\n\n",
        b'data: {"error":{"message":"overloaded"}}\n\n',
        b"data: {not json\n\n",
        b"data: 7\n\n",
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n',
        b'data: {"choices":null}\n\n',
        b'data: {"choices":[null,7,{"index":-1,"delta":{"content":"x"}},{"index":1024,"delta":{"content":"x"}}]}\n\n',
        b'data: {"choices":[{"index":{},"delta":[]},{"delta":{"content":7,"tool_calls":{}}}]}\n\n',
        b'data: {"choices":[{"delta":{"tool_calls":[7,{"function":{"arguments":"x"}},{"index":[]}]}}]}\n\n',
    ],
)
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_events_of_another_kind_pass(event: bytes, path: bytes) -> None:
    """An error of the API, or a place that is none, is for the client to see."""
    told = [event] * 200 + [b"data: cut of"]
    assert deliver(told, path) == Delivered(b"".join(told), (), End)


def test_a_stream_that_breaks_off_is_broken_off() -> None:
    """Nothing is cut: the client must see that the answer is not whole."""
    told = [sse(value) for value in said(fours(clean(400)))]
    delivered = deliver(told, failure=Failure(Stage.READ_BODY, "reset", "gone"))
    assert delivered == Delivered(b"".join(told), (), Abort)


def test_after_the_cut_nothing_goes_on() -> None:
    """Bytes that were on their way come after the end."""
    watched = session()
    units = [Event(sse(value), b"", value) for value in said(["x"] * 200)]
    assert type(watched.feed(units)[-1]) is End
    assert watched.feed(units) == ()
    assert watched.feed([End()]) == ()


NAMES = (
    *("choices", "delta", "index", "content", "tool_calls", "function", "arguments", "text", "finish_reason", "usage"),
    *("type", "prompt_tokens", "completion_tokens", "id", "model", "function_call", "partial_json", "messages"),
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "x", "text_delta", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=30,
)


@given(st.lists(JSONS, max_size=8), st.sampled_from([CHAT, TEXT, MESSAGES]), JSONS)
def test_nothing_raises(values: list[Any], path: bytes, asked: Any) -> None:
    """A fault here would cost an exchange its transform."""
    settings = TransformSettings(repeat_threshold=1.0, repeat_min_length=0)
    watched = session(path, settings, json.dumps(asked).encode())
    watched.feed([Head(STREAM, streams=True)])
    for value in values:
        for unit in watched.feed([Event(b"", b"", value)]):
            if isinstance(unit, Event) and unit.value is not value and unit.data != b"[DONE]":
                assert unit.data is not None
                json.loads(unit.data)


# --- however it is split

LOOP = [chunk(delta(0, role="assistant", content=""), delta(1, role="assistant", content=""))]
LOOP += [chunk(delta(0, content="愛"), delta(1, content=letter)) for letter in clean(110)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_every_split_around_the_cut_gives_the_same(end: str) -> None:
    """An event is complete with its blank line, and with CR LF in two reads only when the LF is there.

    So the events that follow are ours, none is glued to the one before, and no byte of a later one has gone on.
    """
    told = [sse(value, end) for value in LOOP]
    whole = b"".join(told)
    delivered = deliver([whole])
    kept = len(b"".join(told[:102]))
    assert delivered.body[:kept] == whole[:kept]
    assert [event.partial for event in read_events(delivered.body)] == [False] * (102 + 3)
    assert finishes(delivered) == [(0, "length"), (1, "length")]
    for at in range(kept - len(told[101]), kept + len(told[102])):
        assert deliver([whole[:at], whole[at:]]) == delivered, at
        assert deliver([whole[:at], whole[at : at + 1], whole[at + 1 :]]) == delivered, at


def test_an_event_that_the_streams_end_completes_can_be_the_last() -> None:
    """A lone CR at the end waits for a LF; that none comes is known at the end."""
    whole = b"".join(sse(value, "\r") for value in said(["x"] * 101))
    delivered = deliver([whole])
    assert delivered.body.startswith(whole)
    assert finishes(delivered) == [(0, "length")]


TOLD = {
    "cut": (CHAT, b"".join(sse(value, "\r\n") for value in LOOP) + DONE),
    "clean": (CHAT, b"".join(sse(value) for value in said(fours(clean(600)))) + DONE),
    "anthropic": (MESSAGES, b"".join(sse(value) for value in message(["愛 "] * 100))),
    "broken": (CHAT, b"".join(sse(value) for value in LOOP[:60]) + b"data: {"),
}


def pieces_of(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[begin:end] for begin, end in pairwise(places) if begin < end]


@pytest.mark.parametrize("name", TOLD)
@given(cuts=st.lists(st.integers(0, 1 << 20), max_size=40))
@example(cuts=[])
def test_chunking_is_not_seen(name: str, cuts: list[int]) -> None:
    """The told bytes split anywhere, also within a gzip member, give the same delivered bytes, flags and end."""
    path, told = TOLD[name]
    whole = deliver([told], path, asked=REQUEST)
    assert deliver(pieces_of(told, cuts), path, asked=REQUEST) == whole
    packed = gzip.compress(told, mtime=0)
    assert deliver(pieces_of(packed, cuts), path, head=GZIP, asked=REQUEST) == whole
