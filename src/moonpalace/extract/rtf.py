"""Rich text: its words without its controls.

1. Destinations that are no text (fonts, colours, styles, pictures, fields' codes, and whatever is marked `\\*`) are
   dropped with all that is in them.
2. Bytes written as `\\'xx` are in the code page that the head names; `\\uN` is a UTF-16 unit, followed by as many
   characters for older readers as `\\ucN` says.

Source: Rich Text Format Specification 1.9.1.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from .gather import Gather
from .result import tidy

_TOKEN = re.compile(
    rb"\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.S
)
_DROPPED = frozenset((
    b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"fldinst", b"themedata",
    b"colorschememapping", b"latentstyles", b"datastore", b"filetbl", b"listtable", b"listoverridetable", b"revtbl",
    b"rsidtbl", b"generator", b"xmlnstbl",
))  # fmt: skip
_SIGNS = {
    b"par": "\n", b"line": "\n", b"row": "\n", b"sect": "\n", b"page": "\n", b"tab": "\t", b"cell": "\t",
    b"emdash": "—", b"endash": "–", b"bullet": "•", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“",
    b"rdblquote": "”",
}  # fmt: skip
_SYMBOLS = {b"~": "\xa0", b"_": "-", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n"}


class _Reader:
    def __init__(self) -> None:
        self._into = Gather()
        self._stack: list[tuple[bool, int]] = []
        self._dropped = False
        self._after_unit = 1  # characters that stand for a unit, for readers without Unicode
        self._to_skip = 0
        self._encoding = "cp1252"
        self._bytes = bytearray()
        self._units = bytearray()

    def text(self, data: bytes) -> str:
        for word, number, byte, symbol, brace, plain in (match.groups() for match in _TOKEN.finditer(data)):
            if byte is not None or plain is not None:
                self._said(plain if byte is None else bytes.fromhex(byte.decode()))
            elif brace:
                self._flush()
                self._brace(brace)
            elif symbol is not None:
                self._flush()
                self._symbol(symbol)
            elif word is not None:
                self._word(word, int(number or 1))
        self._flush()
        return self._into.text()

    def _brace(self, brace: bytes) -> None:
        if brace == b"{":
            self._stack.append((self._dropped, self._after_unit))
        elif self._stack:
            self._dropped, self._after_unit = self._stack.pop()

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._dropped = True
        elif not self._dropped:
            self._into.add(_SYMBOLS.get(symbol, ""))

    def _word(self, word: bytes, number: int) -> None:
        if word == b"u":
            self._flush(units=False)
            self._units += (number & 0xFFFF).to_bytes(2, "little")
            self._to_skip = self._after_unit
            return
        self._flush()
        if word == b"uc":
            self._after_unit = max(0, min(number, 100))
        elif word == b"ansicpg":
            self._encoding = _code_page(number) or self._encoding
        elif word in _DROPPED:
            self._dropped = True
        elif not self._dropped:
            self._into.add(_SIGNS.get(word, ""))

    def _said(self, data: bytes) -> None:
        skipped = min(self._to_skip, len(data))
        self._to_skip -= skipped
        if skipped < len(data):
            self._flush(data=False)
            self._bytes += data[skipped:]

    def _flush(self, *, units: bool = True, data: bool = True) -> None:
        """Hand on what is complete: units of a pair, and bytes of a character, come in several controls."""
        if data and self._bytes:
            self._add(self._bytes.decode(self._encoding, "replace"))
            self._bytes.clear()
        if units and self._units:
            self._add(self._units.decode("utf-16-le", "replace"))
            self._units.clear()

    def _add(self, text: str) -> None:
        if not self._dropped:
            self._into.add(text)


def _code_page(number: int) -> str | None:
    try:
        return codecs.lookup(f"cp{number}").name
    except LookupError:
        return None


def read(path: Path, kind: str) -> tuple[str, str]:
    """Text; no title is read. Raises: ExtractError."""
    return tidy(_Reader().text(path.read_bytes())), ""
