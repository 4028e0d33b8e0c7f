"""What the validator says: every message, and the level from which on it is said.

1. A message stands here once. `{…}` is filled in by `said`; a name or value from the schema is cut, so that no message
   grows with what is wrong.
2. The words are walle's where they are published; those under OURS are not: the rule is documented, its words are not.
3. Values are written as Go prints them: `true`, `<nil>`, `3.5`, `text`.

Source: MoonshotAI/walle, docs/walle.md, docs/validation-principles.md and its published cases (2026-06); error texts
quoted in public issues (2026-04 to 2026-09).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

LOOSE, LITE, STRICT, ULTRA = range(4)
LEVELS: Final = {"loose": LOOSE, "lite": LITE, "strict": STRICT, "ultra": ULTRA}

MESSAGES: Final[dict[str, tuple[int, str]]] = {
    # what is no schema at all
    "no object": (LITE, "schema must be a dict"),
    "type form": (LITE, "type must be string or array of strings"),
    "type empty": (LITE, "type array cannot be empty"),
    "type item": (LITE, "invalid type in type array"),
    "type unknown": (LITE, "invalid type: {0}"),
    "properties form": (LITE, "properties must be an object"),
    "property form": (LITE, "property schema for '{0}' must be an object"),
    "required form": (LITE, "required must be an array"),
    "required item": (LITE, "items in required array must be strings"),
    "enum form": (LITE, "enum must be an array"),
    "enum empty": (LITE, "enum array cannot be empty"),
    "items form": (LITE, "items must be an object"),
    "anyOf form": (LITE, "anyOf must be an array"),
    "text form": (LITE, "{0} must be a string"),
    "additional form": (LITE, "additionalProperties must be a boolean or an object"),
    "defs form": (LITE, "$defs must be an object"),
    "defs name": (LITE, "$defs property name '{0}' cannot contain '/' character"),
    # limits
    "depth": (LITE, "schema depth exceeds maximum limit of {0}"),
    "size": (LITE, "schema exceeds maximum allowed size"),
    "keys": (LITE, "total number of properties keys({0}) across all objects exceeds maximum limit of {1}"),
    "anyOf count": (LITE, "anyOf must have 1-{0} items"),
    "enum count": (LITE, "enum array cannot have more than {0} items"),
    "enum text": (
        LITE,
        "total string length of enum values ({0}) exceeds maximum limit of {1} characters"
        " when enum has more than {2} values",
    ),
    # references
    "ref remote": (LITE, "only local references are supported"),
    "ref start": (LITE, "references must start with #/$defs/"),
    "ref nameless": (LITE, "definition name cannot be empty"),
    "ref no defs": (LITE, "$defs not found for reference: {0}"),
    "ref lost": (LITE, "invalid $ref path: {0}"),
    "endless": (LITE, "detected infinite recursion without termination condition"),
    # bounds, and types that contradict what stands beside them
    "bound integer": (STRICT, "{0} must be an integer"),
    "bound number": (STRICT, "{0} must be a number"),
    "bound negative": (STRICT, "{0} must be non-negative"),
    "bounds": (STRICT, "{0} ({1}) cannot be greater than {2} ({3})"),
    "many types": (STRICT, "keyword {0} is not allowed in combination with multiple types"),
    # what is fine elsewhere, and not here
    "untyped": (ULTRA, "type is not defined"),
    "anyOf type": (
        ULTRA,
        "when using anyOf, type should be defined in anyOf items instead of the parent schema",
    ),
    "ref type": (
        ULTRA,
        "when using $ref, type should be defined in the referenced schema instead of the parent schema",
    ),
    "beside": (ULTRA, "keyword '{0}' is not allowed at the same level as {1}"),
    "conflict": (ULTRA, "conflicting keywords found after $ref expansion: {0}"),
    "unsupported": (ULTRA, "unsupported keywords: {0}"),
    "misplaced": (ULTRA, "invalid keywords: {0}"),
    "not root": (ULTRA, "keyword {0} must be at root level"),
    "undeclared": (ULTRA, "required property '{0}' is not defined in properties"),
    "no properties": (ULTRA, "required specified but 'properties' keyword is missing"),
    "required twice": (ULTRA, "duplicate items in required array"),
    "type twice": (ULTRA, "duplicate types in type array"),
    "reserved": (ULTRA, "property name '{0}' is reserved for JSON Schema keywords"),
    "enum type": (ULTRA, "type {0} is not allowed in combination with enum"),
    "enum value": (ULTRA, "enum value ({0}) does not match any type in [{1}]"),
}
OURS: Final[dict[str, tuple[int, str]]] = {
    "branch form": (LITE, "items in anyOf must be objects"),
    "bound whole": (STRICT, "{0} ({1}) is not a valid integer"),
    "enum types": (ULTRA, "only one type and null are allowed in combination with enum"),
    "enum range": (ULTRA, "enum value ({0}) is out of the allowed numeric range"),
    "slash": (ULTRA, "property name '{0}' in $defs cannot contain '/' character"),
    "pattern": (ULTRA, "pattern uses regular expression syntax that is not supported"),
}
_ALL: Final = MESSAGES | OURS
_LONGEST = 200
_MOST = 20


def level_of(rule: str) -> int:
    """The lowest level at which this rule is applied."""
    return _ALL[rule][0]


def said(rule: str, arguments: Sequence[object] = ()) -> str:
    """The message of a rule."""
    return _ALL[rule][1].format(*map(shown, arguments))


def names(given: Sequence[str]) -> str:
    """Keywords as a message lists them."""
    return ", ".join(cut(name) for name in sorted(given)[:_MOST])


def cut(text: str) -> str:
    """A name from the schema, not longer than a message bears."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def shown(value: object) -> str:
    """A value as Go's %v prints it; containers only hinted at. Never raises."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if len(value) <= _MOST * _LONGEST else cut(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() < 1024 else "…"
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < 1e21 else repr(value)
    return "[…]" if isinstance(value, list) else "map[…]"
