"""A merged stream as the answer that was asked for: its head and its body.

1. The body is compact JSON in UTF-8, of the shape that the API gives unstreamed. The head keeps the API's lines but for
   those that speak of the stream's bytes, or of how a stream is to be carried.
2. Where something that holds text had no place in the merge there is no body: see `_LOST`. What is odd but complete
   (an event of an unknown type, a member that nobody knows) is no reason.
3. Tool calls of chat are numbered, as this vendor has them; other clients do not look there.
4. A tool's input in a message is an object. One that was cut off is an empty one; its text is on record.
5. A chat is whole with a finish reason for every choice that came, and with all choices that were asked for. Why not
   the end mark alone: the known APIs tell the reason in every answer, so that where it is missing the answer's end is
   missing, too; gateways add a `[DONE]` to what broke off. A stream that was cut for repeating itself has an estimated
   usage: it ends the choices that it had begun.
6. With more than one choice asked for, each piece must name its own: put in by its position, it may be another's.
7. An id that changes within a stream is no reason: gateways that make a new one for each chunk, or go on with another
   server, are common, and whoever reads the stream itself puts the pieces together all the same. Refused, the answers
   of such a gateway would never come; what could be told apart by the id is on record.

Source: platform.kimi.ai api/chat and api/messages (2026-09).
"""

from __future__ import annotations

from typing import Any

from ..wire.lenient import write_compact
from ..wire.merge import Merged
from .base import Head
from .units import OF_THE_BYTES

_JSON = b"Content-Type: application/json; charset=utf-8"
_DROPPED = OF_THE_BYTES | frozenset(
    (b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"trailer", b"last-modified",
     b"content-range", b"accept-ranges", b"x-accel-buffering")
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


def body_of(merged: Merged, asked: int = 1) -> tuple[bytes, str]:
    """The body, or else why there is none. `asked`: how many choices were asked for."""
    value = merged.value
    choices = [] if value is None else value.get("choices", [])
    if value is None or not (choices or value.get("type") == "message"):
        return b"", "the stream holds no answer"
    lost = [note for note in merged.notes if note in _LOST or (asked > 1 and note == "choice_without_index")]
    if lost:
        return b"", f"the stream holds what has no place in one answer ({', '.join(lost)})"
    if choices and (lacks := _lacks(choices, asked, value.get("usage"))):
        return b"", lacks
    for choice in choices:
        _number(choice.get("message"))
    if "tool_input_not_json" in merged.notes:
        for block in value["content"]:
            if type(block.get("input")) is str:
                block["input"] = {}
    body = write_compact(value)
    return (b"", "the answer nests too deep to be written") if body is None else (body, "")


def _lacks(choices: list[dict[str, Any]], asked: int, usage: Any) -> str:
    """What is missing of the choices, as a sentence; empty if nothing is."""
    if type(usage) is dict and usage.get("estimated") is True:
        asked = 1
    finished = {choice["index"] for choice in choices if choice.get("finish_reason")}
    if len(finished) == len(choices) and all(index in finished for index in range(asked)):
        return ""
    return f"the stream ended with {len(finished)} of {max(asked, len(choices))} choices finished"


def _number(message: Any) -> None:
    calls = message.get("tool_calls") if type(message) is dict else None
    if type(calls) is list:
        message["tool_calls"] = [{"index": place, **call} for place, call in enumerate(calls)]
