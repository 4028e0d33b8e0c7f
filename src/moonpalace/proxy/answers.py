"""The proxy's own answers, in the shape of the API's errors.

1. Before the answer's head is out a failure is a 502, or a 504 when time ran out; its `type` is the stage.
2. A text never holds paths, keys or traces (T36).
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from ..core.headers import HeaderLine


def error_body(message: str, kind: str, code: str, target: bytes = b"") -> bytes:
    """The JSON of an error. Under a `target` of Anthropic's Messages it says so the way clients of that API expect."""
    error = {"error": {"message": message, "type": kind, "code": code, "param": None}}
    if target.partition(b"?")[0].endswith(b"/messages"):
        return msgspec.json.encode({"type": "error", **error})
    return msgspec.json.encode(error)


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
    return b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode()), lines
