"""What a chat costs around its texts: the markers of the model's template, tools and pictures.

1. A message is `<|im_…|>`, who speaks, `<|im_middle|>`, its text, `<|im_end|>`: 4 tokens and the text's. Who speaks is
   the role, always one token, or the message's `name` in its place.
2. An answer is asked for with three tokens more, which `usage.prompt_tokens` counts and the estimate endpoint does not;
   an answer ends with one.
3. Calls of tools are a section with their ids and arguments; the result of one is headed by its id. Tools are declared
   in a message of their own.
4. What a picture costs depends on its size, and how is not published: each counts as `IMAGE`, a video as one picture.
5. Any JSON value may stand anywhere: what has the wrong type costs nothing. What no template says, such as the hidden
   text about effort that newer models get, is a parameter.

Source: the chat template of Kimi K2 (2025-07) and `tokenization_kimi.py` (2026-08); the sums agree with the examples of
the API reference: 80 for the estimate endpoint, 19 and 21 for the chat of 2024.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from .declarations import declaration, declarations

__all__ = ["Count", "completion_tokens", "declaration", "estimate_tokens", "message_tokens", "prompt_tokens"]

Count = Callable[[str], int]

MESSAGE = 4
GENERATION = 3
END = 1
IMAGE = 1024
_CALL = 3
_SECTION = 2
_PICTURES = frozenset(("image_url", "image", "video_url"))


def message_tokens(message: Mapping[str, object], count: Count, image_tokens: int = IMAGE) -> int:
    """Tokens of one message, its markers included."""
    total = MESSAGE + _content(message.get("content"), count, image_tokens)
    total += _text(message.get("reasoning_content"), count)
    if name := _text(message.get("name"), count):
        total += name - 1
    if message.get("role") == "tool" and isinstance(call := message.get("tool_call_id"), str):
        total += count(f"## Return of {call}\n")
    return total + _calls(message.get("tool_calls"), count)


def prompt_tokens(messages: Sequence[object], tools: Sequence[object] | None, count: Count, *, hidden: int = 0) -> int:
    """What `usage.prompt_tokens` says. `hidden`: tokens that the model's own prompt adds, none by default."""
    return estimate_tokens(messages, tools, count) + GENERATION + hidden


def estimate_tokens(messages: Sequence[object], tools: Sequence[object] | None, count: Count) -> int:
    """What the estimate endpoint answers: the messages and the tools, without the beginning of an answer."""
    total = sum(message_tokens(one, count) for one in messages if isinstance(one, Mapping))
    if declared := declarations(tools):
        total += MESSAGE - 1 + count("tool_declare") + count(declared)
    return total


def completion_tokens(text: str, count: Count) -> int:
    """What `usage.completion_tokens` says of an answer with this text."""
    return count(text) + END


def _content(content: object, count: Count, image_tokens: int) -> int:
    if not isinstance(content, list | tuple):
        return _text(content, count)
    total = 0
    for part in content:
        if isinstance(part, Mapping):
            kind = part.get("type")
            total += image_tokens if isinstance(kind, str) and kind in _PICTURES else _text(part.get("text"), count)
    return total


def _calls(calls: object, count: Count) -> int:
    """A section of calls: each its id, else its function's name, and its arguments."""
    listed = [call for call in calls if isinstance(call, Mapping)] if isinstance(calls, list | tuple) else []
    total = _SECTION if listed else 0
    for call in listed:
        function = call.get("function")
        function = function if isinstance(function, Mapping) else {}
        arguments = function.get("arguments")
        if isinstance(arguments, Mapping):
            arguments = json.dumps(arguments, ensure_ascii=False, default=str)
        total += _CALL + (_text(call.get("id"), count) or _text(function.get("name"), count)) + _text(arguments, count)
    return total


def _text(value: object, count: Count) -> int:
    return count(value) if isinstance(value, str) and value else 0
