"""How the demo is told: wrapping of streams, words in both languages, the language itself."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moonpalace.cli.demo import COLUMNS, Page, _language
from moonpalace.cli.demo_words import EN, WORDS, ZH
from moonpalace.text.width import width


class Paper(Page):
    """A page that keeps what was written."""

    def __init__(self) -> None:
        super().__init__(EN, False)
        self.written = ""

    def _out(self, text: str) -> None:
        self.written += text


def told(pieces: list[str]) -> str:
    """A stream of these pieces."""
    paper = Paper()
    for piece in pieces:
        paper.event({"kind": "delta", "text": piece})
    paper.event({"kind": "end"})
    return paper.written


TEXT = st.text(st.sampled_from("abc defgh.月饼，。\n"), max_size=400)


@given(TEXT, st.lists(st.integers(1, 12), max_size=80))
@example("aa  a", [3])
def test_any_pieces_of_a_stream_look_alike(text: str, sizes: list[int]) -> None:
    """A word that comes in two pieces is still one word; no line is too long, none ends in blanks."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(text[at : at + size])
        at += size
    written = told([*pieces, text[at:]])
    assert written == told([text])
    assert re.sub(r"\s", "", written.removeprefix("    <   ")) == re.sub(r"\s", "", text)
    longest = max([width(word) for word in text.split()], default=0) + 8
    lines = written.splitlines()
    assert [line for line in lines if width(line) > max(COLUMNS, longest)] == []
    assert [line for line in lines if line.strip() and line != line.rstrip()] in ([], ["    <   "])


def test_what_comes_from_outside_cannot_steer_the_terminal() -> None:
    """The words of an answer are text from outside, here as well."""
    assert "\x1b" not in told(["\x1b[2J"])


def test_both_languages_say_the_same_things() -> None:
    """A sentence or a place that one of them lacks would be a fault at the end of the demo."""
    assert ZH.keys() == EN.keys()
    assert all(sorted(re.findall(r"{\w+}", ZH[name])) == sorted(re.findall(r"{\w+}", EN[name])) for name in EN)
    assert list(WORDS) == ["en", "zh"]


@pytest.mark.parametrize(
    ("env", "language"),
    [({}, "en"), ({"LANG": "zh_CN.UTF-8"}, "zh"), ({"LANG": "de_DE"}, "en"), ({"LANG": "zh_TW", "LC_ALL": "C"}, "en"),
     ({"LC_ALL": "", "LC_MESSAGES": "zh_CN", "LANG": "C"}, "zh")],
)  # fmt: skip
def test_the_language_is_that_of_the_messages(env: dict[str, str], language: str) -> None:
    """In the order of POSIX, an empty variable counting as none."""
    assert _language(env) == language
