"""The events of an Anthropic Messages stream, merged into one message.

1. Content blocks are placed by their index; their texts grow; a tool's input is parsed at the end, and kept as text
   where it is no JSON.
2. Usage grows field by field; a null takes nothing back.
3. A delta of an unknown type is remarked on, never guessed at.
4. What a block's start told stays: a second start at the same place only adds what is new, and is remarked on.

Source: Anthropic API reference, "Streaming messages" (2026-09).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..lenient import INVALID, read_json
from .parts import Dict, Fields, Notes, Text, characters, error_of, slot
from .rules import Rule, Table, extend, grow, last, skip, take


def _cite(target: Dict, key: str, value: object, notes: Notes) -> None:
    extend(target, key, [value], notes)


# type of a delta → (its member, the field of the block, the rule)
_DELTAS: dict[str, tuple[str, str, Rule]] = {
    "text_delta": ("text", "text", grow),
    "thinking_delta": ("thinking", "thinking", grow),
    "signature_delta": ("signature", "signature", last),
    "citations_delta": ("citation", "citations", _cite),
}
_INPUT_DELTA = "input_json_delta"
_SILENT = frozenset(("content_block_stop", "ping"))


class AnthropicMerging:
    """The merge of one stream."""

    __slots__ = ("_blocks", "_inputs", "_message", "_notes", "_stopped", "error")

    def __init__(self, notes: Notes) -> None:
        self.error: Any = None
        self._notes = notes
        self._message: Fields = Fields()
        self._blocks: dict[int, Fields] = {}
        self._inputs: dict[int, Text] = {}  # of tools, by the index of their blocks
        self._stopped = False

    def add(self, event: Dict) -> None:
        """Take in one event."""
        kind = event.get("type")
        step = _STEPS.get(kind) if type(kind) is str else None
        if step is not None:
            step(self, event)
        elif (error := error_of(event)) is not None:
            self.error = error if self.error is None else self.error
            self._message.setdefault("error", error)
        elif type(kind) is not str or kind not in _SILENT:
            self._notes.add("event_type")

    def _block_delta(self, event: Dict) -> None:
        index = event.get("index")
        block = self._blocks.get(index) if type(index) is int else None
        if block is None:
            block = slot(self._blocks, index, self._notes, "block_index")
            if block is None:
                return
        delta = event.get("delta")
        if type(delta) is not dict:
            self._notes.add("delta_not_an_object")
            return
        kind = delta.get("type")
        way = _DELTAS.get(kind) if type(kind) is str else None
        if way is not None:
            member, field, rule = way
            piece = delta.get(member)
            if type(held := block.get(field)) is Text and type(piece) is str:
                held.append(piece)  # as `grow` does, and nearly every event needs
            else:
                rule(block, field, piece, self._notes)
        elif kind == _INPUT_DELTA:
            self._input(event["index"], delta.get("partial_json"))
        else:
            self._notes.add("delta_type")

    def _input(self, index: int, piece: object) -> None:
        if type(piece) is str:
            self._inputs.setdefault(index, Text()).append(piece)
        elif piece is not None:
            self._notes.add("not_a_text")

    def _block_start(self, event: Dict) -> None:
        block = slot(self._blocks, event.get("index"), self._notes, "block_index")
        start = event.get("content_block")
        if type(start) is not dict:
            self._notes.add("block_not_an_object")
        elif block is not None:
            for key, value in start.items():
                if key not in block:
                    block[key] = value
                elif value:
                    self._notes.add("block_started_again")

    def _start(self, event: Dict) -> None:
        start = event.get("message")
        if type(start) is not dict:
            self._notes.add("message_not_an_object")
            return
        self._message.update({"type": "message", **start})
        if type(start.get("usage")) is dict:
            self._message["usage"] = Fields(start["usage"])

    def _change(self, event: Dict) -> None:
        take(_CHANGE, self._message, event, self._notes)

    def _stop(self, event: Dict) -> None:
        self._stopped = True

    @property
    def finished(self) -> bool:
        """Whether the message says why it stopped, or that it did."""
        return self._stopped or bool(self._message.get("stop_reason"))

    def characters(self) -> int:
        """Of all blocks."""
        return characters(self._blocks.values()) + characters(self._inputs.values())

    def close(self, notes: Notes) -> Dict:
        """One `message`."""
        message = self._message.whole()
        if "type" not in message:
            notes.add("no_message_start")
            message = {"type": "message", "role": "assistant", **message}
        if self._blocks:
            message["content"] = [self._close(index, notes) for index in sorted(self._blocks)]
        return message

    def _close(self, index: int, notes: Notes) -> Dict:
        block = self._blocks[index].whole()
        if block and not block.get("type"):
            notes.add("no_block_start")
        text = self._inputs[index].whole() if index in self._inputs else ""
        if text.strip():
            value, strict = read_json(text.encode("utf-8", "backslashreplace"))
            if value is INVALID:
                notes.add("tool_input_not_json")
            elif not strict:
                notes.add("tool_input_not_strict")
            block["input"] = text if value is INVALID else value
        return block


def _all_last(target: Dict, key: str, value: object, notes: Notes) -> None:
    """The fields of a message, from the event that ends it."""
    if type(value) is dict:
        for name, more in value.items():
            last(target, name, more, notes)
    elif value is not None:
        notes.add("delta_not_an_object")


def _usage(target: Dict, key: str, value: object, notes: Notes) -> None:
    if type(value) is dict:
        held = target.get(key)
        target[key] = held if type(held) is Fields else Fields()
        _all_last(target[key], key, value, notes)


# Fields of the event itself that are not named are fields of the message (`context_management`).
_CHANGE: Table = {"type": skip, "delta": _all_last, "usage": _usage}
_STEPS: dict[str, Callable[[AnthropicMerging, Dict], None]] = {
    "content_block_delta": AnthropicMerging._block_delta,
    "content_block_start": AnthropicMerging._block_start,
    "message_start": AnthropicMerging._start,
    "message_delta": AnthropicMerging._change,
    "message_stop": AnthropicMerging._stop,
}
