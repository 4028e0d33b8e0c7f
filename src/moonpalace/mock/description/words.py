"""The words that schemas are made of: short functions that give JSON Schema (2020-12) as plain dicts.

1. `given` describes what a client sends: the API ignores fields that it does not know, and takes `null` as if an
   optional field were not there. `told` describes what is answered: those fields and no others.
2. A schema is data that nobody changes once it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]
INT64 = 2**63 - 1


def text(words: str = "", **more: Any) -> Schema:
    """A string."""
    return _described({"type": "string", **more}, words)


def whole(low: int | None = None, high: int | None = None, words: str = "", **more: Any) -> Schema:
    """An integer within bounds."""
    return _described({"type": "integer", **_bounds(low, high), **more}, words)


def number(low: float | None = None, high: float | None = None, words: str = "") -> Schema:
    """A number within bounds."""
    return _described({"type": "number", **_bounds(low, high)}, words)


def flag(words: str = "") -> Schema:
    """true or false."""
    return _described({"type": "boolean"}, words)


def choice(*values: object, words: str = "") -> Schema:
    """One of these strings."""
    return _described({"type": "string", "enum": list(values)}, words)


def just(value: str) -> Schema:
    """This string."""
    return {"type": "string", "const": value}


def many(item: Schema, low: int | None = None, high: int | None = None, words: str = "") -> Schema:
    """An array of these."""
    size = {"minItems": low, "maxItems": high}
    return _described({"type": "array", "items": item, **{k: v for k, v in size.items() if v is not None}}, words)


def labels(words: str = "") -> Schema:
    """Metadata: up to 16 pairs of text."""
    value = {"type": "string", "maxLength": 512}
    keys = {"maxLength": 64}
    return _described(
        {"type": "object", "maxProperties": 16, "propertyNames": keys, "additionalProperties": value}, words
    )


def either(*schemas: Schema) -> Schema:
    """Any one of these."""
    return {"anyOf": list(schemas)}


def ref(name: str) -> Schema:
    """The schema of that name among the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def or_null(schema: Schema) -> Schema:
    """The same, or null."""
    if "const" in schema or "$ref" in schema or "anyOf" in schema:
        options = schema.get("anyOf", [schema])
        return {"anyOf": [*options, {"type": "null"}]}
    values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **values}


def given(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, words: str = "") -> Schema:
    """An object in a request; see the module."""
    properties = {**required, **{name: or_null(schema) for name, schema in (optional or {}).items()}}
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": True}
    return _described({**schema, "required": list(required)} if required else schema, words)


def told(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, words: str = "") -> Schema:
    """An object in an answer; see the module."""
    properties = {**required, **(optional or {})}
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return _described({**schema, "required": list(required)} if required else schema, words)


def listed(item: Schema, **more: Schema) -> Schema:
    """A list as the API answers it."""
    return told({"object": just("list"), "data": many(item), **more})


def _described(schema: Schema, words: str) -> Schema:
    return {**schema, "description": words} if words else schema


def _bounds(low: float | None, high: float | None) -> Schema:
    return {k: v for k, v in (("minimum", low), ("maximum", high)) if v is not None}
