"""The instants of an exchange as one small blob.

1. A flat msgpack array of integers, three for each event: code, nanoseconds after the arrival, size (-1: has none).
2. A code is an index into `NAMES`; names are only ever added at the end. An unknown code reads as `event <code>`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..core.exchange import Event

NAMES = (
    "arrived",
    "asked_chunk", "sent_chunk", "told_chunk", "delivered_chunk",
    "asked_end", "sent_end", "told_end", "delivered_end",
    "connect", "sent_head", "interim_head", "told_head", "delivered_head",
    "ended",
)  # fmt: skip
ARRIVED = 0
CHUNK = 1  # plus the side
BODY_END = 5  # plus the side
CONNECT, SENT_HEAD, INTERIM_HEAD, TOLD_HEAD, DELIVERED_HEAD, ENDED = range(9, 15)
NO_SIZE = -1

pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[int]).decode


def unpack(blob: bytes | None) -> tuple[Event, ...]:
    """The events of a packed timeline, in the order in which they were written down."""
    if not blob:
        return ()
    flat = _unpack(blob)
    return tuple(
        Event(_name(flat[i]), flat[i + 1], None if flat[i + 2] < 0 else flat[i + 2]) for i in range(0, len(flat) - 2, 3)
    )


def first_at(flat: Sequence[int], code: int) -> int | None:
    """When the first event of that code happened."""
    return next((flat[i + 1] for i in range(0, len(flat) - 2, 3) if flat[i] == code), None)


def _name(code: int) -> str:
    return NAMES[code] if 0 <= code < len(NAMES) else f"event {code}"
