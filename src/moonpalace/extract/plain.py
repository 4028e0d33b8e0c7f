"""Text files of any kind: source, logs, tables, configuration. Their content is what they hold, decoded.

1. The order is fixed: a byte order mark, UTF-16 by its NULs, the declared encoding, UTF-8, Big5 where it reads better
   than GB18030, GB18030, Latin-1.
2. Big5 and GB18030 decode each other's bytes to nonsense. The frequent characters of the language tell them apart; in
   doubt it is GB18030.
3. What holds more than a few control characters is no text; a stray NUL in a log is no obstacle.

Source: Encoding Standard (whatwg.org) for the names; the frequent characters are the first of Jun Da's character
frequency list, in both scripts.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FREQUENT_TRADITIONAL = frozenset(
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作里用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實，。、「」！？"
)
_FREQUENT_SIMPLIFIED = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实，。、“”！？"
)
# What a page declares is what such a page may be in: some of Python's codecs are no encodings of pages.
_DECLARABLE = re.compile(r"utf-8|gb\w+|big5\w*|hz|euc_\w+|shift_jis\w*|iso2022_\w+|iso8859-\d+|cp\d+|koi8-\w|mac-\w+")
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs"}  # as browsers take them
_CONTROLS = bytes({*range(0x20), 0x7F} - {*b"\t\n\r\f\x08\x1b"})
_LOOKED_AT = 2**16  # bytes that decide what a file is
_MOST_CONTROLS = 0.02


def decoded(data: bytes, declared: str = "") -> str:
    """`data` as text, without its byte order mark; never fails."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    by_nuls = _by_nuls(data)
    if by_nuls:
        return data.decode(by_nuls, "replace")
    for name in (declared, "utf-8"):
        text = _strict(data, name)
        if text is not None:
            return text
    text = _chinese(data)
    return data.decode("latin-1") if text is None else text


def is_text(data: bytes) -> bool:
    """Whether the beginning of a file looks like text."""
    data = data[:_LOOKED_AT]
    if any(data.startswith(mark) for mark, _ in _MARKS) or _by_nuls(data):
        return True
    return len(data) - len(data.translate(None, _CONTROLS)) <= _MOST_CONTROLS * len(data)


def read(path: Path, kind: str) -> tuple[str, str]:
    """The text as it is; it has no title."""
    return decoded(path.read_bytes()), ""


def _strict(data: bytes, name: str) -> str | None:
    try:
        name = codecs.lookup(name).name
        return data.decode(_WIDER.get(name, name)) if _DECLARABLE.fullmatch(name) else None
    except (UnicodeError, LookupError, ValueError):
        return None


def _by_nuls(data: bytes) -> str | None:
    """UTF-16 without a mark: of Latin text nearly every second byte is NUL, and the others nearly never are."""
    half = len(data[:_LOOKED_AT]) // 2
    if half < 2 or (len(data) % 2 and len(data) <= _LOOKED_AT):
        return None
    even, odd = data[: 2 * half : 2].count(0), data[1 : 2 * half : 2].count(0)
    if odd > 0.7 * half and even < 0.01 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 * half and odd < 0.01 * half else None


def _chinese(data: bytes) -> str | None:
    simplified, traditional = _strict(data, "gb18030"), _strict(data, "big5")
    if simplified is None or traditional is None:
        return simplified if traditional is None else traditional
    better = _share(traditional, _FREQUENT_TRADITIONAL) > _share(simplified, _FREQUENT_SIMPLIFIED)
    return traditional if better else simplified


def _share(text: str, frequent: frozenset[str]) -> float:
    """How much of what is not ASCII is frequent."""
    sample = [char for char in text[:_LOOKED_AT] if char > "\x7f"]
    return sum(char in frequent for char in sample) / max(1, len(sample))
