"""OpenAI Responses: one response object, whole or as a stream of `response.…` events.

1. The finish reason is the reason of an incomplete response, or its status once it is final.
2. A token is any non-empty `delta` of text, reasoning, refusal or arguments, or the name of a function call.

Source: OpenAI API reference, "Responses" and its streaming events (2026).
"""

from __future__ import annotations

from typing import Any

from .answer import Reading, read_error

FINAL = frozenset(("response.completed", "response.incomplete", "response.failed", "response.cancelled"))
_FINAL_STATES = frozenset(("completed", "incomplete", "failed", "cancelled"))


class ResponsesReader:
    """Reads the events of one stream, or the one response."""

    __slots__ = ("into",)

    def __init__(self, into: Reading) -> None:
        self.into = into

    def read(self, value: dict[str, Any], end: int = 0) -> None:
        """Take in one event, which ended at offset `end`."""
        into = self.into
        kind = value.get("type")
        if into.first_token_end is None and (value.get("delta") or _names(value.get("item"))):
            into.first_token_end = end
        response = value.get("response")
        if type(response) is dict:
            self.whole(response)
        if isinstance(kind, str) and kind in FINAL:
            into.done = True
        elif kind == "error":
            into.error = into.error or read_error(value.get("error") or value)

    def whole(self, response: dict[str, Any]) -> None:
        """Take in a response object as far as it is known."""
        into = self.into
        into.id = response.get("id") or into.id
        into.model = response.get("model") or into.model
        into.usage = response.get("usage") or into.usage
        into.error = read_error(response.get("error")) or into.error
        status = response.get("status")
        if isinstance(status, str) and status in _FINAL_STATES:
            details = response.get("incomplete_details")
            reason = details.get("reason") if type(details) is dict else None
            into.finish_reason = reason or status

    def close(self) -> None:
        """Settle what only the end can tell."""
        self.into.finished = bool(self.into.finish_reason)


def _names(item: object) -> bool:
    return type(item) is dict and bool(item.get("name"))
