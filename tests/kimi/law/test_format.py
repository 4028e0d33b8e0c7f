"""`response_format`."""

from __future__ import annotations

from typing import Any

import pytest

from .cases import assert_refused, chat, passes, refused, taken

SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}}
LOOSE = {"type": "object", "properties": {"x": {}}}
FIELD = "response_format.json_schema"


def asked(kind: Any, **fields: Any) -> dict[str, Any]:
    return {"response_format": {"type": kind, **({"json_schema": fields} if fields else {})}}


def invalid(words: str, data: Any, details: str, at: str, year: str = "2026") -> Any:
    return refused(words, "invalid_request", data, f"Invalid request: {details}", at, year)


KINDS = r"response_format\.type must be one of text, json_object"
REFUSED = [
    *(
        invalid(f"type {kind!r}", chat(**asked(kind)), f"{KINDS}, json_schema", "response_format.type")
        for kind in ("xml", "", None, "JSON_OBJECT")
    ),
    invalid("{}", chat(response_format={}), f"{KINDS}, json_schema", "response_format.type"),
    *(
        invalid(
            f"a schema in {year}",
            chat(model, **asked("json_schema", name="a", schema=SCHEMA)),
            KINDS,
            "response_format.type",
            year,
        )
        for year, model in (("2024", "moonshot-v1-8k"), ("2025", "kimi-k2-0905-preview"))
    ),
    invalid(
        "no json_schema",
        chat(**asked("json_schema")),
        r"response_format\.json_schema\.name is required",
        f"{FIELD}.name",
    ),
    invalid(
        "no name",
        chat(**asked("json_schema", schema=SCHEMA)),
        r"response_format\.json_schema\.name is required",
        f"{FIELD}.name",
    ),
    invalid(
        "empty name",
        chat(**asked("json_schema", name="", schema=SCHEMA)),
        r"response_format\.json_schema\.name is required",
        f"{FIELD}.name",
    ),
    invalid(
        "no schema",
        chat(**asked("json_schema", name="a")),
        r"response_format\.json_schema\.schema is required",
        f"{FIELD}.schema",
    ),
    refused(
        "dialect",
        "schema",
        chat(**asked("json_schema", name="a", schema=LOOSE)),
        r"Invalid request: response_format\.json_schema\.schema is not a valid moonshot flavored json schema, "
        "details: <At path .+>",
        f"{FIELD}.schema",
    ),
    refused(
        "dialect, strict",
        "schema",
        chat(**asked("json_schema", name="a", schema=LOOSE, strict=True)),
        "Invalid request: .+",
        f"{FIELD}.schema",
    ),
    invalid(
        "a model without",
        chat("kimi-thinking-preview", **asked("json_object")),
        "response_format json_object is not supported by model kimi-thinking-preview",
        "response_format",
        "2025",
    ),
]
PASSES = [
    passes("text", chat(**asked("text"))),
    passes("null", chat(response_format=None)),
    passes("json_object", chat(**asked("json_object"))),
    passes("json_object in 2024", chat("moonshot-v1-8k", **asked("json_object")), "2024"),
    passes("json_schema", chat(**asked("json_schema", name="a", schema=SCHEMA))),
    passes("not strict", chat(**asked("json_schema", name="a", schema=LOOSE, strict=False))),
    passes("not checked", chat(**asked("json_schema", name="a", schema=LOOSE)), "2026 mfjs=off"),
    passes("text for a model without", chat("kimi-thinking-preview", **asked("text")), "2025"),
]


@pytest.mark.parametrize(("data", "name", "pattern", "at", "year"), REFUSED)
def test_a_format_that_is_not_known_is_refused(data: Any, name: str, pattern: str, at: str, year: str) -> None:
    """Before the model has cost anything."""
    assert_refused(data, name, pattern, at, year)


@pytest.mark.parametrize(("data", "year"), PASSES)
def test_a_format_that_is_known_passes(data: Any, year: str) -> None:
    """Whether the prompt asks for JSON is not the API's question."""
    taken(data, year)


def test_the_schema_is_read() -> None:
    """`strict` is true unless it says otherwise."""
    read = taken(chat(**asked("json_schema", name="a", schema=SCHEMA)))
    assert (read.format, read.schema, read.strict) == ("json_schema", SCHEMA, True)
    read = taken(chat(**asked("json_schema", name="a", schema=LOOSE, strict=False)))
    assert (read.format, read.schema, read.strict) == ("json_schema", LOOSE, False)
    read = taken(chat(**asked("json_object", schema=SCHEMA)))
    assert (read.format, read.schema, read.strict) == ("json_object", None, False)
    assert taken(chat()).format == "text"
