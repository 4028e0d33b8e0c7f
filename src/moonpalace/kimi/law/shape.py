"""The first stage: is it a chat request at all, of a model that answers, with fields of the right JSON types?

1. The model is looked up first: a request whose model is missing, no text, unknown or retired is answered 404, whatever
   else is wrong with it.
2. A field counts from the day it came (`since`); before that day it is one more unknown field, and those are ignored.
3. Roles are part of the shape: a message without a known role cannot be judged. `cache` is one only where explicit
   caching is there, and only for the first message.

Source: platform.kimi.ai OpenAPI description (2026-05 to 2026-08) and chat page (2026-09), API reference (2024-03),
context caching pages (2024-07 to 2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..models import Model, find
from ..profiles import Profile
from .ask import ANYTHING, Ask, Count
from .reading import BOOL, INT, MAP, NUMBER, STRING, Say, Shape, array, cut, either, record, sound
from .thinking import state

_URL = either(STRING, record({"url": STRING}), "object")
_PART = record({"type": STRING, "text": STRING, "image_url": _URL, "video_url": _URL})
_FUNCTION = record({"name": STRING, "description": STRING, "parameters": MAP, "strict": BOOL})
_TOOL = record({"type": STRING, "function": _FUNCTION})
_CALL = record({"id": STRING, "type": STRING, "function": record({"name": STRING, "arguments": STRING})})
_MESSAGE = record(
    {
        "role": STRING,
        "content": either(STRING, array(_PART)),
        "name": STRING,
        "partial": BOOL,
        "reasoning_content": STRING,
        "tool_calls": array(_CALL),
        "tool_call_id": STRING,
        "tools": array(_TOOL),
    }
)
_JSON_SCHEMA = record({"name": STRING, "schema": MAP, "strict": BOOL})
_THINKING = record({"type": STRING, "keep": STRING, "effort": STRING}, since="2026-01-27")


def _from(day: str, shape: Shape) -> Shape:
    return replace(shape, since=day)


FIELDS: Mapping[str, Shape] = {
    "messages": array(_MESSAGE),
    "temperature": NUMBER,
    "top_p": NUMBER,
    "n": INT,
    "presence_penalty": NUMBER,
    "frequency_penalty": NUMBER,
    "max_tokens": INT,
    "max_completion_tokens": INT,
    "stop": either(STRING, array(STRING)),
    "stream": BOOL,
    "stream_options": record({"include_usage": BOOL}),
    "response_format": record({"type": STRING, "json_schema": _JSON_SCHEMA}),
    "tools": array(_TOOL),
    "tool_choice": either(STRING, record({"type": STRING, "function": record({"name": STRING})}), "string"),
    "thinking": _THINKING,
    "reasoning_effort": _from("2026-01-27", STRING),
    "prompt_cache_key": _from("2026-01-27", STRING),
    "safety_identifier": _from("2026-01-27", STRING),
    "logprobs": _from("2026-07-23", BOOL),
    "top_logprobs": _from("2026-07-23", INT),
    "prediction": record({"type": STRING, "content": either(STRING, array(_PART))}, since="2026-07-23"),
    "prompt_cache_options": record({"mode": STRING, "ttl": STRING}, since="2026-09-01"),
}
_ROLES = frozenset(("system", "user", "assistant", "tool"))


def read(data: Any, profile: Profile, count: Count) -> Ask:
    """The request as far as it can be read. Never raises, whatever JSON it is."""
    say = Say(profile.year)
    if not isinstance(data, dict):
        say.invalid("the request body must be a JSON object", "")
        return Ask(profile, count, "", ANYTHING, {}, set(), say.found)
    name, model = _model(data.get("model"), profile, say)
    fields, broken = _fields(data, profile, say)
    if "messages" in fields:
        _messages(fields, broken, profile, say)
    elif "messages" not in broken:
        say.add("messages_empty", "messages")
    return Ask(profile, count, name, model, fields, broken, say.found, state(fields, model.family, profile))


def check(ask: Ask, say: Say) -> None:
    """Says what was found while reading."""
    say.found += ask.misread


def _model(name: Any, profile: Profile, say: Say) -> tuple[str, Model]:
    name = name if isinstance(name, str) else ""
    model = profile.model(name)
    if model is None:
        say.add("model", "model", model=cut(name))
        model = find(name) or ANYTHING
    return name, model


def _fields(data: dict[str, Any], profile: Profile, say: Say) -> tuple[dict[str, Any], set[str]]:
    fields: dict[str, Any] = {}
    broken: set[str] = set()
    for key, value in data.items():
        shape = FIELDS.get(key)
        if shape is None or value is None or shape.since > profile.day:
            continue
        if sound(value, shape, key, key, say):
            fields[key] = value
        else:
            broken.add(key)
    return fields, broken


def _messages(fields: dict[str, Any], broken: set[str], profile: Profile, say: Say) -> None:
    messages = fields["messages"]
    if not messages:
        say.add("messages_empty", "messages")
    for index, message in enumerate(messages):
        role = message.get("role")
        if role in _ROLES or (role == "cache" and profile.caching and index == 0):
            continue
        broken.add("messages")
        say.invalid(
            f"the message at position {index} has an invalid role: {cut(role or '')}", f"messages[{index}].role"
        )
    if "messages" in broken:
        del fields["messages"]
