"""What the keywords of a schema are set to: forms, names, enums, bounds.

1. As in `keywords`: a check looks at one node, gives (rule, keyword, words) and never raises.
2. A number with a fraction of zero is an integer: JSON does not tell 5.0 from 5.

Source: MoonshotAI/walle, docs/walle.md and docs/validation-principles.md (2026-06).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from .case import RESERVED, Case, Said
from .words import cut, shown

_WHOLE = 2**53 - 1
# What no automaton can follow, once escaped backslashes are gone: look-around and back references (our reading).
_BEYOND = re.compile(r"(?<!\\)\(\?<?[=!]|\\[1-9]")


def _forms(case: Case) -> Iterator[Said]:
    """The form of each value."""
    for name, value in case.schema.items():
        if name in FORMS:
            wanted, rule = FORMS[name]
            if not isinstance(value, wanted):
                yield (rule, "" if wanted is str else name, (name,))


def _properties(case: Case) -> Iterator[Said]:
    for keyword in ("$defs", "properties"):
        given = case.schema.get(keyword)
        if not isinstance(given, dict) or (keyword == "$defs" and case.node.parent is not None):
            continue
        for name, value in given.items():
            if keyword == "$defs" and "/" in name:
                yield ("defs name", keyword, (cut(name),))
            elif keyword == "properties" and name in RESERVED:
                yield ("reserved", keyword, (name,))
            elif keyword == "properties" and case.node.defined and "/" in name:
                yield ("slash", keyword, (cut(name),))
            if not isinstance(value, dict):
                yield ("property form", keyword, (cut(name),))


def _required(case: Case) -> Iterator[Said]:
    given = case.schema.get("required")
    if not isinstance(given, list) or not given:
        return
    if not all(isinstance(name, str) for name in given):
        yield ("required item", "required", ())
        return
    given_in = (case.schema.get("properties"), case.base.get("properties"))
    declared = [one for one in given_in if isinstance(one, dict)]
    if "properties" not in case.schema and not declared:
        yield ("no properties", "required", ())
    else:
        absent = (name for name in dict.fromkeys(given) if not any(name in one for one in declared))
        yield from (("undeclared", "required", (cut(name),)) for name in absent)
    if len(set(given)) < len(given):
        yield ("required twice", "required", ())


def _any_of(case: Case) -> Iterator[Said]:
    given = case.schema.get("anyOf")
    if isinstance(given, list):
        if not 1 <= len(given) <= case.limits.any_of:
            yield ("anyOf count", "anyOf", (case.limits.any_of,))
        if not all(isinstance(branch, dict) for branch in given):
            yield ("branch form", "anyOf", ())


def _enum(case: Case) -> Iterator[Said]:
    values, limits = case.schema.get("enum"), case.limits
    if not isinstance(values, list):
        return
    if not values:
        yield ("enum empty", "enum", ())
    if len(values) > limits.enum_items:
        yield ("enum count", "enum", (limits.enum_items,))
    if len(values) > limits.enum_text_from:
        text = sum(len(shown(value)) for value in values)
        if text > limits.enum_text:
            yield ("enum text", "enum", (text, limits.enum_text, limits.enum_text_from))
    kinds = [] if case.refers or case.unites else case.kinds
    if {"object", "array"}.isdisjoint(kinds):
        yield from (said for value in values for said in _value(value, kinds))


def _value(value: object, kinds: Collection[str]) -> Iterator[Said]:
    if kinds and not any(FITS[kind](value) for kind in kinds):
        yield ("enum value", "enum", (shown(value), " ".join(kinds)))
    elif _number(value) and not _in_range(value):
        yield ("enum range", "enum", (shown(value),))


def _bounds(case: Case) -> Iterator[Said]:
    """Lengths and ranges: whole, not negative, the lower one not above the upper."""
    for low, high in (("minLength", "maxLength"), ("minItems", "maxItems"), ("minimum", "maximum")):
        fine = 0
        for name in (low, high):
            if name in case.schema:
                wrong = _bound(name, case.schema[name], "integer" in case.kinds)
                fine += wrong is None
                if wrong is not None:
                    yield wrong
        if fine == 2 and case.schema[low] > case.schema[high]:
            yield ("bounds", low, (low, shown(case.schema[low]), high, shown(case.schema[high])))


def _bound(name: str, value: Any, integer: bool) -> Said | None:
    counts = name not in ("minimum", "maximum")
    if not _number(value) or (counts and not _integral(value)):
        return ("bound integer" if counts or integer else "bound number", name, (name,))
    if counts and value < 0:
        return ("bound negative", name, (name,))
    if integer and not _integral(value):
        return ("bound whole", name, (name, shown(value)))
    return None


def _pattern(case: Case) -> Iterator[Said]:
    given = case.schema.get("pattern")
    if isinstance(given, str) and _BEYOND.search(given.replace("\\\\", "")):
        yield ("pattern", "", ())


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _integral(value: Any) -> bool:
    return _number(value) and (isinstance(value, int) or (math.isfinite(value) and value == int(value)))


def _in_range(value: Any) -> bool:
    return abs(value) <= _WHOLE if isinstance(value, int) else math.isfinite(value)


FITS: Final[dict[str, Callable[[object], bool]]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "number": _number,
    "integer": _integral,
}
FORMS: Final[dict[str, tuple[Any, str]]] = {
    "properties": (dict, "properties form"),
    "required": (list, "required form"),
    "enum": (list, "enum form"),
    "items": (dict, "items form"),
    "anyOf": (list, "anyOf form"),
    "additionalProperties": (bool | dict, "additional form"),
    "$defs": (dict, "defs form"),
    **dict.fromkeys(("$ref", "$id", "description", "title", "pattern"), (str, "text form")),
}
VALUE_CHECKS: Final = (_forms, _properties, _required, _any_of, _enum, _bounds, _pattern)
