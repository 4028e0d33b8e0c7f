"""The proxy's own answers, in the shape of the API's errors.

1. Before the answer's head is out a failure is a 502, or a 504 when time ran out; its `type` is the stage.
2. A text never holds paths, keys or traces (T36).
"""

from __future__ import annotations

import msgspec

from ..core.headers import HeaderLine

REASONS = {
    400: b"Bad Request", 403: b"Forbidden", 405: b"Method Not Allowed", 408: b"Request Timeout", 421: b"Misdirected Request",
    431: b"Request Header Fields Too Large", 501: b"Not Implemented", 502: b"Bad Gateway", 503: b"Service Unavailable",
    504: b"Gateway Timeout", 505: b"HTTP Version Not Supported", 204: b"No Content",
}  # fmt: skip


def error_body(message: str, kind: str, code: str) -> bytes:
    """The JSON of an error."""
    return msgspec.json.encode({"error": {"message": message, "type": kind, "code": code, "param": None}})


def own_answer(
    status: int, body: bytes, *, uid: str | None, close: bool, more: list[HeaderLine] | None = None
) -> tuple[bytes, list[HeaderLine]]:
    """(status line, header lines) of an answer of our own. They hold no secrets."""
    lines: list[HeaderLine] = list(more or ())
    if status != 204:
        lines += [(b"Content-Type", b"application/json; charset=utf-8"), (b"Content-Length", b"%d" % len(body))]
    if uid is not None:
        lines.append((b"x-moonpalace-id", uid.encode()))
    if close:
        lines.append((b"Connection", b"close"))
    return b"HTTP/1.1 %d %b" % (status, REASONS[status]), lines
