"""What the record needs of start lines and header blocks, cheaply: the same lines come again and again.

1. Only what repeats is remembered, and only so much of it.
2. A content type is kept without its parameters, as the record always had it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core.headers import unpack
from ..kimi.headers import TOKEN_SAVED, cached_tokens, read_headers

_KEEP = 256  # remembered lines of each sort; the memory is emptied when it is full
_LONGEST = 8192

_types: dict[bytes, tuple[str, str]] = {}
_starts: dict[bytes, tuple[str, str | None, str, str]] = {}
_statuses: dict[bytes, tuple[int | None, str]] = {}


class ToldHead(NamedTuple):
    """What the head of an answer says. `content_type` is cut, `content_type_full` is not."""

    content_type: str | None = None
    content_type_full: str | None = None
    encoding: str | None = None
    request_id: str | None = None
    user_id: str | None = None
    group_id: str | None = None
    server_timing_ms: float | None = None
    cached_tokens: int | None = None


NOTHING_TOLD = ToldHead()


def start_line(start: bytes) -> tuple[str, str | None, str, str]:
    """Method, target (None where path and query tell it), path, query of a request line."""
    known = _starts.get(start)
    if known is not None:
        return known
    method, _, rest = start.decode("utf-8", "backslashreplace").partition(" ")
    target, blank, _ = rest.rpartition(" ")
    if not blank:
        target = rest
    path, mark, query = target.partition("?")
    found = (method, target if mark and not query else None, path, query)
    _remember(_starts, start, found)
    return found


def status_line(start: bytes) -> tuple[int | None, str]:
    """Status and reason."""
    known = _statuses.get(start)
    if known is not None:
        return known
    _, _, rest = start.decode("utf-8", "backslashreplace").partition(" ")
    digits, _, reason = rest.strip().partition(" ")
    found = (int(digits) if len(digits) == 3 and digits.isascii() and digits.isdigit() else None, reason)
    _remember(_statuses, start, found)
    return found


def asked(block: bytes) -> tuple[str | None, str | None, str | None, str | None]:
    """Content-Type whole and cut, Content-Encoding, X-Request-Id."""
    lower = block.lower()
    full, cut = _content_type(block, lower)
    request_id = _value(block, lower, b"x-request-id:")
    own = request_id.decode("utf-8", "backslashreplace") or None if request_id else None
    return full, cut, _encoding(block, lower), own


def told(block: bytes) -> ToldHead:
    """What the record takes from an answer's head."""
    lower = block.lower()
    full, cut = _content_type(block, lower)
    encoding = _encoding(block, lower)
    if b"msh-" not in lower and b"server-timing" not in lower:
        return ToldHead(cut, full, encoding)
    headers = unpack(block)
    msh = read_headers(headers)
    saved = cached_tokens(headers) if TOKEN_SAVED in lower else None
    return ToldHead(cut, full, encoding, msh.request_id, msh.user_id, msh.group_id, msh.server_timing_ms, saved)


def _value(block: bytes, lower: bytes, name: bytes) -> bytes | None:
    """The value of the first line of that name; `name` in lower case with its colon."""
    if lower.startswith(name):
        at = len(name)
    else:
        found = lower.find(b"\n" + name)
        if found < 0:
            return None
        at = found + 1 + len(name)
    end = block.find(b"\r\n", at)
    return block[at : end if end >= 0 else None].strip()


def _content_type(block: bytes, lower: bytes) -> tuple[str | None, str | None]:
    value = _value(block, lower, b"content-type:")
    if value is None:
        return None, None
    known = _types.get(value)
    if known is None:
        full = value.decode("utf-8", "backslashreplace")
        known = full, full.partition(";")[0].partition(" ")[0]
        _remember(_types, value, known)
    return known


def _encoding(block: bytes, lower: bytes) -> str | None:
    if b"content-encoding:" not in lower:
        return None
    lines = unpack(block).get_all(b"content-encoding")
    return b", ".join(lines).decode("latin-1").strip().lower() or None


def _remember(memory: dict[bytes, Any], key: bytes, value: Any) -> None:
    if len(key) <= _LONGEST:
        if len(memory) >= _KEEP:
            memory.clear()
        memory[key] = value
