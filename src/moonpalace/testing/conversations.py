"""What is in the JSON of a conversation, in the shape of the chat, messages and responses APIs alike. Pure functions.

1. Nothing here raises, whatever an app sent: what has another shape is passed over.
2. What is empty is judged as `kimi.law.messages` does, and a text of blanks is empty as well.
"""

from __future__ import annotations

from typing import Any


def called(value: Any) -> list[str]:
    """The ids of all calls of tools in an answer or in a request, in the shape of any of the three APIs."""
    if isinstance(value, list):
        return [one for inner in value for one in called(inner)]
    if not isinstance(value, dict):
        return []
    own = {"tool_use": value.get("id"), "function_call": value.get("call_id")}.get(str(value.get("type")))
    calls = value.get("tool_calls")
    found = [str(own)] if own else []
    if isinstance(calls, list):
        found += [str(one["id"]) for one in calls if isinstance(one, dict) and one.get("id")]
    inside = ("choices", "message", "content", "output", "messages", "input")
    return found + [one for key in inside for one in called(value.get(key))]


def results(value: Any) -> list[tuple[str, str]]:
    """The results of tools in a request: the id of the call and what was said."""
    if isinstance(value, list):
        return [one for inner in value for one in results(inner)]
    if not isinstance(value, dict):
        return []
    for key, content in (("tool_call_id", "content"), ("tool_use_id", "content"), ("call_id", "output")):
        if key in value and (key != "call_id" or value.get("type") == "function_call_output"):
            return [(str(value[key]), text_of(value.get(content)))]
    return [one for key in ("messages", "content", "input") for one in results(value.get(key))]


def text_of(content: object) -> str:
    """The text of a message's content."""
    if isinstance(content, list):
        parts = [one.get("text") for one in content if isinstance(one, dict)]
        return "\n".join([one for one in parts if isinstance(one, str)])
    return content if isinstance(content, str) else ""


def is_empty(message: dict[str, Any]) -> bool:
    """Whether the API would refuse it as empty."""
    content = message.get("content")
    if message.get("type") in ("function_call", "reasoning") or "output" in message or message.get("tools"):
        return False
    if isinstance(content, list):
        return not content or any(_blank_part(part) for part in content)
    if isinstance(content, str) and content.strip():
        return False
    if message.get("role") == "assistant":
        return not message.get("tool_calls") and not message.get("partial")
    return message.get("role") != "tool" or content is None


def _blank_part(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and not str(part.get("text") or "").strip()


def thoughts(value: Any) -> dict[str, str]:
    """What an answer thought, by the ids of the calls that came of it."""
    choices = value.get("choices") if isinstance(value, dict) else None
    found: dict[str, str] = {}
    for choice in choices if isinstance(choices, list) else ():
        message = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(message, dict) and message.get("reasoning_content"):
            found |= dict.fromkeys(called(message), str(message["reasoning_content"]))
    return found


def differs(before: Any, after: Any) -> str:
    """Where the later of two requests leaves the prompt of the earlier one; empty if it continues it."""
    before, after = [value if isinstance(value, dict) else {} for value in (before, after)]
    for name in ("model", "tools", "system", "instructions"):
        if before.get(name) != after.get(name):
            return name
    key = "messages" if "messages" in before else "input"
    old, new = [value.get(key) if isinstance(value.get(key), list) else [] for value in (before, after)]
    for at, message in enumerate(old):
        if at >= len(new):
            return f"{key}[{at}], which is no longer there"
        if message != new[at]:
            return f"{key}[{at}]{_member(message, new[at])}"
    return ""


def _member(left: Any, right: Any) -> str:
    if not (isinstance(left, dict) and isinstance(right, dict)):
        return ""
    return next((f".{key}" for key in {**left, **right} if left.get(key) != right.get(key)), "")
