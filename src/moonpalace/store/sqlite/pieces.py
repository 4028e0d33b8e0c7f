"""Heads and bodies as lists of pieces, so that what repeats itself is stored once.

1. A piece in a row is a number or a text: `-n` stands for fragment n, `n` for the chain of fragments that ends at
   node n, a text for itself. Joined, they are the head or body byte for byte.
2. A chain is the items of an array (see `wire.history`). A node is its parent and a fragment, so conversations that
   begin alike share their beginning, and an exchange adds what is new in it and nothing else.
3. A head is its lines; the values that change each time stand in the row, the rest is a fragment or two.
   A line with a key is a fragment of its own, so that the view can leave it out.
4. A body that can be read elsewhere is compressed, against that text: of a stream hardly more than its framing is left.
5. Longer data is several fragments in a row: see `slices`.
6. What was found or stored before is remembered, within bounds. What the memory says is true only while no row has
   been deleted: `forget` after a transaction that failed, and when the file was swept.
7. New rows wait until `flush`, which must come before the transaction ends: many at once cost half as much. Their
   numbers are given out here; what has a number above `_old_…` is not in the file, so it is not looked for there.

Why numbers in JSON: SQLite's own `json_each` reads them, so the plain `sqlite3` program can put a body together.
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import apsw

from ...wire.codecs import zstd
from ...wire.history import cut
from .joined import LARGEST, PLAIN, ZSTD, ZSTD_BESIDE, prefix
from .slices import TOLD_AGAIN, slices

_NO_PARENT = 0
_SMALL = 4096  # bodies up to here are remembered whole
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

_FRAGMENT = "SELECT id FROM fragments WHERE hash = ? AND codec = ? AND data = ?"
_NEW_FRAGMENT = "INSERT INTO fragments (id, hash, codec, data) VALUES (?, ?, ?, ?)"
_NODE = "SELECT id FROM nodes WHERE parent = ? AND fragment = ?"
_NEW_NODE = "INSERT INTO nodes (id, parent, fragment) VALUES (?, ?, ?)"
_MOST_WAITING = 4096  # rows held back at most

_K = TypeVar("_K")
_V = TypeVar("_V")


class _Memory(Generic[_K, _V]):
    """Remembers at least the last `room` entries used, and never more than twice as many."""

    __slots__ = ("_old", "_room", "_young")

    def __init__(self, room: int) -> None:
        self._room = room
        self._young: dict[_K, _V] = {}
        self._old: dict[_K, _V] = {}

    def get(self, key: _K) -> _V | None:
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: _K, value: _V) -> None:
        if len(self._young) >= self._room:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def clear(self) -> None:
        self._young, self._old = {}, {}


class Pieces:
    """Stores heads and bodies through one connection, within the caller's transaction.

    With `waits` new rows wait for `flush`; else they are written at once.
    """

    def __init__(self, db: apsw.Connection, *, waits: bool = False) -> None:
        self._db = db
        self._most = _MOST_WAITING if waits else 1
        self._new_fragments: dict[tuple[bytes, int], tuple[int, int, int, bytes]] = {}
        self._new_nodes: dict[tuple[int, int], int] = {}
        self._old_fragments = self._old_nodes = -1  # the highest numbers in the file; -1: not looked up
        self._heads: _Memory[tuple[bytes, bytes | None], str] = _Memory(256)
        self._bodies: _Memory[bytes, str] = _Memory(256)
        self._short: _Memory[bytes, str] = _Memory(1024)
        self._fragments: _Memory[tuple[bytes, int], int] = _Memory(16_384)
        self._nodes: _Memory[tuple[int, bytes], int] = _Memory(16_384)

    def forget(self) -> None:
        """Trust nothing that was found before; what waits is void."""
        self._new_fragments.clear()
        self._new_nodes.clear()
        self._old_fragments = self._old_nodes = -1
        for memory in (self._heads, self._bodies, self._short, self._fragments, self._nodes):
            memory.clear()

    def flush(self) -> None:
        """Write what waits."""
        if self._new_fragments:
            self._db.executemany(_NEW_FRAGMENT, self._new_fragments.values())
            self._new_fragments.clear()
        if self._new_nodes:
            rows = [(node, parent, fragment) for (parent, fragment), node in self._new_nodes.items()]
            self._db.executemany(_NEW_NODE, rows)
            self._new_nodes.clear()
        self._old_fragments = self._old_nodes = -1

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
        """The pieces for what stands outside of arrays. A little text stands in the row: that is shorter."""
        if len(data) <= _LITTLE and data.isascii() and (text := data.decode("ascii")).isprintable():
            return [json.dumps(text)] if text else []
        return [f"-{self._fragment(each)}" for each in slices(data)]

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
        parent = _NO_PARENT
        for item in items:
            key = parent, blake2b(item, digest_size=16).digest()
            node = self._nodes.get(key)
            if node is None:
                node = parent
                for piece in slices(item):
                    node = self._node(node, self._fragment(piece))
                self._nodes.put(key, node)
            parent = node
        return parent

    def _piece(self, data: bytes) -> str:
        """The piece for bytes that are likely to come again, and seldom many."""
        if len(data) > _SHORT:
            return f"-{self._fragment(data)}"
        found = self._short.get(data)
        if found is None:
            found = f"-{self._fragment(data)}"
            self._short.put(data, found)
        return found

    def _fragment(self, data: bytes, codec: int = PLAIN) -> int:
        digest = blake2b(data, digest_size=16).digest()
        key = digest, codec
        found = self._fragments.get(key)
        if found is None:
            found = self._look_up_fragment(key, data)
            self._fragments.put(key, found)
        return found

    def _look_up_fragment(self, key: tuple[bytes, int], data: bytes) -> int:
        if key in self._new_fragments:
            return self._new_fragments[key][0]
        digest, codec = key
        short = int.from_bytes(digest[:8], "little", signed=True)
        row: Any = self._db.execute(_FRAGMENT, (short, codec, data)).fetchone()
        if row is not None:
            return int(row[0])
        self._number()
        found = self._old_fragments + len(self._new_fragments) + 1
        self._new_fragments[key] = (found, short, codec, data)
        self._mind_the_waiting()
        return found

    def _node(self, parent: int, fragment: int) -> int:
        key = parent, fragment
        found = self._new_nodes.get(key)
        if found is not None:
            return found
        self._number()
        if parent <= self._old_nodes and fragment <= self._old_fragments:  # else no node in the file can have them
            row: Any = self._db.execute(_NODE, key).fetchone()
            if row is not None:
                return int(row[0])
        found = self._old_nodes + len(self._new_nodes) + 1
        self._new_nodes[key] = found
        self._mind_the_waiting()
        return found

    def _number(self) -> None:
        """Look up where the numbers of new rows begin."""
        if self._old_nodes < 0:
            row: Any = self._db.execute(
                "SELECT (SELECT max(id) FROM fragments), (SELECT max(id) FROM nodes)"
            ).fetchone()
            self._old_fragments, self._old_nodes = row[0] or 0, row[1] or 0

    def _mind_the_waiting(self) -> None:
        if len(self._new_fragments) + len(self._new_nodes) >= self._most:
            self.flush()
