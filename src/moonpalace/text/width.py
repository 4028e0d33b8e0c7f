"""How many columns text takes on a terminal.

1. Wide and fullwidth characters take two columns, combining and other zero-width ones none, the rest one.
2. Ambiguous characters count as one, as terminals draw them outside of legacy CJK locales.
3. Escape sequences are not known here: text comes through `text.safe` first.

Source: Unicode Standard Annex 11.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_ZERO = frozenset(("Mn", "Me", "Cf", "Cc"))


def width(text: str) -> int:
    """Columns that `text` takes."""
    return len(text) if text.isascii() else sum(map(char_width, text))


@lru_cache(maxsize=4096)
def char_width(char: str) -> int:
    """0, 1 or 2."""
    if " " <= char <= "~":
        return 1
    # Vowels and finals of Hangul written as jamo join the syllable before them.
    if unicodedata.category(char) in _ZERO or "\u1160" <= char <= "\u11ff" or "\ud7b0" <= char <= "\ud7ff":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def pad(text: str, columns: int) -> str:
    """`text` with blanks up to that many columns; longer text stays as it is."""
    return text + " " * (columns - width(text))


def wrap(text: str, columns: int) -> list[str]:
    """The lines of `text`, none wider than `columns`; cut where the columns are full. Shape: at least one line."""
    lines: list[str] = []
    for whole in text.split("\n"):
        if whole.isascii():
            lines += [whole[at : at + columns] for at in range(0, max(len(whole), 1), columns)]
        else:
            lines += _cut(whole, columns)
    return lines


def _cut(text: str, columns: int) -> list[str]:
    lines, start, used = [], 0, 0
    for at, char in enumerate(text):
        taken = char_width(char)
        if used + taken > columns and at > start:
            lines.append(text[start:at])
            start, used = at, 0
        used += taken
    return [*lines, text[start:]]
