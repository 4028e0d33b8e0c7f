"""Heads and bodies as lists of pieces, so that what repeats itself is stored once.

1. A piece in a row is a number or a text: `-n` stands for fragment n, `n` for the chain of fragments that ends at
   node n, a text for itself. Joined, they are the head or body byte for byte.
2. A chain is the items of an array (see `wire.history`). A node is its parent and a fragment, so conversations that
   begin alike share their beginning, and an exchange adds what is new in it and nothing else.
3. A head is its lines; the values that change each time stand in the row, the rest is a fragment or two.
   A line with a key is a fragment of its own, so that the view can leave it out.
4. A body that can be read elsewhere is compressed, against that text: of a stream hardly more than its framing is left.
5. Longer data is several fragments in a row: see `slices`.
6. What was cut before is remembered, within bounds, and with the rules of `ledger`: `forget` and `flush`.

Why numbers in JSON: SQLite's own `json_each` reads them, so the plain `sqlite3` program can put a body together.
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b

import apsw

from ...wire.codecs import zstd
from ...wire.history import cut
from .joined import LARGEST, ZSTD, ZSTD_BESIDE, prefix
from .ledger import NO_PARENT, Ledger, Memory
from .slices import TOLD_AGAIN, slices

_SMALL = 4096  # bodies up to here are remembered whole
_LONGEST_HEAD = 8192
_SHORT = 1024  # and what else is likely to come again
_WORTH = 256  # bytes from which compressing is tried
_TEXT = range(8, 1024 * 1024)  # lengths of a text that is worth comparing with
_LEVEL = 3

_CHANGING = (
    "content-length|date|(?:x-|msh-)?request-id|x-client-request-id|server-timing|x-moonpalace-id|age|etag|cf-ray|"
    "traceparent|x-trace-id|idempotency-key|openai-processing-ms|x-ratelimit-[a-z-]+|retry-after"
)
# A value with a quote, a backslash or anything but plain ASCII is left in its fragment.
_CUTS = re.compile(rb"\n(?i:(authorization:[^\r\n]*\r)(?=\n)|(?:" + _CHANGING.encode() + rb"):([ !#-\[\]-~]*)(?=\r\n))")

_OWN_ID = re.compile(rb"(?i:\nx-moonpalace-id:)([ !#-\[\]-~]*)\r\n\Z")
_LAST_LINE = 80  # bytes at the end of a head in which that line stands
_END = b"\r\n"
_LITTLE = 64
_ONCE = ""  # in place of a piece: it came, and has none yet


class Pieces:
    """Stores heads and bodies through one connection, within the caller's transaction.

    With `waits` new rows wait for `flush`; else they are written at once.
    """

    def __init__(self, db: apsw.Connection, *, waits: bool = False) -> None:
        self._ledger = Ledger(db, waits=waits)
        self._fragment = self._ledger.fragment
        self.flush = self._ledger.flush
        self._heads: Memory[tuple[bytes, bytes | None], str] = Memory(256)
        self._bodies: Memory[bytes, str] = Memory(256)
        self._short: Memory[bytes, str] = Memory(1024)
        self._nodes: Memory[tuple[int, bytes], int] = Memory(16_384)

    def forget(self) -> None:
        """Trust nothing that was found before; what waits is void."""
        self._ledger.forget()
        for memory in (self._heads, self._bodies, self._short, self._nodes):
            memory.clear()

    def head(self, start: bytes | None, headers: bytes | None) -> str | None:
        """The pieces of a start line and header lines; None when there is no start line."""
        if start is None:
            return None
        headers = headers or b""
        # The last line of what is delivered is another one each time; what is before it hardly ever is.
        own = _OWN_ID.search(headers, max(0, len(headers) - _LAST_LINE))
        if own is None:
            return self._known_head(start, headers)
        before = self._known_head(start, headers[: own.start(1)])
        return f'{before[:-1]},"{own[1].decode("ascii")}",{self._piece(_END)}]'

    def _known_head(self, start: bytes, headers: bytes) -> str:
        key = start, headers
        found = self._heads.get(key)
        if found is None:
            found = self._cut_head(b"%b\r\n%b" % key)
            if len(headers) <= _LONGEST_HEAD:
                self._heads.put(key, found)
        return found

    def _cut_head(self, head: bytes) -> str:
        pieces, at = [], 0
        for match in _CUTS.finditer(head):
            key_line = match[1] is not None
            begin, end = (match.start() + 1, match.end() + 1) if key_line else match.span(2)
            if at < begin:
                pieces.append(self._piece(head[at:begin]))
            pieces.append(self._piece(head[begin:end]) if key_line else f'"{match[2].decode("ascii")}"')
            at = end
        if at < len(head):
            pieces.append(self._piece(head[at:]))
        return f"[{','.join(pieces)}]"

    def request(self, data: bytes | None, beside: bytes | None = None) -> str | None:
        """The pieces of a request's body; None for none. `beside`: what is read instead, so it may stand smaller."""
        if data is None:
            return None
        if beside is not None:
            return self._compressed(data, beside)
        if len(data) > _SMALL:
            return self._cut_body(data)
        found = self._bodies.get(data)
        if found is None:
            found = self._cut_body(data)
            self._bodies.put(data, found)
        return found

    def answer(self, data: bytes | None, beside: bytes | None = None) -> str | None:
        """The same of an answer's body, which has no history in it."""
        if data is None:
            return None
        return self._sliced(data) if beside is None else self._compressed(data, beside)

    def text(self, text: str | None) -> str | None:
        """The pieces of a text that is likely to come again; None for none."""
        return None if text is None else f"[{self._piece(text.encode())}]"

    def _sliced(self, data: bytes) -> str:
        if 0 < len(data) <= TOLD_AGAIN:
            return f"[-{self._fragment(data)}]"
        return f"[{','.join([f'-{self._fragment(each)}' for each in slices(data)])}]"

    def _cut_body(self, data: bytes) -> str:
        if len(data) <= TOLD_AGAIN:  # its pieces would take more than to have it again in the next request
            return self._sliced(data)
        pieces: list[str] = []
        for part in cut(data):
            if type(part) is list:
                pieces.append(str(self._chain(part)))
            else:
                pieces += self._rest(part)  # type: ignore[arg-type]
        return f"[{','.join(pieces)}]"

    def _rest(self, data: bytes) -> list[str]:
        """The pieces for what stands outside of arrays. A little text stands in the row until it comes again."""
        if not data:
            return []
        if len(data) > _LITTLE or not data.isascii():
            return [f"-{self._fragment(each)}" for each in slices(data)]
        if self._short.get(data) is None and (text := data.decode("ascii")).isprintable():
            self._short.put(data, _ONCE)
            return [json.dumps(text)]
        return [self._piece(data)]

    def _compressed(self, data: bytes, beside: bytes) -> str:
        if not _WORTH <= len(data) <= LARGEST:
            return self._sliced(data)
        if len(beside) in _TEXT:
            codec, packed = ZSTD_BESIDE, zstd.compress(data, level=_LEVEL, zstd_dict=prefix(beside))
        else:
            codec, packed = ZSTD, zstd.compress(data, level=_LEVEL)
        return f"[-{self._fragment(packed, codec)}]" if len(packed) < len(data) * 7 // 8 else self._sliced(data)

    def _chain(self, items: list[bytes]) -> int:
        """The node at which the chain of these items ends."""
        parent = NO_PARENT
        for item in items:
            key = parent, blake2b(item, digest_size=16).digest()
            node = self._nodes.get(key)
            if node is None:
                node = parent
                for piece in slices(item):
                    node = self._ledger.node(node, self._fragment(piece))
                self._nodes.put(key, node)
            parent = node
        return parent

    def _piece(self, data: bytes) -> str:
        """The piece for bytes that are likely to come again, and seldom many."""
        if len(data) > _SHORT:
            return f"-{self._fragment(data)}"
        found = self._short.get(data)
        if not found:
            found = f"-{self._fragment(data)}"
            self._short.put(data, found)
        return found
