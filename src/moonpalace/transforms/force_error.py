"""An error told inside of a stream as the answer that it would have been without one.

1. The API's own words stay: the members `error`, `type` and `request_id` of the event are the body.
2. The status is the first of: a number from 400 to 599 under `status` or `code`, in the error or beside it; that of the
   error's `code`, then of its `type`, in the tables of the known APIs; 502.

Source: platform.kimi.ai API errors page (2026-09); Anthropic API reference, "Errors" (2026-09).
"""

from __future__ import annotations

from typing import Any

from ..kimi.errors import FORMS
from ..wire.lenient import write_compact
from ..wire.merging.parts import error_of

_ANTHROPIC = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "api_error": 500,
    "timeout_error": 504, "overloaded_error": 529,
}  # fmt: skip
_STATUSES = {form.type: form.status for form in reversed(FORMS.values()) if form.type} | _ANTHROPIC
_UNKNOWN = 502
_EMPTY = b'{"error":{}}'  # of one that nests too deep to be written
_NUMBERS = ("status", "code")
_NAMES = ("code", "type")


def is_error(value: dict[str, Any], name: str) -> bool:
    """Whether an event, of that name, tells an error."""
    return name == "error" or error_of(value) is not None


def error_answer(value: dict[str, Any]) -> tuple[int, bytes]:
    """Status and body of the answer that this error event stands for."""
    if value.get("error"):
        body = {key: value[key] for key in ("type", "error", "request_id") if key in value}
        if body.get("type") != "error":
            body.pop("type", None)
    else:
        body = {"error": error_of(value) or value}
    return _status(body["error"], value), write_compact(body) or _EMPTY


def _status(error: Any, event: dict[str, Any]) -> int:
    inner = error if isinstance(error, dict) else {}
    for number in [holder.get(key) for holder in (inner, event) for key in _NUMBERS]:
        if type(number) is int and 400 <= number <= 599:
            return number
    names = [name for key in _NAMES if isinstance(name := inner.get(key), str)]
    return next((_STATUSES[name] for name in names if name in _STATUSES), _UNKNOWN)
