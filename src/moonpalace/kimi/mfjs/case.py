"""One node under examination, and the tables of what may stand in it.

Source: MoonshotAI/walle, docs/mfjs-spec.md, docs/walle.md, docs/mfjs-walle-vs-draft-2020-12.md (2026-06).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from .tree import Node, Schema

Said = tuple[str, str, tuple[object, ...]]

TYPES: Final = ("null", "boolean", "object", "array", "number", "integer", "string")
OF_TYPE: Final[dict[str, frozenset[str]]] = {
    "object": frozenset(("properties", "required", "additionalProperties")),
    "array": frozenset(("items", "minItems", "maxItems")),
    "string": frozenset(("minLength", "maxLength", "pattern")),
    "number": frozenset(("minimum", "maximum")),
    "integer": frozenset(("minimum", "maximum")),
    "boolean": frozenset(),
    "null": frozenset(),
}
NOTES: Final = frozenset(("description", "title"))
AT_ROOT: Final = frozenset(("$defs", "$id"))
GENERAL: Final = NOTES | AT_ROOT | {"type", "enum", "default", "anyOf", "$ref"}
KEYWORDS: Final = GENERAL.union(*OF_TYPE.values())
RESERVED: Final = frozenset(("$defs", "$ref", "anyOf", "required", "additionalProperties"))


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a schema may be. `enum_text` counts characters, in an enum of more than `enum_text_from` values."""

    enum_items: int
    enum_text: int
    enum_text_from: int
    any_of: int
    depth: int
    size: int
    property_keys: int


@dataclass(frozen=True, slots=True)
class Case:
    """One node under examination."""

    node: Node
    limits: Limits
    any_of_beside_type: bool

    @property
    def schema(self) -> Schema:
        """Its keywords."""
        return self.node.schema

    @property
    def base(self) -> Schema:
        """What the branch of an `anyOf` takes over; nothing without the switch."""
        over = self.node.base
        return over.schema if over is not None and self.any_of_beside_type else {}

    @property
    def kind(self) -> Any:
        """The value of `type`, taken over or its own."""
        return self.schema.get("type", self.base.get("type"))

    @property
    def kinds(self) -> list[str]:
        """The known types that it names; none if `type` is malformed."""
        given = self.kind if isinstance(self.kind, list) else [self.kind]
        return list(dict.fromkeys(one for one in given if isinstance(one, str) and one in TYPES))

    @property
    def refers(self) -> bool:
        """Whether another schema stands for it."""
        return "$ref" in self.schema

    @property
    def unites(self) -> bool:
        """Whether only its branches say what it is."""
        return "anyOf" in self.schema and not (self.any_of_beside_type and "type" in self.schema)
