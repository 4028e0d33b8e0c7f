"""One decoder for each content coding, all with the same two words: `decode` and `more`.

1. `decode` gives at most `room` bytes; while `more` is true it has further output and wants no input (`b""`).
2. A fault is `Broken`, whose text names the problem; what the call had decoded is lost with it.
3. A body may be several gzip members or zstd frames in a row, but no more than 65,536 of them: each costs its set-up.

Source: RFC 1950 to 1952, 7932, 8878; RFC 9659 asks for small zstd windows, but whole-body frames in use are larger.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["CODECS", "Broken", "Codec", "zstd"]

_MEMBERS = 65_536
_WINDOW_LOG = 26  # 64 MiB, as much as is ever decoded


class Broken(Exception):
    """The encoded data cannot be decoded any further."""


class Codec(Protocol):
    """What undoes one coding. Another member may follow the end of the coded data."""

    @property
    def more(self) -> bool:
        """Whether there is output to be had without input."""
        ...

    @property
    def done(self) -> bool:
        """Whether the coded data is at its end."""
        ...

    def decode(self, data: bytes, room: int) -> bytes:
        """Decoded bytes, at most `room`."""
        ...


class _Zlib:
    """gzip, zlib and raw deflate. `members`: another gzip member, or zeros, may follow the end of one."""

    __slots__ = ("_inflate", "_members", "_tail", "_wbits", "done", "more")

    def __init__(self, wbits: int, members: bool = False) -> None:
        self.more = False
        self.done = False
        self._wbits = wbits
        self._members = _MEMBERS if members else 1
        self._inflate = zlib.decompressobj(wbits)
        self._tail = b""

    def decode(self, data: bytes, room: int) -> bytes:
        data = self._tail + data if self._tail else data
        if self.done:
            data = data.lstrip(b"\0") if self._members > 1 else data
            if not data:
                self._tail, self.more = b"", False
                return b""
            self._next()
        try:
            out = self._inflate.decompress(data, room)
        except zlib.error as error:
            raise Broken("invalid") from error
        self.done = self._inflate.eof
        self._tail = self._inflate.unused_data if self.done else self._inflate.unconsumed_tail
        self.more = bool(self._tail) or (len(out) == room and not self.done)
        return out

    def _next(self) -> None:
        self._members -= 1
        if not self._members:
            raise Broken("invalid")
        self._inflate = zlib.decompressobj(self._wbits)


class _Deflate:
    """What is called deflate: zlib as the RFC says, or raw deflate as some servers send it."""

    __slots__ = ("_codec", "_head")

    def __init__(self) -> None:
        self._head = b""
        self._codec: _Zlib | None = None

    @property
    def more(self) -> bool:
        return self._codec is not None and self._codec.more

    @property
    def done(self) -> bool:
        return self._codec is not None and self._codec.done

    def decode(self, data: bytes, room: int) -> bytes:
        if self._codec is None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return b""
            wrapped = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
            self._codec = _Zlib(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        return self._codec.decode(data, room)


class _Zstd:
    """Zstandard, frame after frame."""

    __slots__ = ("_frame", "_frames", "_tail", "done", "more")

    def __init__(self) -> None:
        self.more = False
        self.done = False
        self._frames = _MEMBERS
        self._frame = _zstd_frame()
        self._tail = b""

    def decode(self, data: bytes, room: int) -> bytes:
        data = self._tail + data if self._tail else data
        self._tail = b""
        if self.done:
            self._frames -= 1
            if not self._frames:
                raise Broken("invalid")
            self._frame = _zstd_frame()
        try:
            out: bytes = self._frame.decompress(data, max_length=room)
        except zstd.ZstdError as error:
            raise Broken("invalid") from error
        self.done = self._frame.eof
        if self.done:
            self._tail = self._frame.unused_data
        self.more = bool(self._tail) if self.done else not self._frame.needs_input
        return out


def _zstd_frame() -> Any:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})


class _Brotli:
    """Brotli. The library rounds its output up to 32 KiB blocks: what is over `room` waits here."""

    __slots__ = ("_inner", "_over", "done", "more")

    def __init__(self) -> None:
        self.more = False
        self.done = False
        self._inner = brotli.Decompressor()
        self._over = b""

    def decode(self, data: bytes, room: int) -> bytes:
        out = self._over
        if not out:
            if self.done and data:
                raise Broken("invalid")
            try:
                out = self._inner.process(data, output_buffer_limit=1)
            except brotli.error as error:
                raise Broken("invalid") from error
        self._over = out[room:]
        self.done = self._inner.is_finished() and not self._over
        # The library says that it can take more input while output still waits inside: only an empty answer is a sign.
        self.more = bool(out) and not self.done
        return out[:room]


def _gzip() -> Codec:
    return _Zlib(16 + zlib.MAX_WBITS, members=True)


CODECS: dict[str, Callable[[], Codec]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
