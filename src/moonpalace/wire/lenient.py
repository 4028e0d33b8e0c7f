"""JSON as strange senders write it: read strictly first, and where that fails, as far as it can be understood.

1. Nothing here raises on any input: what is no JSON at all is `INVALID`.
2. Strict means RFC 8259. Not strict, yet read: NaN, Infinity, 1e400, a BOM, control characters in strings, lone
   surrogates, octets that are not UTF-8 (replaced), text after the first value.
3. A whole number of more than 400 digits is kept as text: making an int of it costs the square of its length.
4. Nesting is bounded by the interpreter's recursion limit; what goes beyond it is `INVALID`.

Source: RFC 8259; the behaviour of msgspec 0.22 and of the standard library's json.
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

INVALID: Final[Any] = object()
DIGITS = 400
_CONTAINERS = frozenset((dict, list))

decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
BAD_JSON = (msgspec.MsgspecError, ValueError, RecursionError)


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= DIGITS else digits


_raw_decode = json.JSONDecoder(strict=False, parse_int=_whole).raw_decode


def read_json(data: bytes) -> tuple[Any, bool]:
    """The value and whether it was strict JSON; `(INVALID, False)` if it cannot be read."""
    try:
        return decode(data), True
    except BAD_JSON:
        return read_loose(data), False


def read_loose(data: bytes) -> Any:
    """What `read_json` falls back to: the first JSON value of data that is not strict JSON, or `INVALID`."""
    try:
        text = data.decode("utf-8", "replace").removeprefix("\ufeff").lstrip(" \t\r\n")
        return _raw_decode(text)[0]
    except BAD_JSON:
        return INVALID


def clean_text(value: object, longest: int = 1024) -> str | None:
    """A non-empty string no longer than `longest`, without lone surrogates; None for anything else.

    Why: ids and model names become columns and index entries, and neither SQLite nor UTF-8 takes a lone surrogate.
    """
    if type(value) is not str or not value or len(value) > longest:
        return None
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def whole_number(value: object) -> int | None:
    """A count that fits 63 bits; None for anything else, `true` included."""
    if type(value) is int:
        return value if 0 <= value < 1 << 63 else None
    if type(value) is float and value.is_integer():
        return whole_number(int(value))
    return None


def is_shallow(value: object, depth: int = 8) -> bool:
    """Whether containers nest at most `depth` deep, so that whoever writes the value down cannot overflow the stack."""
    if isinstance(value, dict):
        items: Any = value.values()
    elif isinstance(value, list):
        items = value
    else:
        return True
    return depth > 0 and all(is_shallow(item, depth - 1) for item in items if type(item) in _CONTAINERS)


def write_compact(value: Any) -> bytes | None:
    """JSON without blanks, else as `write_json` has it."""
    try:
        return _encode(value)
    except (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError, TypeError):
        pass
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    except (RecursionError, ValueError, TypeError):
        return None


def write_json(value: Any) -> bytes | None:
    """Indented JSON text, non-ASCII kept, a lone surrogate as its escape; None if it nests too deep."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace")
    except (RecursionError, ValueError, TypeError):
        return None
