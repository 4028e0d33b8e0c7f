"""UUIDv7: the identity of an exchange everywhere, across machines and stores.

1. Made at accept, from the wall clock's milliseconds; ids of one process rise strictly.

Source: RFC 9562 section 5.7, method 1 (a counter in rand_a) of section 6.2.
"""

from __future__ import annotations

from collections.abc import Callable

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


class UidMaker:
    """Makes ids as 16 bytes. `now_ns` gives the wall clock in nanoseconds."""

    __slots__ = ("_bits", "_counter", "_last_ms", "_now_ns")

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._last_ms = 0
        self._counter = 0
        import random  # not before it is needed: looking at the record must start at once

        # One seed from the system, then the fast generator: ids must be unique, not secret.
        self._bits = random.Random(random.SystemRandom().getrandbits(256)).getrandbits

    def __call__(self) -> bytes:
        ms = self._now_ns() // 1_000_000
        if ms > self._last_ms:
            self._last_ms = ms
            self._counter = self._bits(8)
        else:
            self._counter += 1
            if self._counter > 0xFFF:
                self._last_ms += 1
                self._counter = 0
        value = (self._last_ms & 0xFFFF_FFFF_FFFF) << 80 | _VERSION | self._counter << 64 | _VARIANT | self._bits(62)
        return value.to_bytes(16, "big")


def uid_text(uid: bytes) -> str:
    """The usual form, `0192f3c4-…`, of 16 bytes."""
    h = uid.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def uid_bytes(text: str) -> bytes | None:
    """The 16 bytes of an id in its usual form or as plain hex; None when it is neither."""
    plain = text.replace("-", "")
    if len(plain) != 32:
        return None
    try:
        return bytes.fromhex(plain)
    except ValueError:
        return None
