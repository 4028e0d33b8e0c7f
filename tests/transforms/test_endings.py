"""The events that end a cut stream: legal for SDKs, and their usage an honest estimate."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from moonpalace.text.repetition import Repetition
from moonpalace.text.tokens import estimate
from moonpalace.transforms.base import Event
from moonpalace.transforms.endings import Open, Wanted, chat_ending, estimated, message_ending, tokens_of, wanted_by
from moonpalace.wire.sse import read_events

Json = dict[str, Any]

LAST: Json = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
DONE = b"data: [DONE]\n\n"
WORDS = ("the", "of", "and", "to", "in", "is", "that", "was", "for", "on", "with", "they", "this", "from", "have")


def raw(events: Iterable[Event]) -> bytes:
    return b"".join(event.raw for event in events)


def values(events: Iterable[Event]) -> list[Json]:
    return [json.loads(event.data) for event in read_events(raw(events)) if event.data != b"[DONE]"]


def prose(words: int) -> str:
    return " ".join(random.Random(1).choices(WORDS, k=words))


def sse(value: Json) -> bytes:
    name = f"event: {value['type']}\n" if "type" in value else ""
    return f"{name}data: {json.dumps(value)}\n\n".encode()


def chunk(**choice: Any) -> bytes:
    return sse({**LAST, "choices": [{"index": 0, **choice}]})


# --- the forms


def test_a_choice_is_finished_with_the_names_of_the_stream() -> None:
    """A client keeps chunks together by their id; usage stands where this vendor streams it."""
    events = chat_ending(LAST, [Open(0, False, 5), Open(2, False, 6)], "length", estimated(9, 11))
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "estimated": True}
    other = {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15, "estimated": True}
    assert values(events) == [
        {**LAST, "choices": [{"index": 0, "delta": {}, "finish_reason": "length", "usage": usage}]},
        {**LAST, "choices": [{"index": 2, "delta": {}, "finish_reason": "length", "usage": other}]},
    ]
    assert raw(events).endswith(DONE)


def test_what_an_event_says_of_itself_is_what_its_bytes_say() -> None:
    """A session behind reads the values, a client the bytes."""
    for events in (
        chat_ending(LAST, [Open(0, False, 5)], "length", estimated(9, 5), apart=True),
        message_ending([0, 2], "length", 5),
    ):
        read = read_events(raw(events))
        assert [(event.name, event.data) for event in events] == [(event.event, event.data) for event in read]
        assert [event.value for event in events if event.value is not None] == values(events)


def test_a_text_completion_ends_with_an_empty_text() -> None:
    """Its choices have no delta."""
    events = chat_ending({**LAST, "object": "text_completion"}, [Open(0, True, 5)], "length", None)
    choice = {"index": 0, "text": "", "finish_reason": "length"}
    assert values(events) == [{**LAST, "object": "text_completion", "choices": [choice]}]


def test_a_fingerprint_is_kept_and_strange_names_are_not() -> None:
    """What is no name of a chunk would be repeated to no use."""
    last = {"id": 'a"\n\\', "created": [1], "model": "\ud800愛", "system_fingerprint": "fp", "more": 1}
    (value,) = values(chat_ending(last, [Open(0, False, 5)], "length", None))
    del value["choices"]
    assert value == {"id": 'a"\n\\', "model": "\ud800愛", "system_fingerprint": "fp"}


def test_no_usage_without_the_prompt() -> None:
    """Usage must name the prompt's tokens, and 0 would be a lie."""
    (value,) = values(chat_ending(LAST, [Open(0, False, 5)], "length", None, apart=True))
    assert "usage" not in value and "usage" not in value["choices"][0]


def test_usage_apart_comes_last() -> None:
    """As the API does it where `include_usage` asks for it; its other chunks then say null."""
    last = {**LAST, "usage": None}
    events = chat_ending(last, [Open(0, False, 5), Open(1, False, 6)], "length", estimated(9, 11), apart=True)
    usage = {"prompt_tokens": 9, "completion_tokens": 11, "total_tokens": 20, "estimated": True}
    assert values(events)[-1] == {**LAST, "choices": [], "usage": usage}
    assert [value["usage"] for value in values(events)] == [None, None, usage]


def test_usage_at_the_top_is_replaced_where_the_stream_tells_it_there() -> None:
    """Some APIs count in every chunk: a client that keeps the last one must not keep a count of no tokens."""
    last = {**LAST, "usage": {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9}}
    events = chat_ending(last, [Open(0, False, 5), Open(1, False, 6)], "length", estimated(9, 11), at_top=True)
    assert [value["usage"] for value in values(events)] == [None, estimated(9, 11)]


def test_the_originals_finish_reason_goes_for_both_apis() -> None:
    """Only `length` has another name at Anthropic."""
    (value,) = values(chat_ending(LAST, [Open(0, False, 5)], "repeat", None))
    assert value["choices"][0]["finish_reason"] == "repeat"
    assert values(message_ending([], "repeat", 5))[0]["delta"] == {"stop_reason": "repeat", "stop_sequence": None}


# --- the clients


def served(body: bytes) -> httpx2.Client:
    """A client that gets this stream, whatever it asks for."""
    headers = {"content-type": "text/event-stream"}
    return httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=body)))


def opened(body: bytes) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url="http://api.test/v1", http_client=served(body), max_retries=0)


def test_the_openai_sdk_takes_the_end_of_a_chat() -> None:
    """Its own accumulation, tool calls included, ends with the finish reason and the usage."""
    begun = chunk(delta={"role": "assistant", "content": "spam spam"}, finish_reason=None)
    call = {"index": 0, "id": "f:0", "type": "function", "function": {"name": "f", "arguments": '{"a'}}
    begun += chunk(delta={"tool_calls": [call]}, finish_reason=None)
    body = begun + raw(chat_ending(LAST, [Open(0, False, 5)], "length", estimated(9, 5), apart=True))
    messages: Any = [{"role": "user", "content": "Hi"}]
    # What the SDK says of any answer that reached its length: it is the whole one that it says it of.
    cut = pytest.raises(openai.LengthFinishReasonError)
    with opened(body).chat.completions.stream(model="m", messages=messages) as stream, cut as caught:
        stream.get_final_completion()
    completion = caught.value.completion
    assert completion.choices[0].finish_reason == "length"
    assert completion.choices[0].message.content == "spam spam"
    assert completion.usage is not None and completion.usage.total_tokens == 14
    assert completion.usage.model_extra == {"estimated": True}


def test_the_openai_sdk_reads_the_chunks_of_a_chat() -> None:
    """The plain loop that most programs have."""
    body = chunk(delta={"role": "assistant", "content": "spam"}, finish_reason=None)
    body += raw(chat_ending(LAST, [Open(0, False, 5)], "length", estimated(9, 5)))
    messages: Any = [{"role": "user", "content": "Hi"}]
    chunks = list(opened(body).chat.completions.create(model="m", messages=messages, stream=True))
    assert [one.choices[0].finish_reason for one in chunks] == [None, "length"]
    assert [one.choices[0].delta.content for one in chunks] == ["spam", None]
    assert {one.id for one in chunks} == {"c1"}


def test_the_openai_sdk_reads_the_chunks_of_a_text_completion() -> None:
    """As for a chat."""
    body = chunk(text="spam", finish_reason=None) + raw(chat_ending(LAST, [Open(0, True, 5)], "length", None))
    chunks = list(opened(body).completions.create(model="m", prompt="Hi", stream=True))
    assert [(one.choices[0].text, one.choices[0].finish_reason) for one in chunks] == [("spam", None), ("", "length")]


def test_the_anthropic_sdk_takes_the_end_of_a_message() -> None:
    """A text and a tool's input that breaks off: blocks closed, the reason told, usage grown."""
    message = {"type": "message", "id": "m1", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    message |= {"stop_sequence": None, "usage": {"input_tokens": 9, "output_tokens": 0}}
    tool = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    told: list[Json] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "spam"}},
        {"type": "content_block_start", "index": 1, "content_block": tool},
        {
            "type": "content_block_delta",
            "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": '{"a": [1, '},
        },
    ]
    body = b"".join(map(sse, told)) + raw(message_ending([0, 1], "length", 5))
    client = anthropic.Anthropic(api_key="k", base_url="http://api.test", http_client=served(body), max_retries=0)
    with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]) as stream:
        events = [event.type for event in stream]
        final = stream.get_final_message()
    assert events[-4:] == ["content_block_stop", "content_block_stop", "message_delta", "message_stop"]
    assert final.stop_reason == "max_tokens"
    assert [getattr(part, "text", None) for part in final.content] == ["spam", None]
    assert (final.usage.input_tokens, final.usage.output_tokens) == (9, 5)


# --- the estimates


def measured(text: str) -> Repetition:
    measure = Repetition(0.5, 100)
    measure.add(text)
    return measure


def test_texts_are_estimated_by_a_part_of_them() -> None:
    """A cut must not hold up the streams beside it, and its usage should be about right."""
    text = prose(40_000)
    assert tokens_of([measured(text)], 5_000) == pytest.approx(estimate(text), rel=0.02)
    assert tokens_of([measured(text)] * 3, 5_000) == pytest.approx(3 * estimate(text), rel=0.02)
    assert tokens_of([]) == tokens_of([measured("")]) == 0


def asked(**request: Any) -> Wanted:
    return wanted_by(json.dumps(request).encode())


def message_of(text: Any) -> list[Json]:
    return [{"role": "user", "content": text}]


def test_a_prompt_counts_as_the_template_does() -> None:
    """Four tokens around each message and three that open the answer, beside its texts."""
    assert asked(messages=message_of("Hello")).prompt == 8
    assert asked(messages=message_of([{"type": "text", "text": "Hello"}])).prompt == 8
    assert asked(messages=message_of([{"type": "image_url", "image_url": {"url": "data:…"}}])).prompt == 1031
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]
    assert (asked(messages=message_of("Hello"), tools=tools).prompt or 0) > 20
    assert asked(prompt="Hello there").prompt == asked(prompt=["Hello", "there"]).prompt == 2


@pytest.mark.parametrize(
    "text", [prose(20_000), "读万卷书，行万里路。" * 20_000, prose(9_000) + "\n" + "床前明月光" * 9_000]
)
def test_a_long_prompt_is_sampled(text: str) -> None:
    """Parts spread over all of it: a prompt is often a document after an instruction."""
    assert asked(messages=message_of(text)).prompt == pytest.approx(estimate(text), rel=0.15)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff", b"[]", b"{}", b'{"messages":[]}', b'{"messages":{}}', b'{"prompt":[[1,2,3]]}',
        b'{"messages":' + b"[" * 100_000, b'{"stream_options":[]}', b'{"stream_options":{"include_usage":1}}',
    ],
)  # fmt: skip
def test_what_is_no_prompt_gives_no_number(body: bytes) -> None:
    """Encoded or broken, or of a shape that is not known."""
    assert wanted_by(body) == Wanted()


def test_messages_without_number_are_sampled_too() -> None:
    """Their markers are most of what they cost, and to read them all would hold up the streams beside."""
    messages = message_of("Hello") * 25_000
    assert asked(messages=messages).prompt == pytest.approx(5 * 25_000, rel=0.05)


def test_include_usage_is_seen() -> None:
    """Only `true` asks for it."""
    assert asked(stream_options={"include_usage": True}) == Wanted(usage=True)
    assert asked(stream_options={"include_usage": True}, messages=message_of("Hello")) == Wanted(True, 8)
