"""Anthropic Messages: one message, whole or as a stream from `message_start` to `message_stop`.

1. Usage comes in parts: `message_start` knows the input, `message_delta` the output; a null takes nothing back.
2. A token is any non-empty text, thinking, tool name or piece of tool input.

Source: Anthropic API reference, "Streaming messages"; platform.kimi.ai api/messages (2026-09).
"""

from __future__ import annotations

from typing import Any

from .answer import Reading, read_error

_SPOKEN = ("text", "thinking", "partial_json")
_STARTED = ("name", "text", "thinking")
TYPES = frozenset(
    (
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
    )
)


class AnthropicReader:
    """Reads the events of one stream, or the one message."""

    __slots__ = ("into",)

    def __init__(self, into: Reading) -> None:
        self.into = into

    def read(self, value: dict[str, Any], end: int = 0) -> None:
        """Take in one event, which ended at offset `end`."""
        into = self.into
        kind = value.get("type")
        if kind == "content_block_delta":
            if into.first_token_end is None:
                self._token(value.get("delta"), _SPOKEN, end)
        elif kind == "content_block_start":
            if into.first_token_end is None:
                self._token(value.get("content_block"), _STARTED, end)
        elif kind == "message_start":
            self.whole(value.get("message"))
        elif kind == "message_delta":
            self._stop(value.get("delta"))
            self._usage(value.get("usage"))
        elif kind == "message_stop":
            into.done = True
        elif kind == "error":
            into.error = into.error or read_error(value.get("error")) or (None, None, None)

    def whole(self, message: object) -> None:
        """Take in a message: the whole body, or the beginning of one."""
        if type(message) is dict:
            self.into.id = message.get("id")
            self.into.model = message.get("model")
            self._stop(message)
            self._usage(message.get("usage"))

    def close(self) -> None:
        """Settle what only the end can tell."""
        self.into.finished = bool(self.into.finish_reason)

    def _token(self, part: object, names: tuple[str, ...], end: int) -> None:
        if type(part) is dict and any(part.get(name) for name in names):
            self.into.first_token_end = end

    def _stop(self, part: object) -> None:
        if type(part) is dict and part.get("stop_reason"):
            self.into.finish_reason = part["stop_reason"]

    def _usage(self, usage: object) -> None:
        if type(usage) is dict:
            held = self.into.usage
            new = {name: value for name, value in usage.items() if value is not None}
            self.into.usage = {**held, **new} if type(held) is dict else new
