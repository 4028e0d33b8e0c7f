"""How long an answer is asked to be: `写一篇1000字的文章`, `a 500-word essay`, `100字以内`.

1. A length is counted in words or in characters without spaces, at most what about 4,000 tokens hold.
2. Words such as `in detail` ask for a longer answer without saying how long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WORDS, CHARS = "words", "chars"
_MOST_WORDS = 3_000
_MOST_CHARS = {"en": 15_000, "zh": 6_000, "ja": 5_000, "ko": 3_800}
_OPEN_LENGTH = {"en": (400, WORDS), "zh": (600, CHARS), "ja": (600, CHARS), "ko": (600, CHARS)}
_ASKED = re.compile(
    r"(?P<before>(?:不超过|不多于|少于|最多|控制在|at most|less than|fewer than|under|within|up to|no more than"
    r"|max(?:imum)?)\s*)?(?P<number>\d{1,3}(?:,\d{3})+|\d{1,7}|[一二两三四五六七八九十百千万]{1,7})[\s-]*"
    r"(?P<unit>个?汉?字|文字|words?|characters?|chars|tokens?|单词|個?單詞|글자|단어|자)"
    r"(?P<after>\s*(?:以内|以內|以下|之内|之內|内|이내|이하|or less|or fewer))?",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"长文|写长|长一点|长一些|尽量长|越长越好|详细|詳細|詳しく|長い文|長めに|자세히|길게|in detail|detailed|at length"
    r"|\blong(?:er)? (?:answer|essay|text|story|article|reply|response|explanation)\b|\bessay\b",
    re.IGNORECASE,
)
_UNITS = {"word": WORDS, "words": WORDS, "单词": WORDS, "单词数": WORDS, "단어": WORDS}
_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"两": 2}
_POWERS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}
_WORDS_OF_TOKEN = 0.75
_CHARS_OF_TOKEN = {"zh": 1.8, "ja": 1.3, "ko": 1.0}


@dataclass(frozen=True, slots=True)
class Length:
    """So many `unit`s. `limit`: at most, not at least."""

    count: int
    unit: str
    limit: bool = False


def asked_length(text: str, language: str) -> Length | None:
    """How long the answer is to be, if the text says so."""
    match = _ASKED.search(text)
    if match is not None:
        limit = bool(match["before"] or match["after"])
        unit = _UNITS.get(match["unit"].lower(), CHARS)
        count = _number(match["number"])
        if match["unit"].lower().startswith("token"):
            unit = WORDS if language == "en" else CHARS
            count = int(count * _CHARS_OF_TOKEN.get(language, _WORDS_OF_TOKEN))
        most = _MOST_WORDS if unit == WORDS else _MOST_CHARS[language]
        return Length(max(1, min(count, most)), unit, limit)
    return Length(*_OPEN_LENGTH[language]) if _OPEN.search(text) else None


def measure(text: str, unit: str) -> int:
    """How long a text is."""
    return len(text.split()) if unit == WORDS else len(text) - sum(map(text.count, " \n"))


def _number(written: str) -> int:
    if written[0].isdigit():
        return int(written.replace(",", ""))
    total, digit = 0, 0
    for char in written:
        if char in _DIGITS:
            digit = _DIGITS[char]
        else:
            total += max(1, digit) * _POWERS[char] if char != "万" else (max(1, total + digit) * 10_000 - total)
            digit = 0
    return total + digit
