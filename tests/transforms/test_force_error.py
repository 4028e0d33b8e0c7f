"""An error inside of a stream as an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moonpalace.kimi.errors import FORMS
from moonpalace.transforms.force_error import error_answer, is_error

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("event", "status", "body"),
    [
        ({"error": {"type": "engine_overloaded_error", "message": "m"}}, 429, None),
        ({"error": {"message": "m", "type": "invalid_request_error", "param": None, "code": None}}, 400, None),
        ({"error": {"code": 503, "message": "m"}}, 503, None),
        ({"error": {"code": "503"}}, 502, None),
        ({"error": {"status": 418, "code": 503}}, 418, None),
        ({"error": {"code": 200, "type": "server_error"}}, 500, None),
        ({"error": {"code": True, "type": ["server_error"]}}, 502, None),
        ({"error": {"code": "rate_limit_reached_error", "type": "server_error"}}, 429, None),
        ({"error": {"code": "unheard_of", "type": "server_error"}}, 500, None),
        ({"error": {"type": ""}}, 502, None),
        ({"error": "no more"}, 502, None),
        ({"error": ["a"]}, 502, None),
        ({"error": {"message": "m"}, "status": 400}, 400, {"error": {"message": "m"}}),
        ({"error": {"message": "m"}, "id": "c", "choices": [], "type": "x"}, 502, {"error": {"message": "m"}}),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "m"}, "request_id": "r"}, 529, None),
        ({"type": "error", "code": "timeout", "message": "m"}, 504, {"error": {"code": "timeout", "message": "m"}}),
        ({"object": "error", "message": "m", "type": "BadRequestError", "code": 400}, 400,
         {"error": {"message": "m", "type": "BadRequestError", "code": 400}}),
        ({"message": "m", "type": "timeout"}, 504, {"error": {"message": "m", "type": "timeout"}}),
        ({}, 502, {"error": {}}),
    ],
    ids=[
        "this API's", "OpenAI's", "a number", "digits", "status before code", "no status of errors", "other types",
        "code before type", "unknown code", "empty type", "a text", "a list", "status beside it", "a chunk around it",
        "Anthropic's", "Responses'", "vLLM's", "plain, under the name of one", "nothing",
    ],
)  # fmt: skip
def test_an_error_event_is_the_answer_it_would_have_been(event: Json, status: int, body: Json | None) -> None:
    """The API's own object is the body; a client's retries go by the status."""
    found, told = error_answer(event)
    assert (status, event if body is None else body) == (found, json.loads(told))


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if form.type])
def test_the_apis_own_types_have_their_status(name: str) -> None:
    """Where a type is met with several, that of the first row."""
    first = next(form for form in FORMS.values() if form.type == FORMS[name].type)
    assert first.status == error_answer({"error": {"type": first.type, "message": "m"}})[0]


@pytest.mark.parametrize(
    ("kind", "status"),
    [("invalid_request_error", 400), ("authentication_error", 401), ("billing_error", 402), ("permission_error", 403),
     ("not_found_error", 404), ("request_too_large", 413), ("rate_limit_error", 429), ("api_error", 500),
     ("timeout_error", 504), ("overloaded_error", 529)],
)  # fmt: skip
def test_anthropics_types_have_their_status(kind: str, status: int) -> None:
    """As its reference lists them."""
    assert status == error_answer({"type": "error", "error": {"type": kind, "message": "m"}})[0]


@pytest.mark.parametrize(
    ("event", "name", "expected"),
    [
        ({"error": {"message": "m"}}, "message", True),
        ({"error": "m"}, "message", True),
        ({"type": "error", "message": "m"}, "message", True),
        ({"object": "error", "message": "m"}, "message", True),
        ({"message": "m"}, "error", True),
        ({"error": None, "choices": []}, "message", False),
        ({"error": {}, "choices": []}, "message", False),
        ({"choices": [{"delta": {"content": "error"}}]}, "message", False),
        ({"type": "message_stop"}, "message_stop", False),
    ],
)  # fmt: skip
def test_an_error_is_told_from_a_piece_of_the_answer(event: Json, name: str, expected: bool) -> None:
    """Some servers put `"error": null` into every chunk."""
    assert expected is is_error(event, name)


def test_an_error_that_nests_too_deep_is_still_an_error() -> None:
    """Its status at least."""
    value: Any = {}
    for _ in range(5000):
        value = {"a": value}
    assert error_answer({"error": {"type": "api_error", "a": value}}) == (500, b'{"error":{}}')
