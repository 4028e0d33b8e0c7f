"""The table of errors."""

from __future__ import annotations

import string
from typing import Any

import pytest

from moonpalace.kimi.errors import _ROWS, FORMS, Violation, violate

INVALID, LIMIT, QUOTA = "invalid_request_error", "rate_limit_reached_error", "exceeded_current_quota_error"
WHO = {"org": "org-1", "ak": "ak-1"}
DOCUMENTED: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("content_filter", {}, 400, "content_filter", "The request was rejected because it was considered high risk"),
    ("invalid_request", {"details": "x"}, 400, INVALID, "Invalid request: x"),
    ("input_too_long", {}, 400, INVALID, "Input token length too long"),
    (
        "context_exceeded",
        {"limit": 262144, "requested": 269030},
        400,
        INVALID,
        "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)",
    ),
    (
        "fixed_parameter",
        {"field": "temperature", "value": "1"},
        400,
        INVALID,
        "invalid temperature: only 1 is allowed for this model",
    ),
    ("fixed_thinking", {}, 400, INVALID, "invalid thinking: only type=enabled is allowed for this model"),
    ("thinking_and_effort", {}, 400, INVALID, "cannot specify both 'thinking' and 'reasoning_effort'"),
    (
        "tool_choice_thinking",
        {"choice": "required"},
        400,
        INVALID,
        "tool_choice 'required' is incompatible with thinking enabled",
    ),
    (
        "reasoning_missing",
        {"index": 2},
        400,
        INVALID,
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2",
    ),
    (
        "message_empty",
        {"index": 4, "role": "assistant"},
        400,
        INVALID,
        "Invalid request: the message at position 4 with role 'assistant' must not be empty",
    ),
    ("text_empty", {}, 400, INVALID, "text content is empty"),
    ("tool_call_id", {"id": "a"}, 400, INVALID, "tool_call_id not found"),
    ("function_duplicated", {"name": "f"}, 400, INVALID, "function name f is duplicated"),
    ("root_type", {}, 400, INVALID, 'tools.function.parameters.type is required and must be "object"'),
    (
        "schema",
        {"field": "tools.function.parameters", "details": "<At path 'x': y>"},
        400,
        INVALID,
        "Invalid request: tools.function.parameters is not a valid moonshot flavored json schema, "
        "details: <At path 'x': y>",
    ),
    ("tokenization", {}, 400, INVALID, "Invalid request: tokenization failed"),
    (
        "stop_too_many",
        {"limit": 5, "count": 6},
        400,
        INVALID,
        "stop array too long. Expected an array with maximum length 5, but got 6",
    ),
    ("image_url", {}, 400, INVALID, "unsupported image url"),
    ("file_purpose", {"allowed": "'file-extract'"}, 400, INVALID, "Invalid purpose: only 'file-extract' accepted"),
    ("message_size", {"size": 3000000, "limit": 2097152}, 400, "", "total message size 3000000 exceeds limit 2097152"),
    ("authentication", {}, 401, "invalid_authentication_error", "Invalid Authentication"),
    ("no_key", {}, 401, "incorrect_api_key_error", "Incorrect API key provided"),
    ("not_open", {}, 403, "permission_denied_error", "The API you are accessing is not open"),
    ("other_user", {}, 403, "permission_denied_error", "You are not allowed to get other user info"),
    ("address", {}, 403, "permission_denied_error", "Your IP is not allowed to access this organization"),
    ("model", {"model": "gpt"}, 404, "resource_not_found_error", "Not found the model gpt or Permission denied"),
    ("overloaded", {}, 429, "engine_overloaded_error", "The engine is currently overloaded, please try again later"),
    ("suspended", WHO, 429, QUOTA, "Your account org-1<ak-1> is suspended, please check your plan and billing details"),
    (
        "no_balance",
        WHO,
        429,
        QUOTA,
        "Your account org-1<ak-1> is suspended due to insufficient balance, please recharge your account or "
        "check your plan and billing details",
    ),
    (
        "rpm",
        {**WHO, "limit": 3, "seconds": 1},
        429,
        LIMIT,
        "Your account org-1<ak-1> request reached organization max RPM: 3, please try again after 1 seconds",
    ),
    (
        "tpm",
        {**WHO, "limit": 3, "current": 4},
        429,
        LIMIT,
        "Your account org-1<ak-1> request reached organization TPM rate limit, current:4, limit:3",
    ),
    ("client_closed", {}, 499, "client_closed_request", "context canceled"),
    ("extraction", {"details": "x"}, 500, "server_error", "Failed to extract file: x"),
    ("unexpected_output", {}, 500, "unexpected_output", "invalid state transition"),
]
YEARS = [
    ("context_exceeded", "2024", {"limit": 8192}, "Invalid request: model max length exceeded, max length:8192"),
    ("context_exceeded", "2025", {"limit": 8192}, "Invalid request: Your request exceeded model token limit: 8192"),
    ("tool_call_id", "2025", {"id": ""}, "Invalid request: tool_call_id  is not found"),
    ("tool_call_id", "2024", {"id": "a"}, "Invalid request: tool_call_id a is not found"),
]


@pytest.mark.parametrize(
    ("name", "values", "status", "kind", "message"), DOCUMENTED, ids=[row[0] for row in DOCUMENTED]
)
def test_an_error_says_what_is_documented(
    name: str, values: dict[str, Any], status: int, kind: str, message: str
) -> None:
    """Programs tell errors apart by these three."""
    found = violate(name, at="messages[0]", **values)
    assert (status, kind, message, "messages[0]") == (found.status, found.form.type, found.message, found.at)


@pytest.mark.parametrize(("name", "year", "values", "message"), YEARS)
def test_an_error_is_worded_as_in_its_year(name: str, year: str, values: dict[str, Any], message: str) -> None:
    """Old programs look for old words."""
    assert message == violate(name, year, **values).message


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
@pytest.mark.parametrize("year", ["2023", "2024", "2025", "2026", "2027"])
def test_every_error_can_be_said_in_every_year(form: Any, year: str) -> None:
    """A template that wants more in an earlier year would raise where nobody looks."""
    wanted = {field for _, field, _, _ in string.Formatter().parse(form.message) if field}
    older = {field for _, text in form.older for _, field, _, _ in string.Formatter().parse(text) if field}
    message = violate(form.name, year, **dict.fromkeys(wanted | older, "x")).message
    assert message and "{" not in message
    assert 400 <= form.status < 600


def test_a_body_has_the_apis_shape() -> None:
    """`error`, with a message and a type."""
    form = FORMS["no_key"]
    assert Violation(form, "m").body() == {"error": {"message": "m", "type": "incorrect_api_key_error"}}


def test_names_are_unique() -> None:
    """A later row must not hide an earlier one."""
    assert len(_ROWS) == len(FORMS)
