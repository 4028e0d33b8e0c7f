"""Tools as the model reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.kimi.declarations import declaration, declarations


def tool(parameters: object, **more: object) -> dict[str, object]:
    return {"type": "function", "function": {"name": "f", "parameters": parameters, **more}}


def typed(schema: object) -> str:
    """The type of one property."""
    text = declaration(tool({"type": "object", "properties": {"p": schema}, "required": ["p"]}))
    return text.removeprefix("type f = (_: {\n").removesuffix("\n}) => any;")


def test_a_tool_reads_like_typescript() -> None:
    """Required before optional, each by name; what is said of a value stands above it."""
    parameters = {
        "type": "object",
        "required": ["origin", "date"],
        "properties": {
            "origin": {"type": "string", "description": "From where.\n\nA station."},
            "max": {"type": "integer", "minimum": 0, "maximum": 4, "default": 2},
            "classes": {"type": "array", "items": {"enum": ["first", "second"]}},
            "date": {"type": "string", "maxLength": 10},
            "who": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
    }
    expected = """// Finds trains.
type f = (_: {
  // maxLength: 10
  date: string,
  // From where.

  // A station.
  origin: string,
  classes?: Array<"first" | "second">,
  // maximum: 4, minimum: 0
  // Default: 2
  max?: number,
  who?: {
    name?: string
  }
}) => any;"""
    assert expected == declaration(tool(parameters, description="Finds trains."))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "boolean"}, "  p: boolean"),
        ({"type": ["string", "null", "integer", "array"]}, "  p: string | null | number | Array<any>"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "  p: string | null"),
        ({"enum": [1, "a", None]}, '  p: 1 | "a" | null'),
        ({"type": "array"}, "  p: Array<any>"),
        ({"type": "array", "items": {"type": "string", "description": "d"}}, "  p: Array<\n    // d\n    string\n  >"),
        ({"type": "object"}, "  p: {}"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "  p: {\n    [k: string]: number\n  }"),
        ({"type": "object", "additionalProperties": False}, "  p: {\n    [k: string]: never\n  }"),
        ({"$ref": "#/$defs/node"}, "  p: node"),
        ({"$ref": "#"}, "  p: parameters"),
        ({}, "  p: any"),
        (True, "  p: any"),
        (False, "  p: null"),
        ({"const": 1}, '  p: {"const": 1}'),
        (7, "  p: 7"),
    ],
    ids=str,
)
def test_each_form_of_a_schema_has_its_type(schema: object, expected: str) -> None:
    """What the renderer does not know is counted as the JSON it is."""
    assert expected == typed(schema)


def test_definitions_are_interfaces() -> None:
    """A reference names them."""
    parameters = {"$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}}
    assert declaration(tool(parameters)).startswith("interface node {\n  next?: node\n}\ntype f")


@pytest.mark.parametrize("tools", [None, [], [None], [7], [{}], [{"type": "function"}], "x", 7, {}], ids=str)
def test_what_is_no_function_declares_nothing(tools: object) -> None:
    """The server knows its own builtin tools; rubbish is refused elsewhere."""
    assert declarations(tools) == ""


@pytest.mark.parametrize("deepest", [{"type": "string"}, {}])
@pytest.mark.parametrize("step", ["properties", "items", "anyOf", "limit", "default"])
def test_schemas_of_any_depth_end(step: str, deepest: object) -> None:
    """A body of some kilobytes can nest deeper than the interpreter's stack."""
    wrap = {
        "properties": lambda inner: {"type": "object", "properties": {"p": inner}},
        "items": lambda inner: {"type": "array", "items": inner},
        "anyOf": lambda inner: {"anyOf": [inner]},
        "limit": lambda inner: {"type": "string", "maxLength": inner},
        "default": lambda inner: {"type": "string", "default": inner},
    }[step]
    schema: object = deepest
    for _ in range(3000):
        schema = wrap(schema)
    assert len(typed(schema)) < 100_000


KEYS = st.sampled_from(
    [
        "type", "properties", "required", "items", "enum", "anyOf", "$ref", "$defs", "description", "default",
        "additionalProperties", "minimum",
    ]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4),
    max_leaves=30,
)


@given(JSON)
def test_any_schema_has_a_text(schema: object) -> None:
    """Refusing a schema is the law's part, not the counter's."""
    assert declaration(tool(schema)).endswith(") => any;")
