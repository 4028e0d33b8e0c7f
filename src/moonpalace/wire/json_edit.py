"""Members of a JSON object set, and all others left as they are, byte for byte.

1. Only the object's own members are looked at: what a member holds is never read, so that numbers, escapes and
   formatting in it stay.
2. A member that is there already is set in its place, a new one at the end. Of a name given twice the last counts.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from .lenient import BAD_JSON

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def edit_members(body: bytes, members: Mapping[str, bytes]) -> bytes | None:
    """The object with these members, given as JSON; None if `body` is no JSON object."""
    try:
        found = _decode(body)
        for name, value in members.items():
            found[name] = msgspec.Raw(value)
        return _encode(found)
    except BAD_JSON:
        return None
