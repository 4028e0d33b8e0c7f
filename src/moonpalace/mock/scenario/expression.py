"""Regular expressions of scenario files, such that none of them can hold the server up.

1. Python's `re` cannot be interrupted. So an expression whose repetitions contain repetitions or ambiguous alternatives
   is refused, as are back references; and the more open repetitions it has, the less text it sees.
2. It sees at most the first 10,000 characters of a text; 1,000 with two open repetitions, 200 with three. A leading and
   a trailing `.*` do not count: what is searched for may stand anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_LONGEST = 500
_SEEN = (10_000, 10_000, 1_000, 200)
_LARGE = 50
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_FLAGS = {"i": re.IGNORECASE, "s": re.DOTALL, "m": re.MULTILINE}


class BadExpression(ValueError):
    """An expression that is not taken; the text says why."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression, and how much of a text it sees."""

    pattern: re.Pattern[str]
    seen: int

    def fits(self, text: str) -> bool:
        """Whether it is found in the text."""
        return self.pattern.search(text, 0, self.seen) is not None


def expression(written: str) -> Expression:
    """What `/…/`, with the flags i, m or s behind it, stands for. Raises: BadExpression."""
    body, _, letters = written[1:].rpartition("/")
    if any(letter not in _FLAGS for letter in letters):
        raise BadExpression(f"has the unknown flags {letters!r} behind the last slash; there are i, m and s")
    if len(body) > _LONGEST:
        raise BadExpression(f"has more than {_LONGEST} characters")
    body = re.sub(r"\A\.\*(?![?+*{])", "", body)
    body = re.sub(r"(?<!\\)\.\*\Z", "", body)
    flags = 0
    for letter in letters:
        flags |= _FLAGS[letter]
    try:
        pattern = re.compile(body, flags)
        loops = _loops(_parser.parse(body, flags), inside=False)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadExpression(f"is no regular expression: {error}") from None
    if loops >= len(_SEEN):
        raise BadExpression(f"has more than {len(_SEEN) - 1} open repetitions, which may take for ever")
    return Expression(pattern, _SEEN[loops])


def _loops(tree: Any, *, inside: bool) -> int:
    """How many open repetitions there are. `inside`: within a repetition."""
    found = 0
    for kind, value in tree:
        name = str(kind)
        if name in _REPEATS:
            found += _repeat(int(value[0]), int(value[1]), value[2], inside)
        elif name == "BRANCH":
            if inside and not _distinct(value[1]):
                raise BadExpression("repeats alternatives that may begin alike, which may take for ever")
            found += max([_loops(branch, inside=inside) for branch in value[1]])
        elif name in ("SUBPATTERN", "ATOMIC_GROUP", "ASSERT", "ASSERT_NOT"):
            found += _loops(value if name == "ATOMIC_GROUP" else value[-1], inside=inside)
        elif name.startswith("GROUPREF"):
            raise BadExpression("refers back to a group, which is not taken")
    return found


def _repeat(low: int, high: int, inner: Any, inside: bool) -> int:
    if inside and low != high:
        raise BadExpression("repeats a repetition, which may take for ever")
    below = _loops(inner, inside=inside or high > 1)
    return below + (1 if high - low >= _LARGE else 0)


def _distinct(branches: Any) -> bool:
    firsts = [branch[0] if len(branch) else None for branch in branches]
    letters = [first[1] for first in firsts if first is not None and str(first[0]) == "LITERAL"]
    return len(set(letters)) == len(branches)
