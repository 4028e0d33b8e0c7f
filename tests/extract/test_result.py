"""What leaves the package is text that any JSON and any UTF-8 can carry."""

from __future__ import annotations

import pytest

from moonpalace.extract import ExtractError
from moonpalace.extract.result import EMPTY, MAX_TEXT, TOO_LONG, fit, tidy


def test_what_utf8_cannot_carry_is_left_out() -> None:
    """A lone surrogate would break the answer, a NUL those who read it."""
    assert fit("a\0b\ud800c") == "abc"


@pytest.mark.parametrize("content", ["a" * (MAX_TEXT + 1), "月" * (MAX_TEXT // 3 + 1)], ids=["ascii", "chinese"])
def test_too_much_text_is_told(content: str) -> None:
    """The limit is one of bytes in UTF-8."""
    with pytest.raises(ExtractError, match=TOO_LONG):
        fit(content)


@pytest.mark.parametrize("content", ["", " \n\t", "\0\0", "\u3000"])
def test_nothing_but_blanks_is_no_text(content: str) -> None:
    """As the real API answers for it."""
    with pytest.raises(ExtractError, match=EMPTY):
        fit(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a \r\nb\rc\n\n\n\n  d\n", "a\nb\nc\n\n  d\n"),
        ("\n\na", "a\n"),
        ("\n \n \n", "\n"),
        ("a" + " " * 200_000 + "b", None),
    ],
)
def test_layout_is_plain(content: str, expected: str | None) -> None:
    """And making it so takes no time that grows faster than the text."""
    assert tidy(content) == (content + "\n" if expected is None else expected)
