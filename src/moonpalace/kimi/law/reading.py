"""How a request is read: which JSON types its fields take, and the words when one has another.

1. A `Shape` is data: a field's JSON types and, for objects and arrays, the shapes within. A request may be nested as
   deep as it likes; it is read only as deep as its shape.
2. `null` is as if the field were absent, and fields without a shape are passed over: the service reads JSON as Go does.
   An element of an array is the exception; there `null` is a value, and a wrong one.
3. A whole number must be written as one: `1.0` is refused where an integer is asked for, as Go refuses it, and so is
   what takes more than 64 bits. `true` is no number.
4. `Say` collects what is wrong. What it quotes from the request is cut.

Source: error texts quoted in public issues and documents: `messages.content` (2024), `thinking`, `reasoning_effort` and
`response_format.json_schema.schema` (2025-12 to 2026-08).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Violation, violate

_LONGEST = 256
_INT64 = 1 << 63
_GOT = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a field may be. `word`: the expected type as the API names it; `fields` for objects, `item` for arrays."""

    types: frozenset[type]
    word: str
    fields: Mapping[str, Shape] | None = None
    item: Shape | None = None
    since: str = ""

    @property
    def plain(self) -> bool:
        """Whether the JSON type says it all."""
        return self.fields is None and self.item is None and int not in self.types


def _plain(word: str, *types: type) -> Shape:
    return Shape(frozenset(types), word)


STRING = _plain("string", str)
BOOL = _plain("bool", bool)
INT = _plain("int", int)
NUMBER = _plain("float64", int, float)
MAP = _plain("dict[string,interface]", dict)


def record(fields: Mapping[str, Shape], since: str = "") -> Shape:
    """An object with these fields."""
    return Shape(frozenset({dict}), "object", fields, since=since)


def array(item: Shape, since: str = "") -> Shape:
    """An array of these."""
    return Shape(frozenset({list}), f"[]{item.word}", None, item, since)


def either(first: Shape, second: Shape, word: str = "") -> Shape:
    """One or the other; an array or an object among them keeps its shape."""
    fields = first.fields or second.fields
    return Shape(first.types | second.types, word or second.word, fields, first.item or second.item)


class Say:
    """What is wrong, in the order found, worded as in `year`."""

    __slots__ = ("found", "year")

    def __init__(self, year: str) -> None:
        self.year = year
        self.found: list[Violation] = []

    def add(self, name: str, at: str, /, **values: object) -> None:
        """The error of that name."""
        self.found.append(violate(name, self.year, at, **values))

    def invalid(self, details: str, at: str) -> None:
        """A fault whose wording nobody has published."""
        self.add("invalid_request", at, details=details)

    def mistyped(self, field: str, expected: str, value: object, at: str) -> None:
        """A field of the wrong JSON type. `field`: its path without indices."""
        self.add("field_type", at, field=field, expected=expected, got=_GOT.get(type(value), "object"))


def sound(value: Any, shape: Shape, field: str, at: str, say: Say) -> bool:
    """Whether the value has the shape; what has not is said. Cost: linear in what the shape covers."""
    kind = type(value)
    if kind not in shape.types or (kind is int and not -_INT64 <= value < _INT64):
        say.mistyped(field, shape.word, value, at)
        return False
    if kind is dict and shape.fields is not None:
        return _fields(value, shape.fields, field, at, say)
    if kind is list and shape.item is not None:
        good = True
        for index, member in enumerate(value):
            good = sound(member, shape.item, field, f"{at}[{index}]", say) and good
        return good
    return True


def known_fields(data: Any, shapes: Mapping[str, Shape], say: Say) -> dict[str, Any]:
    """The fields of a request's body that there are and that have a value; what has not their shape is said."""
    if not isinstance(data, dict):
        say.invalid("the request body must be a JSON object", "")
        return {}
    found = {}
    for key, value in data.items():
        shape = shapes.get(key)
        if shape is not None and value is not None and sound(value, shape, key, key, say):
            found[key] = value
    return found


def _fields(value: dict[str, Any], fields: Mapping[str, Shape], field: str, at: str, say: Say) -> bool:
    good = True
    for key, member in value.items():
        shape = fields.get(key)
        if shape is None or member is None or (type(member) in shape.types and shape.plain):
            continue
        good = sound(member, shape, f"{field}.{key}", f"{at}.{key}", say) and good
    return good


def cut(text: object) -> str:
    """A text from the request that is safe to quote: not long, and encodable."""
    return str(text)[:_LONGEST].encode("utf-8", "replace").decode()


def number(value: float) -> str:
    """A number as the API writes it: `1`, `0.6`."""
    return f"{value:g}"
