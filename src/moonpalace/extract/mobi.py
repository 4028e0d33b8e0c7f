"""A Mobipocket book whose text is stored plainly or with PalmDOC compression.

1. Books with Huffman compression or with rights management are told, not read.
2. The text is HTML; the bytes after each text record that the flags announce are not part of it.

Source: MobileRead Wiki, "MOBI" and "PalmDOC" (the format has no specification of its owner).
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from . import hypertext
from .result import LOCKED, MAX_TEXT, TOO_LONG, ExtractError

_PLAIN, _PALMDOC = 1, 2
_ENCODINGS = {1252: "cp1252", 65001: "utf-8"}
_PAGE_BREAK = re.compile(rb"<mbp:pagebreak[^>]{0,100}>", re.I)


def read(path: Path, kind: str) -> tuple[str, str]:
    """Text and title. Raises: ExtractError, and whatever a broken file may raise."""
    records = _records(path.read_bytes())
    head = records[0]
    compression, _, _, count, _, encryption = struct.unpack_from(">HHIHHH", head)
    if encryption:
        raise ExtractError(LOCKED)
    if compression not in (_PLAIN, _PALMDOC):
        raise ExtractError("the book is compressed in a way that is not read")
    length, _, code = struct.unpack_from(">III", head, 20)
    flags = struct.unpack_from(">H", head, 242)[0] if length >= 228 and len(head) >= 244 else 0
    at, size = struct.unpack_from(">II", head, 84)
    encoding = _ENCODINGS.get(code, "utf-8")
    text = bytearray()
    for record in records[1 : count + 1]:
        record = record[: len(record) - _trailing(record, flags)]
        text += record if compression == _PLAIN else _unpacked(record)
        if len(text) > MAX_TEXT:
            raise ExtractError(TOO_LONG)
    markup = _PAGE_BREAK.sub(b"<hr>", bytes(text)).decode(encoding, "replace")
    return hypertext.text_of(markup)[0], head[at : at + size].decode(encoding, "replace").strip("\0 ")


def _records(data: bytes) -> list[bytes]:
    (count,) = struct.unpack_from(">H", data, 76)
    starts = [struct.unpack_from(">I", data, 78 + 8 * index)[0] for index in range(count)]
    return [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]


def _trailing(record: bytes, flags: int) -> int:
    """Bytes after the text: entries that tell their size backwards, then the rest of a cut character."""
    taken = 0
    for _ in range((flags >> 1).bit_count()):
        size = 0
        for shift, byte in enumerate(reversed(record[max(0, len(record) - taken - 4) : len(record) - taken])):
            size |= (byte & 0x7F) << (7 * shift)
            if byte & 0x80:
                break
        taken += size
    if flags & 1 and taken < len(record):
        taken += (record[-taken - 1] & 3) + 1
    return min(taken, len(record))


def _unpacked(data: bytes) -> bytes:
    """A record of PalmDOC: literals, pairs of distance and length, and blanks joined with a character."""
    out, at = bytearray(), 0
    while at < len(data):
        byte = data[at]
        at += 1
        if 1 <= byte <= 8:
            out += data[at : at + byte]
            at += byte
        elif byte < 0x80:
            out.append(byte)
        elif byte >= 0xC0:
            out += bytes((0x20, byte ^ 0x80))
        else:
            pair = (byte << 8 | data[at]) & 0x3FFF
            at += 1
            for _ in range((pair & 7) + 3):
                out.append(out[-(pair >> 3)])
    return bytes(out)
