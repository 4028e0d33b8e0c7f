"""What a value of a damaged row must be so that it can be stored and read again."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from ...core.exchange import State
from ...core.headers import unpack
from ...wire.readable import readable
from .. import timeline
from . import rows
from .content import SIDES
from .salvage_cells import LOST

_STATES = frozenset(map(str, State))
_Extra = tuple[bytes, bytes, tuple[tuple[int, int, int], ...], int | None]
_decode = msgspec.msgpack.Decoder(dict[int, _Extra]).decode
# Flags of exchanges whose bodies may be shorter than they were on the wire.
_SHORT_ANYWAY = frozenset({"body_capped", "not_looked_into", "lost_records", "redacted", "imported"})


def extras_of(blob: bytes | None) -> dict[int, _Extra]:
    """By side. Raises: msgspec.MsgspecError."""
    return _decode(blob) if blob else {}


def mend(columns: dict[str, Any]) -> bool:
    """Make each value one that can be stored; whether all were."""
    good = True
    for name, value in columns.items():
        if value is LOST or not is_sound(name, value):
            columns[name] = {"stream": 0, "requested_at": 0, "state": str(State.INTERRUPTED)}.get(name)
            if name in ("method", "path", "query", "endpoint", "route", "peer", "reason"):
                columns[name] = ""
            good = False
    return good


def is_short(columns: dict[str, Any], said: dict[str, Any]) -> bool:
    """Whether a body that was kept as it came has not the length that it had: a chain that is not its own."""
    if _SHORT_ANYWAY.intersection(json.loads(columns["flags"] or "[]")):
        return False
    special = extras_of(said["extras"])
    for at, side in enumerate(SIDES):
        body, length = said[f"{side}_body"], said[f"{side}_length"]
        if body is not None and length is not None and len(body) != length and at not in special:
            return True
    return False


def can_be_read(columns: dict[str, Any], said: dict[str, Any] | None) -> bool:
    """Whether a reader can make an exchange of it."""
    try:
        rows.exchange(columns, said)
    except Exception:  # whatever stands there: it is not what was written
        return False
    return True


def text(said: dict[str, Any], side: str) -> bytes | None:
    """The body of a side as text, where it is encoded or a stream: as the rows of today have it."""
    body = said[f"{side}_body"]
    with suppress(Exception):  # as above
        return None if body is None else readable(unpack(said[f"{side}_headers"] or b""), body)
    return None


def within(said: dict[str, Any]) -> bytes | None:
    """The extras without the spans that lie in what is missing."""
    kept: dict[int, Any] = {}
    for side, (tail, trailers, spans, decoded_from) in extras_of(said["extras"]).items():
        body = said[f"{SIDES[side]}_body"] if side < len(SIDES) else None
        end = len(body or b"")
        spans = tuple(span for span in spans if span[0] + span[1] <= end)
        kept[side] = tail, trailers, spans, decoded_from if decoded_from is not None and decoded_from <= end else None
    return msgspec.msgpack.encode(kept) if kept else None


def _is_words(value: str) -> bool:
    found = json.loads(value)
    return isinstance(found, list) and all(isinstance(word, str) for word in found)


def _is_findings(value: str) -> bool:
    found = json.loads(value)
    return isinstance(found, list) and all(
        isinstance(entry, dict) and all(isinstance(text, str) for text in entry.values()) for entry in found
    )


# What a value must be, where a reader relies on it.
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "state": lambda value: value in _STATES,
    "flags": _is_words,
    "findings": _is_findings,
    "usage": lambda value: isinstance(json.loads(value), dict),
    "upstream": lambda value: isinstance(json.loads(value), dict),
    "attempts": lambda value: isinstance(json.loads(value), list),
    "interim": lambda value: isinstance(json.loads(value), list),
    "timeline": lambda value: timeline.unpack(value) is not None,
    "extras": lambda value: extras_of(value) is not None,
}


def is_sound(name: str, value: Any) -> bool:
    """Whether a value of that column is what a reader relies on."""
    if value is None or name not in _CHECKS:
        return True
    try:
        return bool(_CHECKS[name](value))
    except Exception:  # as above: any decoder may say anything about garbage
        return False
