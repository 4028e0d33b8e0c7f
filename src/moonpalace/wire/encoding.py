"""Content codings undone within bounds: gzip, deflate, br, zstd, and chains of two.

1. What is decoded here is for looking at. The wire bytes are kept elsewhere, untouched.
2. A call gives at most as many bytes as it is asked for, and allocates little more: output is pulled, never pushed.
3. Decoding stops at `limit` bytes, and where more than 1 MiB came out at more than `ratio` to one (problem `bomb`);
   both hold for every stage of a chain.
4. What is broken gives all that could be decoded before (problem `invalid` or `truncated`).
5. A coding that nobody knows, or a chain of more than two, leaves the bytes as they are (problem `unknown coding "x"`):
   so do clients.

Source: RFC 9110 section 8.4, RFC 1950, 1951, 1952 (members), 7932, 8878 (frames).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate

from ..core.headers import Headers
from .codecs import CODECS
from .stages import Bounds, Stage, Wire

LIMIT = 64 * 1024 * 1024
RATIO = 200
CHAIN = 2
_FREE = 1024 * 1024  # below this no ratio is too much
_BLOCK = 64 * 1024  # output asked of a codec at once


@dataclass(frozen=True, slots=True)
class Decoded:
    """A body decoded. `ends[i]` is how many bytes of `data` were there when piece i had come."""

    data: bytes
    ends: tuple[int, ...]
    problem: str | None = None


class Decoder:
    """Undoes the codings of one body as it comes. Without a coding the bytes come out as they went in."""

    __slots__ = ("_bounds", "_expected", "_fed", "_plain", "_problem", "_stages", "_wire")

    def __init__(
        self, content_encoding: str | None, limit: int = LIMIT, ratio: int = RATIO, *, chain: int = CHAIN
    ) -> None:
        self._wire = Wire()
        self._bounds = Bounds(limit, ratio, _FREE)
        self._fed = 0
        self._expected = 0
        self._problem: str | None = None
        self._stages: list[Stage] = []
        names = codings(content_encoding)
        unknown = [name for name in names if name not in CODECS]
        if unknown:
            self._problem = f'unknown coding "{unknown[0][:40]}"'
        elif len(names) > chain:
            self._problem = f'unknown coding "{", ".join(names)[:40]}"'
        else:
            for name in reversed(names):
                self._stages.append(Stage(name, self._stages[-1] if self._stages else self._wire, self._bounds))
        self._plain = not self._stages

    @property
    def problem(self) -> str | None:
        """What went wrong, if anything did."""
        return self._problem

    @property
    def pending(self) -> bool:
        """Whether a call without new data would give more."""
        if self._plain:
            return bool(self._wire)
        return self._stages[-1].waiting

    @property
    def finished(self) -> bool:
        """Whether everything that came is decoded and the codings are at their ends."""
        return not self.pending and self._problem is None and all(stage.finished for stage in self._stages)

    def expect(self, length: int) -> None:
        """The whole body will have this many wire bytes: from now on the ratio is measured against them."""
        self._expected = length

    def feed(self, data: bytes, max_output: int) -> bytes:
        """Take in wire bytes; at most `max_output` decoded bytes of all that has come and not yet gone."""
        self._fed += len(data)
        if data and (self._plain or self._problem is None):
            self._wire.push(data)
        if self._plain:
            return self._take_plain(max_output)
        pieces = []
        room = max_output
        self._bounds.measure(max(self._fed, self._expected))
        while room > 0 and (out := self._stages[-1].pull(min(room, _BLOCK))):
            pieces.append(out)
            room -= len(out)
        for stage in self._stages:
            self._problem = self._problem or stage.problem  # the first stage's first: later ones suffer from it
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> str | None:
        """The body is at its end: the problem, which may now be that it ended too early."""
        if self._problem is None and not self.finished:
            self._problem = "truncated"
        return self._problem

    def _take_plain(self, room: int) -> bytes:
        pieces = []
        while room > 0 and (out := self._wire.pull(room)):
            pieces.append(out)
            room -= len(out)
        return b"".join(pieces)


def codings(content_encoding: str | None) -> list[str]:
    """The codings of a Content-Encoding value in the order in which they were applied, without `identity`."""
    if not content_encoding:
        return []
    names = [name.strip().lower() for name in content_encoding.split(",")]
    return [name for name in names if name and name != "identity"]


def decode_body(
    pieces: Sequence[bytes],
    content_encoding: str | None,
    *,
    limit: int = LIMIT,
    ratio: int = RATIO,
    chain: int = CHAIN,
) -> Decoded:
    """A whole body decoded, within the same bounds however it was cut into pieces."""
    if not codings(content_encoding):
        return Decoded(b"".join(pieces), tuple(accumulate(map(len, pieces))))
    decoder = Decoder(content_encoding, limit, ratio, chain=chain)
    decoder.expect(sum(map(len, pieces)))
    out = BytesIO()  # grows in place and gives its bytes without a copy
    ends: list[int] = []
    for piece in pieces:
        out.write(decoder.feed(piece, _BLOCK))
        while decoder.pending:
            out.write(decoder.feed(b"", _BLOCK))
        ends.append(out.tell())
    return Decoded(out.getvalue(), tuple(ends), decoder.close())


def decode_message(headers: Headers, body: bytes, decoded_from: int | None = None) -> tuple[bytes | None, str | None]:
    """A body without the Content-Encoding of its head, and what went wrong; no body where it has no coding.

    From `decoded_from` on it is decoded already: that the coded part just stops there is no problem.
    """
    encoding = ", ".join(value.decode("latin-1") for value in headers.get_all(b"content-encoding"))
    if not codings(encoding) or decoded_from == 0:
        return None, None
    if decoded_from is None:
        found = decode_body([body], encoding)
        return found.data, found.problem
    return decode_body([body[:decoded_from]], encoding).data + body[decoded_from:], None
