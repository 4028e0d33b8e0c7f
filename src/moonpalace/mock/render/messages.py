"""A completion in the Anthropic messages format, whole or as a stream.

1. Blocks come in the order thinking, text, tool_use. An event's name is its data's type.
2. `input_tokens` leaves out what the cache had; `output_tokens` has reasoning in it.
3. Errors are Anthropic's shape but for 401 and 429, which come as in the chat format.

Source: platform.kimi.ai messages API (2026-09).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from ...kimi.errors import Violation
from ...kimi.law.chat import Chat
from ..completion import Completion, Finished, pieces, spoken
from ..reply import EVENTS, Chunk, Reply, encode, json_reply

REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def render(completion: Completion, chat: Chat, ident: str) -> Reply:
    """The answer, streamed if the request says so. `ident`: hexadecimal digits."""
    finished = completion.choices[0]
    blocks = _blocks(finished)
    reason = REASONS.get(finished.finish_reason, finished.finish_reason)
    message: dict[str, Any] = {
        "id": f"msg_{ident}", "type": "message", "role": "assistant", "model": chat.model_name, "content": blocks,
        "stop_reason": reason, "stop_sequence": finished.stopped_by, "usage": _usage(completion),
    }  # fmt: skip
    if not chat.stream:
        return json_reply(message, tokens=completion.tokens)
    opening = message | {"content": [], "stop_reason": None, "stop_sequence": None}
    opening["usage"] = message["usage"] | {"output_tokens": 0}
    opening["usage"].pop("output_tokens_details", None)
    chunks = [_event({"type": "message_start", "message": opening})]
    for index, block in enumerate(blocks):
        chunks += _stream_block(index, block, finished, index - len(blocks))
    end = {"stop_reason": reason, "stop_sequence": finished.stopped_by}
    chunks.append(_event({"type": "message_delta", "delta": end, "usage": message["usage"]}, 1))
    chunks.append(_event({"type": "message_stop"}))
    return Reply(200, tuple(chunks), EVENTS, streamed=True)


def _usage(completion: Completion) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "input_tokens": completion.prompt_tokens - completion.cached, "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": completion.cached, "output_tokens": completion.tokens,
    }  # fmt: skip
    if completion.thought:
        usage["output_tokens_details"] = {"thinking_tokens": completion.thought}
    return usage


def _blocks(finished: Finished) -> list[dict[str, Any]]:
    said = finished.choice
    blocks: list[dict[str, Any]] = []
    if said.reasoning:
        blocks.append({"type": "thinking", "thinking": said.reasoning, "signature": signature(said.reasoning)})
    if said.content or not (said.reasoning or said.tool_calls):
        blocks.append({"type": "text", "text": said.content})
    for call in said.tool_calls:
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call.arguments)})
    return blocks


def _input(arguments: str) -> Any:
    try:
        return msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError:
        return {}


def signature(text: str) -> str:
    """What stands for the vendor's signature of a thought: a client hands it back unchanged."""
    return hashlib.sha256(b"thinking:" + text.encode("utf-8", "replace")).hexdigest()


def _stream_block(index: int, block: dict[str, Any], finished: Finished, place: int) -> list[Chunk]:
    """`place`: the block's, counted from the last one, which is -1; calls come last."""
    opening, deltas = _DELTAS[block["type"]](block, finished, place)
    start = _event({"type": "content_block_start", "index": index, "content_block": opening})
    events = [_event({"type": "content_block_delta", "index": index, "delta": delta}, 1, gap) for delta, gap in deltas]
    return [start, *events, _event({"type": "content_block_stop", "index": index})]


Deltas = tuple[dict[str, Any], list[tuple[dict[str, Any], float | None]]]


def _thinking(block: dict[str, Any], finished: Finished, place: int) -> Deltas:
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
    deltas.append({"type": "signature_delta", "signature": block["signature"]})
    return block | {"thinking": "", "signature": ""}, [(delta, None) for delta in deltas]


def _text(block: dict[str, Any], finished: Finished, place: int) -> Deltas:
    deltas = [({"type": "text_delta", "text": piece}, gap) for piece, gap in spoken(finished.choice)]
    return block | {"text": ""}, deltas


def _tool_use(block: dict[str, Any], finished: Finished, place: int) -> Deltas:
    call = finished.choice.tool_calls[place]
    return block | {"input": {}}, [
        ({"type": "input_json_delta", "partial_json": piece}, None) for piece in pieces(call.arguments)
    ]


_DELTAS: dict[str, Callable[[dict[str, Any], Finished, int], Deltas]] = {
    "thinking": _thinking, "text": _text, "tool_use": _tool_use,
}  # fmt: skip


def _event(value: dict[str, Any], tokens: int = 0, gap: float | None = None) -> Chunk:
    return Chunk(b"event: %b\ndata: %b\n\n" % (value["type"].encode(), encode(value)), tokens, gap)


def error(violation: Violation, request_id: str) -> dict[str, Any]:
    """The body of an error."""
    if violation.status in (401, 429):
        return violation.body()
    return {
        "type": "error", "request_id": request_id,
        "error": {"type": violation.form.type, "message": violation.message},
    }  # fmt: skip
