"""A binary PowerPoint presentation: the texts of its slides and notes in the order they are stored.

1. The last saved state stands behind older ones in the same stream; a text that was told is not told again.

Source: [MS-PPT] 2.3.1 (RecordHeader), 2.9.41 (TextBytesAtom), 2.9.42 (TextCharsAtom).
"""

from __future__ import annotations

import struct
from pathlib import Path

from .compound import Compound
from .result import LOCKED, ExtractError, tidy

_CONTAINER = 0xF
_CHARS, _BYTES = 0x0FA0, 0x0FA8
_MASTER = 0x03F8  # the layout's own words: "Click to edit the title"


def read(path: Path, kind: str) -> tuple[str, str]:
    """Text; no title is read. Raises: ExtractError, and whatever a broken file may raise."""
    file = Compound(path.read_bytes())
    if "EncryptedSummary" in file.names:
        raise ExtractError(LOCKED)
    data = file.read("PowerPoint Document")
    told: dict[str, None] = {}
    at = 0
    while at + 8 <= len(data):
        version, record, length = struct.unpack_from("<HHI", data, at)
        at += 8
        body = data[at : at + length]
        if version & _CONTAINER == _CONTAINER and record != _MASTER:
            continue  # into it
        if record == _CHARS:
            told[body.decode("utf-16-le", "replace").replace("\x0b", "\n").strip()] = None
        elif record == _BYTES:
            told[body.decode("latin-1").replace("\x0b", "\n").strip()] = None
        at += length
    return tidy("\n".join(told)), ""
