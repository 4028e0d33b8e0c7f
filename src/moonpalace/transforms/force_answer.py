"""A merged stream as the body of the answer that was asked for, and in words how much of it had come.

1. The body is compact JSON in UTF-8, of the shape that the API gives unstreamed.
2. Where the merge had no place for something that holds text, there is no body: see `_LOST`.
3. A tool's input in a message is an object. One that was cut off is an empty one, as the API has it; its text is on
   record.
"""

from __future__ import annotations

from typing import Any

from ..wire.lenient import write_compact
from ..wire.merge import Merged

_LOST = frozenset(
    ("choice_not_an_object", "choice_index", "delta_not_an_object", "tool_call_not_an_object", "tool_call_index",
     "function_not_an_object", "block_index", "delta_type", "message_not_an_object", "no_message_start")
)  # fmt: skip
_SPOKEN = frozenset(("content", "reasoning_content", "reasoning", "refusal", "arguments", "text", "thinking"))
_NOTHING = "the stream holds no answer"


def answer_of(merged: Merged) -> tuple[bytes, str]:
    """The body, or why there is none."""
    value = merged.value
    if value is None or not (value.get("choices") or value.get("type") == "message"):
        return b"", _NOTHING
    lost = [note for note in merged.notes if note in _LOST]
    if lost:
        return b"", f"the stream holds what has no place in one answer ({', '.join(lost)})"
    if "tool_input_not_json" in merged.notes:
        for block in value["content"]:
            if isinstance(block.get("input"), str):
                block["input"] = {}
    body = write_compact(value)
    return (b"", "the answer nests too deep to be written") if body is None else (body, "")


def how_much(events: int, merged: Merged) -> str:
    """The count of what came: "12 events with 340 characters had come"."""
    return f"{_count(events, 'event')} with {_count(_characters(merged.value), 'character')} had come"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _characters(value: Any) -> int:
    """Of all texts in a merged answer, reasoning and arguments too."""
    found, left = 0, [value]
    while left:
        part = left.pop()
        if type(part) is dict:
            for key, item in part.items():
                if type(item) is not str:
                    left.append(item)
                elif key in _SPOKEN:
                    found += len(item)
        elif type(part) is list:
            left += part
    return found
