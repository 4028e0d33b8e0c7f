"""The events of an OpenAI Responses stream, merged into one response.

1. A final event carries the whole response: it is taken as it is. Only an `output` that it leaves empty is filled in.
2. Otherwise the last response object seen is the base, and output items are built by their index from their events;
   a `…done` event replaces what its deltas had built.

Source: OpenAI API reference, "Responses", streaming events (2026).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..answers.responses import FINAL
from .parts import Dict, Merged, Notes, grow, in_order, join_texts, set_last, slot

# event → (list of the item, index within it, type of the part, field that grows)
_PARTS = {
    "response.output_text": ("content", "content_index", "output_text", "text"),
    "response.refusal": ("content", "content_index", "refusal", "refusal"),
    "response.reasoning_text": ("content", "content_index", "reasoning_text", "text"),
    "response.reasoning_summary_text": ("summary", "summary_index", "summary_text", "text"),
}
_FIELDS = {
    "response.function_call_arguments": "arguments",
    "response.mcp_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
    "response.code_interpreter_call_code": "code",
}


def merge_responses(events: Iterable[Dict], notes: Notes) -> Merged:
    """One `response`."""
    base: Dict = {}
    items: dict[int, _Item] = {}
    for event in events:
        kind = event.get("type")
        kind = kind if isinstance(kind, str) else ""
        response = event.get("response")
        if isinstance(response, dict):
            base = dict(response)
            if kind in FINAL:
                break
        elif kind == "error":
            base["error"] = event.get("error") or {key: value for key, value in event.items() if key != "type"}
        elif "output_index" in event:
            index = event["output_index"]
            if slot({}, index, notes, "output_index") is not None:
                items.setdefault(index, _Item()).add(kind, event, notes)
    if items and not base.get("output"):
        base["output"] = [items[index].close() for index in sorted(items)]
    return Merged({"object": "response", **base}, tuple(notes))


class _Item:
    """One output item as it grows."""

    __slots__ = ("_fields", "_parts")

    def __init__(self) -> None:
        self._fields: Dict = {}
        self._parts: dict[str, dict[int, Dict]] = {}

    def add(self, kind: str, event: Dict, notes: Notes) -> None:
        """Take in one event about this item."""
        stem, _, step = kind.rpartition(".")
        if stem == "response.output_item":
            if isinstance(event.get("item"), dict):
                self._fields = dict(event["item"])
                self._parts = {} if step == "done" else self._parts
        elif stem in _FIELDS:
            self._grow(self._fields, _FIELDS[stem], step, event)
        elif stem in _PARTS:
            group, index, part_type, field = _PARTS[stem]
            part = slot(self._parts.setdefault(group, {}), event.get(index), notes, index)
            if part is not None:
                part.setdefault("type", part_type)
                self._grow(part, field, step, event)

    def _grow(self, target: Dict, field: str, step: str, event: Dict) -> None:
        if step == "delta":
            grow(target, field, event.get("delta"))
        elif step == "done":
            set_last(target, field, event.get(field))

    def close(self) -> Dict:
        """The whole item."""
        item: Dict = join_texts(self._fields)
        for group, parts in self._parts.items():
            if not item.get(group):
                item[group] = _joined(parts)
        return item


def _joined(parts: dict[int, Dict]) -> list[Any]:
    return [join_texts(part) for part in in_order(parts)]
