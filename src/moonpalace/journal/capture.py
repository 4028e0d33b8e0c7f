"""The record's copy of one body on its way by: redacted, bounded, hashed.

1. Up to `limit` bytes are kept as they come; past it only the last `TAIL` bytes, the true length and the SHA-256.
   A body whose head already says that it is over the limit keeps `HEAD` bytes at its beginning.
2. `feed` and `close` never raise and never wait.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from ..core.headers import HeaderLine
from ..wire.redact import EncodedBody, PlainBody, Redactor
from .records import BodyEnd, Chunk
from .writer import Journal

TAIL = 64 * 1024
_MARGIN = 4096  # as long as a secret that is looked for can be
_TAIL_READ = TAIL + _MARGIN


def whole(redactor: Redactor, seq: int, side: int, data: bytes, at_ns: int) -> tuple[Chunk] | tuple[Chunk, BodyEnd]:
    """The records of the usual small body: in one piece, without Content-Encoding, within the limit."""
    kept, marks = redactor.text(data)
    if marks:
        end = BodyEnd(seq, side, at_ns, len(data), hashlib.sha256(data).digest())
        return Chunk(seq, side, at_ns, len(data), kept, marks), end
    return (Chunk(seq, side, at_ns, len(data), kept, (), False, True),)


class Capture:
    """One side's body of one exchange."""

    __slots__ = (
        "_encoding",
        "_hash",
        "_journal",
        "_limit",
        "_reader",
        "_redactor",
        "_seq",
        "_side",
        "_tail",
        "length",
    )  # fmt: skip

    def __init__(
        self, journal: Journal, redactor: Redactor, seq: int, side: int, limit: int, encoding: bytes | None
    ) -> None:
        self._journal = journal
        self._redactor = redactor
        self._encoding = encoding
        self._reader: PlainBody | EncodedBody | None = None
        self._seq = seq
        self._side = side
        self._limit = limit
        self._hash: Any = None
        self.length = 0
        self._tail = b""

    def feed(self, data: bytes, at_ns: int) -> None:
        """A piece of the body went by at that time."""
        size = len(data)
        reader = self._reader
        if reader is None:
            self._reader = reader = self._redactor.body(self._encoding)
            self._hash = hashlib.sha256()
        self._hash.update(data)
        room = self._limit - self.length
        self.length += size
        if room >= size:
            kept, marks = reader.feed(data)
        else:
            if not self._tail:  # what may be the beginning of a secret belongs to the tail too
                self._tail = reader.held
            kept, marks = reader.feed(data[:room]) if room > 0 else (b"", ())
            self._tail = data[-_TAIL_READ:] if size >= _TAIL_READ else (self._tail + data)[-_TAIL_READ:]
        self._journal.add(Chunk(self._seq, self._side, at_ns, size, kept, marks, reader.decoded), size=len(kept))

    def branch(self, side: int, at_ns: int) -> tuple[Capture, int]:
        """The capture of another side whose body goes on otherwise from here, and how many bytes it repeats.

        Why it repeats any: a secret may lie across the place where the two part, and its beginning is not written yet.
        """
        found = Capture(self._journal, self._redactor, self._seq, side, self._limit, None)
        reader = self._reader
        if not isinstance(reader, PlainBody) or self.length > self._limit:
            return found, 0
        held = reader.held
        found._reader, found._hash = reader.branch(), hashlib.sha256()
        if held:
            found.feed(held, at_ns)
        return found, len(held)

    def close(self, at_ns: int, trailers: Iterable[HeaderLine] = ()) -> None:
        """The body ended as its framing says."""
        self.release(at_ns)
        digest = self._hash.digest() if self._hash else b""
        tail, trailer_block = b"", b""
        if self._tail and isinstance(self._reader, PlainBody):
            tail = self._redactor.text(self._tail)[0]
            if len(self._tail) == _TAIL_READ:  # it may begin within a secret
                tail = tail[_MARGIN:]
            tail = tail[-TAIL:]
        if trailers:
            trailer_block = self._redactor.block(list(trailers))
        self._journal.add(BodyEnd(self._seq, self._side, at_ns, self.length, digest, tail, trailer_block))

    def release(self, at_ns: int) -> None:
        """Keep what was held back: nothing more will come."""
        if self._reader is not None:
            kept, marks = self._reader.close()
            if kept:
                self._journal.add(
                    Chunk(self._seq, self._side, at_ns, 0, kept, marks, self._reader.decoded), size=len(kept)
                )

    @property
    def blind(self) -> bool:
        """Whether something could not be looked into and so was not kept."""
        return self._reader is not None and self._reader.blind
