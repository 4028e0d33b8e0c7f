"""The arguments of a tool, taken one by one: the value in its type, or words for the model.

1. Whatever JSON was given, there is no other exception than `Failed`.
"""

from __future__ import annotations

from typing import Any

Arguments = dict[str, Any]
ENCODINGS = ("utf-8", "ascii", "latin-1", "gbk", "gb18030", "utf-16", "big5")
LONGEST = 1_000_000  # characters of one text


class Failed(ValueError):
    """The tool cannot do it; the text is for the model."""


def text(given: Arguments, name: str) -> str:
    """A string, not empty. Raises: Failed."""
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise Failed(f"{name} is required and must be a string")
    if len(value) > LONGEST:
        raise Failed(f"{name} must be at most {LONGEST} characters")
    return value


def number(given: Arguments, name: str) -> float:
    """A number that is no infinity. Raises: Failed."""
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
        raise Failed(f"{name} is required and must be a number")
    return float(value)


def whole(given: Arguments, name: str, default: int, low: int, high: int) -> int:
    """A whole number from `low` to `high`. Raises: Failed."""
    value = given.get(name)
    if value is None:
        return default
    if type(value) is not int or not low <= value <= high:
        raise Failed(f"{name} must be an integer between {low} and {high}")
    return value


def is_weight(value: object) -> bool:
    """Whether it can be a weight."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12


def encoding(given: Arguments) -> str:
    """The name of a character encoding. Raises: Failed."""
    name = given.get("encoding") or "utf-8"
    if not isinstance(name, str) or name.lower() not in ENCODINGS:
        raise Failed(f"encoding must be one of {', '.join(ENCODINGS)}")
    return name
