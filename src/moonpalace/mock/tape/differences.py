"""Where two JSON values differ, in words: paths, with both values shortened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ...text.safe import line

MOST = 3  # differences that are told
_LONGEST = 48  # characters of a value
_BEFORE = 12  # of them before the first that differs
_PLAIN = re.compile(r"[^\s.\[\]*'\"]+")
_ABSENT: Any = object()


def differences(recorded: Any, asked: Any) -> str:
    """`messages[3].content differs: 'Beijing' recorded, 'Shanghai' asked; …`. Empty: none."""
    try:
        found = list(_walk("", recorded, asked))
    except RecursionError:
        return "something deep inside differs"
    told = [_told(path, one, other) for path, one, other in found[:MOST]]
    if len(found) > MOST:
        told.append(f"and {len(found) - MOST} more")
    return "; ".join(told)


def _walk(path: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            inner = name if not name or _PLAIN.fullmatch(name) else f"[{json.dumps(name, ensure_ascii=False)}]"
            dot = "." if path and not inner.startswith("[") else ""
            yield from _walk(f"{path}{dot}{inner}", one.get(name, _ABSENT), other.get(name, _ABSENT))
    elif isinstance(one, list) and isinstance(other, list):
        for place in range(max(len(one), len(other))):
            yield from _walk(f"{path}[{place}]", _item(one, place), _item(other, place))
    elif one is not other and (type(one) is not type(other) or one != other):
        yield path, one, other


def _item(items: list[Any], place: int) -> Any:
    return items[place] if place < len(items) else _ABSENT


def _told(path: str, one: Any, other: Any) -> str:
    name = line(path) or "the body"
    if isinstance(one, str) and isinstance(other, str):
        first = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
        return f"{name} differs: {_text(one, first)} recorded, {_text(other, first)} asked"
    return f"{name}: {_shown(one)} recorded, {_shown(other)} asked"


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    if isinstance(value, str):
        return _text(value, 0)
    text = json.dumps(value, ensure_ascii=False)
    return line(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def _text(text: str, first: int) -> str:
    """The text around the place where it begins to differ."""
    begin = max(0, first - _BEFORE) if len(text) > _LONGEST or first > _LONGEST else 0
    end = begin + _LONGEST
    return f"'{'…' if begin else ''}{line(text[begin:end])}{'…' if end < len(text) else ''}'"
