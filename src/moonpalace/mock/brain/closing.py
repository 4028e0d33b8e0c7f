"""The rest of a JSON text whose beginning is given: what partial mode asks for with a prefix such as `{"name": "`.

1. What follows makes the whole a JSON value, shown as compact as the prefix allows. A fence that the prefix opened is
   closed.
2. A prefix that no JSON text begins with has no rest: None.
"""

from __future__ import annotations

import json
import re

_FENCE = re.compile(r"\A\s*```(?:json)?[ \t]*\n", re.IGNORECASE)
_LITERALS = ("true", "false", "null")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?\Z")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BARE = re.compile(r"[-+\w.]+")
_LONGEST = 100_000


def rest(prefix: str, key: str, value: str) -> str | None:
    """What completes the prefix. `key`, `value`: texts for a member that has to be made."""
    fence = _FENCE.match(prefix)
    body = prefix[fence.end() :] if fence else prefix
    if not body.lstrip().startswith(("{", "[")) or len(body) > _LONGEST:
        return None
    for tail in _tails(body, _quoted(key), _quoted(value)):
        try:
            json.loads(body + tail, strict=False)
        except (ValueError, RecursionError):
            continue
        return tail + ("\n```" if fence else "")
    return None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _tails(body: str, key: str, value: str) -> list[str]:
    """What may complete it, the likeliest first."""
    found = _scan(body)
    if found is None:
        return []
    brackets, begun = found
    ends = "".join(["}" if bracket == "{" else "]" for bracket in reversed(brackets)])
    member = f"{key}:{value}"
    if begun.startswith('"'):
        inside = value[1:]
        escapes = ["n", *["0" * count for count in range(1, 5)]]  # an escape that the prefix cuts
        closed = [inside + ends, f'":{value}{ends}']
        return closed + [escape + tail for escape in escapes for tail in closed]
    if begun:
        more = next((word[len(begun) :] for word in _LITERALS if word.startswith(begun)), "0")
        return [more + ends, ends]
    return [
        ends if body.rstrip()[-1:] not in ("{", "[") else "",
        f"{member}{ends}",
        f"{value}{ends}",
        f":{value}{ends}",
        ends,
    ]


def _scan(body: str) -> tuple[list[str], str] | None:
    """The open brackets, and the string, word or number that is begun at the end (empty if none is)."""
    brackets: list[str] = []
    at = 0
    while at < len(body):
        char = body[at]
        if char == '"':
            match = _STRING.match(body, at)
            if match is None:
                return brackets, body[at:]
            at = match.end()
            continue
        if char in "{[":
            brackets.append(char)
        elif char in "}]":
            if not brackets or brackets.pop() != ("{" if char == "}" else "["):
                return None
            if not brackets and body[at + 1 :].strip():
                return None
        elif (match := _BARE.match(body, at)) is not None:
            if match.end() == len(body) and not (match[0] in _LITERALS or _NUMBER.match(match[0])):
                return brackets, match[0]
            at = match.end()
            continue
        at += 1
    return brackets, ""
