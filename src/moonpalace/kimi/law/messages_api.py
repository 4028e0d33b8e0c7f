"""A request in the format of Anthropic's Messages, as the chat request that says the same.

1. What belongs to this format is checked here and in `blocks`: required fields, types of blocks, `tool_choice` without
   `tool`. What both formats share (values of sampling, images, pairs of calls and results, schemas, lengths)
   `chat.judge` decides.
2. `adaptive` thinking means enabled. Effort goes along where it can: beside `thinking`, only kimi-k3 takes it.
3. The parts of `metadata`, `cache_control` and unknown fields change nothing; `metadata.user_id` names the cache.

Source: platform.kimi.ai messages page and OpenAPI description (2026-08, 2026-09), public probes (2026-09).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import Violation
from ..profiles import Profile
from .blocks import BLOCK, messages, system
from .reading import BOOL, INT, MAP, NUMBER, STRING, Say, Shape, array, cut, either, known_fields, record

_TOOL = record({"type": STRING, "name": STRING, "description": STRING, "input_schema": MAP})
FIELDS: Mapping[str, Shape] = {
    "model": STRING,
    "messages": array(record({"role": STRING, "content": either(STRING, array(BLOCK))})),
    "max_tokens": INT,
    "system": either(STRING, array(record({"type": STRING, "text": STRING}))),
    "stream": BOOL,
    "temperature": NUMBER,
    "top_p": NUMBER,
    "stop_sequences": array(STRING),
    "tools": array(_TOOL),
    "tool_choice": record({"type": STRING}),
    "metadata": record({"user_id": STRING}),
    "thinking": record({"type": STRING}),
    "output_config": record({"effort": STRING, "format": record({"type": STRING, "schema": MAP})}),
}
_SAME = ("model", "temperature", "top_p", "stream")
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_THINKING = {"enabled": "enabled", "adaptive": "enabled", "disabled": "disabled"}
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,127}")


def to_chat(data: Any, profile: Profile) -> dict[str, Any] | Violation:
    """The chat request, or what is wrong. Never raises, whatever JSON it is given; changes nothing of `data`."""
    say = Say(profile.year)
    fields = known_fields(data, FIELDS, say)
    if say.found:
        return say.found[0]
    chat = _chat(fields, profile, say)
    return say.found[0] if say.found else chat


def _chat(fields: dict[str, Any], profile: Profile, say: Say) -> dict[str, Any]:
    chat: dict[str, Any] = {key: fields[key] for key in _SAME if key in fields}
    length = fields.get("max_tokens")
    if length is None or length < 1:
        say.invalid("max_tokens is required and must be at least 1", "max_tokens")
    chat["max_tokens"] = length
    if not fields.get("messages"):
        say.add("messages_empty", "messages")
    try:
        chat["messages"] = system(fields.get("system"), say) + messages(fields.get("messages") or [], say)
    except RecursionError:  # the input of a tool nested too deep to be written out
        say.add("tokenization", "messages")
    if fields.get("stop_sequences"):
        chat["stop"] = fields["stop_sequences"]
    if fields.get("tools"):
        chat["tools"] = [_tool(tool, f"tools[{at}]", say) for at, tool in enumerate(fields["tools"])]
    _choice(fields.get("tool_choice"), chat, say)
    if (fields.get("metadata") or {}).get("user_id"):
        chat["prompt_cache_key"] = fields["metadata"]["user_id"]
    _thinking(fields, profile, chat, say)
    _format((fields.get("output_config") or {}).get("format"), chat, say)
    return chat


def _tool(tool: dict[str, Any], at: str, say: Say) -> dict[str, Any]:
    if tool.get("type") not in (None, "custom"):
        say.add("tool_type", f"{at}.type", type=cut(tool["type"]))
    elif not _NAME.fullmatch(tool.get("name") or ""):
        say.add("function_name", f"{at}.name")
    elif tool.get("input_schema") is None:
        say.invalid("tools.input_schema is required", f"{at}.input_schema")
    function = {"name": tool.get("name"), "parameters": tool.get("input_schema")}
    if tool.get("description"):
        function["description"] = tool["description"]
    return {"type": "function", "function": function}


def _choice(asked: Any, chat: dict[str, Any], say: Say) -> None:
    if asked is None:
        return
    if asked.get("type") in _CHOICES:
        chat["tool_choice"] = _CHOICES[asked["type"]]
    else:
        say.invalid(f"tool_choice.type must be one of {', '.join(_CHOICES)}", "tool_choice.type")


def _thinking(fields: dict[str, Any], profile: Profile, chat: dict[str, Any], say: Say) -> None:
    asked = fields.get("thinking")
    if asked is not None:
        kind = _THINKING.get(asked.get("type") or "")
        if kind is None:
            say.invalid("thinking.type must be enabled, adaptive or disabled", "thinking.type")
        chat["thinking"] = {"type": kind}
    effort = (fields.get("output_config") or {}).get("effort")
    model = profile.model(fields.get("model") or "")
    if effort and (asked is None or (model is not None and model.family.thinking == "effort")):
        chat["reasoning_effort"] = effort


def _format(asked: Any, chat: dict[str, Any], say: Say) -> None:
    if asked is None:
        return
    if asked.get("type") != "json_schema" or asked.get("schema") is None:
        say.invalid("output_config.format must be of type json_schema and have a schema", "output_config.format")
        return
    named = {"name": "output", "schema": asked["schema"]}
    chat["response_format"] = {"type": "json_schema", "json_schema": named}
