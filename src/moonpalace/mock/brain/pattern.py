"""A text that a regular expression matches, for simple ones.

1. The expression is read, never run. What is not understood (look-around, back references) counts as nothing.
2. Bounded: a repetition is taken as few times as it may be, and no text grows beyond 1,000 characters.
"""

from __future__ import annotations

import random
import re
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_LONGEST = 1_000
_CLASSES = {"CATEGORY_DIGIT": "0123456789", "CATEGORY_WORD": "abcdefgh", "CATEGORY_SPACE": " "}
_OTHERS = {"CATEGORY_NOT_DIGIT": "a", "CATEGORY_NOT_WORD": "-", "CATEGORY_NOT_SPACE": "a"}
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_./:;,"


def matching(pattern: str, pick: random.Random, least: int = 0) -> str | None:
    """Such a text of at least so many characters where that can be had; None if the expression cannot be read."""
    try:
        tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
    found = _made(tree, pick, 0)
    if len(found) < least:
        found = _made(tree, pick, least)
    return found[:_LONGEST]


def _made(tree: Any, pick: random.Random, more: int) -> str:
    pieces: list[str] = []
    size = 0
    for kind, value in tree:
        piece = _one(str(kind), value, pick, max(0, more - size))
        pieces.append(piece)
        size += len(piece)
        if size > _LONGEST:
            break
    return "".join(pieces)


def _one(kind: str, value: Any, pick: random.Random, more: int) -> str:
    if kind == "LITERAL":
        return chr(value)
    if kind == "ANY":
        return "a"
    if kind == "NOT_LITERAL":
        return "a" if value != ord("a") else "b"
    if kind == "IN":
        return _member(value, pick)
    if kind == "SUBPATTERN":
        return _made(value[-1], pick, more)
    if kind == "BRANCH":
        return _made(pick.choice(value[1]), pick, more)
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        low, high, inner = int(value[0]), int(value[1]), value[2]
        one = _made(inner, pick, 0)
        wanted = -(-more // len(one)) if one and more else 0
        return _repeated(inner, pick, min(max(low, min(wanted, high)), _LONGEST))
    return ""


def _repeated(inner: Any, pick: random.Random, times: int) -> str:
    pieces: list[str] = []
    size = 0
    for _ in range(times):
        pieces.append(_made(inner, pick, 0))
        size += len(pieces[-1])
        if size > _LONGEST or not pieces[-1]:
            break
    return "".join(pieces)


def _member(items: Any, pick: random.Random) -> str:
    inside: set[str] = set()
    negated = False
    for kind, value in items:
        name = str(kind)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            inside.add(chr(value))
        elif name == "RANGE":
            inside |= {chr(code) for code in range(value[0], min(value[1], value[0] + 200) + 1)}
        elif name == "CATEGORY":
            inside |= set(_CLASSES.get(str(value), _OTHERS.get(str(value), "")))
    chosen = sorted(set(_PLAIN) - inside) if negated else sorted(inside)
    return pick.choice(chosen) if chosen else ""
