"""The chat format: a stream, joined, is the whole answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.mock.answer import Choice, ToolCall
from moonpalace.mock.completion import Completion, Finished
from moonpalace.mock.render.chat import logprobs, render, usage
from moonpalace.mock.reply import EVENTS, Reply
from moonpalace.testing.chats import chat
from moonpalace.testing.completions import DONE, completions, events
from moonpalace.wire.completion import merged
from moonpalace.wire.lenient import decode

YEARS = st.sampled_from(["2024", "2025", "2026"])
CHATS = st.builds(
    chat, include_usage=st.booleans(), logprobs=st.booleans(), top_logprobs=st.integers(0, 3),
    model=st.sampled_from(["kimi-k3", "moonshot-v1-8k"]),
)  # fmt: skip
START = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"kimi-k3",'


def rendered(completion: Completion, year: str = "2026", **fields: Any) -> Reply:
    """With an id and a time that tests can write down."""
    return render(completion, chat(**fields), "chatcmpl-1", 7, year)


def one(choice: Choice, reason: str = "stop", tokens: int = 5, thought: int = 0) -> Completion:
    """A completion of one choice."""
    return Completion((Finished(choice, reason, tokens, thought),), 10, 0)


def joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The chunks put together as the documents tell a client to."""
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for part in chunk["choices"]:
            new = {"index": part["index"], "message": {"role": "", "content": ""}, "finish_reason": None}
            choice = choices.setdefault(part["index"], new)
            add(choice["message"], part["delta"])
            if "logprobs" in part:
                choice.setdefault("logprobs", {"content": []})["content"] += part["logprobs"]["content"]
            if part["finish_reason"] is not None:
                choice["finish_reason"] = part["finish_reason"]
    head = {key: chunks[0][key] for key in ("id", "created", "model")}
    return head | {"choices": [choices[index] for index in sorted(choices)]}


def add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    """One delta."""
    for name, value in delta.items():
        if name != "tool_calls":
            message[name] = message.get(name, "") + value
            continue
        calls = message.setdefault(name, [])
        for call in value:
            if call["index"] == len(calls):
                calls.append(call)
            else:
                calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]


@given(completions(), CHATS, YEARS)
def test_a_stream_joined_is_the_whole_answer(completion: Completion, request: Any, year: str) -> None:
    """By a client's own loop and by our merge."""
    whole = decode(render(completion, request, "chatcmpl-1", 7, year).body)
    streamed = render(completion, replace(request, stream=True), "chatcmpl-1", 7, year)
    assert streamed.streamed and streamed.content_type == EVENTS and streamed.chunks[-1].data == DONE
    chunks = events(streamed)
    expected = {key: whole[key] for key in ("id", "created", "model", "choices")}
    for choice in expected["choices"]:
        if "logprobs" in choice and not choice["logprobs"]["content"]:
            del choice["logprobs"]  # a stream without a piece of content has no place for them
    assert joined(chunks) == expected
    again = decode(merged("text/event-stream", streamed.body) or b"")
    if len(completion.choices) == 1 or request.include_usage:
        assert again["usage"] == whole["usage"]


@given(completions(), CHATS, YEARS)
def test_usage_comes_with_each_choice_and_once_for_all_where_it_is_asked_for(
    completion: Completion, request: Any, year: str
) -> None:
    """Each counts the prompt; the one for all counts it once."""
    whole = decode(render(completion, request, "chatcmpl-1", 7, year).body)["usage"]
    chunks = events(render(completion, replace(request, stream=True), "chatcmpl-1", 7, year))
    own = {part["index"]: part["usage"] for chunk in chunks for part in chunk["choices"] if "usage" in part}
    said = {place: finished.tokens for place, finished in enumerate(completion.choices)}
    assert {place: one["completion_tokens"] for place, one in own.items()} == said
    assert all(one["prompt_tokens"] == completion.prompt_tokens for one in own.values())
    if request.include_usage:
        assert (chunks[-1]["choices"], chunks[-1]["usage"]) == ([], whole)
        assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    else:
        assert not any("usage" in chunk for chunk in chunks)


def test_a_whole_answer_byte_by_byte() -> None:
    """The order of its keys too."""
    choice = Choice("你好", "hm", (ToolCall("f", "{}", "f:0"),))
    assert (
        rendered(one(choice, "tool_calls", 9, 2)).body
        == (
            '{"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"kimi-k3","choices":[{"index":0,"message":'
            '{"role":"assistant","content":"你好","reasoning_content":"hm","tool_calls":[{"index":0,"id":"f:0",'
            '"type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":'
            '{"prompt_tokens":10,"completion_tokens":9,"total_tokens":19,'
            '"completion_tokens_details":{"reasoning_tokens":2}}}'
        ).encode()
    )


def test_a_stream_byte_by_byte() -> None:
    """Reasoning, content, calls, the end."""
    reply = rendered(one(Choice("你好", "hm", (ToolCall("f", "{}", "f:0"),)), "tool_calls"), stream=True)
    mid = START + b'"choices":[{"index":0,"delta":%b,"finish_reason":null}]}\n\n'
    call = b'{"tool_calls":[{"index":0,"id":"f:0","type":"function","function":{"name":"f","arguments":""}}]}'
    assert [chunk.data for chunk in reply.chunks] == [
        mid % b'{"role":"assistant","content":""}',
        mid % b'{"reasoning_content":"hm"}',
        mid % '{"content":"你好"}'.encode(),
        mid % call,
        mid % b'{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}',
        START + b'"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls","usage":'
        b'{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}]}\n\n',
        DONE,
    ]
    assert [chunk.tokens for chunk in reply.chunks] == [0, 1, 1, 1, 1, 1, 0]


def test_choices_come_in_turns() -> None:
    """Until the shorter one is over; a client has to look at the index."""
    first, second = Finished(Choice("a b c"), "stop", 4), Finished(Choice("d"), "length", 2)
    chunks = events(rendered(Completion((first, second), 10, 0), stream=True, n=2))
    parts = [part for chunk in chunks for part in chunk["choices"]]
    assert [(part["index"], part["delta"].get("content"), part["finish_reason"]) for part in parts] == [
        (0, "", None), (1, "", None), (0, "a", None), (1, "d", None), (0, " b", None), (1, None, "length"),
        (0, " c", None), (0, None, "stop"),
    ]  # fmt: skip


def test_gaps_go_with_the_pieces_of_content() -> None:
    """A scenario lays them down."""
    choice = Choice("abc", "hm", pieces=("a", "b", "c"), gaps=(0.5, 0.0))
    reply = rendered(one(choice), stream=True)
    assert [chunk.gap_s for chunk in reply.chunks] == [None, None, 0.5, 0.0, None, None, None]


def test_a_whole_answer_takes_its_tokens() -> None:
    """Of all choices."""
    finished = Finished(Choice("a"), "stop", 4)
    assert [chunk.tokens for chunk in rendered(Completion((finished, finished), 1, 0), n=2).chunks] == [8]


@pytest.mark.parametrize(
    ("year", "cached", "thought", "expected"),
    [
        ("2024", 3, 2, {}),
        ("2025", 3, 2, {"cached_tokens": 3}),
        ("2025", 0, 2, {}),
        (
            "2026", 3, 2,
            {"cached_tokens": 3, "prompt_tokens_details": {"cached_tokens": 3},
             "completion_tokens_details": {"reasoning_tokens": 2}},
        ),
        ("2026", 0, 0, {}),
    ],
)  # fmt: skip
def test_usage_is_that_of_the_year(year: str, cached: int, thought: int, expected: dict[str, Any]) -> None:
    """What is nothing is not said."""
    plain = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert usage(10, 5, thought, cached, year) == plain | expected


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=9), st.integers(0, 5))
def test_probabilities_are_of_the_form_that_is_documented(part: str, top: int) -> None:
    """Made up, the same each time, the likeliest first."""
    (found,) = logprobs([part], top)
    assert logprobs([part], top) == [found]
    assert bytes(found["bytes"]).decode() == found["token"] == part
    assert -1 <= found["logprob"] <= 0
    assert len(found["top_logprobs"]) == top
    assert [entry["token"] for entry in found["top_logprobs"][:1]] == [part][:top]
    assert all(set(entry) == {"token", "logprob", "bytes"} for entry in found["top_logprobs"])
    order = [entry["logprob"] for entry in found["top_logprobs"]]
    assert order == sorted(order, reverse=True)
