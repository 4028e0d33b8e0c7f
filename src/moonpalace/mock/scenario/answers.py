"""What a `[[scenario.answer]]` may hold, read and checked.

1. An answer says one thing: words (with tool calls), several choices, an error of the API, or raw bytes.
2. Keys that do not go together are refused, so that nothing written is without effect.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from ...kimi.errors import FORMS
from ..answer import Answer, Choice, Pace, ToolCall
from .place import Place, Reader, flag, kind, many, nearest, number, read, shown, table, text, whole, word
from .plays import FILLED, FILLERS, Play, placeholders

CheckFault = Callable[[str], object]
_HOUR = 3_600.0
_USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens")
_GROUPS = {
    "words": ("content", "chunks", "reasoning", "tool_calls"),
    "choices": ("choices",),
    "an error": ("error", "values"),
    "a raw answer": ("status", "body", "content_type"),
}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
_FRAMING = {
    "content-length": "it is counted",
    "transfer-encoding": "it is set as needed",
    "content-type": "use content_type",
}


def reader(check_fault: CheckFault) -> Reader:
    """The reader of one `[[scenario.answer]]`."""
    keys: dict[str, Reader] = {
        "content": text, "chunks": many(text, "texts"), "gaps": many(number(0, _HOUR), "seconds"), "reasoning": text,
        "tool_calls": many(_tool_call, "tables"), "finish_reason": word, "choices": many(_choice, "tables"),
        "ttft": number(0, _HOUR), "tps": number(0, 1e9), "jitter": number(0, 1), "usage": _usage, "headers": _headers,
        "faults": lambda value, place: _faults(value, place, check_fault), "error": _error, "values": table,
        "status": whole(200, 599), "body": text, "content_type": word, "use_tools": flag, "template": flag,
    }  # fmt: skip

    def read_answer(value: object, place: Place) -> Play:
        found = read(value, keys, place)
        _check(found, place)
        return _play(found, place)

    return read_answer


def _check(found: Mapping[str, Any], place: Place) -> None:
    groups = {words: [key for key in keys if key in found] for words, keys in _GROUPS.items()}
    said = [words for words, keys in groups.items() if keys]
    if len(said) > 1:
        names = " and ".join([groups[words][0] for words in said[:2]])
        raise place.wrong(f"{names} do not go together: an answer is words, choices, an error or raw; remove one")
    if found.get("use_tools") and said not in ([], ["words"]):
        raise place.wrong(f"use_tools does not go with {groups[said[0]][0]}; remove one")
    if found.get("use_tools") and any(key in found for key in ("content", "chunks", "tool_calls")):
        raise place.wrong("use_tools lets the default brain call a tool; remove it, or content, chunks and tool_calls")
    if said and said != ["words"] and (stray := [key for key in ("finish_reason", "gaps") if key in found]):
        raise place.wrong(f"{stray[0]} goes with content or chunks only; remove it")
    if "values" in found and "error" not in found:
        raise place.wrong("values belongs to error; name the error")
    if said == ["a raw answer"] and found.get("usage"):
        raise place.wrong("usage has no place in a raw answer; write it into body")
    _check_words(found, place)
    if "error" in found:
        unknown = [key for key in found.get("values", ()) if key not in placeholders(found["error"])]
        if unknown:
            known = placeholders(found["error"])
            remedy = nearest(unknown[0], sorted(known)) if known else "it takes none"
            raise place.at("key values").wrong(f"the error {found['error']} has no {shown(unknown[0])}; {remedy}")


def _check_words(found: Mapping[str, Any], place: Place) -> None:
    if "content" in found and "chunks" in found:
        raise place.wrong("content and chunks do not go together: chunks are the content in pieces; remove one")
    if "gaps" in found and len(found["gaps"]) > len(found.get("chunks", ())):
        raise place.wrong("gaps has more entries than chunks; give at most one for each chunk")
    if found.get("template", True):
        parts = [found.get("content", ""), found.get("reasoning", ""), found.get("body", ""), *found.get("chunks", ())]
        for match in FILLED.finditer("\n".join(parts)):
            name = match[1]
            near = difflib.get_close_matches(name, FILLERS, 1, 0.75)
            if name not in FILLERS and near:
                raise place.wrong(
                    f"there is no {{{{{name}}}}}; did you mean {{{{{near[0]}}}}}? "
                    "If it is meant literally, add template = false"
                )


def _play(found: Mapping[str, Any], place: Place) -> Play:
    says = any(key in found for key in ("content", "chunks", "tool_calls", "choices"))
    if "reasoning" in found and not found.get("use_tools"):
        says = True
    own = tuple([key for key in ("reasoning", "finish_reason") if key in found and not says])
    choices = found["choices"] if "choices" in found else (_made_choice(found, place),)
    raw = (
        found.get("body", "").encode("utf-8", "replace") if {"status", "body", "content_type"} & found.keys() else None
    )
    answer = Answer(
        choices=choices,
        pace=Pace(found.get("ttft"), found.get("tps"), found.get("jitter")),
        usage=found.get("usage", {}),
        headers=found.get("headers", ()),
        faults=found.get("faults", ()),
        error=found.get("error"),
        values=found.get("values", {}),
        status=found.get("status", 200),
        content_type=found.get("content_type", "application/json"),
        raw=raw,
    )
    if answer.error is not None or raw is not None:
        answer = replace(answer, choices=())
    return Play(answer, says, found.get("use_tools", False), found.get("template", True), own)


_CHOICE: dict[str, Reader] = {
    "content": text, "chunks": many(text, "texts"), "gaps": many(number(0, _HOUR), "seconds"), "reasoning": text,
    "tool_calls": many(lambda value, place: _tool_call(value, place), "tables"), "finish_reason": word,
}  # fmt: skip


def _choice(value: object, place: Place) -> Choice:
    found = read(value, _CHOICE, place)
    _check_words(found, place)
    return _made_choice(found, place)


def _made_choice(found: Mapping[str, Any], place: Place) -> Choice:
    pieces = found.get("chunks")
    return Choice(
        found.get("content", "") if pieces is None else "".join(pieces),
        found.get("reasoning", ""),
        found.get("tool_calls", ()),
        found.get("finish_reason"),
        pieces or None,
        found.get("gaps", ()),
    )


def _tool_call(value: object, place: Place) -> ToolCall:
    readers: dict[str, Reader] = {"name": word, "arguments": _arguments, "id": text, "type": word}
    found = read(value, readers, place, needed=("name",))
    usual = "builtin_function" if found["name"].startswith("$") else "function"
    return ToolCall(found["name"], found.get("arguments", "{}"), found.get("id"), found.get("type", usual))


def _arguments(value: object, place: Place) -> str:
    """A table is written as JSON; text is taken as it is, broken or not."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        raise place.wrong(f"must be a table, or text that is taken as it is, not {kind(value)}")
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError):
        raise place.wrong("has a value that JSON has not; write it as text") from None


def _usage(value: object, place: Place) -> dict[str, int]:
    return read(value, {key: whole(0, 10**9) for key in _USAGE}, place)


def _headers(value: object, place: Place) -> tuple[tuple[str, str], ...]:
    found = []
    for name, content in table(value, place).items():
        inside = place.at(f"header {name}" if name.isprintable() else "a header")
        if not _TOKEN.fullmatch(name):
            raise inside.wrong("is no name of a header; use letters, digits and hyphens")
        if name.lower() in _FRAMING:
            raise inside.wrong(f"cannot be set here: {_FRAMING[name.lower()]}")
        written = str(content) if isinstance(content, int) and not isinstance(content, bool) else text(content, inside)
        if any((char < " " and char != "\t") or char == "\x7f" for char in written):
            raise inside.wrong("must be text on one line, without control characters")
        found.append((name, written))
    return tuple(found)


def _faults(value: object, place: Place, check: CheckFault) -> tuple[str, ...]:
    names: tuple[str, ...] = many(word, "faults")([value] if isinstance(value, str) else value, place)
    for name in names:
        try:
            check(name)
        except ValueError as error:
            raise place.wrong(f"{error}") from None
    return names


def _error(value: object, place: Place) -> str:
    name = word(value, place)
    if name not in FORMS:
        raise place.wrong(f"there is no error {shown(name)}; {nearest(name, FORMS)}")
    return name
