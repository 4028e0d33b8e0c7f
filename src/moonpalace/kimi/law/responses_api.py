"""A request in the format of OpenAI's Responses, as the chat request that says the same.

1. What belongs to this format is checked here: `input`, the types of items and parts, `reasoning.effort`. What both
   formats share `chat.judge` decides.
2. Calls in a row, and the text and the thoughts before them, are one message of the assistant.
3. Clients of this format need not send thoughts back: a call without any gets a blank, which passes.
4. `thinking` is ignored. There is no memory: `previous_response_id` would be answered without what it points to, so it
   is refused.
5. Tools other than functions are unknown.

Source: platform.kimi.ai responses page (2026-09), public probes (2026-09). Where both are silent, the chat format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Violation
from ..profiles import Profile
from .reading import BOOL, INT, MAP, NUMBER, STRING, Say, Shape, array, cut, either, known_fields, record
from .thinking import EFFORTS

_PART = record({"type": STRING, "text": STRING, "image_url": STRING})
_TEXTS = array(record({"type": STRING, "text": STRING}))
_ITEM = record(
    {
        "type": STRING,
        "role": STRING,
        "content": either(STRING, array(_PART)),
        "call_id": STRING,
        "name": STRING,
        "arguments": STRING,
        "output": either(STRING, array(_PART)),
        "summary": _TEXTS,
    }
)
_TOOL = record({"type": STRING, "name": STRING, "description": STRING, "parameters": MAP, "strict": BOOL})
FIELDS: Mapping[str, Shape] = {
    "model": STRING,
    "input": either(STRING, array(_ITEM)),
    "instructions": STRING,
    "tools": array(_TOOL),
    "tool_choice": either(STRING, record({"type": STRING, "name": STRING}), "string"),
    "reasoning": record({"effort": STRING}),
    "text": record({"format": record({"type": STRING, "name": STRING, "schema": MAP, "strict": BOOL})}),
    "max_output_tokens": INT,
    "temperature": NUMBER,
    "top_p": NUMBER,
    "stream": BOOL,
    "prompt_cache_key": STRING,
    "previous_response_id": STRING,
}
_SAME = ("model", "temperature", "top_p", "stream", "prompt_cache_key")
_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_PARTS = {"input_text": "text", "output_text": "text", "text": "text", "input_image": "image_url"}
_TOOL_FIELDS = ("name", "description", "parameters", "strict")


def to_chat(data: Any, profile: Profile) -> dict[str, Any] | Violation:
    """The chat request, or what is wrong. Never raises, whatever JSON it is given; changes nothing of `data`."""
    say = Say(profile.year)
    fields = known_fields(data, FIELDS, say)
    if say.found:
        return say.found[0]
    chat = _chat(fields, say)
    return say.found[0] if say.found else chat


def _chat(fields: dict[str, Any], say: Say) -> dict[str, Any]:
    chat: dict[str, Any] = {key: fields[key] for key in _SAME if key in fields}
    if fields.get("previous_response_id"):
        say.invalid("previous_response_id is not supported", "previous_response_id")
    if not fields.get("input"):
        say.invalid("input is required and must not be empty", "input")
    instructions = fields.get("instructions")
    chat["messages"] = [{"role": "system", "content": instructions}] if instructions else []
    asked = fields.get("input") or []
    items = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    chat["messages"] += _messages(items, say)
    if "max_output_tokens" in fields:
        if fields["max_output_tokens"] < 1:
            say.invalid("max_output_tokens must be at least 1", "max_output_tokens")
        chat["max_completion_tokens"] = fields["max_output_tokens"]
    if fields.get("tools"):
        chat["tools"] = [_tool(tool, f"tools[{at}]", say) for at, tool in enumerate(fields["tools"])]
    _choice(fields.get("tool_choice"), chat)
    _effort((fields.get("reasoning") or {}).get("effort"), chat, say)
    _format((fields.get("text") or {}).get("format"), chat)
    return chat


def _messages(items: list[dict[str, Any]], say: Say) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    open_turn: dict[str, Any] | None = None  # the assistant's message that calls and thoughts still belong to
    for index, item in enumerate(items):
        kind = item.get("type") or "message"
        place = f"input[{index}]"
        if kind == "message" and _ROLES.get(item.get("role") or "") != "assistant":
            open_turn = None
            made.append(_message(index, item, say))
        elif kind == "function_call_output":
            open_turn = None
            output = _content(index, "tool", item.get("output"), f"{place}.output", say)
            made.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": output})
        elif kind in ("message", "function_call", "reasoning"):
            if open_turn is None or (kind != "function_call" and _said(open_turn)):
                open_turn = {"role": "assistant", "content": ""}
                made.append(open_turn)
            _join(open_turn, kind, index, item, say)
        else:
            say.invalid(f"unknown input item type: {cut(kind)}", f"{place}.type")
    return [message for message in made if message["role"] != "assistant" or _said(message)]


def _said(turn: dict[str, Any]) -> bool:
    return bool(turn["content"] or turn.get("tool_calls"))


def _message(index: int, item: dict[str, Any], say: Say) -> dict[str, Any]:
    role = _ROLES.get(item.get("role") or "")
    if role is None:
        say.invalid(f"input[{index}].role must be one of {', '.join(_ROLES)}", f"input[{index}].role")
    content = _content(index, role or "", item.get("content"), f"input[{index}].content", say)
    return {"role": role, "content": content}


def _content(index: int, role: str, content: Any, at: str, say: Say) -> Any:
    if content is None or isinstance(content, str):
        return content or ""
    parts = []
    for number, part in enumerate(content):
        kind = _PARTS.get(part.get("type") or "")
        if kind is None:
            say.add("part_type", f"{at}[{number}].type", index=index, role=role, part=cut(part.get("type") or ""))
        elif kind == "text":
            parts.append({"type": "text", "text": part.get("text")})
        else:
            parts.append({"type": "image_url", "image_url": {"url": part.get("image_url") or ""}})
    return parts


def _join(turn: dict[str, Any], kind: str, index: int, item: dict[str, Any], say: Say) -> None:
    if kind == "message":
        turn["content"] = _content(index, "assistant", item.get("content"), f"input[{index}].content", say)
    elif kind == "reasoning":
        texts = [part.get("text") or "" for part in item.get("summary") or ()]
        turn["reasoning_content"] = turn.get("reasoning_content", "") + "\n".join(texts)
    else:
        function = {"name": item.get("name"), "arguments": item.get("arguments") or ""}
        call = {"id": item.get("call_id"), "type": "function", "function": function}
        turn.setdefault("tool_calls", []).append(call)
        turn["reasoning_content"] = turn.get("reasoning_content") or " "


def _tool(tool: dict[str, Any], at: str, say: Say) -> dict[str, Any]:
    if tool.get("type") != "function":
        say.add("tool_type", f"{at}.type", type=cut(tool.get("type") or ""))
    return {"type": "function", "function": {key: tool[key] for key in _TOOL_FIELDS if tool.get(key) is not None}}


def _choice(asked: Any, chat: dict[str, Any]) -> None:
    if isinstance(asked, str):
        chat["tool_choice"] = asked
    elif asked is not None:
        chat["tool_choice"] = {"type": asked.get("type"), "function": {"name": asked.get("name")}}


def _effort(effort: str | None, chat: dict[str, Any], say: Say) -> None:
    if effort is None:
        return
    if effort not in EFFORTS:
        say.add("responses_effort", "reasoning.effort", value=cut(effort))
    chat["reasoning_effort"] = effort


def _format(asked: Any, chat: dict[str, Any]) -> None:
    if asked is None:
        return
    named = {key: asked[key] for key in ("name", "schema", "strict") if asked.get(key) is not None}
    chat["response_format"] = {"type": asked.get("type")}
    if asked.get("type") == "json_schema":
        chat["response_format"]["json_schema"] = named
