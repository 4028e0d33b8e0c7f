"""What the merges of all APIs have in common: text that grows, places in lists, remarks.

1. A text grows as a list of pieces and is joined once: a stream of a million small pieces costs a million steps.
2. A list is built by index, whatever the order; an index of 1,024 or more, below 0 or of another type has no place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..answers.answer import is_index

Dict = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Merged:
    """One answer made of a stream, and remarks on what had no place in it."""

    value: Dict | None
    notes: tuple[str, ...] = ()


class Notes(list[str]):
    """Remarks, each kept once."""

    def add(self, text: str) -> None:
        """Keep a remark."""
        if text not in self:
            self.append(text)


class Text(list[str]):
    """Pieces of a text."""


def grow(target: Dict, key: str, piece: object) -> None:
    """Append a piece to a text; what is no text is kept if there is nothing else (a null, a list of parts)."""
    held = target.get(key)
    if type(piece) is str:
        if type(held) is Text:
            held.append(piece)
        else:
            target[key] = Text([held, piece]) if type(held) is str else Text([piece])
    elif piece is not None or key not in target:
        target[key] = piece


def set_once(target: Dict, key: str, value: object) -> None:
    """Keep the first value that is not empty."""
    if not target.get(key):
        target[key] = value


def set_last(target: Dict, key: str, value: object) -> None:
    """Keep the last value that is not null."""
    if value is not None or key not in target:
        target[key] = value


def grow_name(target: Dict, key: str, piece: object) -> None:
    """A name that comes in pieces is joined; one that is sent again whole stays as it is."""
    held = target.get(key)
    whole = "".join(held) if type(held) is Text else held
    if piece != whole and piece != "":
        grow(target, key, piece)


def slot(places: dict[int, Dict], index: object, notes: Notes, remark: str) -> Dict | None:
    """The object at that place, made if it is new; None, with a remark, if there can be no such place."""
    if not is_index(index):
        notes.add(remark)
        return None
    return places.setdefault(index, {})  # type: ignore[arg-type]


def in_order(places: dict[int, Dict]) -> list[Dict]:
    """The objects by place."""
    return [places[index] for index in sorted(places)]


def join_texts(target: Dict) -> Dict:
    """The same object with every grown text as one string."""
    for key, value in target.items():
        if type(value) is Text:
            target[key] = "".join(value)
    return target
