"""A multipart body as a JSON value, whatever its boundary: names, file names, sizes, digests.

1. `parts_in` cuts up the bytes of a body, `parts_of` takes what `mock.multipart` has read of it: for a body in good
   order both give the same.

Source: RFC 7578, RFC 2046 section 5.1.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ..asked import Part
from ..uploads.multipart import filename, parameters

_AT_ONCE = 1 << 20


def parts_in(content_type: str, body: bytes) -> dict[str, Any] | None:
    """The parts of a body; None for one that has none."""
    boundary = parameters(content_type).get("boundary", "")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if not boundary or len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        return None
    return {"parts": [_part(piece) for piece in pieces[1:-1]]}


def parts_of(parts: Sequence[Part]) -> dict[str, Any]:
    """Parts that are on the disk, or in memory."""
    return {"parts": [_entry(part.name, part.filename, part.size, _digest(part)) for part in parts]}


def _part(piece: bytes) -> dict[str, Any]:
    head, _, content = piece.partition(b"\r\n\r\n")
    given: dict[str, str] = {}
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            given = parameters(value.decode("utf-8", "replace"))
    return _entry(given.get("name", ""), filename(given), len(content), hashlib.sha256(content).hexdigest())


def _entry(name: str, file: str | None, size: int, digest: str) -> dict[str, Any]:
    return {"name": name, "filename": file, "bytes": size, "sha256": digest}


def _digest(part: Part) -> str:
    if part.path is None:
        return hashlib.sha256(part.value).hexdigest()
    digest = hashlib.sha256()
    with open(part.path, "rb") as file:
        while data := file.read(_AT_ONCE):
            digest.update(data)
    return digest.hexdigest()
