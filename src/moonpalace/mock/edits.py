"""Faults in what a reply says: chunks doubled, missing, exchanged, broken, cut short."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec

from ..kimi.errors import FORMS, Violation
from .faults import Fault
from .reply import Chunk, Reply, encode


def _place(reply: Reply, fault: Fault, name: str = "chunk") -> int:
    """Which chunk is meant: 1 is the first; beyond the end the last."""
    return max(0, min(int(fault[name]), len(reply.chunks)) - 1)


def _duplicate(reply: Reply, fault: Fault) -> Reply:
    at = _place(reply, fault)
    return replace(reply, chunks=(*reply.chunks[: at + 1], *reply.chunks[at:]))


def _drop(reply: Reply, fault: Fault) -> Reply:
    at = _place(reply, fault)
    return replace(reply, chunks=reply.chunks[:at] + reply.chunks[at + 1 :])


def _swap(reply: Reply, fault: Fault) -> Reply:
    at = _place(reply, fault)
    chunks = list(reply.chunks)
    if at + 1 < len(chunks):
        chunks[at], chunks[at + 1] = chunks[at + 1], chunks[at]
    return replace(reply, chunks=tuple(chunks))


def _no_done(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, chunks=tuple([c for c in reply.chunks if c.data != b"data: [DONE]\n\n"]))


def _bad_json(reply: Reply, fault: Fault) -> Reply:
    at = _place(reply, fault)
    chunks = list(reply.chunks)
    if chunks:
        data = chunks[at].data
        tail = b"\n\n" if reply.streamed else b""
        chunks[at] = replace(chunks[at], data=data.rstrip()[: len(data) * 2 // 3] + tail)
    return replace(reply, chunks=tuple(chunks))


def _bad_gzip(reply: Reply, fault: Fault) -> Reply:
    return reply.with_headers(("Content-Encoding", "gzip"))


def _error_event(reply: Reply, fault: Fault) -> Reply:
    violation = Violation(FORMS["unexpected_output"], FORMS["unexpected_output"].message)
    if not reply.streamed:
        return replace(reply, status=violation.status, chunks=(Chunk(encode(violation.body())),))
    kept = reply.chunks[: int(fault["chunks"])]
    named = reply.chunks[:1] and reply.chunks[0].data.startswith(b"event: ")
    form = b"event: error\ndata: %b\n\n" if named else b"data: %b\n\n"
    error = {"type": "error", **violation.body()} if named else violation.body()
    return replace(reply, chunks=(*kept, Chunk(form % encode(error))))


def _close_early(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, chunks=reply.chunks[: int(fault["chunks"])])


def _usage(top: bool) -> Callable[[Reply, Fault], Reply]:
    def edit(reply: Reply, fault: Fault) -> Reply:
        return replace(reply, chunks=tuple([replace(c, data=_without_usage(c.data, top)) for c in reply.chunks]))

    return edit


def _without_usage(data: bytes, top: bool) -> bytes:
    """`top`: it is put there. Named events have it where every client of theirs looks: they are only ever without."""
    if b'"usage"' not in data:
        return data
    name, mark, text = data.partition(b"data: ") if data.startswith((b"data: ", b"event: ")) else (b"", b"", data)
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return data
    if not isinstance(value, dict) or (top and name):
        return data
    usage, choices = value.pop("usage", None), value.get("choices")
    for inner in (*(choices if isinstance(choices, list) else ()), value.get("message"), value.get("response")):
        if isinstance(inner, dict):
            usage = inner.pop("usage", None) or usage
    if top and usage is not None:
        value["usage"] = usage
    return b"%b%b%b\n\n" % (name, mark, encode(value)) if mark else encode(value)


EDITS: dict[str, Callable[[Reply, Fault], Reply]] = {
    "duplicate": _duplicate, "drop": _drop, "swap": _swap, "no_done": _no_done, "bad_json": _bad_json,
    "bad_gzip": _bad_gzip,
    "error_event": _error_event, "close_early": _close_early, "no_usage": _usage(False), "top_usage": _usage(True),
}  # fmt: skip
