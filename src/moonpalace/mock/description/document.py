"""The description of one profile: its groups put together.

1. An operation whose feature the profile lacks is not there, and neither are the schemas that only it names.
2. The same profile gives the same text, to the byte.
"""

from __future__ import annotations

import re
from typing import Any

from ...kimi.errors import FORMS
from ...kimi.profiles import Profile
from . import batches, caching, catalogue, chat, files, formulas, messages, responses, search
from .operation import ERROR, MESSAGES_ERROR, TOOLS_ERROR, Operation, written
from .words import Schema, choice, just, text, told

GROUPS = (chat, messages, responses, catalogue, files, batches, formulas, search, caching)
TAGS = {
    "inference": "A model answers",
    "models": "Which models there are",
    "account": "Money, tokens, signatures",
    "files": "Files and their text",
    "batches": "Many requests, answered later",
    "formulas": "Official tools",
    "web": "Search and pages",
    "caching": "Explicit context caching",
    "mock": "What only the mock has",
}
_ABOUT = (
    "The Kimi API as the MoonPalace mock serves it, in the profile of {year}. Any key that begins with sk- is taken. A "
    "line x-mock-scenario, or a model NAME#SCENARIO, picks an answer; a line x-mock-fault makes a fault."
)
_REFERENCE = re.compile(r"#/components/schemas/(\w+)")


def operations(profile: Profile) -> list[Operation]:
    """What the profile has, in the order in which it is described."""
    every = [operation for group in GROUPS for operation in group.operations(profile)]
    return [operation for operation in every if not operation.feature or getattr(profile, operation.feature)]


def document(profile: Profile) -> dict[str, Any]:
    """The OpenAPI document."""
    present = operations(profile)
    paths: dict[str, dict[str, Any]] = {}
    for operation in present:
        paths.setdefault(operation.path, {})[operation.method.lower()] = written(operation)
    schemas = {name: schema for group in GROUPS for name, schema in group.schemas(profile).items()}
    used = {operation.tag for operation in present}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Kimi API, pretended by MoonPalace",
            "version": profile.year,
            "description": _ABOUT.format(year=profile.year),
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": words} for name, words in TAGS.items() if name in used],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": _named(paths, {**_errors(), **schemas}),
        },
    }


def _named(paths: dict[str, Any], schemas: dict[str, Schema]) -> dict[str, Schema]:
    """The schemas that the paths name, and those that these name."""
    waiting, found = sorted(set(_REFERENCE.findall(repr(paths)))), {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = schemas[name]
            waiting += sorted(set(_REFERENCE.findall(repr(schemas[name]))))
    return dict(sorted(found.items()))


def _errors() -> dict[str, Schema]:
    said = told({"message": text(), "type": _types("platform")})
    return {
        ERROR: told({"error": said}),
        TOOLS_ERROR: told({"error": told({"message": text(), "type": _types("tools")})}),
        MESSAGES_ERROR: told({"type": just("error"), "error": said, "request_id": text()}),
    }


def _types(surface: str) -> Schema:
    return choice(*sorted({form.type for form in FORMS.values() if form.surface == surface}))
