"""The blocks of Anthropic's Messages, as the messages of the chat format.

1. Results of tools stand in user messages; they become tool messages, before what else the user says.
2. `thinking` blocks become `reasoning_content`; their signatures are not checked.
3. A last message of the assistant that says something is to be continued. Its `reasoning_content` is given, empty if
   need be: this format has no rule about it.

Source: platform.kimi.ai messages page and OpenAPI description (2026-08, 2026-09).
"""

from __future__ import annotations

import json
from typing import Any

from .reading import MAP, STRING, Say, array, cut, either, record

_SOURCE = record({"type": STRING, "media_type": STRING, "data": STRING, "url": STRING})
_INNER = record({"type": STRING, "text": STRING, "source": _SOURCE})
BLOCK = record(
    {
        "type": STRING,
        "text": STRING,
        "thinking": STRING,
        "source": _SOURCE,
        "id": STRING,
        "name": STRING,
        "input": MAP,
        "tool_use_id": STRING,
        "content": either(STRING, array(_INNER)),
    }
)


def system(given: Any, say: Say) -> list[dict[str, Any]]:
    """The system message, if there is one."""
    if not given:
        return []
    if isinstance(given, str):
        return [{"role": "system", "content": given}]
    for at, block in enumerate(given):
        if block.get("type") != "text":
            _unknown_block(block, 0, "system", f"system[{at}].type", say)
    return [{"role": "system", "content": [_text(block) for block in given]}]


def messages(given: list[dict[str, Any]], say: Say) -> list[dict[str, Any]]:
    """The messages. Raises: RecursionError where the input of a tool is nested too deep to be written out."""
    made: list[dict[str, Any]] = []
    for index, message in enumerate(given):
        role, content = message.get("role"), message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) and content else content or []
        if role == "user":
            made += [{"role": role, "content": content}] if isinstance(content, str) else _user(index, blocks, say)
        elif role == "assistant":
            made.append(_assistant(index, blocks, say))
        else:
            say.invalid(f"messages[{index}].role must be user or assistant", f"messages[{index}].role")
    last = made[-1] if made else {}
    if last.get("role") == "assistant" and last["content"] and not last.get("tool_calls"):
        last["partial"] = True
        last.setdefault("reasoning_content", "")
    return made


def _user(index: int, blocks: list[dict[str, Any]], say: Say) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for at, block in enumerate(blocks):
        kind = block.get("type")
        if kind == "tool_result":
            results.append(_result(block))
        elif kind in ("text", "image"):
            parts.append(_part(block))
        else:
            _unknown_block(block, index, "user", f"messages[{index}].content[{at}].type", say)
    return results + [{"role": "user", "content": parts}] if parts or not results else results


def _assistant(index: int, blocks: list[dict[str, Any]], say: Say) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for at, block in enumerate(blocks):
        kind = block.get("type")
        if kind == "text":
            message["content"] += block.get("text") or ""
        elif kind == "thinking":
            message["reasoning_content"] = message.get("reasoning_content", "") + (block.get("thinking") or "")
        elif kind == "tool_use":
            message.setdefault("tool_calls", []).append(_call(block))
        elif kind != "redacted_thinking":
            _unknown_block(block, index, "assistant", f"messages[{index}].content[{at}].type", say)
    return message


def _call(block: dict[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(block.get("input") or {}, ensure_ascii=False, separators=(",", ":"))
    function = {"name": block.get("name"), "arguments": arguments}
    return {"id": block.get("id"), "type": "function", "function": function}


def _result(block: dict[str, Any]) -> dict[str, Any]:
    content = block.get("content") or ""
    if not isinstance(content, str):
        content = [_part(inner) for inner in content]
    return {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": content}


def _part(block: dict[str, Any]) -> dict[str, Any]:
    if block.get("type") != "image":
        return _text(block)
    source = block.get("source") or {}
    url = source.get("url")
    if source.get("type") == "base64":
        data = source.get("data")
        url = f"data:{source.get('media_type')};base64,{data}" if data else None
    return {"type": "image_url", "image_url": {"url": url or ""}}


def _text(block: dict[str, Any]) -> dict[str, Any]:
    return {"type": block.get("type"), "text": block.get("text")}


def _unknown_block(block: dict[str, Any], index: int, role: str, at: str, say: Say) -> None:
    say.add("part_type", at, index=index, role=role, part=cut(block.get("type") or ""))
