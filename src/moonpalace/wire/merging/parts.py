"""What an answer is made of while it grows: texts, lists, objects, places in lists, remarks.

1. A text grows as a list of pieces and is joined once: a stream of a million small pieces costs a million steps.
2. A list is built by index, whatever the order; an index of 1,024 or more, below 0 or of another type has no place.
3. What grows is ours alone: never an object of an event, never an object of a result.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from ..answers.answer import is_index

Dict = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Merged:
    """One answer made of a stream, and remarks on what had no place in it."""

    value: Dict | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Size:
    """How much of an answer came: events, and characters of its texts."""

    events: int
    characters: int

    def __str__(self) -> str:
        return f"{_counted(self.events, 'event')}, {_counted(self.characters, 'character')}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


class Notes(list[str]):
    """Remarks, each kept once."""

    def add(self, text: str) -> None:
        """Keep a remark."""
        if text not in self:
            self.append(text)


class Merging(Protocol):
    """The merge of one API's events as far as it has come."""

    error: Any

    @property
    def finished(self) -> bool:
        """Whether the answer says of itself that it is whole."""

    def add(self, event: Dict, /) -> None:
        """Take in one event."""

    def characters(self) -> int:
        """How much text came."""

    def close(self, notes: Notes, /) -> Dict:
        """The answer as far as it came, and remarks on that; more may be added after."""


class Grown:
    """What grows. No value of an event is one."""

    __slots__ = ()

    @abstractmethod
    def whole(self) -> Any:
        """The JSON value that it amounts to."""

    def characters(self) -> int:
        """How much text is in it."""
        return 0


class Text(list[str], Grown):
    """Pieces of a text."""

    __slots__ = ()

    def whole(self) -> str:
        """The pieces as one string."""
        return "".join(self)

    def characters(self) -> int:
        """The length of all pieces."""
        return sum(map(len, self))

    def empty(self) -> bool:
        """Whether there is no text yet. Empty pieces are dropped, so that asking again and again costs nothing."""
        del self[: next((place for place, piece in enumerate(self) if piece), len(self))]
        return not self


class Name(Text):
    """Pieces of a name, which may be sent again whole; its length is kept, so that few pieces need a comparison."""

    __slots__ = ("length",)

    def __init__(self, piece: str) -> None:
        super().__init__((piece,))
        self.length = len(piece)

    def characters(self) -> int:
        """The length of the name."""
        return self.length


class Items(list[Any], Grown):
    """A list that is extended."""

    __slots__ = ()

    def whole(self) -> list[Any]:
        """A list that will not grow."""
        return list(self)


class Fields(dict[str, Any], Grown):
    """An object whose fields grow."""

    __slots__ = ()

    def whole(self) -> Dict:
        """The object with every field whole."""
        return {key: value.whole() if isinstance(value, Grown) else value for key, value in self.items()}

    def characters(self) -> int:
        """Of all fields together."""
        return characters(self.values())


def characters(values: Iterable[object]) -> int:
    """How much text is in those of the values that grow."""
    return sum([value.characters() for value in values if isinstance(value, Grown)])


def slot(places: dict[int, Fields], index: object, notes: Notes, remark: str) -> Fields | None:
    """The object at that place, made if it is new; None, with a remark, if there can be no such place."""
    if not is_index(index):
        notes.add(remark)
        return None
    return places.setdefault(index, Fields())  # type: ignore[arg-type]


def in_order(places: dict[int, Fields]) -> list[Dict]:
    """The objects by place, whole."""
    return [places[index].whole() for index in sorted(places)]


def error_of(event: Dict) -> Any:
    """The error that an event carries, as it was told; None if it carries none.

    It stands under `error`, or is the event itself (`"type": "error"` of Responses, `"object": "error"` of vLLM).
    """
    if event.get("error"):
        return event["error"]
    for key in ("type", "object"):
        if event.get(key) == "error":
            return {name: value for name, value in event.items() if name != key} or None
    return None
