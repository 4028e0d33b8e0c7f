"""A small checker of JSON values against schemas: what the dialect has, and no more."""

from __future__ import annotations

import re
from typing import Any

_TYPES = {
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
}


def fits(value: Any, schema: Any, root: Any = None) -> bool:
    """Whether the value is valid."""
    root = schema if root is None else root
    if not isinstance(schema, dict):
        return schema is not False
    if "$ref" in schema:
        found = root
        for step in schema["$ref"].removeprefix("#").strip("/").split("/"):
            found = found[step] if step else found
        if not fits(value, found, root):
            return False
    checks = [
        "anyOf" not in schema or any(fits(value, one, root) for one in schema["anyOf"]),
        "allOf" not in schema or all(fits(value, one, root) for one in schema["allOf"]),
        "enum" not in schema or any(value == one and type(value) is type(one) for one in schema["enum"]),
        "const" not in schema or value == schema["const"],
        "type" not in schema or any(_TYPES[one](value) for one in _list(schema["type"])),
    ]
    return all(checks) and _fits_bounds(value, schema, root)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _fits_bounds(value: Any, schema: dict[str, Any], root: Any) -> bool:
    if isinstance(value, str):
        return (
            schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9)
            and re.search(schema.get("pattern", ""), value) is not None
        )
    if isinstance(value, list):
        return schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9) and all(
            fits(one, schema.get("items", {}), root) for one in value
        )
    if isinstance(value, dict):
        names = schema.get("properties", {})
        others = schema.get("additionalProperties", {})
        return all(name in value for name in schema.get("required", ())) and all(
            fits(one, names.get(name, others), root) for name, one in value.items()
        )
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return True
