"""Sums in a question, worked out: `1+1等于多少`, `what is (2 + 3) * 4?`, `12 除以 5 是多少`.

1. Only what is plainly asked is worked out: the sum is the whole message, or a word that asks stands right beside it.
   So dates, ranges, versions and addresses are let alone.
2. Exact: fractions inside, at most twelve digits outside. Numbers and sums are bounded in length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_LONGEST = 80
_SPOKEN = tuple(
    (re.compile(rf"(?<=[\d)])\s*(?:{words})\s*(?=[\d(])", re.IGNORECASE), sign)
    for words, sign in (
        ("加上?|足す|plus|더하기", "+"),
        ("减去?|減去?|引く|minus|빼기", "-"),
        ("乘以|乘|乘上|掛ける|かける|times|multiplied by|곱하기|x|×|✕|·", "*"),
        ("除以|割る|わる|divided by|over|나누기|÷", "/"),
    )
)
_NUMBER = r"\d{1,15}(?:\.\d{1,9})?"
_SUM = re.compile(
    rf"(?<![A-Za-z0-9_.+\-*/])[-(\s]*{_NUMBER}[)\s]*(?:[-+*/]\s*[(\s]*-?{_NUMBER}[)\s]*)+(?![A-Za-z0-9_/*+-]|\.\d)"
)
_BEHIND = re.compile(
    r"\s*(?:=|＝|等于|等於|是多少|得多少|得几|是几|等於多少|equals?\b|is\b"
    r"|はいくつ|はいくら|は[?？何]|の答え|는|은|이 얼마|[?？])",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?:计算|計算|算一下|算算|算|求|계산|what(?:'s|’s| is)|calculate|compute|evaluate|solve|how much is)"
    r"[:：\s一下]*\Z",
    re.IGNORECASE,
)
_TOKEN = re.compile(rf"\s*({_NUMBER}|[-+*/()])")
_ALONE = " \t\r\n=＝?？。.!！"
_SIGNS = re.compile(r"[-+*/×÷✕·x加减減乘除足引掛割かわptmdo더빼곱나]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum as it was written, and what comes out: None for a division by zero."""

    written: str
    result: str | None


def find_sum(text: str) -> Sum | None:
    """The first sum that the text asks for."""
    text = " ".join(text[:2_000].split())
    if not _SIGNS.search(text) or not any(char.isdigit() for char in text):
        return None
    plain = text.replace("（", "(").replace("）", ")").replace("\uff0b", "+").replace("\u2212", "-")
    for words, sign in _SPOKEN:
        plain = words.sub(sign, plain)
    for match in _SUM.finditer(plain):
        written = match[0].strip()
        if len(written) <= _LONGEST and _asked(plain, match, written):
            try:
                return Sum(written, _shown(_Reader(written).whole()))
            except ZeroDivisionError:
                return Sum(written, None)
            except ValueError:
                continue
    return None


def _asked(text: str, match: re.Match[str], written: str) -> bool:
    if _BEHIND.match(text, match.end()) or _BEFORE.search(text[: match.start()]):
        return True
    return text.strip(_ALONE) == written.strip(_ALONE) and not re.fullmatch(r"\d+(?:[-/]\d+)+", written)


class _Reader:
    """Sums, products and brackets, by descent. Raises: ValueError, ZeroDivisionError."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s", "", text):
            raise ValueError(text)
        self._at = 0

    def whole(self) -> Fraction:
        value = self._sum()
        if self._at < len(self._tokens):
            raise ValueError("something is left")
        return value

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        self._at += 1
        return str(self._tokens[self._at - 1])

    def _sum(self) -> Fraction:
        value = self._product()
        while self._next() in ("+", "-"):
            value = value + self._product() if self._take() == "+" else value - self._product()
        return value

    def _product(self) -> Fraction:
        value = self._one()
        while self._next() in ("*", "/"):
            value = value * self._one() if self._take() == "*" else value / self._one()
        return value

    def _one(self) -> Fraction:
        if self._next() == "-":
            self._take()
            return -self._one()
        if self._next() == "(":
            self._take()
            value = self._sum()
            if self._next() != ")":
                raise ValueError("a bracket stays open")
            self._take()
            return value
        if not self._next() or not self._next()[0].isdigit():
            raise ValueError("a number is missing")
        return Fraction(self._take())


def _shown(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.12g}"
