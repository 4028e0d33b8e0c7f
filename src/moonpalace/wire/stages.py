"""The stages of undoing a chain of codings: each pulls its input from the one before it, the first from the wire.

1. Nothing is pushed on: a stage decodes only when it is asked, and no more than it is asked for.
2. No stage gives more than the bounds allow, so that a chain cannot swell between its stages either.
3. A stage that meets a fault gives the good bytes before it, keeps the problem, and then gives nothing any more.
"""

from __future__ import annotations

from collections import deque

from .codecs import CODECS, Broken, Codec

_STEP = 16 * 1024  # input handed to a codec at once
_REPLAY = 64 * 1024  # input kept, so that the last good bytes before a fault can be got out again


class Bounds:
    """How many bytes each stage may give."""

    __slots__ = ("_free", "_limit", "_ratio", "most")

    def __init__(self, limit: int, ratio: int, free: int) -> None:
        self._limit = limit
        self._ratio = ratio
        self._free = free
        self.measure(0)

    def measure(self, wire: int) -> None:
        """Set the bounds for so many bytes on the wire."""
        self.most = min(self._limit, max(self._free, self._ratio * wire))


class Wire:
    """The encoded bytes that have come and are not yet taken."""

    __slots__ = ("_at", "_pieces")

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._at = 0

    def push(self, data: bytes) -> None:
        """Add what came."""
        self._pieces.append(data)

    def pull(self, room: int) -> bytes:
        """Up to `room` bytes of what came first; none if there are none."""
        if not self._pieces:
            return b""
        piece = self._pieces[0]
        data = piece[self._at : self._at + room]
        self._at += len(data)
        if self._at >= len(piece):
            self._pieces.popleft()
            self._at = 0
        return data

    def __bool__(self) -> bool:
        return bool(self._pieces)


class Stage:
    """One coding being undone; it pulls its input from the stage before it, or from the wire."""

    __slots__ = ("_begun", "_bounds", "_codec", "_kept", "_name", "_source", "problem", "produced")

    def __init__(self, name: str, source: Stage | Wire, bounds: Bounds) -> None:
        self.problem: str | None = None
        self._name = name
        self._codec: Codec = CODECS[name]()
        self._source = source
        self._bounds = bounds
        self.produced = 0
        self._kept: bytearray | None = bytearray()  # the input so far, None once it is too long
        self._begun = False

    @property
    def waiting(self) -> bool:
        """Whether there is output to be had without new input."""
        return self.problem is None and (self._codec.more or bool(self._source))

    def __bool__(self) -> bool:
        return self.waiting

    @property
    def finished(self) -> bool:
        """Whether the coding is at its end, or has not begun."""
        return self._codec.done or not self._begun

    def pull(self, room: int) -> bytes:
        """Up to `room` decoded bytes; none: more input is needed, or there was a problem."""
        while self.problem is None:
            data = b"" if self._codec.more else self._source.pull(_STEP)
            if not data and not self._codec.more:
                break
            self._begun = True
            out = self._within(self._decode(data, room))
            self.produced += len(out)
            if out:
                return out
        return b""

    def _within(self, out: bytes) -> bytes:
        """As much of it as the bounds allow."""
        allowed = self._bounds.most - self.produced
        if len(out) <= allowed:
            return out
        self.problem = "bomb"
        return out[:allowed]

    def _decode(self, data: bytes, room: int) -> bytes:
        if data and self._kept is not None:
            self._kept += data
            if len(self._kept) > _REPLAY:
                self._kept = None
        try:
            return self._codec.decode(data, room)
        except Broken as broken:
            self.problem = str(broken)
            return self._rescue(room)

    def _rescue(self, room: int) -> bytes:
        """What a fresh codec gives of the same input, byte by byte, before it fails at the same place."""
        if self._kept is None:
            return b""
        codec = CODECS[self._name]()
        skip, found = self.produced, bytearray()
        try:
            for byte in bytes(self._kept):
                data = bytes((byte,))
                while data or codec.more:
                    out = codec.decode(data, _STEP)
                    found += out[skip:]
                    skip = max(0, skip - len(out))
                    data = b""
        except Broken:
            pass
        return bytes(found[:room])
