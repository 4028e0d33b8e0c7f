"""Conditions of a scenario.

1. A `Condition` says whether it holds, and in words what it wants and what there is, for who asks why nothing fitted.
2. What a secret header holds is never said.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .expression import BadExpression, Expression, expression
from .place import Place, flag, many, shown, table, text, whole, word
from .scene import Scene

_MOST_TURNS = 1_000_000
_SAID = re.compile(r"user-agent|content-type|accept.*|x-mock-.*|x-scene|x-msh-(?:platform|version)|x-stainless-.*|host")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `wants`, `found`: for people."""

    wants: str
    holds: Callable[[Scene], bool]
    found: Callable[[Scene], str]

    def differs(self, scene: Scene) -> str:
        """What it wants and what there is instead."""
        return f"{self.wants}, {self.found(scene)}"


def _glob(value: str) -> Callable[[str], bool]:
    pattern = re.compile(fnmatch.translate(value)) if any(char in value for char in "*?[") else None
    return (lambda text: text == value) if pattern is None else (lambda text: pattern.match(text) is not None)


def _model(value: object, place: Place) -> list[Condition]:
    fits = _glob(written := word(value, place))
    return [
        Condition(
            f"model wants {shown(written)}",
            lambda s: fits(s.chat.model_name),
            lambda s: f"it is {shown(s.chat.model_name)}",
        )
    ]


def _path(value: object, place: Place) -> list[Condition]:
    fits = _glob(written := word(value, place))
    return [
        Condition(f"path wants {shown(written)}", lambda s: fits(s.call.path), lambda s: f"it is {shown(s.call.path)}")
    ]


def _searched(key: str, where: str, of: Callable[[Scene], str]) -> Callable[[object, Place], list[Condition]]:
    """A text, or `/…/`, that is looked for. Case counts in expressions only."""

    def reader(value: object, place: Place) -> list[Condition]:
        written = text(value, place)
        fits = _search(written, place)
        return [
            Condition(
                f"{key} wants {shown(written)}", lambda s: fits(s, of(s)), lambda s: f"{where} {_is(of(s))}"
            )
        ]  # fmt: skip

    return reader


def _search(written: str, place: Place) -> Callable[[Scene, str], bool]:
    """Whether a text holds it. Why three letters: `/etc/hosts` is a text, `/a/x` an expression with a wrong flag."""
    if len(written) > 1 and re.fullmatch(r"/.*/[a-z]{0,3}", written, re.DOTALL):
        try:
            found: Expression = expression(written)
        except BadExpression as error:
            raise place.wrong(
                f"the expression {error}; write a simpler one, or plain text without the slashes"
            ) from None
        return lambda _scene, text: found.fits(text)
    folded = written.casefold()
    return lambda scene, text: folded in scene.folded(text)


def _is(value: str) -> str:
    return f"is {shown(value)}" if value else "is empty or not there"


def _turn(value: object, place: Place) -> list[Condition]:
    least = isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}\+", value)
    wanted: int = int(str(value)[:-1]) if least else whole(1, _MOST_TURNS)(value, place)
    return [
        Condition(
            f"turn wants {value}",
            (lambda s: s.turn >= wanted) if least else (lambda s: s.turn == wanted),
            lambda s: f"there are {s.turn} user messages" if s.turn != 1 else "there is 1 user message",
        )
    ]


def _tool_result(value: object, place: Place) -> list[Condition]:
    if isinstance(value, bool):
        return [
            Condition(
                f"tool_result wants {'one' if value else 'none'}", lambda s: bool(s.results) is value, _last_result
            )
        ]  # fmt: skip
    written = text(value, place)
    fits = _search(written, place)
    holds = lambda s: any(one.name == written or fits(s, one.text) for one in s.results)  # noqa: E731
    return [Condition(f"tool_result wants {shown(written)}", holds, _last_result)]


def _last_result(scene: Scene) -> str:
    if not scene.results:
        return "the last message is no tool's result"
    return "the last results are " + ", ".join(
        [f"{one.name or 'a tool'}: {shown(one.text)}" for one in scene.results[:3]]
    )


def _header(value: object, place: Place) -> list[Condition]:
    return [_one_header(name, wanted, place.at(f"header {name}")) for name, wanted in table(value, place).items()]


def _one_header(name: str, value: object, place: Place) -> Condition:
    written = text(value, place)
    fits = _glob(written)
    key = name.encode("utf-8", "replace")

    def values(s: Scene) -> Sequence[str]:
        return [one.decode("utf-8", "replace") for one in s.call.headers.get_all(key)]

    def found(scene: Scene) -> str:
        there = values(scene)
        if not there:
            return "there is no such header"
        return f"it is {shown(there[0])}" if _SAID.fullmatch(name.lower()) else "it has another value"

    return Condition(
        f"header {shown(name)} wants {shown(written)}", lambda s: any(fits(one) for one in values(s)), found
    )


def _stream(value: object, place: Place) -> list[Condition]:
    wanted = flag(value, place)
    return [
        Condition(
            f"stream wants {str(wanted).lower()}",
            lambda s: s.chat.stream is wanted,
            lambda s: f"it is {str(s.chat.stream).lower()}",
        )
    ]


def _tools(value: object, place: Place) -> list[Condition]:
    names = many(word, "names")([value] if isinstance(value, str) else value, place)
    return [
        Condition(
            f"tools wants {', '.join(names) or 'none'}",
            (lambda s: set(names) <= set(s.tools)) if names else (lambda s: not s.tools),
            lambda s: f"those offered are {', '.join(map(shown, s.tools[:10]))}" if s.tools else "no tools are offered",
        )
    ]


CONDITIONS: dict[str, Callable[[Any, Place], list[Condition]]] = {
    "model": _model, "text": _searched("text", "the last user message", lambda s: s.user),
    "system": _searched("system", "the system message", lambda s: s.system), "turn": _turn, "tool_result": _tool_result,
    "header": _header, "path": _path, "stream": _stream, "tools": _tools,
}  # fmt: skip
