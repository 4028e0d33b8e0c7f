"""What the traffic process writes down, and the librarian reads: the records of the journal.

1. Everything in a record is already free of secrets; a body's redacted spans are listed in `marks`.
2. `seq` numbers the exchanges of one run; `at_ns` is the run's monotonic clock; `wall_ns` is UTC since the epoch.
3. A record says what happened, never what it means: nothing here is parsed beyond HTTP.
4. A record read back equals the record written (msgpack arrays, the tag first). Fields are only ever added at the end.

Shape of a run on disk, `journal/<run uid>/`:
    run.json            who writes it: see `journal.runs`
    run.lock            held by the traffic process while it lives
    take.lock           held by whoever takes the run in
    00000001.seg …      frames, one after another
Shape of a frame: `MPJ1`, length (u32, little-endian), CRC-32 of the payload (u32), payload: a msgpack array of records.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

ASKED, SENT, TOLD, DELIVERED = range(4)
HEAD = 1024 * 1024  # what is kept at the beginning of a body over the limit
SIDES = ("asked", "sent", "told", "delivered")

Mark = tuple[int, int, int]  # at: offset in this record's data, kept: bytes there, original: bytes that stood there


class RunStarted(msgspec.Struct, array_like=True, tag=0, gc=False):
    """The first record of every segment: the two clocks and what was started.

    `repetition`: threshold and least length by which answers that repeat themselves are told, None: they are not.
    """

    run: str
    at_ns: int
    wall_ns: int
    version: str
    base_url: str
    endpoint: str
    repetition: tuple[float, int] | None = None


class Arrived(msgspec.Struct, array_like=True, tag=1, gc=False):
    """A request's head was read. `start` is the request line, `headers` the packed header lines."""

    seq: int
    at_ns: int
    wall_ns: int
    uid: bytes
    peer: str
    start: bytes
    headers: bytes
    endpoint: str
    route: str = ""


class Chunk(msgspec.Struct, array_like=True, tag=2, gc=False):
    """A piece of a body went by. `size` counts bytes on the wire, `data` is what is kept of them (none over the limit).

    A piece may be kept one record later than its bytes went by, when it might be the beginning of a secret.
    `decoded`: `data` is content with its Content-Encoding undone, because a secret stood inside the encoding.
    `last`: the body ended with it; no `BodyEnd` follows.
    """

    seq: int
    side: int
    at_ns: int
    size: int
    data: bytes
    marks: tuple[Mark, ...] = ()
    decoded: bool = False
    last: bool = False


class BodyEnd(msgspec.Struct, array_like=True, tag=3, gc=False):
    """A body ended as its framing says. `sha256` (of the wire bytes) and `tail` are there when not all was kept."""

    seq: int
    side: int
    at_ns: int
    length: int
    sha256: bytes = b""
    tail: bytes = b""
    trailers: bytes = b""


class Sent(msgspec.Struct, array_like=True, tag=4, gc=False):
    """The request's head went to the upstream. `upstream`: `address`, `reused`; `proxy` and `tls` if there is one."""

    seq: int
    at_ns: int
    start: bytes
    headers: bytes
    upstream: dict[str, Any]


class Told(msgspec.Struct, array_like=True, tag=5, gc=False):
    """The answer's head came. `framing`: none, length, chunked or close."""

    seq: int
    at_ns: int
    start: bytes
    headers: bytes
    framing: str


class Interim(msgspec.Struct, array_like=True, tag=6, gc=False):
    """A 1xx answer came."""

    seq: int
    at_ns: int
    start: bytes
    headers: bytes


class Delivered(msgspec.Struct, array_like=True, tag=7, gc=False):
    """The head of what the client got; `body` only for an answer of our own. Otherwise the chunks of that side are its
    body, and where there are none the told one went through."""

    seq: int
    at_ns: int
    start: bytes
    headers: bytes
    body: bytes = b""


class Ended(msgspec.Struct, array_like=True, tag=8, gc=False):
    """The exchange reached its final state. `delivered` counts the body bytes handed to the client."""

    seq: int
    at_ns: int
    uid: bytes
    wall_ns: int
    start: bytes
    state: str
    delivered: int
    stage: str = ""
    kind: str = ""
    message: str = ""
    raw: bytes = b""
    flags: tuple[str, ...] = ()


class Tried(msgspec.Struct, array_like=True, tag=9, gc=False):
    """Connecting: each address tried as (address, at_ns, took_ns, error or "")."""

    seq: int
    at_ns: int
    attempts: tuple[tuple[str, int, int, str], ...]
    proxy: str = ""


class Lost(msgspec.Struct, array_like=True, tag=10, gc=False):
    """The journal could not be written for a while and its ring overflowed: what had to be dropped."""

    wall_ns: int
    records: int
    size: int
    seqs: tuple[int, ...]
    reason: str


class RunEnded(msgspec.Struct, array_like=True, tag=11, gc=False):
    """The traffic process stopped in order; `accepted` is the number of exchanges of the run."""

    at_ns: int
    wall_ns: int
    accepted: int


class Continued(msgspec.Struct, array_like=True, tag=12, gc=False):
    """The body of `side` begins with the first `length` bytes of `of`; its own chunks come after them."""

    seq: int
    side: int
    of: int
    length: int


class Kept(msgspec.Struct, array_like=True, tag=13, gc=False):
    """A transform keeps a value over restarts; an empty one is forgotten."""

    wall_ns: int
    table: str
    key: str
    value: bytes


Record = (
    RunStarted | Arrived | Chunk | BodyEnd | Sent | Told | Interim | Delivered | Ended | Tried | Lost | RunEnded
    | Continued | Kept
)  # fmt: skip

_encode_into = msgspec.msgpack.Encoder().encode_into


def encode(batch: Sequence[Record]) -> bytes:
    """The payload of a frame. Raises: MemoryError.

    Why: `encode` of msgspec 0.22 ends the process (SIGSEGV) when there is no memory for a longer buffer; `encode_into`
    raises. It is no slower.
    """
    buffer = bytearray(1024)
    _encode_into(batch, buffer)
    return bytes(buffer)


decode = msgspec.msgpack.Decoder(list[Record]).decode
