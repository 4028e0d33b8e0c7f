"""Text of others made safe to show: what could steer a terminal or hide text is written as an escape.

1. Shown escaped: C0 and C1 controls, DEL, bidirectional controls, zero-width and other invisible characters, lone
   surrogates. Everything else stays, whatever the script.
2. `line` gives one line; `block` leaves line feeds and tabs.
3. The escape is Python's and JSON's: `\\x1b`, `\\u202e`, `\\U000e0041`. `json_text` uses `\\u001b` alone, which a
   JSON reader turns back.
4. `keyless` is for text of which only a part is shown: half a key looks like none any more.

Source: Unicode 16 (General_Category Cf, Default_Ignorable_Code_Point), ECMA-48.
"""

from __future__ import annotations

import re
from functools import lru_cache

# Left visible: Cf characters with a shape of their own (the Arabic number signs, Syriac abbreviation mark, Kaithi
# number signs) and variation selectors, which only choose between shapes.
_INVISIBLE = (
    "\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_KEY = r"(?<![A-Za-z0-9_-])sk-(?=[A-Za-z_-]*+[0-9])[A-Za-z0-9_-]{16,}"
_CONTROLS_OF_A_LINE = "\x00-\x1f"
_CONTROLS_OF_A_BLOCK = "\x00-\x08\x0b-\x1f"


@lru_cache
def _unsafe(controls: str = "") -> re.Pattern[str]:
    """What must not be shown. Made when it is needed: a list of plain text starts a millisecond earlier."""
    return re.compile(f"[{controls}{_INVISIBLE}]")


def line(text: str) -> str:
    """`text` on one line, every character of rule 1 escaped."""
    if text.isascii() and text.isprintable():
        return text
    return _unsafe(_CONTROLS_OF_A_LINE).sub(_escape, text)


def block(text: str) -> str:
    """`text` with its lines and tabs, every other character of rule 1 escaped. CR LF counts as a line's end."""
    return _unsafe(_CONTROLS_OF_A_BLOCK).sub(_escape, text.replace("\r\n", "\n"))


def json_text(text: str) -> str:
    """A JSON document with the same meaning and no character of rule 1: in JSON they can stand in strings only."""
    return _unsafe().sub(_json_escape, text)


def keyless(text: str) -> str:
    """`text` with `sk-…` in place of whatever looks like an API key."""
    return re.sub(_KEY, "sk-…", text) if "sk-" in text else text


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code in (9, 10, 13):
        return {9: "\\t", 10: "\\n", 13: "\\r"}[code]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
