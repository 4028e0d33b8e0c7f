"""What ends open is told, and nothing else is: a false word about a whole answer would be worse than none."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.rules.ending import Ending, is_open_content, is_open_json, of_content

VALUES: list[Any] = [
    {"a": [1, 2.5, -3e10, True, False, None, 'x"y\\z\u1234月🌙\n'], "b": {"c": {}, "d": []}, "e": "tail"},
    [[[1]], {"k": [{"z": 0}]}],
    [-0.5e-7, 12e300, "\n\t{[", ""],
]
STYLES: list[dict[str, Any]] = [{}, {"indent": 2}, {"ensure_ascii": False}, {"separators": (",", ":")}]
TEXTS = [json.dumps(value, **style) for value in VALUES for style in STYLES]


@pytest.mark.parametrize("text", TEXTS)
def test_json_is_open_wherever_it_is_cut_and_nowhere_else(text: str) -> None:
    """The words of msgspec that this rests on are its own: they may change with a version."""
    assert not is_open_json(text)
    assert not is_open_json(f" {text}\n")
    assert [cut for cut in range(1, len(text)) if not is_open_json(text[:cut])] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict | list))


@given(value=JSON, cut=st.floats(0, 1, exclude_max=True), loose=st.booleans())
def test_any_json_is_open_when_cut(value: Any, cut: float, loose: bool) -> None:
    """Line feeds in strings are wrong and common; they do not make it whole, or open."""
    text = json.dumps(value, ensure_ascii=False)
    text = text.replace("\\n", "\n").replace("\\t", "\t") if loose and "\\\\" not in text else text
    assert not is_open_json(text)
    assert is_open_json(text[: max(1, int(len(text) * cut))])


WRONG = [
    "", " ", "{name}, hello", "[1] As the source says", "[Note: this is", "[[Page]]", "[0, 1)", "[0,1[", "[ ] to do",
    "[no]", "[to]", "[n]", "[t]", "[fin]", "[1, 2, 3, ...", '{"a": 1} and then', '{"a":1}\n{"b":', "{'a': 1", "[1 2",
    '{"a": 01}', "[1, 2, # more", '["\\x', "{}", "[]", "[1,]", '{"a":1,}', "tru", "12", "1e", "-", "{ return x;",
    "[" * 100_000 + "no",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=lambda text: ascii(text[:30]))
def test_what_is_wrong_elsewhere_did_not_break_off(text: str) -> None:
    """Prose, code, other notations, JSON that a model got wrong."""
    assert not is_open_json(text)
    assert of_content(text) is None


@pytest.mark.parametrize("text", ['{"lone \ud800": [1', '{"a": "\ud800"}'], ids=ascii)
def test_lone_surrogates_do_no_harm(text: str) -> None:
    """Only JSON that is not strict has them."""
    assert is_open_json(text) == text.endswith("1")


@pytest.mark.parametrize("text", ["{", "[", '{"', '["a"', "[1, 2", ' {\n"a"'], ids=ascii)
def test_a_few_signs_are_content_and_not_json(text: str) -> None:
    """Which sign begins an object? An answer may be just that; the arguments of a tool call are not."""
    assert not is_open_content(text)
    assert is_open_json(text)


F, T = "```", "~~~"
OPEN = {
    "a block": f"Here:\n{F}python\nx = 1\n",
    "no language": f"Here:\n{F}\nx = 1",
    "tildes": f"{T}py\nx = 1",
    "only its first line": f"Here:\n{F}python",
    "the second block": f"{F}js\n1\n{F}\nand\n{F}js\n2",
    "indented a little": f"   {F}py\ncode",
    "carriage returns": f"a\r\n{F}py\r\ncode\r\n",
    "a longer fence around a whole one": f"{F}`markdown\n{F}py\nx\n{F}\nmore",
    "a closing fence too short": f"{F}``\ncode\n{F}\nmore",
    "closed by another sign": f"{F}\ncode\n{T}\nmore",
    "words behind the language": f'{F}python title="a b c"\ncode',
    "inline code before": f"Use `x` and ``y``.\n{F}py\ncode",
}
CLOSED = {
    "no fence": "Nothing here.",
    "a block": f"Here:\n{F}python\nx = 1\n{F}\nThat is it.",
    "at the end": f"Here:\n{F}python\nx = 1\n{F}",
    "blanks behind": f"{F}\nx\n{F}  \t\r\n",
    "inline": f"Write {F} before and after the code.",
    "inline on a line of its own": f"{F}code{F}\nis code",
    "prose that begins with one": f"{F} is what opens a block of code in Markdown, and closes it.",
    "a longer closing fence": f"{F}\nx\n{F}``\nmore",
    "in a longer fence": f"{F}``md\n{F}\nx\n{F}``\nmore",
    "blocks in a block": f"{F}markdown\n# T\n{F}python\nx\n{F}\nmore\n{F}\nThat is it.",
    "a lone fence at the end": f'{{"a": 1}}\n{F}',
    "a lone fence at the end, blanks": f"code\n{F}\n\n",
    "in a list": f"1. First\n   {F}py\n   x\n   {F}\n2. Second",
    "deep in a list, closed less deep": f"1.  First\n    {F}py\n    x\n   {F}\n2. Second",
    "behind the mark of a list": f"- {F}py\n  x\n  {F}\n- more",
    "a list that ends": f"- {F}py\n  x\n\nMore words.",
    "in a quotation": f"> {F}py\n> x\n> {F}\nmore",
    "a quotation that ends": f"> {F}py\n> x\n\nmore",
    "an indented block": f"Like this:\n\n    {F}\n\nand so on",
    "a fence in the code, indented": f'{F}python\ns = """\n    {F}\n"""\n{F}\nmore',
    "words behind the closing fence": f"{F}python\nx\n{F} That is the whole of it.\nMore.",
    "titles underlined": f"API\n{T}\nWords.\n\nMore of it\n{T}{T}{T}~\nWords.\n\nAnd more\n{T}{T}~~\nWords.",
    "signs behind it": f"{T}~~~</h1>\nWords.",
    "tildes of a conversation": "wait ~~~ what\n~ ~ ~",
}


@pytest.mark.parametrize("text", OPEN.values(), ids=OPEN.keys())
def test_a_block_that_was_not_closed_is_open(text: str) -> None:
    """By CommonMark, and however else a model may have meant it."""
    assert of_content(text) is Ending.BLOCK


@pytest.mark.parametrize("text", CLOSED.values(), ids=CLOSED.keys())
def test_a_block_that_may_have_been_closed_is_not(text: str) -> None:
    """Models write blocks in blocks, and words behind fences."""
    assert of_content(text) is None


PAGES = sorted((Path(__file__).parents[2] / "docs").rglob("*.md"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_is_whole_and_open_where_a_block_of_it_is_cut(path: Path) -> None:
    """Markdown as it is written, with all that stands in it."""
    page = path.read_text("utf-8")
    assert of_content(page) is None
    blocks = re.findall(r"^```\w+\n.+?^```$", page, re.MULTILINE | re.DOTALL)
    assert [block for block in blocks if of_content(page[: page.index(block) + len(block) - 4]) is None] == []


LAST = {
    "ended open": (f'Here:\n{F}json\n{{"a": [1, 2,\n{F}\n', Ending.JSON),
    "at once": (f'{F}JSON\n{{"name": "Ki\n{F}', Ending.JSON),
    "whole": (f'{F}json\n{{"a": [1, 2]}}\n{F}', None),
    "with an ellipsis": (f'{F}json\n{{"a": [1, 2, ...\n{F}', None),
    "comments": (f'{F}json\n{{"a": 1, // one\n{F}', None),
    "a piece in the middle": (f'It begins so:\n{F}json\n{{"a": [1,\n{F}\nand goes on.', None),
    "another language": (f'{F}js\n{{"a": [1, 2,\n{F}', None),
    "empty": (f"{F}json\n{F}", None),
}


@pytest.mark.parametrize(("text", "expected"), LAST.values(), ids=LAST.keys())
def test_a_last_block_of_json_is_looked_into(text: str, expected: Ending | None) -> None:
    """It is what a program will take out and parse."""
    assert of_content(text) is expected


@pytest.mark.parametrize(
    "text",
    [f"{F}a\n" * 50_000, f"{F} " * 100_000, "- " * 200_000 + F, "[" * 300_000, '{"a":' * 100_000,
     '["' + '\\"' * 200_000],
    ids=["fences", "one line", "marks", "brackets", "objects", "quotes"],
)  # fmt: skip
def test_strange_texts_are_judged_in_a_moment(text: str) -> None:
    """Whatever an API sends: the librarian has other things to do. Only that it ends, and raises nothing."""
    assert of_content(text) in (None, *Ending)


@given(st.text(alphabet='`~ \n>-1.abc{}[]",:', max_size=60))
def test_nothing_raises(text: str) -> None:
    """Any mixture of the signs that matter."""
    assert of_content(text) in (None, *Ending)
    is_open_json(text)
