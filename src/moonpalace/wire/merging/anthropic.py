"""The events of an Anthropic Messages stream, merged into one message.

1. Content blocks are placed by their index; their texts grow; a tool's input is parsed at the end, and kept as text
   where it is no JSON.
2. Usage grows field by field; a null takes nothing back.
3. A delta of an unknown type is remarked on, never guessed at.

Source: Anthropic API reference, "Streaming messages" (2026-09).
"""

from __future__ import annotations

from collections.abc import Iterable

from ..lenient import INVALID, read_json
from .parts import Dict, Merged, Notes, Text, grow, in_order, join_texts, set_last, slot

_GROWING = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_SILENT = frozenset(("content_block_stop", "message_stop", "ping"))
_INPUT = "partial_json"  # under this key a block collects its input; no block has such a field of its own


def merge_anthropic(events: Iterable[Dict], notes: Notes) -> Merged:
    """One `message`."""
    message: Dict = {}
    blocks: dict[int, Dict] = {}
    for event in events:
        kind = event.get("type")
        if kind == "content_block_start" or kind == "content_block_delta":
            block = slot(blocks, event.get("index"), notes, "block_index")
            if block is not None:
                _grow_block(block, event, notes)
        elif kind == "message_start":
            _start(message, event.get("message"), notes)
        elif kind == "message_delta":
            _change(message, event)
        elif kind == "error":
            message["error"] = event.get("error")
        elif not isinstance(kind, str) or kind not in _SILENT:
            notes.add("event_type")
    if "type" not in message:
        notes.add("no_message_start")
        message = {"type": "message", "role": "assistant", **message}
    if blocks:
        message["content"] = [_close_block(block, notes) for block in in_order(blocks)]
    return Merged(message, tuple(notes))


def _start(message: Dict, start: object, notes: Notes) -> None:
    if not isinstance(start, dict):
        notes.add("message_not_an_object")
        return
    message.update({"type": "message", **start})
    if isinstance(start.get("usage"), dict):
        message["usage"] = dict(start["usage"])


def _change(message: Dict, event: Dict) -> None:
    delta, usage = event.get("delta"), event.get("usage")
    if isinstance(delta, dict):
        for key, value in delta.items():
            set_last(message, key, value)
    if isinstance(usage, dict):
        held = message.get("usage")
        message["usage"] = held if isinstance(held, dict) else {}
        for key, value in usage.items():
            set_last(message["usage"], key, value)


def _grow_block(block: Dict, event: Dict, notes: Notes) -> None:
    if event["type"] == "content_block_start":
        start = event.get("content_block")
        if isinstance(start, dict):
            block.update(start)
        return
    delta = event.get("delta")
    if not isinstance(delta, dict):
        notes.add("delta_not_an_object")
        return
    kind = delta.get("type")
    key = _GROWING.get(kind) if isinstance(kind, str) else None
    if key is not None:
        grow(block, key, delta.get(key))
    elif kind == "signature_delta":
        set_last(block, "signature", delta.get("signature"))
    elif kind == "citations_delta":
        held = block.get("citations")
        block["citations"] = [*(held if isinstance(held, list) else ()), delta.get("citation")]
    else:
        notes.add("delta_type")


def _close_block(block: Dict, notes: Notes) -> Dict:
    pieces = block.pop(_INPUT, None)
    join_texts(block)
    text = "".join(pieces) if type(pieces) is Text else ""
    if text.strip():
        value, _ = read_json(text.encode("utf-8", "backslashreplace"))
        if value is INVALID:
            notes.add("tool_input_not_json")
        block["input"] = text if value is INVALID else value
    return block
