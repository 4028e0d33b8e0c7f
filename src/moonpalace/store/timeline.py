"""The instants of an exchange as one small blob.

1. A flat msgpack array of integers, three for each event: code, nanoseconds after the arrival, size (-1: has none).
   A long one is stored as the three columns, times as differences, and compressed: a stream has thousands of events.
2. A code is an index into `NAMES`; names are only ever added at the end. An unknown code reads as `event <code>`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

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

_LONG = 3 * 40
_ZSTD = b"\x28\xb5\x2f\xfd"  # no msgpack array begins so
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[int]).decode
_unpack_columns = msgspec.msgpack.Decoder(tuple[list[int], list[int], list[int]]).decode


def pack(flat: Sequence[int]) -> bytes:
    """The blob of a flat timeline."""
    if len(flat) <= _LONG:
        return _pack(flat if type(flat) is list else list(flat))
    from ..wire.codecs import zstd

    times = flat[1::3]
    steps = [times[0], *(b - a for a, b in pairwise(times))]
    return zstd.compress(_pack((list(flat[0::3]), steps, list(flat[2::3]))), level=3)


def unpack(blob: bytes | None) -> tuple[Event, ...]:
    """The events of a packed timeline, in the order in which they were written down."""
    if not blob:
        return ()
    if blob.startswith(_ZSTD):
        from ..wire.codecs import zstd

        codes, steps, sizes = _unpack_columns(zstd.decompress(blob))
        events = zip(codes, accumulate(steps), sizes, strict=True)
    else:
        flat = _unpack(blob)
        events = zip(flat[0::3], flat[1::3], flat[2::3], strict=False)
    return tuple(Event(_name(code), at, None if size < 0 else size) for code, at, size in events)


def first_at(flat: Sequence[int], code: int) -> int | None:
    """When the first event of that code happened."""
    return next((flat[i + 1] for i in range(0, len(flat) - 2, 3) if flat[i] == code), None)


def _name(code: int) -> str:
    return NAMES[code] if 0 <= code < len(NAMES) else f"event {code}"
