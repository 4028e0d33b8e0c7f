"""Tool calls as they grow.

1. A piece belongs to the call of its index, whatever its id; a call has no index in the whole answer.
2. A piece without index belongs to the call of its id; one without either, to the call that was last spoken of.
3. The first id of a call stays. Another one is remarked on: it is a fault of the server, or of its indexes. One that
   comes with a name is another call at the same index: what is joined there belongs to two.

Source: OpenAI API reference, chat streaming, `tool_calls`; platform.kimi.ai api/chat (2026-09).
"""

from __future__ import annotations

from typing import Any

from .parts import Dict, Fields, Grown, Notes, characters, in_order, slot
from .rules import Table, grow, grow_name, last, nest, once, other, take

FUNCTION: Table = {"name": grow_name, "arguments": grow}
_CUSTOM: Table = {"name": grow_name, "input": grow}
_CALL: Table = {
    "id": once,
    "type": once,
    "function": nest(FUNCTION, "function_not_an_object"),
    "custom": nest(_CUSTOM, "function_not_an_object"),
}
_IDS = (str, int)


class Calls(Grown):
    """The calls of one message."""

    __slots__ = ("_ids", "_last", "_places")

    def __init__(self) -> None:
        self._places: dict[int, Fields] = {}
        self._ids: dict[Any, Fields] = {}
        self._last: Fields | None = None

    def add(self, call: object, notes: Notes) -> None:
        """Take in one piece of a call."""
        if type(call) is not dict:
            notes.add("tool_call_not_an_object")
            return
        index = call.get("index")
        place = self._places.get(index) if type(index) is int else None
        place = place if place is not None else self._place(call, notes)
        if place is None:
            return
        self._last = place
        ident = call.get("id")
        if ident:
            self._named(place, ident, call.get("function"), notes)
        for key, value in call.items():
            if key == "function" and type(value) is dict and type(function := place.get(key)) is Fields:
                take(FUNCTION, function, value, notes)  # as the rule of the table does, and nearly every piece needs
            elif key != "index":
                _CALL.get(key, other)(place, key, value, notes)

    def _named(self, place: Fields, ident: object, function: object, notes: Notes) -> None:
        """Remember whose id it is; remark on a second id of one call, or a second call of one id."""
        if type(ident) in _IDS:
            known = self._ids.setdefault(ident, place)
            if known is not place or (place.get("id") or ident) != ident:
                notes.add("tool_call_id")
                if known is place and place.get("function") and type(function) is dict and function.get("name"):
                    notes.add("tool_calls_mixed")

    def _place(self, call: Dict, notes: Notes) -> Fields | None:
        """The place of a call that is new or has no index."""
        index = call.get("index")
        if index is not None:
            return slot(self._places, index, notes, "tool_call_index")
        ident = call.get("id")
        if "index" in call or (not ident and self._last is None):
            notes.add("tool_call_without_index")
        if not ident and self._last is not None:
            return self._last
        known = self._ids.get(ident) if type(ident) in _IDS else None
        return known if known is not None else slot(self._places, self._next(), notes, "tool_call_index")

    def _next(self) -> int:
        return max(self._places, default=-1) + 1

    def whole(self) -> list[Dict]:
        """The calls by index."""
        return in_order(self._places)

    def characters(self) -> int:
        """Of their names and arguments."""
        return characters(self._places.values())


def grow_calls(target: Dict, key: str, calls: object, notes: Notes) -> None:
    """Pieces of calls, into the calls that they belong to."""
    held = target.get(key)
    if type(calls) is list:
        if type(held) is not Calls:
            target[key] = held = Calls()
        for call in calls:
            held.add(call, notes)
    elif calls is not None:
        notes.add("tool_calls_not_a_list")
    elif held is None:
        last(target, key, calls, notes)
