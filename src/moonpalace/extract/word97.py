"""A binary Word document: its text by the piece table, and by a program where that is not enough.

1. Text, footnotes, headers, endnotes and text boxes stand in one run of characters; the piece table says where.
2. Field codes are dropped, their results kept. Cells are parted with tabs, rows with line ends.
3. Older documents (Word 6 and 95) have no such table: `antiword`, `catdoc` or LibreOffice read them if there is one.
4. A `.doc` that holds an encrypted docx, or is encrypted itself, is told.

Source: [MS-DOC] 2.4.1 (retrieving text), 2.5.1 (Fib), 2.8.35 (PlcPcd), 2.9.73 (FcCompressed).
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from . import programs
from .compound import Compound
from .result import LOCKED, ExtractError, tidy

_IDENT = 0xA5EC
_OLDEST = 0xC1  # nFib of Word 97
_ENCRYPTED, _TABLE_1 = 0x0100, 0x0200
_CLX = 0x1A2  # where the Fib has the place and size of the Clx
_LENGTHS = 0x4C  # where it has the count of characters of each part
_COMPRESSED = 0x40000000
_CODES = re.compile(r"\x13[^\x13-\x15]*(?:\x14([^\x13-\x15]*))?\x15")
_SIGNS = {0x0D: "\n", 0x0B: "\n", 0x0C: "\n", 0x0E: "\n", 0x1E: "-", 0x1F: "", 0xA0: " "}
_UNSEEN = {code: "" for code in (*range(1, 7), 8, *range(0x0F, 0x1E)) if code not in _SIGNS}


def read(path: Path, kind: str) -> tuple[str, str]:
    """Text; no title is read. Raises: ExtractError, and whatever a broken file may raise."""
    file = Compound(path.read_bytes())
    if "EncryptedPackage" in file.names:
        raise ExtractError(LOCKED)
    main = file.read("WordDocument")
    ident, version = struct.unpack_from("<HH", main)
    (flags,) = struct.unpack_from("<H", main, 10)
    if ident != _IDENT or version < _OLDEST:
        return tidy(programs.doc_text(path)), ""
    if flags & _ENCRYPTED:
        raise ExtractError(LOCKED)
    return tidy(_shown(_characters(main, file.read("1Table" if flags & _TABLE_1 else "0Table")))), ""


def _characters(main: bytes, table: bytes) -> str:
    """All parts of the text, by the pieces."""
    at, size = struct.unpack_from("<II", main, _CLX)
    wanted = sum(count for count in struct.unpack_from("<8i", main, _LENGTHS) if count > 0)
    pieces = _piece_table(table[at : at + size])
    count = (len(pieces) - 4) // 12
    bounds = struct.unpack_from(f"<{count + 1}I", pieces)
    parts: list[str] = []
    for index in range(count):
        (place,) = struct.unpack_from("<I", pieces, 4 * (count + 1) + 8 * index + 2)
        length = min(bounds[index + 1], wanted) - bounds[index]
        if length <= 0:
            break
        if place & _COMPRESSED:
            start = (place & ~_COMPRESSED & 0x7FFFFFFF) // 2
            parts.append(main[start : start + length].decode("cp1252", "replace"))
        else:
            parts.append(main[place : place + 2 * length].decode("utf-16-le", "replace"))
    return "".join(parts)


def _piece_table(clx: bytes) -> bytes:
    """The PlcPcd behind the property runs of a Clx. Raises: ExtractError."""
    at = 0
    while at + 3 <= len(clx) and clx[at] == 1:
        at += 3 + struct.unpack_from("<H", clx, at + 1)[0]
    if at + 5 > len(clx) or clx[at] != 2:
        raise ExtractError("the file is cut off or damaged")
    return clx[at + 5 : at + 5 + struct.unpack_from("<I", clx, at + 1)[0]]


def _shown(text: str) -> str:
    while True:  # from the innermost field outwards
        text, found = _CODES.subn(lambda match: match[1] or "", text)
        if not found:
            break
    return text.replace("\x07\x07", "\n").replace("\x07", "\t").translate(_SIGNS | _UNSEEN)
