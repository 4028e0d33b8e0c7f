"""The endpoints of the formulas: their URIs, their fibers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moonpalace.mock.tools.formula_tools import FORMULAS
from moonpalace.mock.tools.formulas import ROUTES
from moonpalace.testing.mock_scene import Scene

PATH = "/v1/formulas/moonshot/convert:latest"
KM = {"name": "convert", "arguments": '{"value": 1, "from_unit": "km", "to_unit": "m"}'}


@pytest.mark.parametrize("name", FORMULAS)
def test_each_formula_lists_its_tools(name: str) -> None:
    """In the form that goes into a chat request."""
    listed = Scene(ROUTES).json("GET", f"/v1/formulas/moonshot/{name}:latest/tools")
    assert listed["object"] == "list"
    assert [tool["type"] for tool in listed["tools"]] == ["function"] * len(FORMULAS[name])


def test_a_fiber_is_the_documented_object() -> None:
    """Input as it came, output, and whose it is."""
    scene = Scene(ROUTES)
    fiber = scene.json("POST", f"{PATH}/fibers", KM)
    account = scene.world.account("mock")
    assert fiber == {
        "id": fiber["id"],
        "object": "fiber",
        "created_at": scene.world.now(),
        "lambda_id": fiber["lambda_id"],
        "status": "succeeded",
        "context": {"input": json.dumps(KM, separators=(",", ":")), "output": "1 km = 1000 m"},
        "formula": "moonshot/convert:latest",
        "organization_id": account.org_id,
        "project_id": f"proj-{account.org_id[4:16]}",
    }
    assert fiber["id"].startswith("fiber-") and fiber["lambda_id"].startswith("lambda-")


def test_a_protected_formula_gives_an_encrypted_output() -> None:
    """In its own field; there is no other."""
    body = {"name": "web_search", "arguments": '{"query": "kimi"}'}
    context = Scene(ROUTES).json("POST", "/v1/formulas/moonshot/web-search:latest/fibers", body)["context"]
    assert context.keys() == {"input", "encrypted_output"}
    assert context["encrypted_output"].startswith("----MOONSHOT ENCRYPTED BEGIN----")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ("[" * 5000, "not valid JSON"),
        ("", "from_unit is required"),
        ('{"value": 1, "from_unit": "x", "to_unit": "m"}', "unknown unit: x"),
    ],
    ids=["broken", "no object", "too deep", "empty", "a unit unknown"],
)
def test_a_fiber_that_fails_says_why(arguments: str, words: str) -> None:
    """Status 200: the request was good, the run was not."""
    fiber = Scene(ROUTES).json("POST", f"{PATH}/fibers", {"name": "convert", "arguments": arguments})
    assert fiber["status"] == "failed" and words in fiber["context"]["error"] and "output" not in fiber["context"]


@pytest.mark.parametrize("uri", ["moonshot/code_runner:latest", "moonshot/code-runner", "moonshot/code-runner:latest"])
def test_a_formula_has_more_than_one_name(uri: str) -> None:
    """The guides of 2025 wrote `code_runner`, and the tag is the default one."""
    fiber = Scene(ROUTES).json(
        "POST", f"/v1/formulas/{uri}/fibers", {"name": "code_runner", "arguments": '{"code": "1"}'}
    )
    assert fiber["formula"] == "moonshot/code-runner:latest"


@pytest.mark.parametrize(
    "uri",
    ["moonshot/none:latest", "other/convert:latest", "moonshot/convert:old", "convert:latest", "moonshot", "a/b/c"],
)
@pytest.mark.parametrize(("method", "what"), [("GET", "tools"), ("POST", "fibers")])
def test_an_unknown_formula_is_not_found(uri: str, method: str, what: str) -> None:
    """With the words seen in 2026-07."""
    expected = (404, "resource_not_found_error", "formula not found")
    assert Scene(ROUTES).refused(method, f"/v1/formulas/{uri}/{what}", KM) == expected


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "name is required"),
        ({"name": 5}, "name must be a string"),
        ({"name": "date", "arguments": "{}"}, "no matching lambda found: date"),
        ({"name": "convert", "arguments": {"value": 1}}, "arguments must be a string"),
        ([], "must be a JSON object"),
        (b"{", "not valid JSON"),
    ],
    ids=str,
)
def test_a_fiber_needs_a_function_and_text(body: Any, words: str) -> None:
    """The arguments go as the model wrote them, which is a string."""
    status, kind, message = Scene(ROUTES).refused("POST", f"{PATH}/fibers", body)
    assert (status, kind) == (400, "invalid_request_error") and words in message


def test_formulas_came_in_2025() -> None:
    """Before, the path is unknown."""
    assert Scene(ROUTES, "2024").refused("GET", f"{PATH}/tools")[2] == "method not found"
    assert Scene(ROUTES, "2025").json("GET", f"{PATH}/tools")["tools"]


def test_frozen_worlds_give_the_same_bytes() -> None:
    """Same request, same seed."""
    one, two = Scene(ROUTES, frozen=True), Scene(ROUTES, frozen=True, now=77.0)
    assert one.ask("POST", f"{PATH}/fibers", KM).body == two.ask("POST", f"{PATH}/fibers", KM).body
