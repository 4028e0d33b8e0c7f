"""The events of a stream as the one answer that they amount to, by tables of fields and never by guessing.

1. The first event that shows to which API the stream belongs decides how all are merged.
2. What has no place (an index below 0 or too large, a delta that is no object) is left out and remarked on in `notes`.
3. The events handed in are left as they are.

Notes: `not_an_object`, `choice_not_an_object`, `choice_index`, `delta_not_an_object`, `tool_call_not_an_object`,
`tool_call_index`, `function_not_an_object`, `block_index`, `delta_type`, `event_type`, `message_not_an_object`,
`no_message_start`, `tool_input_not_json`, `output_index`, `content_index`, `summary_index`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from .answers.anthropic import TYPES as ANTHROPIC_TYPES
from .merging.anthropic import merge_anthropic
from .merging.chat import merge_chat
from .merging.parts import Dict, Merged, Notes
from .merging.responses import merge_responses

__all__ = ["Merged", "kind_of_event", "merge"]


def merge(events: Iterable[Any]) -> Merged:
    """One answer; its value is None if no event is of a known kind. Each event is looked at once, and not kept."""
    notes = Notes()
    objects = _objects(events, notes)
    first: list[Dict] = []  # what came before the kind was known
    kind = "other"
    for event in objects:
        first.append(event)
        kind = kind_of_event(event)
        if kind != "other":
            break
    rest = chain(first, objects)
    if kind == "anthropic":
        return merge_anthropic(rest, notes)
    if kind == "responses":
        return merge_responses(rest, notes)
    if kind != "other":
        return merge_chat(rest, notes, text=kind == "text")
    errors = [event for event in first if event.get("error")]
    return Merged(dict(errors[0]) if errors else None, tuple(notes))


def _objects(events: Iterable[Any], notes: Notes) -> Iterator[Dict]:
    for event in events:
        if isinstance(event, dict):
            yield event
        else:
            notes.add("not_an_object")


def kind_of_event(event: Dict) -> str:
    """Which API a stream's event belongs to: chat, text, anthropic, responses, other."""
    choices = event.get("choices")
    if isinstance(choices, list):
        return "text" if event.get("object") == "text_completion" else "chat"
    if event.get("object") == "chat.completion.chunk":
        return "chat"
    name = event.get("type")
    if isinstance(name, str):
        if name in ANTHROPIC_TYPES:
            return "anthropic"
        if name.startswith("response."):
            return "responses"
    return "other"
