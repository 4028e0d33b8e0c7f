"""How long an answer is asked to be."""

from __future__ import annotations

import pytest

from moonpalace.mock.brain.length import CHARS, WORDS, Length, asked_length, measure


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("写一篇1000字的文章", "zh", Length(1000, CHARS)),
        ("写一篇一千字的文章", "zh", Length(1000, CHARS)),
        ("两千五百字", "zh", Length(2500, CHARS)),
        ("十五个字", "zh", Length(15, CHARS)),
        ("100字以内", "zh", Length(100, CHARS, True)),
        ("不超过50字", "zh", Length(50, CHARS, True)),
        ("一万字", "zh", Length(6000, CHARS)),
        ("9999999字", "zh", Length(6000, CHARS)),
        ("一万字", "ja", Length(5000, CHARS)),
        ("a 500-word essay", "en", Length(500, WORDS)),
        ("at most 20 words", "en", Length(20, WORDS, True)),
        ("1,000 words", "en", Length(1000, WORDS)),
        ("100 tokens", "en", Length(75, WORDS)),
        ("500文字で", "ja", Length(500, CHARS)),
        ("300자 이내", "ko", Length(300, CHARS, True)),
        ("写长一点", "zh", Length(600, CHARS)),
        ("explain in detail", "en", Length(400, WORDS)),
        ("0字", "zh", Length(1, CHARS)),
        ("你好", "zh", None),
        ("识字", "zh", None),
    ],
)
def test_a_length_is_understood(text, language, expected):
    """A cut by max_tokens is then easily had."""
    assert expected == asked_length(text, language)


def test_lengths_are_measured_in_their_unit():
    """Spaces do not count as characters."""
    assert (measure("ab cd", WORDS), measure("ab cd", CHARS)) == (2, 4)
