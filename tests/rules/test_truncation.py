"""Truncation: the guide's lines for what the API says, and what ends open though it says nothing."""

from __future__ import annotations

from typing import Any

import pytest
from judged import (
    USAGE,
    call,
    chat,
    chat_stream,
    chat_value,
    choice,
    findings,
    message_stream,
    message_value,
    response_value,
    said,
    stream,
    told,
    whole,
)

from moonpalace.rules import truncation
from moonpalace.testing.kimi_shapes import (
    chat_events,
    chat_json,
    completion_events,
    data_event,
    message_events,
    message_json,
    response_events,
    response_json,
)

LARGER = "it seems that your max_tokens value is too small, please set a larger value"
GREATER = "it seems that your max_tokens value is too small, please set a value greater than 5"
CUT = choice("It was a dark and", "length")
TEXT = {"id": "c", "object": "text_completion", "choices": [{"index": 0, "text": "a", "finish_reason": "length"}]}
BLOCK = {"type": "text", "text": "It was"}
LIMITED = {
    "chat": (chat(CUT), GREATER, "choices.0.finish_reason"),
    "chat, no usage": (chat(CUT, usage=None), LARGER, "choices.0.finish_reason"),
    "chat, strange usage": (chat(CUT, usage={"completion_tokens": "5"}), LARGER, "choices.0.finish_reason"),
    "chat, streamed": (chat_stream(CUT), LARGER, "choices.0.finish_reason"),
    "text": (whole(TEXT, "text"), LARGER, "choices.0.finish_reason"),
    "text, streamed": (stream([data_event(TEXT)], "text"), LARGER, "choices.0.finish_reason"),
    "anthropic": (whole(message_value(BLOCK, stop="max_tokens"), "anthropic"), GREATER, "stop_reason"),
    "anthropic, streamed": (
        message_stream((BLOCK, {"type": "text_delta", "text": " a"}), stop="max_tokens"), LARGER, "stop_reason",
    ),
    "responses": (
        whole(response_value(said("It"), reason="max_output_tokens"), "responses"), GREATER,
        "incomplete_details.reason",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "title", "place"), LIMITED.values(), ids=LIMITED.keys())
def test_an_answer_that_the_limit_ended_gets_the_line_of_the_guide(answer: Any, title: str, place: str) -> None:
    """To the letter: people search their logs for it. The number where it is known, and no stream was asked for."""
    assert [(f.rule, f.title, f.evidence) for f in findings(answer)] == [("truncated", title, place)]


def test_a_stream_that_was_forced_is_none_for_the_client() -> None:
    """It asked for no stream, and gets the number that the guide promises for that."""
    assert [f.title for f in findings(chat_stream(CUT), flags=("forced_stream",))] == [GREATER]


def test_each_choice_is_named() -> None:
    """Of several, some may be whole."""
    answer = (CUT, choice("Whole."), CUT)
    expected = [("truncated", "choices.0.finish_reason"), ("truncated", "choices.2.finish_reason")]
    assert told(chat(*answer)) == told(chat_stream(*answer)) == expected


USUAL = (0.5, 100)
LOOP = "spam " * 60
FINE = "The quick brown fox jumps over the lazy dog, while seventeen wizards quietly boil jam for their next feast. "
LONG_TURNS = "".join(f"{number * 7919} " for number in range(400))  # one turn of a loop, longer than the short look
LOOPING = {
    "content": chat(choice(LOOP, "length")),
    "streamed": chat_stream(choice(LOOP, "length")),
    "after much else": chat(choice(LONG_TURNS + LOOP * 5, "length")),
    "in long turns": chat(choice(FINE + LONG_TURNS * 6, "length")),
    "message": whole(message_value({"type": "text", "text": LOOP}, stop="max_tokens"), "anthropic"),
}


@pytest.mark.parametrize("answer", LOOPING.values(), ids=LOOPING.keys())
def test_a_limit_that_ended_a_loop_is_not_to_be_raised(answer: Any) -> None:
    """More of the same would come, and be paid for: one remedy is named, not two that contradict each other."""
    (finding,) = findings(answer, repetition=USUAL)
    assert finding.rule == "repeating" and "raise" not in finding.advice
    (finding,) = findings(answer, flags=("repeat_cut",))
    assert finding.rule == "repeat_cut" and "raise" not in finding.advice


@pytest.mark.parametrize(
    "one",
    [choice("-" * 200 + FINE * 2, "length"), choice(FINE * 2, "length", reasoning_content=LOOP)],
    ids=["a ruler at its beginning", "reasoning that came to its end"],
)
def test_a_limit_that_ended_something_else_is_told(one: Any) -> None:
    """Something in it repeats itself; what the limit cut off does not."""
    assert sorted(rule for rule, _ in told(chat(one), repetition=USUAL)) == ["repeating", "truncated"]


@pytest.mark.parametrize("answer", LOOPING.values(), ids=LOOPING.keys())
def test_who_does_not_want_to_know_of_loops_gets_the_line_of_the_guide(answer: Any) -> None:
    """It promises the line for every answer that the limit ended, and nothing is measured unasked."""
    assert [rule for rule, _ in told(answer)] == ["truncated"]


def test_choices_that_loop_say_nothing_of_the_others() -> None:
    """Each is judged by itself."""
    answer = chat(choice(LOOP, "length"), CUT)
    assert told(answer, repetition=USUAL) == [
        ("truncated", "choices.1.finish_reason"),
        ("repeating", "choices.0.message.content"),
    ]


@pytest.mark.parametrize(
    ("one", "rule"),
    [
        (choice("", "length", reasoning_content=LOOP), "reasoning_used_budget"),
        (choice('{"a": "' + LOOP, "length"), "incomplete_json"),
        (choice("", "length", tool_calls=[call('{"a": "' + LOOP)]), "incomplete_arguments"),
    ],
    ids=["reasoning", "content", "arguments"],
)
def test_what_a_loop_left_open_is_told_without_advice_to_raise_the_limit(one: Any, rule: str) -> None:
    """That it is open stays true; what to do about it is another thing."""
    first, second = findings(chat(one), repetition=USUAL)
    assert (first.rule, second.rule) == (rule, "repeating")
    assert "raise" not in first.advice and "repeats itself" in first.advice


WHOLE = {
    "chat": whole(chat_json()),
    "tools": whole(chat_json(tools=True)),
    "stream": stream(chat_events()),
    "stream of tools": stream(chat_events(tools=True)),
    "text stream": stream(completion_events(), "text"),
    "message": whole(message_json(), "anthropic"),
    "message stream": stream(message_events(), "anthropic"),
    "response": whole(response_json(), "responses"),
    "response stream": stream(response_events(), "responses"),
    "filtered": chat(choice('{"a": "b', "content_filter")),
    "no choices": whole(chat_value()),
    "content is null": chat(choice(None, "tool_calls", tool_calls=[call("{}")])),
    "arguments are empty": chat(choice("", "tool_calls", tool_calls=[call("")])),
    "arguments are an object": chat(choice("", "tool_calls", tool_calls=[call({"a": 1})])),
    "a stop text": whole(message_value({"type": "text", "text": "```\na\n"}, stop="stop_sequence"), "anthropic"),
    "a stream that broke off": chat_stream(choice('{"a": "bcdef', None), done=False),
}


@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE.keys())
def test_a_whole_answer_gets_none(answer: Any) -> None:
    """Nor one that broke off: that is told elsewhere, with what is known of the connection."""
    assert findings(answer) == []


THOUGHT = [{"type": "thinking", "thinking": "Hm"}, {"type": "redacted_thinking", "data": "x"}]
DETAILS = {"completion_tokens_details": {"reasoning_tokens": 5}}
ONLY_REASONING = {
    "chat": (chat(choice("", "length", reasoning_content="Hm")), "choices.0.message.reasoning_content"),
    "blank": (chat(choice(" \n", "length", reasoning_content="Hm")), "choices.0.message.reasoning_content"),
    "null": (chat(choice(None, "length", reasoning="Hm")), "choices.0.message.reasoning"),
    "counted": (chat(choice("", "length"), usage={**USAGE, **DETAILS}), "choices.0.finish_reason"),
    "streamed": (chat_stream(choice("", "length", reasoning_content="Hm")), "choices.0.message.reasoning_content"),
    "thinking": (whole(message_value(THOUGHT[0], stop="max_tokens"), "anthropic"), "content.0.thinking"),
    "hidden": (whole(message_value(THOUGHT[1], stop="max_tokens"), "anthropic"), "stop_reason"),
    "item": (
        whole(response_value({"type": "reasoning", "summary": []}, reason="max_output_tokens"), "responses"),
        "incomplete_details.reason",
    ),
}


@pytest.mark.parametrize(("answer", "place"), ONLY_REASONING.values(), ids=ONLY_REASONING.keys())
def test_reasoning_that_used_the_whole_budget_is_named(answer: Any, place: str) -> None:
    """An empty answer puzzles whoever thinks that max_tokens limits the content."""
    first, second = findings(answer)
    assert (first.rule, second.rule, second.evidence) == ("truncated", "reasoning_used_budget", place)
    assert "reasoning" in second.title and "max_completion_tokens" in second.advice


@pytest.mark.parametrize(
    "answer",
    [
        chat(choice("But", "length", reasoning_content="Hm")),
        chat(choice("", "stop", reasoning_content="Hm")),
        chat(choice("", "length", reasoning_content="Hm", tool_calls=[call("{}")])),
        chat(choice("", "length")),
        chat(choice("", "length"), usage={**USAGE, "completion_tokens_details": {"reasoning_tokens": 0}}),
    ],
    ids=["content", "stopped", "called", "neither", "none counted"],
)
def test_reasoning_beside_something_else_is_not(answer: Any) -> None:
    """Then the budget went elsewhere as well."""
    assert "reasoning_used_budget" not in [rule for rule, _ in told(answer)]


OPEN_JSON = '{"name": "Ki'
OPEN_BLOCK = "Here:\n```python\nx = 1\n"
TOOL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
MESSAGE = "choices.0.message"
OPEN = {
    "json": (choice(OPEN_JSON), ("incomplete_json", f"{MESSAGE}.content")),
    "array": (choice(' [1, 2, {"a":'), ("incomplete_json", f"{MESSAGE}.content")),
    "parts": (choice([{"type": "text", "text": OPEN_JSON}]), ("incomplete_json", f"{MESSAGE}.content.0.text")),
    "block": (choice(OPEN_BLOCK), ("open_fence", f"{MESSAGE}.content")),
    "block of json": (choice(f"```json\n{OPEN_JSON}\n```"), ("incomplete_json", f"{MESSAGE}.content")),
    "arguments": (
        choice("", "tool_calls", tool_calls=[call("{}"), call('{"city": "Bei')]),
        ("incomplete_arguments", f"{MESSAGE}.tool_calls.1.function.arguments"),
    ),
    "one sign": (
        choice("", "tool_calls", tool_calls=[call("{")]),
        ("incomplete_arguments", f"{MESSAGE}.tool_calls.0.function.arguments"),
    ),
    "the older call": (
        choice("", "function_call", function_call={"name": "f", "arguments": '{"a":'}),
        ("incomplete_arguments", f"{MESSAGE}.function_call.arguments"),
    ),
}


@pytest.mark.parametrize(("one", "expected"), OPEN.values(), ids=OPEN.keys())
def test_what_ends_open_is_told_though_the_api_says_that_it_is_whole(one: Any, expected: tuple[str, str]) -> None:
    """Else the error comes up later, in the caller's parser."""
    assert told(chat(one)) == [expected]
    limited = {**one, "finish_reason": "length"}
    assert told(chat(limited)) == [("truncated", "choices.0.finish_reason"), expected]
    if isinstance(one["message"]["content"], str) and "function_call" not in one["message"]:
        assert told(chat_stream(one)) == [expected]


def test_messages_and_responses_are_looked_into_as_well() -> None:
    """Tool input that is no JSON is kept as the text that it is when a stream is merged."""
    split = [{"type": "text", "text": "Here:\n```py\n"}, TOOL, {"type": "text", "text": "x\n"}]
    assert told(whole(message_value(*split), "anthropic")) == [("open_fence", "content.2.text")]
    closed = [*split, {"type": "text", "text": "```\n"}]
    assert told(whole(message_value(*closed), "anthropic")) == []
    piece = {"type": "input_json_delta", "partial_json": '{"city": "Bei'}
    assert told(message_stream((TOOL, piece), stop="tool_use")) == [("incomplete_arguments", "content.0.input")]
    function = {"type": "function_call", "name": "f", "arguments": '{"a": [1'}
    answer = whole(response_value(said("Here:", '\n```\n{"a'), function), "responses")
    assert told(answer) == [("open_fence", "output.0.content.1.text"), ("incomplete_arguments", "output.1.arguments")]


def test_the_text_of_a_text_completion_may_end_anywhere() -> None:
    """It goes on from a prompt, and may have the rest behind it."""
    value = {"object": "text_completion", "choices": [{"index": 0, "text": OPEN_JSON, "finish_reason": "stop"}]}
    assert told(whole(value, "text")) == []


USER = {"role": "user", "content": "JSON, please"}
EXPLAINED = {
    "partial": {"messages": [USER, {"role": "assistant", "content": "```json\n", "partial": True}]},
    "prefill": {"messages": [USER, {"role": "assistant", "content": "{"}]},
    "input": {"input": [USER, {"role": "assistant", "content": "{"}]},
    "stop": {"messages": [USER], "stop": ["```"]},
    "stop sequences": {"messages": [USER], "stop_sequences": ["```"]},
}


@pytest.mark.parametrize("asked", EXPLAINED.values(), ids=EXPLAINED.keys())
def test_content_that_the_request_began_or_ended_is_left_alone(asked: Any) -> None:
    """What it began is not in the answer, what it named to stop at is left out of it. Arguments are whole anyway."""
    assert told(chat(choice(OPEN_BLOCK)), asked) == []
    called = choice(OPEN_JSON, "tool_calls", tool_calls=[call('{"a":')])
    assert [rule for rule, _ in told(chat(called), asked)] == ["incomplete_arguments"]


@pytest.mark.parametrize(
    "asked",
    [{"messages": [USER]}, {"messages": [USER], "stop": None}, {"messages": [USER], "stop": []}, {"messages": 1},
     {"input": "text"}, {"messages": [1]}, {}, [], b"", b"\xff", b'{"messages": [', b"[" * 100_000],
    ids=lambda asked: ascii(asked)[:30],
)  # fmt: skip
def test_any_other_request_explains_nothing(asked: Any) -> None:
    """Also one that cannot be read."""
    assert told(chat(choice(OPEN_BLOCK)), asked) == [("open_fence", "choices.0.message.content")]


def test_a_text_to_stop_at_does_not_explain_the_limit() -> None:
    """The API says itself that it was the limit."""
    assert [rule for rule, _ in told(chat(choice(OPEN_BLOCK, "length")), EXPLAINED["stop"])] == [
        "truncated", "open_fence",
    ]  # fmt: skip


def test_the_advice_goes_with_what_the_api_says() -> None:
    """A larger limit does not help where it was not the limit."""
    (stopped,) = findings(chat(choice(OPEN_JSON)))
    _, limited = findings(chat(choice(OPEN_JSON, "length")))
    assert "ask again" in stopped.advice and "raise max_tokens" in limited.advice
    assert stopped.title == limited.title


STRANGE: list[Any] = [
    {"object": "chat.completion", "choices": None}, {"choices": [None, 1, "x"]},
    {"choices": [{"finish_reason": {}, "message": 1}]},
    {"choices": [{"finish_reason": "length"}]}, {"choices": [{"message": {"content": 5, "tool_calls": [None, {}]}}]},
    {"choices": [{"finish_reason": "length", "message": {"tool_calls": {}, "function_call": "f"}}]},
    {"object": "response", "output": [1, {"content": 1, "type": "message"}], "incomplete_details": 1, "status": []},
    {"type": "message", "content": [1, {}, {"type": "text"}, {"type": []}], "stop_reason": ["max_tokens"]},
]  # fmt: skip


@pytest.mark.parametrize("value", STRANGE, ids=str)
def test_strange_answers_are_no_trouble(value: Any) -> None:
    """A fake server, a gateway, a bug: whatever it is, it is on record, and the rules say what they can."""
    kind = {"response": "responses"}.get(value.get("object"), "anthropic" if "type" in value else "chat")
    found = told(whole(value, kind))
    assert all(rule == "truncated" for rule, _ in found)


def test_the_titles_are_those_of_the_guide() -> None:
    """The number is filled in."""
    assert (truncation.TITLE, truncation.TITLE_WITH_NUMBER.format(5)) == (LARGER, GREATER)
