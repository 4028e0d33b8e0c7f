"""Stop sequences, the token limit and usage, for every length and every budget."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moonpalace.mock.answer import Answer, Choice, ToolCall
from moonpalace.mock.completion import Completion, Finished, finish, pieces, spoken
from moonpalace.testing.chats import chat
from moonpalace.text.tokens import estimate

TEXT = st.text(st.characters(codec="utf-8"), max_size=40) | st.text("ab 你好。1\n\t", max_size=40)
CALLS = st.lists(st.builds(ToolCall, st.sampled_from(["f", "get_weather"]), TEXT), max_size=3).map(tuple)
CHOICES = st.builds(Choice, TEXT, TEXT, CALLS)
MUCH = 1_000_000


def by_pieces(text: str) -> int:
    """A count that can be followed: one for each piece."""
    return len(pieces(text))


def done(choice: Choice, room: int = MUCH, *stop: str) -> Finished:
    """One choice as it is given out."""
    return finish(Answer((choice,)), chat(max_tokens=room, stop=stop, thinking=True), by_pieces, 0).choices[0]


# --- pieces

PIECES = {
    "": [],
    "hello": ["hello"],
    "hello world": ["hello", " world"],
    "internationalization": ["internat", "ionaliza", "tion"],
    "你好世界吗": ["你好", "世界", "吗"],
    "共1234元": ["共", "123", "4", "元"],
    "a, b": ["a", ",", " b"],
    "a  b": ["a", "  ", "b"],
    "\n\n你": ["\n\n你"],
    "x   ": ["x", "   "],
    "😀😀😀": ["😀😀", "😀"],
    "e\u0301": ["e", "\u0301"],
}


@pytest.mark.parametrize(("text", "expected"), PIECES.items(), ids=ascii)
def test_pieces_are_about_a_token_each(text: str, expected: list[str]) -> None:
    """As a stream sends them."""
    assert pieces(text) == expected


@given(TEXT)
@example("\x00\x1c\u2028 \u3000")
def test_pieces_rejoin_to_the_text(text: str) -> None:
    """None is empty."""
    found = pieces(text)
    assert "".join(found) == text
    assert all(found)


def test_a_stream_may_be_cut_by_hand() -> None:
    """Gaps go with the first pieces; what has none follows by its tokens."""
    choice = Choice("abcd", pieces=("ab", "", "cd"), gaps=(0.5, 0.25))
    assert spoken(choice) == [("ab", 0.5), ("", 0.25), ("cd", None)]
    assert spoken(replace(choice, gaps=())) == [("ab", None), ("", None), ("cd", None)]
    assert spoken(Choice("hello world", gaps=(1.0,))) == [("hello", 1.0), (" world", None)]
    assert spoken(replace(choice, gaps=(1.0, 2.0, 3.0, 4.0))) == [("ab", 1.0), ("", 2.0), ("cd", 3.0)]


# --- stop sequences


@pytest.mark.parametrize(
    ("text", "stop", "content", "by"),
    [
        ("one two three", ("two",), "one ", "two"),
        ("one two three", ("three", "two"), "one ", "two"),
        ("one two three", ("two", "two three"), "one ", "two"),
        ("one two three", ("one",), "", "one"),
        ("one two three", ("four", ""), "one two three", None),
        ("one two three", (), "one two three", None),
        ("你好。再见。", ("。",), "你好", "。"),
        ("aXbX", ("X", "b"), "a", "X"),
        ("One", ("one",), "One", None),
    ],
)
def test_the_earliest_stop_sequence_ends_the_text(
    text: str, stop: tuple[str, ...], content: str, by: str | None
) -> None:
    """It is not given out itself."""
    found = done(Choice(text), MUCH, *stop)
    assert (found.choice.content, found.stopped_by, found.finish_reason) == (content, by, "stop")
    assert found.tokens == by_pieces(content) + 1


@given(TEXT, st.lists(st.text("ab 你", max_size=3), max_size=5))
def test_no_stop_sequence_is_given_out(text: str, stop: list[str]) -> None:
    """And what is, is the longest beginning without one."""
    found = done(Choice(text), MUCH, *stop)
    wanted = [word for word in stop if word]
    content = found.choice.content
    assert text.startswith(content)
    assert not any(word in content for word in wanted)
    assert (found.stopped_by is None) == (content == text)
    if found.stopped_by is not None:
        assert text.startswith(found.stopped_by, len(content))


def test_reasoning_is_not_searched() -> None:
    """A stop sequence is about what is answered."""
    found = done(Choice("yes", "stop here"), MUCH, "stop")
    assert (found.choice.reasoning, found.choice.content, found.stopped_by) == ("stop here", "yes", None)


def test_who_was_stopped_calls_nothing() -> None:
    """The calls would have come behind the text."""
    found = done(Choice("a STOP b", "", (ToolCall("f", "{}"),)), MUCH, "STOP")
    assert (found.choice.tool_calls, found.finish_reason) == ((), "stop")


def test_pieces_end_where_the_text_does() -> None:
    """In the middle of one, if need be."""
    found = done(Choice("abcdef", pieces=("ab", "cd", "ef"), gaps=(1.0, 2.0, 3.0)), MUCH, "d")
    assert (found.choice.content, found.choice.pieces) == ("abc", ("ab", "c"))
    assert spoken(found.choice) == [("ab", 1.0), ("c", 2.0)]


# --- the limit

ALL = Choice(
    "The answer is 42. 是的。", "Let me think. 想一想。", (ToolCall("f", '{"a": 1}'), ToolCall("g", '{"b": [2, 3]}'))
)


def said(choice: Choice) -> str:
    """All of its texts, in the order in which they are said."""
    return "\0".join([choice.reasoning, choice.content, *[call.arguments for call in choice.tool_calls]])


@pytest.mark.parametrize("count", [by_pieces, estimate])
def test_every_budget_cuts_where_it_ends(count: object) -> None:
    """From one token to all: a beginning, as many tokens as the limit, `length`."""
    assert callable(count)
    whole = finish(Answer((ALL,)), chat(max_tokens=MUCH, thinking=True), count, 0).choices[0]
    assert whole.finish_reason == "tool_calls"
    before = ""
    for room in range(1, whole.tokens + 2):
        found = finish(Answer((ALL,)), chat(max_tokens=room, thinking=True), count, 0).choices[0]
        if room >= whole.tokens:
            assert found == whole
            continue
        assert (found.finish_reason, found.tokens) == ("length", room)
        assert said(ALL).startswith(said(found.choice).rstrip("\0"))
        assert len(said(found.choice)) >= len(before)
        spent = sum(map(count, [found.choice.reasoning, found.choice.content]))
        spent += sum(count(call.name) + count(call.arguments) + 4 for call in found.choice.tool_calls)
        assert spent <= room
        assert found.thought <= found.tokens
        before = said(found.choice)


@given(CHOICES, st.integers(1, 120), st.lists(st.sampled_from(["。", "ab", "b"]), max_size=2))
def test_any_answer_fits_any_budget(choice: Choice, room: int, stop: list[str]) -> None:
    """With the count that is shipped."""
    request = chat(max_tokens=room, stop=tuple(stop), thinking=True)
    found = finish(Answer((choice,)), request, estimate, 0).choices[0]
    assert found.tokens <= room
    assert choice.reasoning.startswith(found.choice.reasoning)
    assert choice.content.startswith(found.choice.content)
    for call, given_call in zip(found.choice.tool_calls, choice.tool_calls, strict=False):
        assert call.name == given_call.name and given_call.arguments.startswith(call.arguments)
    if found.finish_reason == "length":
        assert found.tokens == room
    else:
        assert found.choice.reasoning == choice.reasoning
        assert found.stopped_by is not None or found.choice.content == choice.content


def test_reasoning_may_use_up_everything() -> None:
    """Then there is no content; this is what users meet with a small max_tokens."""
    found = done(ALL, by_pieces(ALL.reasoning))
    assert (found.choice, found.tokens) == (Choice(reasoning=ALL.reasoning), by_pieces(ALL.reasoning))
    assert found.thought == found.tokens


def test_a_call_ends_in_the_middle_of_its_arguments() -> None:
    """Its JSON is broken then, as it is with the API."""
    choice = Choice(tool_calls=(ToolCall("f", '{"city": "Paris"}'), ToolCall("g", "{}")))
    whole = done(choice)
    assert whole.tokens == 1 + 2 * 5 + by_pieces('{"city": "Paris"}') + 1
    found = done(choice, 8)
    assert [call.arguments for call in found.choice.tool_calls] == ['{"city":']
    assert found.finish_reason == "length"
    assert done(choice, 5).choice.tool_calls == ()


def test_the_end_costs_one() -> None:
    """A text that fills the limit was cut off by it."""
    room = by_pieces("hello world")
    assert done(Choice("hello world"), room + 1).finish_reason == "stop"
    found = done(Choice("hello world"), room)
    assert (found.choice.content, found.finish_reason, found.tokens) == ("hello world", "length", room)


# --- the rest


@pytest.mark.parametrize(
    ("model", "thinking", "expected"),
    [("kimi-k2.6", False, ""), ("kimi-k2.6", True, "hm"), ("kimi-k3", False, ""), ("kimi-k3", True, "hm")],
)
def test_a_model_that_was_told_not_to_think_does_not(model: str, thinking: bool, expected: str) -> None:
    """A scenario's reasoning is left out where the switch is off."""
    request = chat(model=model, thinking=thinking)
    assert finish(Answer((Choice("a", "hm"),)), request, by_pieces, 0).choices[0].choice.reasoning == expected


def test_calls_have_ids() -> None:
    """By name and place, unless the scenario says others."""
    calls = (ToolCall("f", "{}"), ToolCall("f", "{}"), ToolCall("g", "{}", "mine"))
    found = done(Choice(tool_calls=calls))
    assert [call.id for call in found.choice.tool_calls] == ["f:0", "f:1", "mine"]
    assert found.finish_reason == "tool_calls"


def test_a_finish_reason_may_be_laid_down() -> None:
    """Whatever the limit does."""
    choice = replace(ALL, finish_reason="content_filter")
    for room in (1, by_pieces(ALL.reasoning) + 1, done(ALL).tokens - 1, MUCH):
        assert done(choice, room).finish_reason == "content_filter"


def test_what_is_missing_for_n_choices_is_repeated() -> None:
    """The last one."""
    answer = Answer((Choice("a"), Choice("b")))
    found = finish(answer, chat(n=4), by_pieces, 0)
    assert [one.choice.content for one in found.choices] == ["a", "b", "b", "b"]
    assert finish(answer, chat(n=1), by_pieces, 0).choices == found.choices[:1]
    assert finish(Answer(), chat(n=2), by_pieces, 0).choices == (Finished(Choice(), "stop", 1),) * 2


def test_tokens_are_those_of_all_choices() -> None:
    """And reasoning is among them."""
    found = finish(Answer((Choice("a", "b c"), Choice("d e f", ""))), chat(n=2, thinking=True), by_pieces, 3)
    assert (found.tokens, found.thought, found.prompt_tokens, found.cached) == (1 + 2 + 1 + 3 + 1, 2, 10, 3)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({}, (10, 3, 4)),
        ({"prompt_tokens": 7}, (7, 3, 4)),
        ({"prompt_tokens": 2}, (2, 2, 4)),
        ({"cached_tokens": 9}, (10, 9, 4)),
        ({"cached_tokens": 99}, (10, 10, 4)),
        ({"completion_tokens": 0}, (10, 3, 0)),
        ({"completion_tokens": 1_000}, (10, 3, 1_000)),
    ],
)
def test_usage_may_be_laid_down(usage: dict[str, int], expected: tuple[int, int, int]) -> None:
    """The parts stay in order: no more is cached than the prompt has, no more thought than was said."""
    found = finish(Answer((Choice("a", "b c"),), usage=usage), chat(thinking=True), by_pieces, 3)
    assert (found.prompt_tokens, found.cached, found.tokens) == expected
    assert found.thought == min(2, expected[2])


def test_usage_that_is_laid_down_is_of_all_choices_together() -> None:
    """`completion_tokens` of a scenario is what the client reads, for any n."""
    found = finish(Answer((Choice("a"),), usage={"completion_tokens": 11}), chat(n=3), by_pieces, 0)
    assert isinstance(found, Completion) and found.tokens == 11
    assert [one.tokens for one in found.choices] == [4, 4, 3]
