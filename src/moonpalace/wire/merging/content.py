"""The content of a message as it grows: a text, or a list of parts.

1. Pieces of a list are appended as they came. Parts are not joined: no API says how.
2. A text that comes beside a list of parts becomes a part of its own, and is remarked on.

Source: OpenAI API reference, chat, "content" (a string is one text part); Mistral's streams of lists (2026).
"""

from __future__ import annotations

from typing import Any

from .parts import Dict, Grown, Notes, Text
from .rules import grow


class Content(list[Any], Grown):
    """Parts; a `Text` among them is a text part that grows."""

    __slots__ = ()

    def whole(self) -> list[Any]:
        """The list of parts."""
        return [{"type": "text", "text": part.whole()} if type(part) is Text else part for part in self]

    def characters(self) -> int:
        """Of the parts that have a text."""
        return sum([part.characters() if type(part) is Text else _length(part) for part in self])


def _length(part: object) -> int:
    text = part.get("text") if type(part) is dict else part
    return len(text) if type(text) is str else 0


def grow_content(target: Dict, key: str, piece: object, notes: Notes) -> None:
    """Append a piece to a text, or parts to a list."""
    held = target.get(key)
    if type(held) is Content and held:
        _more(held, piece, notes)
    elif type(piece) is list:
        target[key] = parts = Content()
        if type(held) is Text and not held.empty():
            notes.add("text_beside_parts")
            parts.append(held)
        parts.extend(piece)
    elif type(held) is not Content or piece:
        target[key] = None if type(held) is Content else held
        grow(target, key, piece, notes)


def _more(parts: Content, piece: object, notes: Notes) -> None:
    if type(piece) is list:
        parts.extend(piece)
    elif type(piece) is not str:
        if piece is not None:
            notes.add("not_a_text")
    elif piece and type(parts[-1]) is Text:
        parts[-1].append(piece)
    elif piece:
        notes.add("text_beside_parts")
        parts.append(Text((piece,)))
