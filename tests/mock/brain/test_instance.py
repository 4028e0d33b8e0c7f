"""A value that fits a JSON schema."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonpalace.mock.brain.instance import instance
from moonpalace.mock.brain.words import Words

_spec = importlib.util.spec_from_file_location("fits", Path(__file__).with_name("fits.py"))
assert _spec is not None and _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
fits = _module.fits

NAMES = st.sampled_from(["city", "days", "query", "items", "value", "名字", "x", "date"])


def _range(low, high, kind, first, last):
    def make(pair):
        a, b = sorted(pair)
        return {"type": kind, first: a, last: b}

    return st.tuples(st.integers(low, high), st.integers(low, high)).map(make)


LEAVES = st.one_of(
    st.sampled_from([{"type": kind} for kind in ("string", "integer", "number", "boolean", "null")]),
    _range(0, 12, "string", "minLength", "maxLength"),
    _range(-1000, 1000, "integer", "minimum", "maximum"),
    _range(-1000, 1000, "number", "minimum", "maximum"),
    st.lists(st.text(max_size=5), min_size=1, max_size=4).map(lambda v: {"type": "string", "enum": v}),
    st.lists(st.integers(-9, 9), min_size=1, max_size=4).map(lambda v: {"type": "integer", "enum": v}),
    st.sampled_from(
        [
            {"type": ["string", "null"]},
            {"type": "string", "pattern": "^[A-Z]{3}$"},
            {"$ref": "#/$defs/leaf"},
            {"$ref": "#/$defs/tree"},
            {"$ref": "#/$defs/list"},
        ]
    ),
)


def _object(inner):
    def close(parts):
        properties, chosen = parts
        return {"type": "object", "properties": properties, "required": [n for n in properties if n in chosen]}

    return st.tuples(st.dictionaries(NAMES, inner, max_size=4), st.sets(NAMES)).map(close)


SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        _object(inner),
        st.tuples(inner, st.integers(0, 3), st.integers(3, 5)).map(
            lambda t: {"type": "array", "items": t[0], "minItems": t[1], "maxItems": t[2]}
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda v: {"anyOf": v}),
    ),
    max_leaves=12,
)
DEFS = {
    "leaf": {"type": "string", "enum": ["one", "two"]},
    "tree": {
        "type": "object",
        "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}},
        "required": ["v", "next"],
    },
    "list": {
        "type": "object",
        "properties": {"of": {"type": "array", "items": {"$ref": "#/$defs/list"}}},
        "required": ["of"],
    },
}


@settings(max_examples=300, deadline=None)
@given(schema=SCHEMAS, seed=st.integers(0, 2**32), text=st.sampled_from(["", "北京 3 天", "“two” one 5 -7 100"]))
def test_the_value_fits(schema, seed, text):
    """Whatever the dialect has, nested and recursive."""
    schema = {"type": "object", "properties": {"root": schema}, "required": ["root"], "$defs": DEFS}
    value = instance(schema, random.Random(seed), Words(text))
    assert fits(value, schema), value
    json.dumps(value)


@pytest.mark.parametrize(
    "schema",
    [
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"properties": {"b": {"type": "string"}}, "required": ["b"]},
            ]
        },
        {"type": "object", "required": ["x"], "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {}, "additionalProperties": False},
        {"type": "object", "properties": {"a": {"type": "array", "minItems": 4, "items": {"type": "boolean"}}}},
        {"type": "integer", "minimum": 7, "maximum": 7},
        {"type": "number", "minimum": 0.25, "maximum": 0.26},
        {"enum": ["a", 1, None]},
        {"const": 5},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"type": "null"}}},
        {"type": "object", "properties": {"deep": {"$ref": "#"}}},
        {"type": "array", "items": {}, "minItems": 2},
        {"type": "string", "minLength": 900},
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_shapes_beyond_the_generator(schema, seed):
    """Merged, referenced through another, without properties, of one possible value."""
    assert fits(instance(schema, random.Random(seed), Words("")), schema)


def test_the_text_offers_values():
    """A city for the city, an option that is named, a number."""
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer", "minimum": 1},
        },
        "required": ["city", "unit", "days"],
    }
    value = instance(schema, random.Random(0), Words("上海 3 天的天气，用 fahrenheit"))
    assert value == {"city": "上海", "unit": "fahrenheit", "days": 3}


def _clique(count):
    names = [f"d{at}" for at in range(count)]
    return {
        "$ref": "#/$defs/d0",
        "$defs": {one: {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in names]} for one in names},
    }


def _doubling(count):
    defs = {
        f"d{at}": {
            "type": "object",
            "properties": {"x": {"$ref": f"#/$defs/d{at + 1}"}, "y": {"$ref": f"#/$defs/d{at + 1}"}},
            "required": ["x", "y"],
        }
        for at in range(count)
    }
    return {"$ref": "#/$defs/d0", "$defs": defs | {f"d{count}": {"type": "null"}}}


def _nested(count):
    schema = {"type": "string"}
    for _ in range(count):
        schema = {"type": "array", "items": schema, "minItems": 1}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"$ref": 5},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        _clique(40),
        _doubling(30),
        _nested(300),
        {"type": "array", "minItems": 10**9, "items": {"type": "integer"}},
        {"type": "string", "minLength": 10**12},
        {"type": "integer", "minimum": 1e308},
        {"type": "number", "minimum": float("inf")},
        {"type": [], "enum": []},
        {"type": ["nonsense"]},
        {"type": 3, "properties": 3, "required": 3},
        {"items": [], "minItems": "x"},
        {"anyOf": [None, 3, True]},
        {"allOf": [3]},
        {"allOf": 3},
        None,
        True,
        False,
        3,
        [],
        {"type": "number", "multipleOf": 0},
        {"type": "integer", "multipleOf": 0.3, "minimum": 1},
        {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
        {"type": "string", "pattern": "("},
        {"type": "object", "minProperties": 10**9},
        {"enum": [[], {}]},
        {"required": ["a", 3]},
    ],
)
def test_odd_schemas_are_survived(schema):
    """With `strict: false` anything comes through."""
    value = instance(schema, random.Random(0), Words(""))
    assert len(json.dumps(value)) < 200_000


def test_a_small_schema_asks_for_no_endless_text():
    """Texts of 10,000 characters a thousand times over would hold the server up for seconds."""
    long = {"type": "array", "minItems": 10**9, "items": {"type": "string", "minLength": 10**9}}
    value = instance(long, random.Random(0), Words(""))
    assert sum(map(len, value)) <= 100_000 + len(value) * 100
