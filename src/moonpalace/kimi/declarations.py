"""A tool as the model reads it: the vendor renders its JSON Schema to a TypeScript-like declaration.

1. Required properties come first, then the optional ones, each group by name; a description, the limits of a value and
   its default stand above it as comments.
2. Any JSON value gives a text: what the renderer does not know is written as JSON, so that it still counts.
3. Schemas are read to a depth of `_DEEPEST`; deeper ones are `any`.

Source: the form of `tool_declaration_ts.py` beside the tokenizer of Kimi K2.5 (2026-08).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

_STEP = "  "
_DEEPEST = 64
_NAMES = {"integer": "number", "object": "{}", "array": "Array<any>"}
_LIMITS = {
    "string": ("maxLength", "minLength", "pattern"),
    "number": ("maximum", "minimum"),
    "integer": ("maximum", "minimum"),
    "array": ("maxItems", "minItems"),
}


def declaration(tool: object) -> str:
    """The declaration of one tool of a request; empty for what is not a function."""
    function = _mapping(tool).get("function")
    if not isinstance(function, Mapping) or _mapping(tool).get("type", "function") != "function":
        return ""
    parameters = function.get("parameters")
    schema = parameters if isinstance(parameters, Mapping) else {}
    lines = _interfaces(schema)
    lines += _comment(function.get("description"), "")
    lines.append(f"type {_name(function.get('name'))} = (_: {_object(schema, '', 0)}) => any;")
    return "\n".join(lines)


def declarations(tools: object) -> str:
    """The whole text that declares these tools; empty for none."""
    listed = tools if isinstance(tools, Sequence) and not isinstance(tools, str | bytes) else ()
    functions = [text for text in map(declaration, listed) if text]
    if not functions:
        return ""
    return "# Tools\n\n## functions\nnamespace functions {\n" + "\n".join(functions) + "\n}\n"


def _interfaces(schema: Mapping[str, object]) -> list[str]:
    lines: list[str] = []
    for name, defined in _mapping(schema.get("$defs")).items():
        lines += _comment(_mapping(defined).get("description"), "")
        lines.append(f"interface {_name(name)} {_type(defined, '', 1)}")
    return lines


def _type(schema: object, indent: str, depth: int) -> str:
    """The type that a schema describes."""
    if schema is True or schema == {} or depth > _DEEPEST:
        return "any"
    if not isinstance(schema, Mapping):
        return "null" if schema is False else _json(schema)
    for key, render in _FORMS:
        if key in schema:
            return render(schema, indent, depth)
    return _json(schema)


def _reference(schema: Mapping[str, object], indent: str, depth: int) -> str:
    name = _name(schema["$ref"]).rpartition("/")[2]
    return "parameters" if name == "#" else name


def _any_of(schema: Mapping[str, object], indent: str, depth: int) -> str:
    options = schema["anyOf"]
    if not isinstance(options, list):
        return _json(options)
    return " | ".join(_type(option, indent, depth + 1) for option in options)


def _enumeration(schema: Mapping[str, object], indent: str, depth: int) -> str:
    values = schema["enum"]
    return " | ".join(map(_json, values)) if isinstance(values, list) else _json(values)


def _typed(schema: Mapping[str, object], indent: str, depth: int) -> str:
    kind = schema["type"]
    if kind == "object":
        return _object(schema, indent, depth)
    if kind == "array":
        return _array(schema, indent, depth)
    kinds = kind if isinstance(kind, list) else [kind]
    return " | ".join(_NAMES.get(_name(one), _name(one)) for one in kinds)


_FORMS = (("$ref", _reference), ("anyOf", _any_of), ("enum", _enumeration), ("type", _typed))


def _object(schema: Mapping[str, object], indent: str, depth: int) -> str:
    required = schema.get("required")
    needed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    properties = _mapping(schema.get("properties"))
    inner = indent + _STEP
    fields = []
    for name in sorted(properties, key=lambda name: (name not in needed, name)):
        mark = "" if name in needed else "?"
        value = properties[name]
        comments = _comments(value, inner) + _default(value, inner)
        fields.append("\n".join([*comments, f"{inner}{name}{mark}: {_type(value, inner, depth + 1)}"]))
    others = schema.get("additionalProperties")
    if others is not None:
        fields.append(f"{inner}[k: string]: {'never' if others is False else _type(others, inner, depth + 1)}")
    return "{\n" + ",\n".join(fields) + f"\n{indent}}}" if fields else "{}"


def _array(schema: Mapping[str, object], indent: str, depth: int) -> str:
    items = schema.get("items", True)
    comments = _comments(items, indent + _STEP)
    if not comments:
        return f"Array<{_type(items, indent, depth + 1)}>"
    inner = indent + _STEP
    return "\n".join(["Array<", *comments, f"{inner}{_type(items, inner, depth + 1)}", f"{indent}>"])


def _comments(schema: object, indent: str) -> list[str]:
    """The description of a value and its limits."""
    described = _mapping(schema)
    lines = _comment(described.get("description"), indent)
    kind = described.get("type")
    known = _LIMITS.get(kind, ()) if isinstance(kind, str) and "enum" not in described else ()
    limits = [f"{key}: {_name(described[key])}" for key in known if key in described]
    return [*lines, f"{indent}// {', '.join(limits)}"] if limits else lines


def _default(schema: object, indent: str) -> list[str]:
    default = _mapping(schema).get("default")
    return [] if default is None else [f"{indent}// Default: {_json(default)}"]


def _comment(text: object, indent: str) -> list[str]:
    if not isinstance(text, str) or not text:
        return []
    return [f"{indent}// {line}" if line else "" for line in text.split("\n")]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _name(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else _json(value)


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return ""
