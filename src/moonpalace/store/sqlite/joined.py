"""Heads and bodies put together again from their pieces: the inverse of `pieces`, and all that a reader needs of it."""

from __future__ import annotations

from typing import Any

import apsw

PLAIN, ZSTD = 0, 1  # codec of a segment

_WALK = """
WITH RECURSIVE walk (place, depth, parent, segment) AS (
    SELECT p.key, 0, coalesce(n.parent, 0), coalesce(n.segment, -p.value)
    FROM json_each(?) p LEFT JOIN nodes n ON n.id = p.value
    UNION ALL
    SELECT w.place, w.depth + 1, n.parent, n.segment FROM walk w JOIN nodes n ON n.id = w.parent
)
SELECT s.codec, s.data FROM walk w LEFT JOIN segments s ON s.id = w.segment ORDER BY w.place, w.depth DESC
"""
_PARTS = """
SELECT p.type, p.value, s.data FROM json_each(?) p LEFT JOIN segments s ON p.type = 'integer' AND s.id = -p.value
ORDER BY p.key
"""


def read_body(db: apsw.Connection, pieces: str | None) -> bytes | None:
    """A body from its pieces. Raises: apsw.CorruptError when one is missing."""
    if pieces is None:
        return None
    return b"".join(_plain(codec, data) for codec, data in db.execute(_WALK, (pieces,)))


def read_head(db: apsw.Connection, pieces: str | None) -> tuple[bytes | None, bytes | None]:
    """Start line and header lines; both None when there is no head. Raises: apsw.CorruptError."""
    if pieces is None:
        return None, None
    found: Any = db.execute(_PARTS, (pieces,))
    whole = b"".join(value.encode() if kind == "text" else _plain(PLAIN, data) for kind, value, data in found)
    start, _, headers = whole.partition(b"\r\n")
    return start, headers


def _plain(codec: Any, data: Any) -> bytes:
    if data is None:
        raise apsw.CorruptError("a segment is missing")
    if codec == ZSTD:
        from ...wire.codecs import zstd  # not before it is needed: looking at the record must start at once

        return zstd.decompress(data)
    return bytes(data)
