"""Heads and bodies put together again from their pieces: the inverse of `pieces`, and all that a reader needs of it."""

from __future__ import annotations

from typing import Any

import apsw

# Codec of a fragment: the data as it is; zstd; zstd of a body of which most stands in the text to read (see `pieces`).
PLAIN, ZSTD, ZSTD_BESIDE = range(3)

LARGEST = 256 * 1024 * 1024  # bytes of a fragment that is compressed: what is longer never is

_WALK = """
WITH RECURSIVE walk (place, depth, parent, fragment, text) AS (
    SELECT p.key, 0, coalesce(n.parent, 0), CASE p.type WHEN 'integer' THEN coalesce(n.fragment, -p.value) END,
        CASE p.type WHEN 'text' THEN p.value END
    FROM json_each(?) p LEFT JOIN nodes n ON p.type = 'integer' AND n.id = p.value
    UNION ALL
    SELECT w.place, w.depth + 1, n.parent, n.fragment, NULL FROM walk w
    LEFT JOIN nodes n ON n.id = w.parent AND n.parent < n.id -- a damaged file may go round in circles
    WHERE w.parent <> 0
)
SELECT coalesce(s.codec, 0), coalesce(w.text, s.data) FROM walk w LEFT JOIN fragments s ON s.id = w.fragment
ORDER BY w.place, w.depth DESC
"""
_PARTS = """
SELECT p.type, p.value, s.data FROM json_each(?) p LEFT JOIN fragments s ON p.type = 'integer' AND s.id = -p.value
ORDER BY p.key
"""


def read_body(db: apsw.Connection, pieces: str | None, beside: bytes | None = None) -> bytes | None:
    """A body from its pieces. `beside`: its text to read. Raises: apsw.CorruptError when one is missing."""
    if pieces is None:
        return None
    return b"".join(_plain(codec, data, beside) for codec, data in db.execute(_WALK, (pieces,)))


def read_head(db: apsw.Connection, pieces: str | None) -> tuple[bytes | None, bytes | None]:
    """Start line and header lines; both None when there is no head. Raises: apsw.CorruptError."""
    if pieces is None:
        return None, None
    found: Any = db.execute(_PARTS, (pieces,))
    whole = b"".join(value.encode() if kind == "text" else _plain(PLAIN, data) for kind, value, data in found)
    start, _, headers = whole.partition(b"\r\n")
    return start, headers


def unpacked(codec: int, data: bytes, beside: bytes | None) -> bytes:
    """A compressed fragment. Raises: apsw.CorruptError when it is not whole, or larger than any of ours."""
    from ...wire.codecs import zstd  # not before it is needed: looking at the record must start at once

    try:
        unpacking = zstd.ZstdDecompressor(zstd_dict=prefix(beside or b"") if codec == ZSTD_BESIDE else None)
        found: bytes = unpacking.decompress(data, LARGEST)
    except (zstd.ZstdError, ValueError) as error:
        raise apsw.CorruptError(f"a fragment cannot be unpacked: {error}") from error
    if not unpacking.eof:
        raise apsw.CorruptError("a fragment is not whole, or too large")
    return found


def _plain(codec: Any, data: Any, beside: bytes | None = None) -> bytes:
    if data is None:
        raise apsw.CorruptError("a fragment is missing")
    if codec == PLAIN:
        return data.encode() if isinstance(data, str) else bytes(data)
    return unpacked(codec, data, beside)


def prefix(text: bytes) -> Any:
    """What a body is compressed against: bytes that both sides have at hand."""
    from ...wire.codecs import zstd

    return zstd.ZstdDict(text, is_raw=True).as_prefix
