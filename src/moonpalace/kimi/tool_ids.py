"""The ids of tool calls: a function's name, a colon and a number.

1. K2 models count the calls of the whole conversation, from 0: an id comes once in it.
2. kimi-k3 counts from 0 again in each of its answers. Nothing is known of the other models; they are taken as kimi-k3.
3. The prefix `functions.` is the vocabulary's, not the hosted API's: an id may come back with it or without.

Source: Kimi-K2 docs/tool_call_guidance.md (2025-07), ids quoted in public issues of serving software (2026).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .models import Family

_COUNTING = "kimi-k2"


def first_number(messages: Iterable[Mapping[str, Any]], family: Family) -> int:
    """The number of the next call of this conversation."""
    if not family.name.startswith(_COUNTING):
        return 0
    return sum([len(message.get("tool_calls") or ()) for message in messages])


def tool_call_id(name: str, number: int) -> str:
    """The id of one call."""
    return f"{name}:{number}"
