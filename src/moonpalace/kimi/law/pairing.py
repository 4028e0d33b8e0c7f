"""Tool calls and their results: each call is answered, by its id, directly after the message that made it.

1. After an assistant message with tool calls, one tool message for each of its ids follows, in any order, and nothing
   else before all have come. An id that no call has, or none at all, is "not found".
2. Ids need only differ within one message: kimi-k3 counts them anew each turn.
3. A call's arguments are text; whether it is good JSON is not asked.

Source: platform.kimi.ai tool calls page (2026-04), Kimi-K2 docs/tool_call_guidance.md, error texts quoted in public
issues (2025-09 to 2026-08). How a repeated id is refused is not published.
"""

from __future__ import annotations

from typing import Any

from .ask import Message
from .reading import Say, cut

_TYPES = (None, "function", "builtin_function")


def check_pairs(messages: list[Message], say: Say) -> None:
    """Says which calls and results have no counterpart. Cost: linear."""
    open_calls: dict[str, str] = {}
    known: set[str] = set()
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "tool":
            _result(index, message, open_calls, known, say)
            continue
        _unanswered(open_calls, say)
        if known:
            open_calls, known = {}, set()
        if role == "assistant" and message.get("tool_calls"):
            open_calls = _calls(index, message["tool_calls"], say)
            known = set(open_calls)
    _unanswered(open_calls, say)


def _result(index: int, message: Message, open_calls: dict[str, str], known: set[str], say: Say) -> None:
    called, at = message.get("tool_call_id"), f"messages[{index}].tool_call_id"
    if not called or called not in known:
        say.add("tool_call_id", at, id=cut(called or ""))
    elif open_calls.pop(called, None) is None:
        say.invalid(f"tool_call_id {cut(called)} is duplicated", at)


def _calls(index: int, calls: list[dict[str, Any]], say: Say) -> dict[str, str]:
    places: dict[str, str] = {}
    for number, call in enumerate(calls):
        at = f"messages[{index}].tool_calls[{number}]"
        name, kind = call.get("id"), call.get("type")
        if not name:
            say.add("tool_call_id", f"{at}.id", id="")
        elif name in places:
            say.invalid(f"tool_call_id {cut(name)} is duplicated", f"{at}.id")
        else:
            places[name] = f"{at}.id"
        if kind not in _TYPES:
            say.add("tool_type", f"{at}.type", type=cut(kind))
        if not (call.get("function") or {}).get("name"):
            say.add("function_name", f"{at}.function.name")
    return places


def _unanswered(open_calls: dict[str, str], say: Say) -> None:
    if open_calls:
        names = ", ".join(cut(name) for name in open_calls)
        say.add("unanswered", next(iter(open_calls.values())), ids=names)
