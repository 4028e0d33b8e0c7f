"""The sub-schemas of a JSON schema: what stands behind references, and how deep the smallest value of each is.

1. Every schema is survived: what has no sense counts as the empty schema.
2. Bounded: after so many steps a reference leads nowhere, and a sub-schema is taken for endless.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_MOST_STEPS, _MOST_WEIGHED, _DEEPEST = 80, 20_000, 100


def number(value: object) -> float | None:
    """A finite number, or None."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) else None


def count(value: object, otherwise: int) -> int:
    """A number of things."""
    found = number(value)
    return otherwise if found is None else max(0, int(min(found, 1e9)))


def names(schema: Mapping[str, Any]) -> list[str]:
    """The names in `required`."""
    required = schema.get("required")
    return [one for one in required if isinstance(one, str)] if isinstance(required, list) else []


def merged(schema: Mapping[str, Any], others: list[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in (*others, {key: value for key, value in schema.items() if key != "allOf"}):
        for key, value in one.items():
            if key == "properties" and isinstance(value, dict) and isinstance(found.get(key), dict):
                found[key] = {**found[key], **value}
            elif key == "required" and isinstance(value, list) and isinstance(found.get(key), list):
                found[key] = [*found[key], *[name for name in value if name not in found[key]]]
            else:
                found[key] = value
    return found


class Schemas:
    """One schema, which the references in it start from."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._weighed = 0
        self._costs: dict[int, float] = {}
        self._entered: set[int] = set()

    def resolved(self, schema: object) -> Mapping[str, Any]:
        """The schema behind references, with `allOf` merged in."""
        for _ in range(_MOST_STEPS):
            if not isinstance(schema, dict):
                return {}
            if isinstance(schema.get("allOf"), list) and schema["allOf"]:
                schema = merged(schema, [self._behind(one) for one in schema["allOf"][:50]])
            elif isinstance(schema.get("$ref"), str):
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                target = self._target(schema["$ref"])
                schema = {**target, **rest} if rest and isinstance(target, dict) else target
            else:
                return schema
        return {}

    def _behind(self, schema: object) -> Mapping[str, Any]:
        for _ in range(_MOST_STEPS):
            if isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
                schema = self._target(schema["$ref"])
        return schema if isinstance(schema, dict) else {}

    def _target(self, reference: str) -> object:
        found: object = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            if step:
                found = found.get(step) if isinstance(found, dict) else None
        return found

    def cost(self, schema: object, depth: int = 0) -> float:
        """How deep its smallest value is; infinite where there is no end."""
        key = id(schema)
        if not isinstance(schema, dict):
            return 0
        if key in self._costs:
            return self._costs[key]
        self._weighed += 1
        if key in self._entered or depth > _DEEPEST or self._weighed > _MOST_WEIGHED:
            return math.inf
        self._entered.add(key)
        cost = self._cost_of(schema, depth + 1)
        self._entered.discard(key)
        if cost < math.inf or not self._entered:
            self._costs[key] = cost
        return cost

    def _cost_of(self, schema: Mapping[str, Any], depth: int) -> float:
        if isinstance(schema.get("$ref"), str):
            return self.cost(self._target(schema["$ref"]), depth)
        if "enum" in schema or "const" in schema:
            return 0
        below = [0.0]
        for key in ("anyOf", "oneOf"):
            if isinstance(schema.get(key), list) and schema[key]:
                below.append(min([self.cost(one, depth) for one in schema[key]]))
        below += [self.cost(one, depth) for one in schema.get("allOf") or () if isinstance(schema.get("allOf"), list)]
        kind = schema.get("type")
        if isinstance(kind, list) and any(one not in ("object", "array") for one in kind):
            return max(below)
        properties = schema.get("properties")
        if isinstance(properties, dict):
            below += [1 + self.cost(properties.get(name), depth) for name in names(schema)]
        if count(schema.get("minItems"), 0):
            below.append(1 + self.cost(schema.get("items"), depth))
        return max(below)
