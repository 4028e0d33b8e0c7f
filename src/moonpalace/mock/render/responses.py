"""A completion in the responses format, whole or as a stream.

1. Items come in the order reasoning, message, function calls. Every event has a sequence number.
2. `input_tokens` counts what the cache had, and says so apart.

Source: platform.kimi.ai responses API (2026-09), live probes of 2026-09; OpenAI's Responses reference for the events.
"""

from __future__ import annotations

from typing import Any

from ...kimi.law.chat import Chat
from ..completion import Completion, Finished, pieces, spoken
from ..reply import EVENTS, Chunk, Reply, encode, json_reply


def render(completion: Completion, chat: Chat, ident: str, created: int) -> Reply:
    """The answer, streamed if the request says so. `ident`: hexadecimal digits."""
    finished = completion.choices[0]
    items = _items(finished, ident)
    cut = finished.finish_reason == "length"
    response: dict[str, Any] = {
        "id": f"resp_{ident}", "object": "response", "created_at": created,
        "status": "incomplete" if cut else "completed", "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None, "model": chat.model_name,
        "output": items, "parallel_tool_calls": True, "tool_choice": chat.tool_choice.partition(":")[0],
        "tools": [], "metadata": {}, "usage": _usage(completion),
    }  # fmt: skip
    if not chat.stream:
        return json_reply(response, tokens=completion.tokens)
    events = _Events()
    opening = response | {"status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    events.add("response.created", response=opening)
    events.add("response.in_progress", response=opening)
    for index, item in enumerate(items):
        _SHOW[item["type"]](events, index, item, finished)
    events.add("response.incomplete" if cut else "response.completed", 1, response=response)
    return Reply(200, tuple(events.chunks), EVENTS, streamed=True)


def _usage(completion: Completion) -> dict[str, Any]:
    return {
        "input_tokens": completion.prompt_tokens,
        "input_tokens_details": {"cached_tokens": completion.cached, "cache_write_tokens": 0},
        "output_tokens": completion.tokens,
        "output_tokens_details": {"reasoning_tokens": completion.thought},
        "total_tokens": completion.prompt_tokens + completion.tokens,
    }


def _items(finished: Finished, ident: str) -> list[dict[str, Any]]:
    said = finished.choice
    state = "incomplete" if finished.finish_reason == "length" else "completed"
    items: list[dict[str, Any]] = []
    text: dict[str, Any]
    if said.reasoning:
        text = {"type": "summary_text", "text": said.reasoning}
        items.append({"id": f"rs_{ident}", "type": "reasoning", "summary": [text]})
    if said.content or not (said.tool_calls or said.reasoning):
        text = {"type": "output_text", "text": said.content, "annotations": []}
        items.append({"id": f"msg_{ident}", "type": "message", "role": "assistant", "status": state, "content": [text]})
    for place, call in enumerate(said.tool_calls):
        items.append(
            {"id": f"fc_{ident}{place}", "type": "function_call", "status": state, "call_id": call.id,
             "name": call.name, "arguments": call.arguments}
        )  # fmt: skip
    return items


class _Events:
    """Events with their numbers."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []

    def add(self, kind: str, tokens: int = 0, gap: float | None = None, /, **fields: Any) -> None:
        value = {"type": kind, "sequence_number": len(self.chunks), **fields}
        self.chunks.append(Chunk(b"event: %b\ndata: %b\n\n" % (kind.encode(), encode(value)), tokens, gap))


def _show_reasoning(events: _Events, index: int, item: dict[str, Any], finished: Finished) -> None:
    events.add("response.output_item.added", output_index=index, item=item | {"summary": []})
    where = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    part = item["summary"][0]
    events.add("response.reasoning_summary_part.added", part=part | {"text": ""}, **where)
    for piece in pieces(part["text"]):
        events.add("response.reasoning_summary_text.delta", 1, delta=piece, **where)
    events.add("response.reasoning_summary_text.done", text=part["text"], **where)
    events.add("response.reasoning_summary_part.done", part=part, **where)
    events.add("response.output_item.done", output_index=index, item=item)


def _show_message(events: _Events, index: int, item: dict[str, Any], finished: Finished) -> None:
    opening = item | {"status": "in_progress", "content": []}
    events.add("response.output_item.added", output_index=index, item=opening)
    where = {"item_id": item["id"], "output_index": index, "content_index": 0}
    part = item["content"][0]
    events.add("response.content_part.added", part=part | {"text": ""}, **where)
    for piece, gap in spoken(finished.choice):
        events.add("response.output_text.delta", 1, gap, delta=piece, logprobs=[], **where)
    events.add("response.output_text.done", text=part["text"], logprobs=[], **where)
    events.add("response.content_part.done", part=part, **where)
    events.add("response.output_item.done", output_index=index, item=item)


def _show_call(events: _Events, index: int, item: dict[str, Any], finished: Finished) -> None:
    opening = item | {"status": "in_progress", "arguments": ""}
    events.add("response.output_item.added", output_index=index, item=opening)
    where = {"item_id": item["id"], "output_index": index}
    for piece in pieces(item["arguments"]):
        events.add("response.function_call_arguments.delta", 1, delta=piece, **where)
    events.add("response.function_call_arguments.done", arguments=item["arguments"], name=item["name"], **where)
    events.add("response.output_item.done", output_index=index, item=item)


_SHOW = {"reasoning": _show_reasoning, "message": _show_message, "function_call": _show_call}
