"""The events of an OpenAI Responses stream, merged into one response.

1. A final event carries the whole response: it is taken as it is. Only an `output` that it leaves empty is filled in.
2. Otherwise the last response object seen is the base, and output items are built by their index from their events;
   a `…done` event replaces what its deltas had built.

Source: OpenAI API reference, "Responses", streaming events (2026).
"""

from __future__ import annotations

from typing import Any

from ..answers.responses import FINAL
from .parts import Dict, Fields, Grown, Notes, characters, error_of, in_order, slot
from .rules import extend, grow, last

# event → (list of the item, index within it, type of the part, field that grows)
_TEXTS = {
    "response.output_text": ("content", "content_index", "output_text", "text"),
    "response.refusal": ("content", "content_index", "refusal", "refusal"),
    "response.reasoning_text": ("content", "content_index", "reasoning_text", "text"),
    "response.reasoning_summary_text": ("summary", "summary_index", "summary_text", "text"),
}
_PARTS = {
    "response.content_part": ("content", "content_index"),
    "response.reasoning_summary_part": ("summary", "summary_index"),
    "response.output_text.annotation": ("content", "content_index"),
}
_FIELDS = {
    "response.function_call_arguments": "arguments",
    "response.mcp_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
    "response.code_interpreter_call_code": "code",
}


class ResponsesMerging:
    """The merge of one stream."""

    __slots__ = ("_base", "_items", "_notes", "error", "finished")

    def __init__(self, notes: Notes) -> None:
        self.error: Any = None
        self.finished = False
        self._notes = notes
        self._base: Dict = {}
        self._items: dict[int, _Item] = {}

    def add(self, event: Dict) -> None:
        """Take in one event. What comes after the final one is not looked at."""
        if self.finished:
            return
        kind = event.get("type")
        kind = kind if type(kind) is str else ""
        response = event.get("response")
        if type(response) is dict:
            self._base = dict(response)
            self._fail(response.get("error") or None)
            self.finished = kind in FINAL
        elif "output_index" in event and kind != "error":
            index = event["output_index"]
            if slot({}, index, self._notes, "output_index") is not None:
                self._items.setdefault(index, _Item()).add(kind, event, self._notes)
        elif (error := error_of(event)) is not None:
            self._base["error"] = error
            self._fail(error)

    def _fail(self, error: Any) -> None:
        self.error = error if self.error is None else self.error

    def characters(self) -> int:
        """Of all output items."""
        return characters(self._items.values())

    def close(self, notes: Notes) -> Dict:
        """One `response`."""
        base = dict(self._base)
        if self._items and not base.get("output"):
            base["output"] = [self._items[index].whole() for index in sorted(self._items)]
        return {"object": "response", **base}


class _Item(Grown):
    """One output item."""

    __slots__ = ("_fields", "_parts")

    def __init__(self) -> None:
        self._fields = Fields()
        self._parts: dict[str, dict[int, Fields]] = {}

    def add(self, kind: str, event: Dict, notes: Notes) -> None:
        """Take in one event about this item."""
        stem, _, step = kind.rpartition(".")
        if stem == "response.output_item":
            if type(event.get("item")) is dict:
                self._fields = Fields(event["item"])
                self._parts = {} if step == "done" else self._parts
        elif stem in _FIELDS:
            _grow(self._fields, _FIELDS[stem], step, event, notes)
        elif stem in _TEXTS:
            group, index, part_type, field = _TEXTS[stem]
            part = slot(self._parts.setdefault(group, {}), event.get(index), notes, index)
            if part is not None:
                part.setdefault("type", part_type)
                _grow(part, field, step, event, notes)
        elif stem in _PARTS:
            group, index = _PARTS[stem]
            part = slot(self._parts.setdefault(group, {}), event.get(index), notes, index)
            if part is not None:
                _part(part, step, event, notes)

    def whole(self) -> Dict:
        """The item with its parts."""
        item = self._fields.whole()
        for group, parts in self._parts.items():
            if not item.get(group):
                item[group] = in_order(parts)
        return item

    def characters(self) -> int:
        """Of its fields and its parts."""
        parts = sum([characters(parts.values()) for parts in self._parts.values()])
        return self._fields.characters() + parts


def _grow(target: Dict, field: str, step: str, event: Dict, notes: Notes) -> None:
    if step == "delta":
        grow(target, field, event.get("delta"), notes)
    elif step == "done":
        last(target, field, event.get(field), notes)


def _part(part: Fields, step: str, event: Dict, notes: Notes) -> None:
    """What its own events say of a part: its fields, or one annotation of its text."""
    if "annotation" in event:
        extend(part, "annotations", [event["annotation"]], notes)
    elif type(event.get("part")) is dict:
        kept = {} if step == "done" else dict(part)
        part.clear()
        part.update({**event["part"], **kept})
