"""The answers of a scenario: what each becomes for a request.

1. One that says nothing lets the default brain speak and only lays pace, headers, usage and faults over it.
2. `{{last_user}}` and its like are filled in, but with `template = false`.
3. A request for n choices gets n: too many are left out, too few end with the last one again.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable
from dataclasses import dataclass, replace

from ...kimi.errors import FORMS
from ..answer import Answer, Choice
from ..brain import answer as by_brain
from ..brain import use_tools as by_tools
from .scene import Scene

FILLED = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_LONGEST_FILLED = 20_000
FILLERS: dict[str, Callable[[Scene], str]] = {
    "last_user": lambda scene: scene.user,
    "tool_result": lambda scene: "\n".join([result.text for result in scene.results]),
    "system": lambda scene: scene.system,
    "model": lambda scene: scene.chat.model_name,
    "turn": lambda scene: str(scene.turn),
}


@dataclass(frozen=True, slots=True)
class Play:
    """One `[[scenario.answer]]`. `says`: it has words of its own; else `answer` is laid over the brain's."""

    answer: Answer
    says: bool = True
    use_tools: bool = False
    template: bool = True
    own: tuple[str, ...] = ()


def play(one: Play, scene: Scene, seed: int) -> Answer:
    """What it is for this request."""
    chat, given = scene.chat, one.answer
    if given.error is not None:
        return given  # what its message wants besides is made up by `values`
    if given.raw is not None:
        return replace(given, raw=_fill(given.raw.decode(), scene).encode()) if one.template else given
    if not one.says:
        spoken = (by_tools if one.use_tools else by_brain)(chat, seed).choices
        return replace(given, choices=tuple([_over(choice, given.choices[0], one.own) for choice in spoken]))
    choices = given.choices
    if one.template:
        choices = tuple([_filled(choice, scene) for choice in choices])
    count = max(1, chat.n)
    return replace(given, choices=(*choices[:count], *[choices[-1]] * (count - len(choices))))


def _over(choice: Choice, given: Choice, own: tuple[str, ...]) -> Choice:
    return replace(choice, **{key: getattr(given, key) for key in own})


def _filled(choice: Choice, scene: Scene) -> Choice:
    pieces = choice.pieces and tuple([_fill(piece, scene) for piece in choice.pieces])
    return replace(
        choice,
        content="".join(pieces) if pieces else _fill(choice.content, scene),
        reasoning=_fill(choice.reasoning, scene),
        pieces=pieces,
        tool_calls=tuple(
            [replace(call, arguments=_fill(call.arguments, scene, quoted=True)) for call in choice.tool_calls]
        ),
    )


def _fill(template: str, scene: Scene, quoted: bool = False) -> str:
    """`quoted`: what is filled in stands in a string of JSON."""

    def filler(match: re.Match[str]) -> str:
        find = FILLERS.get(match[1])
        if find is None:
            return match[0]
        found = find(scene)[:_LONGEST_FILLED].encode("utf-8", "replace").decode()
        return json.dumps(found, ensure_ascii=False)[1:-1] if quoted else found

    return FILLED.sub(filler, template) if "{{" in template else template


def placeholders(name: str) -> set[str]:
    """What the wordings of an error want to be told."""
    form = FORMS[name]
    return {
        field
        for template in (form.message, *[older for _, older in form.older])
        for _, field, _, _ in string.Formatter().parse(template)
        if field
    }
