"""The stage of the answer's format: `response_format`.

1. `json_schema` came in 2026; before, its type is unknown. It needs `name` and `schema`; `strict` is true unless it
   says otherwise, and then the schema must be in the vendor's dialect.
2. `json_object` wants a prompt that asks for JSON. Whether it does is not checked: the service answers all the same.

Source: platform.kimi.ai OpenAPI description (2026-08), Kimi-Vendor-Verifier (2026-08), manual (2024-08).
"""

from __future__ import annotations

from typing import Any

from .ask import Ask
from .reading import Say, cut
from .tools import check_dialect

_FIELD = "response_format.json_schema"
_YEAR_OF_SCHEMAS = "2026"


def check(ask: Ask, say: Say) -> None:
    """See the module."""
    asked = ask.fields.get("response_format")
    if asked is None:
        return
    kind = asked.get("type") or ""
    if kind not in _kinds(ask.profile.year):
        say.invalid(
            f"response_format.type must be one of {', '.join(_kinds(ask.profile.year))}", "response_format.type"
        )
    elif kind != "text" and not ask.family.json:
        say.invalid(f"response_format {kind} is not supported by model {cut(ask.model_name)}", "response_format")
    elif kind == "json_schema":
        _schema(ask, asked.get("json_schema") or {}, say)


def _kinds(year: str) -> tuple[str, ...]:
    return ("text", "json_object", "json_schema") if year >= _YEAR_OF_SCHEMAS else ("text", "json_object")


def _schema(ask: Ask, asked: dict[str, Any], say: Say) -> None:
    if not asked.get("name"):
        say.invalid(f"{_FIELD}.name is required", f"{_FIELD}.name")
    if asked.get("schema") is None:
        say.invalid(f"{_FIELD}.schema is required", f"{_FIELD}.schema")
    elif ask.profile.mfjs and asked.get("strict") is not False:
        check_dialect(asked["schema"], ask.profile, f"{_FIELD}.schema", f"{_FIELD}.schema", say)
