"""The description of the API: whole, sound, and of the same mind as the routes, the models and the law."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from moonpalace.kimi.errors import FORMS
from moonpalace.kimi.law import messages_api, responses_api, shape
from moonpalace.kimi.profiles import PROFILES, SWITCHES, Profile, switched
from moonpalace.mock.description.document import document, operations
from moonpalace.mock.routes import Router
from moonpalace.mock.setup import LATER, ROUTES

YEARS = sorted(PROFILES)
EVERY_ROUTE = [*ROUTES, *(route for name in LATER.values() for route in importlib.import_module(name).ROUTES)]
FEATURES = sorted({route.feature for route in EVERY_ROUTE if route.feature})


def routes(profile: Profile) -> list[tuple[str, str]]:
    """Method and path of what is served; a URI of several segments by its segments."""
    served = Router(profile, ROUTES, LATER).all()
    return sorted((route.method, route.pattern.replace("{uri+}", "{namespace}/{name}")) for route in served)


def described(profile: Profile) -> list[tuple[str, str]]:
    """The same of what is described."""
    paths = document(profile)["paths"]
    return sorted((method.upper(), path) for path, methods in paths.items() for method in methods)


def every(value: Any, name: str) -> Iterator[Any]:
    """What stands under that key, wherever."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name:
                yield inner
            yield from every(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from every(inner, name)


@pytest.mark.parametrize("year", YEARS)
def test_every_route_is_described_and_nothing_else(year: str) -> None:
    """A description that lags behind is worse than none."""
    assert described(PROFILES[year]) == routes(PROFILES[year])


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("value", ["on", "off"])
def test_switches_change_both_alike(feature: str, value: str) -> None:
    """The description is that of the mock as it was started."""
    profile = switched(PROFILES["2026"], feature, value)
    assert described(profile) == routes(profile)


@pytest.mark.parametrize("year", YEARS)
def test_keys_are_asked_for_where_the_routes_ask(year: str) -> None:
    """Those of the web look at the key themselves, because they answer in their own way without one."""
    open_routes = {(r.method, r.pattern) for r in EVERY_ROUTE if not r.auth and not r.pattern.startswith("/v1/tools/")}
    paths = document(PROFILES[year])["paths"]
    free = {(m.upper(), path) for path, methods in paths.items() for m in methods if methods[m].get("security") == []}
    assert free == open_routes


@pytest.mark.parametrize("year", YEARS)
def test_it_is_an_openapi_document(year: str) -> None:
    """By the standard's own schema."""
    schemathesis.openapi.from_dict(document(PROFILES[year])).validate()


@pytest.mark.parametrize("year", YEARS)
def test_schemas_are_schemas(year: str) -> None:
    """Each stands for itself; a mistyped keyword would allow everything."""
    for name, schema in document(PROFILES[year])["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(schema), name
    known = {
        "$ref", "additionalProperties", "anyOf", "const", "contentMediaType", "contentSchema", "description", "enum",
        "examples", "format", "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength",
        "minimum", "pattern", "properties", "propertyNames", "required", "type",
    }  # fmt: skip
    assert set(keywords(document(PROFILES[year])["components"]["schemas"].values())) <= known


def keywords(schemas: Any) -> Iterator[str]:
    """The keywords of schemas, and of those inside."""
    for schema in schemas:
        if not isinstance(schema, dict):
            continue
        yield from schema
        yield from keywords(schema.get("properties", {}).values())
        yield from keywords(schema.get("anyOf", []))
        yield from keywords(schema.get(name) for name in ("items", "additionalProperties", "propertyNames"))


@pytest.mark.parametrize("year", YEARS)
def test_named_schemas_are_there_and_used(year: str) -> None:
    """What a name stands for is there, and nothing stands there that no operation of the profile needs."""
    found = document(PROFILES[year])
    names = {ref.rpartition("/")[2] for ref in every(found, "$ref")}
    assert set(found["components"]["schemas"]) == names


@pytest.mark.parametrize("year", YEARS)
def test_each_operation_has_its_own_name_a_tag_and_words(year: str) -> None:
    """Generators of clients name their functions so."""
    found = document(PROFILES[year])
    tags = {tag["name"] for tag in found["tags"]}
    all_of_them = [operation for methods in found["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in all_of_them}) == len(all_of_them)
    assert {tag for operation in all_of_them for tag in operation["tags"]} == tags
    assert all(operation["summary"] for operation in all_of_them)


@pytest.mark.parametrize("year", YEARS)
def test_what_stands_in_a_path_is_declared(year: str) -> None:
    """OpenAPI wants each of them, and required."""
    for path, methods in document(PROFILES[year])["paths"].items():
        for operation in methods.values():
            declared = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
            assert declared == re.findall(r"\{(\w+)\}", path)


@pytest.mark.parametrize("year", YEARS)
def test_models_are_those_that_answer(year: str) -> None:
    """A name that is retired is as wrong as one that never was."""
    asked = document(PROFILES[year])["components"]["schemas"]["ChatRequest"]["properties"]["model"]
    assert asked["enum"] == [model.id for model in PROFILES[year].models()]


@pytest.mark.parametrize("year", YEARS)
def test_the_fields_of_a_chat_request_are_those_of_the_law(year: str) -> None:
    """On that day: neither a field that had not come yet, nor one that the law reads and nobody is told of."""
    properties = document(PROFILES[year])["components"]["schemas"]["ChatRequest"]["properties"]
    assert set(properties) == {"model"} | {n for n, s in shape.FIELDS.items() if s.since <= PROFILES[year].day}


@pytest.mark.parametrize(
    ("name", "fields"), [("MessagesRequest", messages_api.FIELDS), ("ResponsesRequest", responses_api.FIELDS)]
)
def test_the_fields_of_the_other_formats_are_those_of_the_law(name: str, fields: dict[str, Any]) -> None:
    """As for chat."""
    assert set(document(PROFILES["2026"])["components"]["schemas"][name]["properties"]) == set(fields)


def test_optional_fields_may_be_null_and_unknown_ones_may_come() -> None:
    """As the API reads JSON: a schema that forbade it would make faults of what passes."""
    components = document(PROFILES["2026"])["components"]
    schema = components["schemas"]["ChatRequest"]
    fields = dict.fromkeys(schema["properties"].keys() - set(schema["required"]))
    asked = {"model": "kimi-k3", "messages": [{"role": "user", "content": "你好"}], **fields, "store": True}
    jsonschema_rs.validate({"$ref": "#/components/schemas/ChatRequest", "components": components}, asked)


def test_errors_have_the_types_of_the_table() -> None:
    """One table says which there are."""
    schemas = document(PROFILES["2026"])["components"]["schemas"]
    for name, surface in (("Error", "platform"), ("ToolsError", "tools")):
        kinds = schemas[name]["properties"]["error"]["properties"]["type"]["enum"]
        assert set(kinds) == {form.type for form in FORMS.values() if form.surface == surface}


@pytest.mark.parametrize("year", YEARS)
def test_the_same_profile_gives_the_same_document(year: str) -> None:
    """Byte by byte: it may be kept and compared."""
    assert repr(document(PROFILES[year])) == repr(document(PROFILES[year]))
    assert document(PROFILES[year])["info"]["version"] == year


def test_features_of_operations_are_switches() -> None:
    """A misspelt one would be seen by no profile that lacks it."""
    assert {operation.feature for operation in operations(PROFILES["2026"])} <= {"", *SWITCHES}
