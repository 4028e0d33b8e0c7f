"""Which earlier thoughts a model reads again: a conversation as its prompt has it.

1. Thoughts that are kept (`keep: "all"` on K2.6, always on K2.7 and kimi-k3) are all read.
2. Else only those since the last answer that called no tool: they belong to the tool loop that goes on. What stands
   beside a message to be continued belongs to the answer. With thinking off none is read.
3. A model that does not think does not know the field.
4. Nothing is copied where nothing is left out.

Source: platform.kimi.ai thinking pages (2026-04 to 2026-09), the chat template of Kimi K2 Thinking (2025-11).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..models import Family
from .ask import Message

_FIELD = "reasoning_content"


def recalled(messages: Sequence[Message], family: Family, *, on: bool, keep: bool) -> Sequence[Message]:
    """The messages without the thoughts that are not read. `on`, `keep`: as in `Thinking`."""
    if family.thinking == "unknown" or not any(_FIELD in message for message in messages):
        return messages
    if family.thinking != "no" and keep:
        return messages
    start = _loop(messages) if on else len(messages)
    return [
        message if at >= start or _FIELD not in message else {key: message[key] for key in message if key != _FIELD}
        for at, message in enumerate(messages)
    ]


def _loop(messages: Sequence[Message]) -> int:
    """Where the tool loop that goes on begins."""
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if message.get("role") == "assistant" and not message.get("tool_calls") and not message.get("partial"):
            return at + 1
    return 0
