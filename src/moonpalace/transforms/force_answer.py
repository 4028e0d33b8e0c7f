"""A merged stream as the answer that was asked for: its head and its body.

1. The body is compact JSON in UTF-8, of the shape that the API gives unstreamed. The head keeps the API's lines but for
   those that speak of the stream's bytes, or of how a stream is to be carried.
2. Where something that holds text had no place in the merge there is no body: see `_LOST`. What is odd but complete
   (an id that changes, an event of an unknown type, a member that nobody knows) is no reason.
3. Tool calls of chat are numbered, as this vendor has them; other clients do not look there.
4. A tool's input in a message is an object. One that was cut off is an empty one; its text is on record.

Source: platform.kimi.ai api/chat and api/messages (2026-09).
"""

from __future__ import annotations

from typing import Any

from ..wire.lenient import write_compact
from ..wire.merge import Merged
from .base import Head

_JSON = b"Content-Type: application/json; charset=utf-8"
_DROPPED = frozenset(
    (b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"trailer", b"content-md5",
     b"digest", b"content-digest", b"repr-digest", b"etag", b"last-modified", b"content-range", b"accept-ranges",
     b"x-accel-buffering")
)  # fmt: skip
_LOST = frozenset(
    ("not_a_text", "not_a_list", "delta_not_an_object", "choices_not_a_list", "choice_not_an_object", "choice_index",
     "tool_calls_not_a_list", "tool_call_not_an_object", "tool_call_index", "tool_calls_mixed",
     "function_not_an_object", "audio_not_an_object", "delta_type", "block_index", "block_not_an_object",
     "message_not_an_object", "no_message_start", "no_block_start")
)  # fmt: skip


def head_of(head: Head, length: int, status: int | None = None) -> Head:
    """The head of a JSON body of that length in place of the stream's. `status`: another one than the API's."""
    status = head.status if status is None else status
    return Head(head.told, status=status, length=length, drop=head.drop | _DROPPED, add=(*head.add, _JSON))


def body_of(merged: Merged) -> tuple[bytes, str]:
    """The body, or else why there is none."""
    value = merged.value
    if value is None or not (value.get("choices") or value.get("type") == "message"):
        return b"", "the stream holds no answer"
    lost = [note for note in merged.notes if note in _LOST]
    if lost:
        return b"", f"the stream holds what has no place in one answer ({', '.join(lost)})"
    for choice in value.get("choices", ()):
        _number(choice.get("message"))
    if "tool_input_not_json" in merged.notes:
        for block in value["content"]:
            if type(block.get("input")) is str:
                block["input"] = {}
    body = write_compact(value)
    return (b"", "the answer nests too deep to be written") if body is None else (body, "")


def _number(message: Any) -> None:
    calls = message.get("tool_calls") if type(message) is dict else None
    if type(calls) is list:
        message["tool_calls"] = [{"index": place, **call} for place, call in enumerate(calls)]
