"""Reading a TOML table by a table of its keys, and saying where in the file something is wrong.

1. A *reader* takes a value and its `Place` and gives what is meant, or raises `UsageError` through the place.
2. A key that is not in the table is refused with the nearest one that is.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...core.errors import UsageError
from ...text import safe

_NAMES = {dict: "a table", list: "an array", str: "text", bool: "true or false", int: "a number", float: "a number"}
_SHOWN = 60
_KEY = re.compile(r"(?<![A-Za-z0-9])sk-")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file: `weather.toml: scenario 'weather', answer 2: key ttft`."""

    where: str
    steps: tuple[str, ...] = ()

    def at(self, step: str) -> Place:
        """A place inside."""
        return Place(self.where, (*self.steps, step))

    def wrong(self, what: str) -> UsageError:
        """To be raised."""
        inside = ", ".join(self.steps)
        return UsageError(f"{self.where}: {inside}: {what}" if inside else f"{self.where}: {what}")


Reader = Callable[[Any, Place], Any]


def read(value: object, readers: Mapping[str, Reader], place: Place, needed: Iterable[str] = ()) -> dict[str, Any]:
    """The values of a table's keys. Raises: UsageError."""
    if not isinstance(value, dict):
        raise place.wrong(f"must be a table (keys with values), not {kind(value)}")
    found = {}
    for key, inner in value.items():
        if key not in readers:
            raise place.wrong(f"there is no key {shown(key)}; {nearest(key, readers)}")
        found[key] = readers[key](inner, place.at(f"key {key}"))
    for key in needed:
        if key not in found:
            raise place.wrong(f"the key {key} is missing; add it")
    return found


def nearest(name: str, known: Iterable[str]) -> str:
    """What was meant, or what there is."""
    known = list(known)
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


def shown(value: str) -> str:
    """A text of the file for an error: on one line, not endless, and no API key."""
    if _KEY.search(value):
        return "(hidden: it looks like an API key)"
    return f"'{safe.line(value if len(value) <= _SHOWN else value[:_SHOWN] + '…')}'"


def kind(value: object) -> str:
    """What a value is, in words."""
    return next((words for one, words in _NAMES.items() if isinstance(value, one)), "a date or time")


# --- readers


def text(value: object, place: Place) -> str:
    """Text."""
    if not isinstance(value, str):
        raise place.wrong(f"must be text in quotation marks, not {kind(value)}")
    return value


def word(value: object, place: Place) -> str:
    """Text that is not empty and stands on one line."""
    found = text(value, place)
    if not found.strip() or not found.isprintable():
        raise place.wrong("must be text on one line, not empty")
    return found


def flag(value: object, place: Place) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise place.wrong(f"must be true or false, without quotation marks, not {kind(value)}")
    return value


def whole(low: int, high: int) -> Reader:
    """A whole number within bounds."""

    def reader(value: object, place: Place) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise place.wrong(f"must be a whole number from {low} to {high}")
        return value

    return reader


def number(low: float, high: float) -> Reader:
    """A number within bounds."""

    def reader(value: object, place: Place) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise place.wrong(f"must be a number from {low:g} to {high:g}, not {kind(value)}")
        if not low <= value <= high:
            raise place.wrong(f"must be a number from {low:g} to {high:g}")
        return float(value)

    return reader


def many(reader: Reader, what: str) -> Reader:
    """An array, each of whose members is read."""

    def read_all(value: object, place: Place) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise place.wrong(f"must be an array of {what} in square brackets, not {kind(value)}")
        return tuple([reader(one, place.at(f"entry {at}")) for at, one in enumerate(value, 1)])

    return read_all


def table(value: object, place: Place) -> dict[str, Any]:
    """Any table."""
    if not isinstance(value, dict):
        raise place.wrong(f"must be a table such as {{name = value}}, not {kind(value)}")
    return value
