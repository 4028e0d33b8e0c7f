"""The rules by which a field takes in what comes next, and the one loop that applies a table of them.

1. A rule is named in a table beside its field; a field that no table names keeps its last value that is not null.
2. A null takes nothing back; it stays where nothing else was told.
3. Nothing is turned into another type. What cannot be joined is left out, and remarked on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .parts import Dict, Fields, Items, Name, Notes, Text

Rule = Callable[[Dict, str, object, Notes], None]
Table = Mapping[str, Rule]


def take(table: Table, target: Dict, values: Dict, notes: Notes) -> None:
    """Take each of the values into its field."""
    for key, value in values.items():
        held = target.get(key)
        if held is None or value is not None:
            if type(held) is Text and type(value) is str:
                held.append(value)  # a text that has begun to grow: only `grow` makes one
            else:
                table.get(key, other)(target, key, value, notes)


def other(target: Dict, key: str, value: object, notes: Notes) -> None:
    """A field that no table names: its last value. If that could have been a piece of something, it is remarked on."""
    held = target.get(key)
    if held is not None and ((type(value) is str and value != held) or (type(value) is list and held)):
        notes.add("unknown_field")
    last(target, key, value, notes)


def last(target: Dict, key: str, value: object, notes: Notes) -> None:
    """Keep the last value that is not null."""
    if value is not None or key not in target:
        target[key] = value


def last_told(target: Dict, key: str, value: object, notes: Notes) -> None:
    """Keep the last value that is not empty."""
    if value or not target.get(key):
        last(target, key, value, notes)


def once(target: Dict, key: str, value: object, notes: Notes) -> None:
    """Keep the first value that is not empty."""
    if not target.get(key):
        last(target, key, value, notes)


def skip(target: Dict, key: str, value: object, notes: Notes) -> None:
    """A field of streams alone."""


def grow(target: Dict, key: str, piece: object, notes: Notes) -> None:
    """Append a piece to a text. What is no text is kept as it was told, but only where there is no text."""
    held = target.get(key)
    if type(piece) is str:
        if type(held) is Text:
            held.append(piece)
        elif held is None or type(held) is str:
            target[key] = Text((held, piece) if held else (piece,))
        elif piece:
            notes.add("not_a_text")
            target[key] = Text((piece,))
    elif piece is None:
        target.setdefault(key, None)
    elif held is None or held == "" or (type(held) is Text and held.empty()):
        notes.add("text_of_another_type")
        target[key] = piece
    else:
        notes.add("not_a_text")


def grow_name(target: Dict, key: str, piece: object, notes: Notes) -> None:
    """A name that comes in pieces is joined; one that is sent again whole stays as it is."""
    held = target.get(key)
    if type(held) is not Name:
        if type(piece) is not str:
            grow(target, key, piece, notes)
        elif piece:
            if held is not None and held != "":
                notes.add("not_a_text")
            target[key] = Name(piece)
        elif held is None:
            target[key] = ""
    elif type(piece) is not str:
        if piece is not None:
            notes.add("not_a_text")
    elif len(piece) != held.length or piece != held.whole():
        held.append(piece)
        held.length += len(piece)


def extend(target: Dict, key: str, more: object, notes: Notes) -> None:
    """Append a list to a list."""
    held = target.get(key)
    if type(held) is list:
        target[key] = held = Items(held)
    if held is None:
        target[key] = Items(more) if type(more) is list else more
    elif type(held) is Items and type(more) is list:
        held.extend(more)
    elif more is not None:
        notes.add("not_a_list")


def nest(table: Table, remark: str, under: str = "") -> Rule:
    """The rule of an object whose fields have rules of their own. `under`: where it is kept, if not under its key."""

    def rule(target: Dict, key: str, value: object, notes: Notes) -> None:
        key = under or key
        if type(value) is dict:
            held = target.get(key)
            if type(held) is not Fields:
                target[key] = held = Fields()
            take(table, held, value, notes)
        elif value is None:
            target.setdefault(key, None)
        else:
            notes.add(remark)

    return rule
