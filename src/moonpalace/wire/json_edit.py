"""Members of a JSON object set, and all others left as they are, byte for byte.

1. Only the object's own members are looked at: what a member holds is never read, so that numbers, escapes and
   formatting in it stay. Blanks between members go.
2. A member that is there already is set in its place, a new one at the end. Of a name given twice the last counts.
3. Lone surrogates (`"\\ud83d"`) are JSON by RFC 8259, and msgspec refuses them: `Hidden` takes them out of its way.

Source: RFC 8259 sections 4 and 8.2; the behaviour of msgspec 0.22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from .lenient import BAD_JSON

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def edit_members(body: bytes, members: Mapping[str, bytes]) -> bytes | None:
    """The object with these members, given as JSON; None if `body` is no JSON object."""
    try:
        return _edited(body, members)
    except BAD_JSON:
        pass
    hidden = hide_surrogates(body)
    if hidden is None:
        return None
    try:
        return hidden.shown(_edited(hidden.body, members))
    except BAD_JSON:
        return None


def _edited(body: bytes, members: Mapping[str, bytes]) -> bytes:
    """Raises: BAD_JSON."""
    found = _decode(body)
    for name, value in members.items():
        found[name] = msgspec.Raw(value)
    return _encode(found)


class Hidden:
    """JSON in which no escape stands for a surrogate. For being cut up only: its texts are not what they were."""

    __slots__ = ("_marks", "body")

    def __init__(self, body: bytes) -> None:
        self._marks = (_mark(body, b"b"), _mark(body, b"s"))
        backslash, surrogate = self._marks
        # A run of backslashes begins with an escape, so that replacing from the left takes just the escaped ones.
        body = body.replace(rb"\\", backslash)
        self.body = body.replace(rb"\ud", surrogate + b"d").replace(rb"\uD", surrogate + b"D")

    def shown(self, part: bytes) -> bytes:
        """A part of it as it was."""
        backslash, surrogate = self._marks
        return part.replace(surrogate, rb"\u").replace(backslash, rb"\\")


def hide_surrogates(body: bytes) -> Hidden | None:
    """The same JSON without surrogates; None if there are none. Cost: a few passes over the body."""
    return Hidden(body) if rb"\ud" in body or rb"\uD" in body else None


def _mark(body: bytes, letter: bytes) -> bytes:
    """What occurs nowhere in this body, and cannot come about at the edge of a mark."""
    return b"<%b%d>" % (letter, unused_number(body, b"<" + letter))


def unused_number(body: bytes, before: bytes) -> int:
    """The least number that does not stand in this body between `before` and `>`. Cost: one pass.

    Why not a search for each number in turn: a body that has them all would take the square of its length.
    """
    found = set(re.findall(re.escape(before) + rb"(\d+)>", body)) if before in body else ()
    number = 0
    while b"%d" % number in found:
        number += 1
    return number
