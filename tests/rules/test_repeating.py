"""Repetition on record: measured where it was to be detected, told once where it was cut."""

from __future__ import annotations

from typing import Any

import pytest
from judged import call, chat, chat_stream, choice, findings, message_value, response_value, said, told, whole

from moonpalace.rules import repeating
from moonpalace.transforms.settings import TransformSettings
from moonpalace.wire.answers.answer import Answer

TITLE = "it appears that there is an issue with content repeating in the current response"
USUAL = (0.5, 100)
CUT = ("repeat_cut",)
LOOP = "spam " * 60
FINE = "The quick brown fox jumps over the lazy dog, while seventeen wizards quietly boil jam for their next feast."
TOOL = {"type": "tool_use", "id": "t", "name": "f", "input": {"text": LOOP}}
MESSAGE = "choices.0.message"
PLACES = {
    "content": (chat(choice(LOOP)), f"{MESSAGE}.content"),
    "reasoning": (chat(choice(FINE, reasoning_content=LOOP)), f"{MESSAGE}.reasoning_content"),
    "arguments": (
        chat(choice("", "tool_calls", tool_calls=[call("{}"), call(LOOP)])),
        f"{MESSAGE}.tool_calls.1.function.arguments",
    ),
    "another choice": (chat(choice(FINE), choice(LOOP)), "choices.1.message.content"),
    "streamed": (chat_stream(choice(LOOP)), f"{MESSAGE}.content"),
    "block": (whole(message_value({"type": "thinking", "thinking": LOOP}), "anthropic"), "content.0.thinking"),
    "item": (whole(response_value(said(FINE, LOOP)), "responses"), "output.0.content.1.text"),
    "in the beginning only": (chat(choice("a" * 200 + FINE * 3)), f"{MESSAGE}.content"),
}


@pytest.mark.parametrize(("answer", "place"), PLACES.values(), ids=PLACES.keys())
def test_each_text_that_repeats_itself_is_told(answer: Any, place: str) -> None:
    """With the line of the guide, and what could not be done about it."""
    (finding,) = findings(answer, repetition=USUAL)
    assert (finding.rule, finding.title, finding.evidence) == ("repeating", TITLE, place)
    assert findings(answer) == []


@pytest.mark.parametrize(
    ("one", "repetition"),
    [(choice(FINE), USUAL), (choice("spam " * 20), USUAL), (choice(LOOP), (0.0, 100)), (choice(LOOP), (0.5, 1000)),
     (choice(FINE[:60], reasoning_content=FINE[:60]), USUAL)],
    ids=["fine", "short", "threshold of 0", "not long enough", "two texts alike"],
)  # fmt: skip
def test_what_does_not_repeat_itself_is_not(one: Any, repetition: tuple[float, int]) -> None:
    """Each text is measured by itself, by the settings of the run."""
    assert told(chat(one), repetition=repetition) == []


@pytest.mark.parametrize("repetition", [USUAL, None])
def test_a_stream_that_was_cut_is_told_once(repetition: Any) -> None:
    """Whatever can be read of it, and under a name of its own."""
    loops, other = chat_stream(choice(LOOP, None), done=False), Answer("other")
    for answer, place, had in (
        (loops, f"{MESSAGE}.content", ", when 300 characters of this text had come"),
        (other, "", ""),
    ):
        (finding,) = findings(answer, flags=CUT, repetition=repetition)
        assert (finding.rule, finding.title, finding.evidence) == ("repeat_cut", TITLE, place)
        assert finding.advice.startswith(f"the stream was ended to save tokens{had}: change the prompt")


@pytest.mark.parametrize("name", ["content", "reasoning", "arguments", "another choice", "block"])
def test_a_cut_is_told_with_its_place(name: str) -> None:
    """The one text of several that loops, by the usual settings where only this request asked for it."""
    answer, place = PLACES[name]
    assert told(answer, flags=CUT) == [("repeat_cut", place)]


def test_a_cut_is_placed_by_the_settings_of_the_run() -> None:
    """What is a loop to them need not be one by the usual ones; and where two texts loop, one is named."""
    short = "spam " * 9
    assert told(chat(choice(short)), flags=CUT, repetition=(0.5, 20)) == [("repeat_cut", f"{MESSAGE}.content")]
    assert told(chat(choice(short)), flags=CUT) == [("repeat_cut", "")]
    assert told(chat(choice(LOOP), choice(LOOP)), flags=CUT) == [("repeat_cut", f"{MESSAGE}.content")]


def test_the_usual_settings_are_those_of_the_option() -> None:
    """A request that switches the detection on by itself has them."""
    usual = TransformSettings()
    assert (usual.repeat_threshold, usual.repeat_min_length) == repeating._USUAL
