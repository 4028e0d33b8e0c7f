"""JSON paths of what need not be equal: `user`, `messages[0].content`, `metadata.*`, `messages[*].name`.

1. `.name` is a member, `[2]` an item, `[-1]` the last one; `.*` and `[*]` are all of them.
2. A member that is left out is as if it were not there; an item becomes null, so that the others keep their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ...core.errors import UsageError

Path = tuple[str | int | None, ...]  # a name, a number, None: all
_STEP = re.compile(r"\.?([^.\[\]*\s]+)|(?<=.)\[(-?[0-9]{1,9})\]|\.?\*|(?<=.)\[\*\]")


def parse(text: str) -> Path:
    """The path. Raises: UsageError."""
    text = text.strip().removeprefix("$.")
    steps: list[str | int | None] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None or (at and text[at] not in ".["):
            break
        steps.append(match[1] if match[1] is not None else None if match[2] is None else int(match[2]))
        at = match.end()
    if not steps or at < len(text):
        raise UsageError(f"{text!r} is no path into a body: write user, messages[0].content or metadata.*")
    return tuple(steps)


def leave_out(value: Any, paths: Iterable[Path]) -> None:
    """Take what the paths name out of a JSON value, in place."""
    for path in paths:
        _leave_out(value, path)


def _leave_out(value: Any, path: Path) -> None:
    step, rest = path[0], path[1:]
    for key in _keys(value, step):
        if rest:
            _leave_out(value[key], rest)
        elif isinstance(value, dict):
            del value[key]
        else:
            value[key] = None


def _keys(value: Any, step: str | int | None) -> list[Any]:
    if isinstance(value, dict):
        return list(value) if step is None else [step] if step in value else []
    if not isinstance(value, list) or isinstance(step, str):
        return []
    if step is None:
        return list(range(len(value)))
    return [step] if -len(value) <= step < len(value) else []
