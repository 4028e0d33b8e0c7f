"""How many tokens a text takes, estimated without the vocabulary: standard library only, the same everywhere.

1. The text is cut into the pieces that Kimi's tokenizer cuts it into; no token crosses a piece. What a piece costs is
   read from tables: a word by its length, its case and what stands before it; Han by `text.han`; the rest by kind.
2. Equal pieces of a text are weighed once, and short ones are remembered between texts.
3. The cost is linear in the text, whatever it holds. Lone surrogates and unassigned characters are counted like others.
4. Made for Chinese, English and code. European words that are not English come out too low, since their lengths say
   nothing about how rare they are.

Source: the split of `tokenization_kimi.py` (Kimi K2, 8 alternatives), written with ranges that `re` knows; the numbers
are our own fit to counts of the published vocabulary.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

from .han import han_tokens

_HAN = "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_UPPER = "A-ZÀ-ÖØ-Þ"
_LOWER = "a-zß-öø-ÿ\u0100-\u024f\u1e00-\u1eff"
# Other scripts and combining marks: letters too, but their own kind of run.
_OTHER = (
    "\u0300-\u036f\u0370-\u1dff\u1f00-\u1fff\u2c00-\u2dff\u3031-\u3035\u3041-\u3096\u309d-\u30ff\u3105-\u31ff"
    "\ua000-\ud7ff\uff66-\uffdc"
)
# What may stand before a word and belong to its piece: blanks and punctuation.
_LEAD = (
    "\t -/:-@\\[-`{-~\u00a0-\u00bf×÷\u2000-\u2bff\u3000-\u3004\u3008-\u3020\u3030\ufe30-\ufe6f\uff00-\uff0f"
    "\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_PIECES = re.compile(
    rf"[{_HAN}]+"
    rf"|[{_LEAD}]?(?:[{_UPPER}]*[{_LOWER}]+|[{_UPPER}]+)(?:'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])(?![{_UPPER}{_LOWER}]))?"
    rf"|[{_LEAD}]?[{_OTHER}]+"
    r"|\d{1,3}"
    rf"| ?[^\s\d{_UPPER}{_LOWER}{_OTHER}{_HAN}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_IS_HAN = re.compile(f"[{_HAN}]").match
_IS_OTHER = re.compile(f"[{_LEAD}]?([{_OTHER}]+)").fullmatch

_REPEATED = re.compile("([^\U00010000-\U0010ffff])\\1{2,}")

# Tokens of an ASCII word of 1, 2 … 16 letters; each letter more adds `_LETTER`.
_LETTER = 0.3
_WORDS = {
    (" ", "low"): (1, 1, 1.01, 1.02, 1.03, 1.04, 1.05, 1.13, 1.15, 1.17, 1.18, 1.21, 1.23, 1.4, 1.7, 2),
    (" ", "cap"): (1, 1.07, 1.07, 1.08, 1.12, 1.17, 1.2, 1.36, 1.42, 1.57, 1.6, 1.75, 1.75, 1.75, 2.5, 3),
    (" ", "up"): (1, 1, 1.21, 1.22, 1.42, 1.66, 1.7, 2.04, 2.31, 2.35, 2.55, 2.6, 2.7, 3, 3.5, 4),
    (" ", "mixed"): (1, 1, 1.1, 1.48, 1.95, 1.95, 1.96, 1.96, 2, 2.08, 2.34, 2.34, 2.4, 2.5, 2.8, 3),
    ("", "low"): (1, 1, 1.04, 1.08, 1.1, 1.14, 1.22, 1.4, 1.46, 1.6, 1.6, 1.6, 1.65, 1.7, 1.8, 2),
    ("", "cap"): (1, 1.02, 1.06, 1.06, 1.08, 1.22, 1.26, 1.3, 1.3, 1.3, 1.3, 1.35, 1.4, 1.5, 1.72, 1.9),
    ("", "up"): (1, 1, 1.15, 1.55, 1.68, 1.72, 1.97, 2.04, 2.2, 2.7, 2.8, 2.9, 3, 3.15, 3.3, 3.5),
    ("", "mixed"): (1, 1, 1.58, 2.13, 2.3, 2.32, 2.34, 2.4, 3, 3.2, 3.24, 3.3, 3.4, 3.5, 3.8, 4),
    (".", "low"): (1, 1.1, 1.15, 1.2, 1.24, 1.38, 1.5, 1.74, 1.94, 1.99, 2.12, 2.17, 2.2, 2.45, 3, 3.5),
    (".", "cap"): (1.1, 1.5, 1.56, 1.65, 1.69, 1.72, 1.85, 1.85, 1.88, 2, 2.09, 2.1, 2.2, 2.3, 2.5, 2.8),
    (".", "up"): (1, 1.51, 1.51, 1.51, 1.53, 1.58, 1.7, 1.77, 1.77, 1.85, 2, 2.6, 3, 3.2, 3.7, 4),
    (".", "mixed"): (1, 1, 2.1, 2.2, 2.25, 2.25, 2.3, 2.4, 2.55, 2.6, 2.7, 2.8, 3, 3.2, 3.5, 4),
}
_CONTRACTION = 0.3
_ACCENT = 0.8
# Tokens of a run of ASCII punctuation of 1, 2 … characters.
_MARKS = (1, 1.01, 1.34, 1.7, 1.9, 2.4)
_MARK = 0.5
# Tokens for one letter of another script; each line ends its range before the character it names.
_SCRIPTS = (
    ("\u0370", 0.9), ("\u0400", 0.65), ("\u0530", 0.41), ("\u0590", 0.8), ("\u0600", 0.7), ("\u0700", 0.58),
    ("\u0900", 1.5), ("\u0e00", 0.59), ("\u0e80", 0.79), ("\u1100", 1.5), ("\u1200", 0.9), ("\u3031", 1.5),
    ("\u3100", 0.7), ("\uac00", 1.5), ("\ud7b0", 1.03), ("\uffff", 1.0),
)  # fmt: skip

_BLOCK = 1 << 20
_SHORT = 32
_BRIEF = 1000  # of a text as short as this equal pieces are not worth finding


def estimate(text: str) -> int:
    """Tokens of `text`; 0 for none. Cost: a few milliseconds for a megabyte of prose, linear."""
    if len(text) <= _BRIEF:
        return max(round(sum(map(_remembered, _PIECES.findall(text)))), 1) if text else 0
    total = 0.0
    for at in range(0, len(text), _BLOCK):
        for piece, times in Counter(_PIECES.findall(text[at : at + _BLOCK])).items():
            total += times * (_remembered(piece) if len(piece) <= _SHORT else _weigh(piece))
    return max(round(total), 1) if text else 0


def _weigh(piece: str) -> float:
    """Tokens of one piece."""
    if _IS_HAN(piece):
        return han_tokens(piece)
    if piece.isspace():
        return 1 + len(piece) // 128
    if piece.isdecimal():
        return 1.0 if piece.isascii() else 2.0 * len(piece)
    if other := _IS_OTHER(piece):
        return _letters(other[1]) + (0.0 if piece[0] in " " + other[1] else 1.0)
    return _word(piece) if piece[-1].isalpha() else _marks(piece.strip(" \r\n"))


_remembered = lru_cache(maxsize=16384)(_weigh)


def _word(piece: str) -> float:
    first = piece[0]
    lead = "" if first.isalpha() else " " if first == " " else "."
    word, quote, _ = piece[len(lead) :].partition("'")
    length = len(word)
    if word.islower():
        case = "low"
    elif word.isupper() and length > 1:
        case = "up"
    else:
        case = "cap" if length == 1 or word[1:].islower() else "mixed"
    total = _WORDS[lead, case][min(length, 16) - 1] + _LETTER * max(length - 16, 0)
    if not word.isascii():
        total += _ACCENT * sum(char > "\x7f" for char in word)
    return total + _CONTRACTION if quote else total


def _letters(run: str) -> float:
    """A run of letters of other scripts: each costs what its script does."""
    total = 0.0
    for char, times in Counter(run).items():
        total += times * next(cost for end, cost in _SCRIPTS if char < end)
    return max(1.0, total)


def _marks(run: str) -> float:
    """A run of punctuation and symbols. A run of one character alone is mostly one token in the vocabulary."""
    if run.count(run[0]) == len(run) and run[0] < "\U00010000":
        return 1 + len(run) // 64
    run = _REPEATED.sub(r"\1\1", run)
    if run.isascii():
        length = len(run)
        return _MARKS[length - 1] if length <= len(_MARKS) else _MARKS[-1] + _MARK * (length - len(_MARKS))
    return _symbols(run)


def _symbols(run: str) -> float:
    """Chinese punctuation, box drawing, emoji among punctuation."""
    high = sum(char > "\uffff" for char in run)
    ascii_marks = sum(char < "\x80" for char in run)
    plain = len(run) - high - ascii_marks
    return max(1.0, high * 2.0 + plain * (0.65 if plain == 2 else 0.95) + ascii_marks * 0.5)
