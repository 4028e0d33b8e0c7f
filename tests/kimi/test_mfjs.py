"""The schema dialect: every rule with a schema that keeps it and one that breaks it, and schemas met in the field."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonpalace.kimi.mfjs import CODE_LIMITS, LEVELS, PROSE_LIMITS, Fault, Limits, check, details, faults
from moonpalace.kimi.mfjs.case import KEYWORDS
from moonpalace.kimi.mfjs.references import look_up
from moonpalace.kimi.mfjs.tree import longer_than, nodes
from moonpalace.kimi.mfjs.words import MESSAGES, OURS, level_of, said

Schema = dict[str, Any]
STRING: Schema = {"type": "string"}
ENDLESS = "detected infinite recursion without termination condition"
BESIDE_ANY_OF = "when using anyOf, type should be defined in anyOf items instead of the parent schema"
BESIDE_REF = "when using $ref, type should be defined in the referenced schema instead of the parent schema"


def record(properties: object, *required: str, **more: Any) -> Schema:
    """An object schema."""
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {}), **more}


def nested(levels: int) -> Schema:
    """A schema that many levels deep."""
    schema = STRING
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def chain(length: int, end: Schema) -> Schema:
    """Definitions that each ask twice for the next: its expansion has 2**length schemas."""
    defs: Schema = {
        f"d{at}": record({name: {"$ref": f"#/$defs/d{at + 1}"} for name in "ab"}, "a", "b") for at in range(length)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{length}": end}}


STRANGERS = """
    oneOf allOf not if then else const format $schema $comment $anchor $dynamicRef prefixItems contains propertyNames
    unevaluatedItems unevaluatedProperties patternProperties dependentSchemas dependentRequired exclusiveMinimum
    exclusiveMaximum minContains maxContains minProperties maxProperties uniqueItems multipleOf examples nullable
    deprecated readOnly writeOnly definitions
""".split()  # noqa: SIM905

GOOD: dict[str, Schema] = {
    "anything": {},
    **{
        f"type {name}": {"type": name} for name in ("null", "boolean", "object", "array", "number", "integer", "string")
    },
    "several types alone": {"type": ["string", "null", "integer", "boolean", "array", "object", "number"]},
    "several types with a description": {"type": ["string", "integer"], "description": "x", "title": "y"},
    "one type in an array": {"type": ["object"], "properties": {"x": {"type": ["string"]}}},
    "text": {"type": "string", "minLength": 1, "maxLength": 100, "default": "a", "description": "b"},
    "simple pattern": {"type": "string", "pattern": r"^(?:[a-z]+)\\1\(?=$"},
    "number": {"type": "number", "minimum": -10, "maximum": 10.5, "enum": [1, 2.5, -3]},
    "integer": {"type": "integer", "minimum": -10, "maximum": 10, "enum": [1, 2, 3.0]},
    "bounds that are equal": {"type": "string", "minLength": 3, "maxLength": 3},
    "list": {"type": "array", "items": STRING, "minItems": 0, "maxItems": 10, "default": []},
    "list of anything": {"type": "array"},
    "record": record({"a": STRING, "b": {"type": "integer"}}, "a", additionalProperties=False, default={"a": "x"}),
    "additional anything": record({}, additionalProperties={}),
    "additional typed": {"type": "object", "additionalProperties": {"type": "number"}},
    "empty property name": record({"": STRING}, ""),
    "property called type": record(dict.fromkeys(("type", "enum", "items", "defs", "$id", "a/b", "a.b"), STRING)),
    "nothing required": {"type": "object", "required": []},
    "enum of booleans": {"type": "boolean", "enum": [True, False]},
    "enum of null": {"type": "null", "enum": [None]},
    "enum with null": {"type": ["string", "null"], "enum": ["a", None]},
    "enum with null, bounded": {"type": ["integer", "null"], "enum": [1, None], "minimum": 0},
    "any of": {"anyOf": [STRING, {"type": "null"}], "description": "x", "title": "y"},
    "any of at the root": {
        "anyOf": [STRING, {"$ref": "#/$defs/N"}],
        "$defs": {"N": {"type": "number"}},
        "$id": "urn:x",
    },
    "reference": record({"u": {"$ref": "#/$defs/U"}}, **{"$defs": {"U": STRING}}),
    "reference with a description": record(
        {"u": {"$ref": "#/$defs/U", "description": "x"}}, **{"$defs": {"U": STRING}}
    ),
    "reference into a definition": record(
        {"u": {"$ref": "#/$defs/U/properties/id"}}, **{"$defs": {"U": record({"id": STRING})}}
    ),
    "way out: optional": record({"child": {"$ref": "#"}, "name": STRING}, "name"),
    "way out: array": record({"children": {"type": "array", "items": {"$ref": "#"}}}, "children"),
    "way out: branch": record({"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "next"),
    "way out: nullable": {
        "type": "object",
        "properties": {"next": {"anyOf": [record({"n": {"$ref": "#"}}, "n"), STRING]}},
    },
    "way out: additional": record({}, additionalProperties={"$ref": "#"}),
    "way out: of two definitions one is optional": record(
        {"x": {"$ref": "#/$defs/a"}},
        "x",
        **{"$defs": {"a": record({"y": {"$ref": "#/$defs/b"}}, "y"), "b": record({"z": {"$ref": "#/$defs/a"}})}},
    ),
}

BAD: dict[str, tuple[object, str, str]] = {
    "no object: null": (None, "", "schema must be a dict"),
    "no object: true": (True, "", "schema must be a dict"),
    "no object: list": ([STRING], "", "schema must be a dict"),
    "no type": ({"description": "x"}, "", "type is not defined"),
    "empty property": (record({"x": {}}), "properties.x", "type is not defined"),
    "empty items": (record({"x": {"type": "array", "items": {}}}), "properties.x.items", "type is not defined"),
    "empty branch": ({"anyOf": [STRING, {}]}, "anyOf[1]", "type is not defined"),
    "empty definition": ({"type": "object", "$defs": {"D": {}}}, "$defs.D", "type is not defined"),
    "enum without type": (record({"x": {"enum": ["a"]}}), "properties.x", "type is not defined"),
    "type null": ({"type": None}, "", "type must be string or array of strings"),
    "type object": ({"type": {}}, "", "type must be string or array of strings"),
    "type empty": ({"type": []}, "", "type array cannot be empty"),
    "type nested": ({"type": ["string", ["number"]]}, "", "invalid type in type array"),
    "type unknown": ({"type": "any"}, "", "invalid type: any"),
    "type unknown in array": ({"type": ["string", "date"]}, "", "invalid type: date"),
    "type twice": ({"type": ["string", "string"]}, "", "duplicate types in type array"),
    "any of beside type": (record({"s": {"type": "string", "anyOf": [STRING]}}), "properties.s", BESIDE_ANY_OF),
    "any of beside properties": (
        {"anyOf": [STRING], "properties": {}},
        "",
        "keyword 'properties' is not allowed at the same level as anyOf",
    ),
    "any of beside default": (
        {"anyOf": [STRING], "default": "a"},
        "",
        "keyword 'default' is not allowed at the same level as anyOf",
    ),
    "any of: definitions not at the root": (
        record({"x": {"anyOf": [STRING], "$defs": {}}}),
        "properties.x",
        "keyword '$defs' is not allowed at the same level as anyOf",
    ),
    "any of: no array": ({"anyOf": {}}, "anyOf", "anyOf must be an array"),
    "any of: empty": ({"anyOf": []}, "anyOf", "anyOf must have 1-500 items"),
    "any of: too many": ({"anyOf": [STRING] * 501}, "anyOf", "anyOf must have 1-500 items"),
    "any of: true": ({"anyOf": [STRING, True]}, "anyOf", "items in anyOf must be objects"),
    "reference beside type": (record({"u": {"$ref": "#", "type": "string"}}), "properties.u", BESIDE_REF),
    "reference beside length": (
        record({"u": {"$ref": "#/$defs/U", "minLength": 1}}, **{"$defs": {"U": STRING}}),
        "properties.u",
        "keyword 'minLength' is not allowed at the same level as $ref",
    ),
    "reference beside any of": (
        record({"u": {"$ref": "#", "anyOf": [STRING]}}),
        "properties.u",
        "keyword 'anyOf' is not allowed at the same level as $ref",
    ),
    "reference: description twice": (
        record({"u": {"$ref": "#/$defs/U", "description": "a"}}, **{"$defs": {"U": {**STRING, "description": "b"}}}),
        "properties.u",
        "conflicting keywords found after $ref expansion: description",
    ),
    "reference: no text": (record({"u": {"$ref": 1}}), "properties.u", "$ref must be a string"),
    "reference: remote": (
        record({"u": {"$ref": "https://example.com/s.json"}}),
        "properties.u.$ref",
        "only local references are supported",
    ),
    "reference: old definitions": (
        record({"u": {"$ref": "#/definitions/U"}}),
        "properties.u.$ref",
        "references must start with #/$defs/",
    ),
    "reference: a sibling": (
        record({"a": STRING, "b": {"$ref": "#/properties/a"}}),
        "properties.b.$ref",
        "references must start with #/$defs/",
    ),
    "reference: no name": (record({"u": {"$ref": "#/$defs/"}}), "properties.u.$ref", "definition name cannot be empty"),
    "reference: no definitions": (
        record({"u": {"$ref": "#/$defs/U"}}),
        "properties.u.$ref",
        "$defs not found for reference: #/$defs/U",
    ),
    "reference: lost": (
        record({"u": {"$ref": "#/$defs/V"}}, **{"$defs": {"U": STRING}}),
        "properties.u.$ref",
        "invalid $ref path: #/$defs/V",
    ),
    "reference: into a list": (
        record({"u": {"$ref": "#/$defs/U/anyOf"}}, **{"$defs": {"U": {"anyOf": [STRING]}}}),
        "properties.u.$ref",
        "invalid $ref path: #/$defs/U/anyOf",
    ),
    "reference: to what is no schema": (
        record({"u": {"$ref": "#/$defs/U/default"}}, **{"$defs": {"U": record({}, default={"type": "string"})}}),
        "properties.u.$ref",
        "invalid $ref path: #/$defs/U/default",
    ),
    "definitions: no object": ({"type": "object", "$defs": []}, "$defs", "$defs must be an object"),
    "definitions: true": (
        {"type": "object", "$defs": {"D": True}},
        "$defs",
        "property schema for 'D' must be an object",
    ),
    "definitions: slash": (
        {"type": "object", "$defs": {"a/b": STRING}},
        "$defs",
        "$defs property name 'a/b' cannot contain '/' character",
    ),
    "definitions: slash inside": (
        {"type": "object", "$defs": {"D": record({"a/b": STRING})}},
        "$defs.D.properties",
        "property name 'a/b' in $defs cannot contain '/' character",
    ),
    "definitions: not at the root": (
        record({"x": {"type": "object", "$defs": {}}}),
        "properties.x",
        "keyword $defs must be at root level",
    ),
    "id: not at the root": (
        record({"x": {**STRING, "$id": "urn:x"}}),
        "properties.x",
        "keyword $id must be at root level",
    ),
    "id: number": ({"type": "object", "$id": 1}, "", "$id must be a string"),
    "description: number": ({**STRING, "description": 1}, "", "description must be a string"),
    "title: null": ({**STRING, "title": None}, "", "title must be a string"),
    "pattern: number": ({**STRING, "pattern": 1}, "", "pattern must be a string"),
    "pattern: look-ahead": ({**STRING, "pattern": "a(?=b)"}, "", said("pattern")),
    "pattern: back reference": ({**STRING, "pattern": r"(a)\1"}, "", said("pattern")),
    "endless: root": (record({"next": {"$ref": "#"}}, "next"), "properties.next", ENDLESS),
    "endless: definition": (
        record({"n": {"$ref": "#/$defs/N"}}, "n", **{"$defs": {"N": record({"n": {"$ref": "#/$defs/N"}}, "n")}}),
        "properties.n",
        ENDLESS,
    ),
    "endless: optional way in": (
        record({"n": {"$ref": "#/$defs/N"}}, **{"$defs": {"N": record({"n": {"$ref": "#/$defs/N"}}, "n")}}),
        "properties.n",
        ENDLESS,
    ),
    "endless: alias": ({"$ref": "#"}, "", ENDLESS),
    "endless: two aliases": (
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}},
        "",
        ENDLESS,
    ),
    "endless: array that may not be empty": (
        {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
        "items",
        ENDLESS,
    ),
    "endless: every branch": (
        record({"n": {"anyOf": [{"$ref": "#"}, record({"m": {"$ref": "#"}}, "m")]}}, "n"),
        "properties.n.anyOf[0]",
        ENDLESS,
    ),
    "unsupported": (
        record({"x": {**STRING, "format": "uri", "const": "a"}}),
        "properties.x",
        "unsupported keywords: const, format",
    ),
    **{
        f"unsupported {name}": ({"type": "object", name: {}}, "", f"unsupported keywords: {name}") for name in STRANGERS
    },
    "misplaced": ({"type": "string", "required": ["a"], "minItems": 1}, "", "invalid keywords: minItems, required"),
    "misplaced before malformed": ({"type": "array", "items": 1, "minimum": 0}, "", "invalid keywords: minimum"),
    "several types and more": (
        {"type": ["string", "integer"], "minLength": 1},
        "",
        "keyword minLength is not allowed in combination with multiple types",
    ),
    "several types and items": (
        record({"x": {"type": ["array", "null"], "items": STRING}}),
        "properties.x",
        "keyword items is not allowed in combination with multiple types",
    ),
    "properties: text": ({"type": "object", "properties": "x"}, "properties", "properties must be an object"),
    "property: true": (
        record({"t": {"type": "array", "items": record({"out": True})}}),
        "properties.t.items.properties",
        "property schema for 'out' must be an object",
    ),
    "property: text": (record({"content": "string"}), "properties", "property schema for 'content' must be an object"),
    **{
        f"property: reserved {name}": (
            record({name: STRING}),
            "properties",
            f"property name '{name}' is reserved for JSON Schema keywords",
        )
        for name in ("$defs", "$ref", "anyOf", "required", "additionalProperties")
    },
    "required: text": (record({"a": STRING}, required="a"), "required", "required must be an array"),
    "required: boolean on a property": (
        record({"a": {**STRING, "required": True}}),
        "properties.a",
        "invalid keywords: required",
    ),
    "required: number": (
        record({"a": STRING}, required=["a", 1]),
        "required",
        "items in required array must be strings",
    ),
    "required: undeclared": (
        record({"w": {"type": "array", "items": record({"a": STRING}, "a", "b")}}),
        "properties.w.items.required",
        "required property 'b' is not defined in properties",
    ),
    "required: nothing declared": (
        {"type": "object", "required": ["a"]},
        "required",
        "required specified but 'properties' keyword is missing",
    ),
    "required: twice": (record({"a": STRING}, "a", "a"), "required", "duplicate items in required array"),
    "items: tuple": ({"type": "array", "items": [STRING]}, "items", "items must be an object"),
    "items: false": ({"type": "array", "items": False}, "items", "items must be an object"),
    "additional: text": (record({}, additionalProperties="no"), "additionalProperties", said("additional form")),
    "additional: untyped": (
        record({}, additionalProperties={"title": "x"}),
        "additionalProperties",
        "type is not defined",
    ),
    "enum: object": ({**STRING, "enum": {}}, "enum", "enum must be an array"),
    "enum: empty": ({**STRING, "enum": []}, "enum", "enum array cannot be empty"),
    "enum: number in text": ({**STRING, "enum": [1.5]}, "enum", "enum value (1.5) does not match any type in [string]"),
    "enum: mixed": ({**STRING, "enum": ["a", True]}, "enum", "enum value (true) does not match any type in [string]"),
    "enum: null": (
        record({"x": {**STRING, "enum": ["a", None]}}),
        "properties.x.enum",
        "enum value (<nil>) does not match any type in [string]",
    ),
    "enum: fraction": (
        {"type": ["integer", "null"], "enum": [3.67]},
        "enum",
        "enum value (3.67) does not match any type in [integer null]",
    ),
    "enum: true is no number": (
        {"type": "number", "enum": [True]},
        "enum",
        "enum value (true) does not match any type in [number]",
    ),
    "enum: object type": (
        {"type": ["string", "object"], "enum": ["a"]},
        "",
        "type object is not allowed in combination with enum",
    ),
    "enum: two types": ({"type": ["string", "integer"], "enum": ["a"]}, "", said("enum types")),
    "enum: beyond": (
        {"type": "integer", "enum": [2**53]},
        "enum",
        "enum value (9007199254740992) is out of the allowed numeric range",
    ),
    "enum: infinite": (
        {"type": "number", "enum": [float("inf")]},
        "enum",
        "enum value (inf) is out of the allowed numeric range",
    ),
    "enum: too many": (
        {"type": "integer", "enum": list(range(1001))},
        "enum",
        "enum array cannot have more than 1000 items",
    ),
    "bound: text": ({**STRING, "minLength": "5"}, "minLength", "minLength must be an integer"),
    "bound: null": ({"type": "array", "maxItems": None}, "maxItems", "maxItems must be an integer"),
    "bound: true": ({**STRING, "maxLength": True}, "maxLength", "maxLength must be an integer"),
    "bound: negative": ({**STRING, "minLength": -1}, "minLength", "minLength must be non-negative"),
    "bound: number": ({"type": "number", "minimum": "0"}, "minimum", "minimum must be a number"),
    "bound: integer": ({"type": "integer", "maximum": "0"}, "maximum", "maximum must be an integer"),
    "bound: fraction": ({"type": "integer", "minimum": 1.5}, "minimum", "minimum (1.5) is not a valid integer"),
    "bounds: range": (
        {"type": "number", "minimum": 10, "maximum": 5.5},
        "minimum",
        "minimum (10) cannot be greater than maximum (5.5)",
    ),
    "bounds: length": (
        {**STRING, "minLength": 2, "maxLength": 1},
        "minLength",
        "minLength (2) cannot be greater than maxLength (1)",
    ),
    "bounds: items": (
        {"type": "array", "minItems": 2, "maxItems": 1},
        "minItems",
        "minItems (2) cannot be greater than maxItems (1)",
    ),
    "depth": (nested(31), ".".join(["items"] * 31), "schema depth exceeds maximum limit of 30"),
    "size": ({**STRING, "description": "x" * 120_000}, "", "schema exceeds maximum allowed size"),
    "property keys": (
        record({f"p{at}": STRING for at in range(3001)}),
        "properties",
        "total number of properties keys(3001) across all objects exceeds maximum limit of 3000",
    ),
}

# Shapes as the generators write them, shortened.
FIELD: dict[str, tuple[Schema, Fault | None]] = {
    "pydantic Optional": (record({"x": {"anyOf": [STRING, {"type": "null"}], "title": "X"}}, title="Args"), None),
    "pydantic Optional with a default": (
        record({"x": {"anyOf": [STRING, {"type": "null"}], "default": None, "title": "X"}}),
        Fault("properties.x", "keyword 'default' is not allowed at the same level as anyOf"),
    ),
    "pydantic model in a model": (
        record(
            {"u": {"$ref": "#/$defs/U"}}, "u", **{"$defs": {"U": record({"id": {"type": "integer"}}, "id", title="U")}}
        ),
        None,
    ),
    "pydantic enum with a docstring": (
        record(
            {"c": {"$ref": "#/$defs/C", "description": "which"}},
            **{"$defs": {"C": {**STRING, "enum": ["a", "b"], "description": "Colours."}}},
        ),
        Fault("properties.c", "conflicting keywords found after $ref expansion: description"),
    ),
    "pydantic Any": (record({"x": {"title": "X"}}), Fault("properties.x", "type is not defined")),
    "pydantic Literal of one": (
        record({"k": {"const": "a", "type": "string"}}),
        Fault("properties.k", "unsupported keywords: const"),
    ),
    "pydantic tuple": (
        record({"p": {"type": "array", "prefixItems": [STRING, STRING], "minItems": 2, "maxItems": 2}}),
        Fault("properties.p", "unsupported keywords: prefixItems"),
    ),
    "pydantic date": (
        record({"d": {**STRING, "format": "date-time"}}),
        Fault("properties.d", "unsupported keywords: format"),
    ),
    "pydantic dict": (record({"d": {"type": "object", "additionalProperties": STRING}}), None),
    "zod object": (
        record(
            {"a": STRING}, "a", additionalProperties=False, **{"$schema": "http://json-schema.org/draft-07/schema#"}
        ),
        Fault("", "unsupported keywords: $schema"),
    ),
    "zod nullable": (record({"a": {"type": ["string", "null"]}}), None),
    "zod nullable array": (
        record({"a": {"type": ["array", "null"], "items": STRING}}),
        Fault("properties.a", "keyword items is not allowed in combination with multiple types"),
    ),
    "zod discriminated union": (
        record({"a": {"oneOf": [record({}), record({})]}}),
        Fault("properties.a", "unsupported keywords: oneOf"),
    ),
    "zod any array": (
        record({"a": {"type": "array", "items": {}}}),
        Fault("properties.a.items", "type is not defined"),
    ),
    "zod lifted schema": (
        {"type": "object", "$defs": {"__schema20": {"type": "string", "$ref": "#/$defs/s"}, "s": STRING}},
        Fault("$defs.__schema20", BESIDE_REF),
    ),
    "zod positive": (
        record({"n": {"type": "number", "exclusiveMinimum": 0}}),
        Fault("properties.n", "unsupported keywords: exclusiveMinimum"),
    ),
    "mcp selector": (
        record({"a": STRING, "b": STRING}, anyOf=[{"required": ["a"]}, {"required": ["b"]}]),
        Fault("", BESIDE_ANY_OF),
    ),
    "mcp variants with $schema": (
        {"type": "object", "$schema": "https://json-schema.org/draft/2020-12/schema", "anyOf": [record({})]},
        Fault("", BESIDE_ANY_OF),
    ),
    "mcp draft-07": (
        record({"f": record({"d": {"$ref": "#/definitions/D"}})}),
        Fault("properties.f.properties.d.$ref", "references must start with #/$defs/"),
    ),
    "mcp old required": (
        record({"a": {"type": "string", "required": True}}),
        Fault("properties.a", "invalid keywords: required"),
    ),
    "typebox unknown": (record({"o": True}), Fault("properties", "property schema for 'o' must be an object")),
    "openapi nullable": (
        record({"a": {**STRING, "nullable": True}}),
        Fault("properties.a", "unsupported keywords: nullable"),
    ),
    "a whole tool": (
        {"type": "function", "function": {"name": "f"}},
        Fault("", "unsupported keywords: function"),
    ),
}


@pytest.mark.parametrize("schema", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("level", LEVELS)
def test_what_is_allowed_passes_at_every_level(schema: Schema, level: str) -> None:
    """A schema refused here and taken there would send people after faults that are none."""
    assert list(faults(schema, level=level)) == []


@pytest.mark.parametrize(("schema", "path", "message"), BAD.values(), ids=BAD)
def test_what_is_not_allowed_is_named_and_placed(schema: object, path: str, message: str) -> None:
    """People search for the words of the real error."""
    assert Fault(path, message) == check(schema)


@pytest.mark.parametrize(("schema", "expected"), FIELD.values(), ids=FIELD)
def test_schemas_of_the_field_fail_as_they_do_there(schema: Schema, expected: Fault | None) -> None:
    """These are what tools really send, and most of the reports are about them."""
    assert expected == check(schema)


@pytest.mark.parametrize("schema", [schema for schema, _, _ in BAD.values()], ids=list(BAD))
def test_a_level_has_the_faults_of_the_level_below_and_more(schema: object) -> None:
    """loose < lite < strict < ultra."""
    found = [set(faults(schema, level=level)) for level in LEVELS]
    assert found[0] == set()
    assert found[0] <= found[1] <= found[2] <= found[3]


@pytest.mark.parametrize(
    ("schema", "lowest"),
    [
        ({"type": "any"}, "lite"),
        ({"$ref": "#"}, "lite"),
        (nested(31), "lite"),
        ({**STRING, "minLength": -1}, "strict"),
        ({"type": ["array", "null"], "items": STRING}, "strict"),
        (record({"x": {}}), "ultra"),
        ({"type": "object", "anyOf": [record({})]}, "ultra"),
        ({**STRING, "format": "uri"}, "ultra"),
        ({**STRING, "enum": [1]}, "ultra"),
        (record({"u": {"$ref": "#/$defs/U", "type": "string"}}, **{"$defs": {"U": STRING}}), "ultra"),
    ],
)
def test_each_level_adds_its_own_rules(schema: Schema, lowest: str) -> None:
    """The service has been seen at two of them."""
    refused = [level for level in LEVELS if check(schema, level=level) is not None]
    assert refused == list(LEVELS)[LEVELS[lowest] :]


@pytest.mark.parametrize("levels", [0, 1, 29, 30])
def test_the_depth_limit_lets_its_own_depth_through(levels: int) -> None:
    """30 levels below the root are allowed, the 31st is not."""
    assert check(nested(levels)) is None
    assert check(nested(levels), limits=limited(depth=levels)) is None
    assert check(nested(levels + 1), limits=limited(depth=levels)) is not None


def limited(**changed: int) -> Limits:
    """The limits of the code, some of them changed."""
    fields = {name: getattr(CODE_LIMITS, name) for name in CODE_LIMITS.__slots__}
    return Limits(**{**fields, **changed})


@pytest.mark.parametrize(
    ("schema", "limit", "value"),
    [
        ({**STRING, "enum": ["a", "b", "c"]}, "enum_items", 3),
        ({"anyOf": [STRING] * 3}, "any_of", 3),
        (STRING, "size", 17),
        ({**STRING, "title": "月\n"}, "size", 33),
        (record({"a": STRING, "b": record({"c": STRING})}), "property_keys", 3),
    ],
)
def test_a_limit_is_the_largest_that_passes(schema: Schema, limit: str, value: int) -> None:
    """Off by one is the usual way to get a limit wrong."""
    assert check(schema, limits=limited(**{limit: value})) is None
    assert check(schema, limits=limited(**{limit: value - 1})) is not None


@pytest.mark.parametrize(("texts", "characters", "passes"), [(3, 5, True), (4, 12, True), (4, 11, False)])
def test_the_text_of_an_enum_counts_when_it_has_many_values(texts: int, characters: int, passes: bool) -> None:
    """The limit has two parts: how many values, and their characters."""
    schema = {**STRING, "enum": ["月月月"] * texts}
    found = check(schema, limits=limited(enum_text=characters, enum_text_from=3))
    message = (
        "total string length of enum values (12) exceeds maximum limit of 11 characters"
        " when enum has more than 3 values"
    )
    assert found == (None if passes else Fault("enum", message))


def test_the_prose_has_smaller_limits() -> None:
    """Two sets are published, and nobody outside knows which one holds."""
    assert check({"anyOf": [STRING] * 11}) is None
    assert check({"anyOf": [STRING] * 11}, limits=PROSE_LIMITS) == Fault("anyOf", "anyOf must have 1-10 items")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "anyOf": [{"properties": {"a": STRING}}, {"properties": {"b": STRING}}]},
        record({"a": STRING, "b": STRING}, anyOf=[{"required": ["a"]}, {"required": ["b"]}]),
        record({"s": {"type": "string", "anyOf": [{"minLength": 1}, STRING]}}),
        {"type": ["string", "null"], "anyOf": [STRING, {"type": "null"}]},
    ],
    ids=["variants", "selector", "bounds", "several types"],
)
def test_any_of_beside_type_can_be_let_through(schema: Schema) -> None:
    """Seen refused until 2026-08 and accepted in 2026-09: a switch, not a truth."""
    assert BESIDE_ANY_OF in {fault.message for fault in faults(schema)}
    assert list(faults(schema, any_of_beside_type=True)) == []


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"anyOf": [{}]}, Fault("anyOf[0]", "type is not defined")),
        (
            record({"a": STRING}, anyOf=[{"required": ["b"]}]),
            Fault("anyOf[0].required", "required property 'b' is not defined in properties"),
        ),
        ({"type": "object", "anyOf": [{"minLength": 1}]}, Fault("anyOf[0]", "invalid keywords: minLength")),
        ({"type": 1, "anyOf": [{}]}, Fault("", "type must be string or array of strings")),
    ],
    ids=["no type anywhere", "declared nowhere", "of another type", "malformed type"],
)
def test_the_switch_lets_nothing_else_through(schema: Schema, expected: Fault) -> None:
    """A branch takes over what it stands in, and is then judged by it."""
    assert list(faults(schema, any_of_beside_type=True)) == [expected]


def test_all_faults_come_in_document_order() -> None:
    """A linter shows them in the order of the text."""
    schema = record({"a": {}, "b": {"type": "array", "items": {"type": "x"}}, "c": {**STRING, "format": "y"}}, "z")
    assert [fault.path for fault in faults(schema)] == [
        "required",
        "properties.a",
        "properties.b.items",
        "properties.c",
    ]


def test_details_are_as_in_the_error() -> None:
    """The root is called root there."""
    assert details([Fault("properties.x", "type is not defined")]) == "<At path 'properties.x': type is not defined>"
    assert details([Fault("", "x")]) == "<At path 'root': x>"
    assert details([]) == ""


def test_an_unknown_level_is_an_error_at_once() -> None:
    """A typo must not switch the check off."""
    with pytest.raises(KeyError):
        faults({}, level="normal")


def test_every_message_is_met_above() -> None:
    """A rule without a case could say anything."""
    met = {message for _, _, message in BAD.values()} | {said("enum text", (12, 11, 3))}
    shapes = {rule: said(rule, ("\0",) * 4).split("\0") for rule in (*MESSAGES, *OURS)}
    assert {
        rule for rule, parts in shapes.items() if not any(all(part in one for part in parts) for one in met)
    } == set()
    assert MESSAGES.keys() & OURS.keys() == set()
    assert {level_of(rule) for rule in shapes} == set(LEVELS.values()) - {0}


LEVELS_MADE = 100_000


def ring(count: int) -> Schema:
    """Definitions that each need the next, the last one the first."""
    defs = {f"d{at}": record({"x": {"$ref": f"#/$defs/d{(at + 1) % count}"}}, "x") for at in range(count)}
    return {"$ref": "#/$defs/d0", "$defs": defs}


def test_depth_is_answered_without_recursion() -> None:
    """100,000 levels, in schemas and in values; the interpreter allows some thousand calls."""
    assert sys.getrecursionlimit() < LEVELS_MADE // 4
    found = check(nested(LEVELS_MADE))
    assert found is not None and found.message == "schema depth exceeds maximum limit of 30"
    value: object = "end"
    for _ in range(LEVELS_MADE // 4):
        value = [value]
    found = check({**STRING, "enum": [value]})
    assert found == Fault("enum", "enum value ([…]) does not match any type in [string]")


def test_references_are_not_expanded() -> None:
    """A chain of 400 doubled references would have 2**400 schemas."""
    assert check(chain(400, STRING)) is None
    assert check(chain(400, {"$ref": "#/$defs/d1"})) == Fault("", ENDLESS)
    assert check(ring(1000)) == Fault("", ENDLESS)


@pytest.mark.parametrize(
    "schema",
    [
        {**STRING, "enum": list(range(10**6))},
        {"type": ["string"] * 10**5},
        {"anyOf": [STRING] * 10**5},
        {"x" * 10**6: 1},
        {"type": "x" * 10**6},
        record({}, *["a"] * 10**5),
    ],
    ids=["enum", "types", "branches", "keyword", "type", "required"],
)
def test_what_is_too_large_is_not_read(schema: Schema) -> None:
    """The size is counted up to the limit, then it is the answer."""
    assert list(faults(schema)) == [Fault("", "schema exceeds maximum allowed size")]


def test_messages_and_paths_stay_short() -> None:
    """A name of 60 kB above 3,000 faults would be 180 MB of text."""
    schema = record({"x" * 60_000: record({f"p{at}": {} for at in range(2000)})})
    found = list(faults(schema))
    assert len(found) == 2000
    assert max(len(fault.path) + len(fault.message) for fault in found) < 500


def test_numbers_of_any_size_are_shown() -> None:
    """The interpreter refuses to print more than 4,300 digits."""
    assert check({"type": "integer", "enum": [10**5000]}) == Fault(
        "enum", "enum value (…) is out of the allowed numeric range"
    )
    assert check({"type": "integer", "minimum": 10**5000, "maximum": 1}) is not None
    assert longer_than(10**5000, 4000)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda child: st.lists(child, max_size=4) | st.dictionaries(st.text(max_size=4), child, max_size=4),
    max_leaves=20,
)
NAMES = st.sampled_from(["a", "b", "$ref", "a/b", ""])
REFS = st.sampled_from(["#", "#/$defs/a", "#/$defs/b", "#/$defs/", "#/$defs/a/items", "#/$defs/a/properties/b", "x"])
TYPE_NAMES = st.sampled_from(["object", "array", "string", "integer", "number", "null", "boolean", "date"])


def almost(child: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas whose keywords are known and whose values are right more often than not."""
    right: dict[str, st.SearchStrategy[Any]] = {
        "type": TYPE_NAMES | st.lists(TYPE_NAMES, max_size=3),
        "properties": st.dictionaries(NAMES, child, max_size=3),
        "$defs": st.dictionaries(NAMES, child, max_size=3),
        "required": st.lists(NAMES, max_size=3),
        "anyOf": st.lists(child, max_size=3),
        "items": child,
        "additionalProperties": child,
        "$ref": REFS,
        "minItems": st.integers(-1, 2),
        "enum": st.lists(JSON, max_size=3),
    }
    return st.fixed_dictionaries(
        {}, optional={name: right.get(name, JSON) | JSON for name in (*sorted(KEYWORDS), "oneOf")}
    )


@given(
    schema=JSON | st.recursive(st.just({}), almost, max_leaves=12),
    level=st.sampled_from(list(LEVELS)),
    limits=st.sampled_from([CODE_LIMITS, PROSE_LIMITS, Limits(1, 1, 1, 1, 1, 100, 1), Limits(0, 0, 0, 0, 0, 0, 0)]),
    switch=st.booleans(),
)
def test_no_json_raises(schema: object, level: str, limits: Limits, switch: bool) -> None:
    """What clients send comes here unread."""
    found = list(faults(schema, level=level, limits=limits, any_of_beside_type=switch))
    assert check(schema, level=level, limits=limits, any_of_beside_type=switch) == next(iter(found), None)
    assert all(isinstance(fault.path, str) and fault.message for fault in found)


TEXTS = st.text(max_size=5)
NOTED = st.fixed_dictionaries({}, optional={"description": TEXTS, "title": TEXTS})
LOW, HIGH = st.integers(0, 5), st.integers(6, 9)
PLAIN = st.text("abc", min_size=1, max_size=3)


def with_notes(schema: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    """The schema, now and then described."""
    return st.builds(lambda one, notes: {**one, **notes}, schema, NOTED)


def typed(name: str, **keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[Schema]:
    """A schema of one type with some of its keywords."""
    return with_notes(st.fixed_dictionaries({"type": st.just(name)}, optional=keywords))


LEAVES = st.one_of(
    typed("null"),
    typed("boolean", enum=st.just([True, False]), default=st.booleans()),
    typed("string", minLength=LOW, maxLength=HIGH, enum=st.lists(TEXTS, min_size=1, max_size=3), default=TEXTS),
    typed("integer", minimum=LOW, maximum=HIGH, enum=st.lists(st.integers(-9, 9), min_size=1, max_size=3)),
    typed("number", minimum=LOW, maximum=HIGH, enum=st.lists(st.floats(-9, 9), min_size=1, max_size=3)),
    with_notes(st.fixed_dictionaries({"type": st.sampled_from([["string", "null"], ["object", "array", "integer"]])})),
    with_notes(st.just({"type": ["integer", "null"], "enum": [1, None]})),
    st.just({"$ref": "#/$defs/leaf"}),
    st.just({"$ref": "#/$defs/list"}),
)


def grown(child: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    """Schemas of schemas."""
    objects = st.builds(
        lambda properties, some, extra, notes: {
            **record(properties, *[name for name in properties if name in some]),
            "additionalProperties": extra,
            **notes,
        },
        st.dictionaries(PLAIN, child, max_size=3),
        st.sets(PLAIN),
        st.booleans() | child | st.just({}),
        NOTED,
    )
    unions = with_notes(st.fixed_dictionaries({"anyOf": st.lists(child, min_size=1, max_size=3)}))
    return objects | unions | typed("array", items=child, minItems=LOW, maxItems=HIGH)


@given(inner=st.recursive(LEAVES, grown, max_leaves=12), level=st.sampled_from(list(LEVELS)), switch=st.booleans())
def test_what_is_built_from_allowed_parts_passes(inner: Schema, level: str, switch: bool) -> None:
    """The rules together allow what each of them allows. The definition that refers to itself may be empty."""
    defs = {"leaf": {"type": "integer"}, "list": {"type": "array", "items": {"$ref": "#/$defs/list"}}}
    schema = record({"x": inner, "self": {"$ref": "#"}}, "x", **{"$defs": defs, "$id": "urn:x"})
    assert list(faults(schema, level=level, any_of_beside_type=switch)) == []


@given(schema=st.recursive(LEAVES, grown, max_leaves=6), data=st.data())
def test_one_stranger_anywhere_is_found(schema: Schema, data: st.DataObject) -> None:
    """No sub-schema is left out of the walk."""
    whole = record({"x": schema}, **{"$defs": {"leaf": STRING, "list": {"type": "array"}}})
    victim = data.draw(st.sampled_from(nodes(whole, 30, 10_000)))
    assert isinstance(victim.schema, dict)
    clean = dict(victim.schema)
    try:
        victim.schema["oneOf"] = []
        assert Fault(victim.path, "unsupported keywords: oneOf") in list(faults(whole))
    finally:
        victim.schema.clear()
        victim.schema.update(clean)


@st.composite
def webs(draw: st.DrawFn) -> Schema:
    """Definitions that refer to each other in every way."""
    count = draw(st.integers(1, 5))
    ref = st.builds(lambda at: {"$ref": f"#/$defs/{at}"}, st.integers(0, count - 1))
    leaf = st.just(STRING) | ref
    one = st.one_of(
        leaf,
        st.builds(lambda a, b, need: record({"a": a, "b": b}, *need), leaf, leaf, st.sets(st.sampled_from("ab"))),
        st.builds(lambda item, least: {"type": "array", "items": item, "minItems": least}, leaf, st.integers(0, 1)),
        st.builds(lambda branches: {"anyOf": branches}, st.lists(leaf, min_size=1, max_size=3)),
    )
    return {"type": "object", "$defs": {str(at): draw(one) for at in range(count)}}


def ends(root: Schema, schema: Schema, fuel: int) -> bool:
    """Whether a document fits that is at most this deep: the definition of rule 2, slow and plain."""
    if fuel == 0:
        return False
    if "$ref" in schema:
        return ends(root, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], fuel - 1)
    if "anyOf" in schema:
        return any(ends(root, one, fuel - 1) for one in schema["anyOf"])
    needs = [schema["properties"][name] for name in schema.get("required", ())]
    needs += [schema["items"] for _ in range(schema.get("minItems", 0))]
    return all(ends(root, one, fuel - 1) for one in needs)


@given(web=webs())
def test_endless_is_what_no_finite_document_fits(web: Schema) -> None:
    """The quick answer equals trying it out."""
    found = nodes(web, 30, 10_000)
    endless = look_up(found).endless
    assert [ends(web, dict(node.schema), 12) for node in found] == [at not in endless for at in range(len(found))]
