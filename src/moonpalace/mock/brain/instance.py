"""A value that fits a JSON schema: arguments of a tool call, an answer in JSON.

1. Everything required is there; of what is optional a part. Of several forms one that comes to an end is taken: each
   sub-schema has a *cost*, the depth of its smallest value.
2. Bounded: beyond some depth and number of values only the smallest are made, and in the end none; all texts together
   are made no longer than `_ALL_TEXTS`. A schema that no
   value fits (its `required` recurses for ever) gives some value.
3. Keywords outside the vendor's dialect are followed where that is easy (`const`, `oneOf`, `allOf`, `format`, exclusive
   bounds), else ignored.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from .pattern import matching
from .schemas import Schemas, count, names, number
from .words import Words

_DEEP, _DEEPEST = 5, 80
_MANY, _MOST = 300, 3_000
_LONGEST_ARRAY, _LONGEST_TEXT, _ALL_TEXTS = 1_000, 10_000, 100_000
_NOT_MERGED = ("anyOf", "oneOf", "title", "description")
_FORMATS = {
    "date-time": "2026-10-02T08:00:00Z", "date": "2026-10-02", "time": "08:00:00Z", "email": "user@example.com",
    "uri": "https://example.com/", "url": "https://example.com/", "uuid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "hostname": "example.com", "duration": "PT1H",
}  # fmt: skip
_KEYS_OF_TYPE = (
    ("object", ("properties", "required", "additionalProperties", "minProperties")),
    ("array", ("items", "minItems", "maxItems", "prefixItems")),
    ("string", ("minLength", "maxLength", "pattern", "format")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)  # fmt: skip


def instance(schema: object, pick: random.Random, words: Words) -> Any:
    """A value for the schema, its texts and numbers from `words` where they offer some. Never raises."""
    return _Maker(schema, pick, words).make(schema, "", 0)


class _Maker:
    """One value under way."""

    def __init__(self, root: object, pick: random.Random, words: Words) -> None:
        self._schemas = Schemas(root)
        self._pick = pick
        self._words = words
        self._made = 0
        self._room = _ALL_TEXTS

    def make(self, schema: object, name: str, depth: int) -> Any:
        """A value; `name` is the property's that it stands in."""
        self._made += 1
        if depth > _DEEPEST or self._made > _MOST:
            return None
        found = self._schemas.resolved(schema)
        small = depth >= _DEEP or self._made > _MANY
        for key in ("anyOf", "oneOf"):
            branches = found.get(key)
            if isinstance(branches, list) and branches:
                rest = {
                    one: value for one, value in found.items() if one not in ("anyOf", "oneOf", "title", "description")
                }
                branch = self._branch(branches, small)
                return self.make({**self._schemas.resolved(branch), **rest} if rest else branch, name, depth + 1)
        if "const" in found:
            return found["const"]
        options = found.get("enum")
        if isinstance(options, list) and options:
            return self._option(options, found)
        return self._typed(found, name, depth, small)

    def _branch(self, branches: list[Any], small: bool) -> Any:
        costs = [self._schemas.cost(branch) for branch in branches]
        if small or min(costs) == math.inf:
            return branches[costs.index(min(costs))]
        ending = [branch for branch, cost in zip(branches, costs, strict=True) if cost < math.inf]
        full = [branch for branch in ending if not (isinstance(branch, dict) and branch.get("type") == "null")]
        return self._pick.choice(full or ending)

    def _option(self, options: list[Any], schema: Mapping[str, Any]) -> Any:
        fitting = [option for option in options if _has_type(option, schema.get("type"))] or options
        for option in fitting[:100]:
            if isinstance(option, str) and self._words.names(option):
                return option
        if "default" in schema and schema["default"] in fitting:
            return schema["default"]
        return self._pick.choice(fitting)

    def _typed(self, schema: Mapping[str, Any], name: str, depth: int, small: bool) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kinds = [one for one in kind if isinstance(one, str) and one != "null"]
            if small and "null" in kind:
                return None
            kind = kinds[0] if kinds else "null"
        if not isinstance(kind, str):
            kind = next((one for one, keys in _KEYS_OF_TYPE if any(key in schema for key in keys)), "string")
        if kind == "object":
            return self._object(schema, depth, small)
        if kind == "array":
            return self._array(schema, name, depth, small)
        if kind == "boolean":
            return bool(schema["default"]) if isinstance(schema.get("default"), bool) else self._pick.random() < 0.5
        if kind in ("integer", "number"):
            return self._figure(schema, kind == "integer")
        return None if kind == "null" else self._text(schema, name)

    def _object(self, schema: Mapping[str, Any], depth: int, small: bool) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        required = names(schema)
        chosen = [
            one for one in properties if one in required or (not small and self._included(schema, properties[one], one))
        ]
        found = {one: self.make(properties[one], one, depth + 1) for one in chosen if self._made <= _MOST}
        others = schema.get("additionalProperties")
        for one in required:
            if one not in found and self._made <= _MOST:
                found[one] = self.make(others if isinstance(others, dict) else {}, one, depth + 1)
        least = min(count(schema.get("minProperties"), 0), 100)
        for one in [*properties, *[f"key{at}" for at in range(1, least + 1)]]:
            if len(found) >= least:
                break
            if one not in found:
                found[one] = self.make(properties.get(one, others if isinstance(others, dict) else {}), one, depth + 1)
        return found

    def _included(self, schema: Mapping[str, Any], inner: object, name: str) -> bool:
        """Whether an optional property is there: when nothing at all is required, or the text has something for it."""
        if self._schemas.cost(inner) == math.inf or inner is False:
            return False
        described = inner.get("description") if isinstance(inner, dict) else None
        if not isinstance(schema.get("required"), list):
            return True
        return self._words.wants(name, described if isinstance(described, str) else "") or self._pick.random() < 0.3

    def _array(self, schema: Mapping[str, Any], name: str, depth: int, small: bool) -> list[Any]:
        least = min(count(schema.get("minItems"), 0), _LONGEST_ARRAY)
        most = count(schema.get("maxItems"), _LONGEST_ARRAY)
        inner = schema.get("items")
        endless = self._schemas.cost(inner) == math.inf
        wanted = least if small or endless else max(least, 1 + self._pick.randrange(2))
        before = schema.get("prefixItems")
        firsts = before if isinstance(before, list) else inner if isinstance(inner, list) else []
        found: list[Any] = []
        for at in range(max(least, min(wanted, most))):
            if self._made > _MOST:
                break
            value = self.make(firsts[at] if at < len(firsts) else inner, name.removesuffix("s"), depth + 1)
            if schema.get("uniqueItems") and value in found:
                value = self._other(value, at)
            found.append(value)
        return found

    def _other(self, value: Any, at: int) -> Any:
        if isinstance(value, str):
            return f"{value}{at + 1}"
        return value + at + 1 if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    def _figure(self, schema: Mapping[str, Any], whole: bool) -> float | int:
        low, high = _bounds(schema, whole)
        step = number(schema.get("multipleOf")) or 0
        default = number(schema.get("default"))
        for offered in (self._words.number(), default):
            if offered is not None and _fits(offered, low, high, step, whole):
                return int(offered) if whole or offered == int(offered) else offered
        start = low if low > -math.inf else min(0.0, high)
        end = min(high, start + max(10, step))
        if step > 0:
            return _multiple(start, end, step, whole)
        if whole:
            first, last = math.ceil(start), math.floor(end)
            return self._pick.randint(first, last) if first <= last else first
        value = round(self._pick.uniform(start, end), 2)
        return value if low <= value <= high else start

    def _text(self, schema: Mapping[str, Any], name: str) -> str:
        text = self._written(schema, name, max(min(_LONGEST_TEXT, self._room), 0))
        self._room -= len(text)
        return text

    def _written(self, schema: Mapping[str, Any], name: str, longest: int) -> str:
        least = min(count(schema.get("minLength"), 0), longest)
        most = max(least, min(count(schema.get("maxLength"), longest), longest))
        pattern = schema.get("pattern")
        made = matching(pattern, self._pick, least) if isinstance(pattern, str) else None
        if made is not None:
            return made[:most] if len(made) > most else made
        described = schema.get("description")
        form = _FORMATS.get(str(schema.get("format")))
        default = schema.get("default")
        text = form or (default if isinstance(default, str) and default else "")
        text = text or self._words.string(name, described if isinstance(described, str) else "")
        return (text + "mock " * ((least - len(text)) // 5 + 1))[:least] if len(text) < least else text[:most]


_CHECKS = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}


def _has_type(value: object, kind: object) -> bool:
    kinds = kind if isinstance(kind, list) else [kind]
    return kind is None or any(_CHECKS[one](value) for one in kinds if isinstance(one, str) and one in _CHECKS)


def _bounds(schema: Mapping[str, Any], whole: bool) -> tuple[float, float]:
    low, high = number(schema.get("minimum")), number(schema.get("maximum"))
    above, below = number(schema.get("exclusiveMinimum")), number(schema.get("exclusiveMaximum"))
    first, last = -math.inf if low is None else low, math.inf if high is None else high
    if above is not None:
        first = max(first, math.floor(above) + 1 if whole else math.nextafter(above, math.inf))
    if below is not None:
        last = min(last, math.ceil(below) - 1 if whole else math.nextafter(below, -math.inf))
    return first, last


def _fits(value: float, low: float, high: float, step: float, whole: bool) -> bool:
    if not low <= value <= high or (whole and value != int(value)):
        return False
    return step <= 0 or value % step == 0


def _multiple(start: float, end: float, step: float, whole: bool) -> float | int:
    count = math.ceil(start / step) if abs(start / step) < 1e15 else 0
    for more in range(100):
        value = (count + more) * step
        if value > end:
            break
        if not whole or value == int(value):
            return int(value) if value == int(value) else value
    return int(count * step) if whole else count * step
