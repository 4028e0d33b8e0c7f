"""A request for an unstreamed answer made into one for a stream.

1. Only top-level members change: `stream`, and for chat `stream_options.include_usage`. Every other member keeps its
   place and its bytes (numbers of any size, escapes, blanks inside of it, octets that are not UTF-8); blanks between
   members go. Of a member that is given twice the last counts, as for JSON readers, and goes out once.
2. `stream` absent, null or false is forced. true needs nothing. Any other value, `stream_options` that are no object,
   and what is no JSON object at all are for the API to judge: they stay as they are.
3. JSON is what RFC 8259 says, lone surrogates (`"\\ud83d"`) included: a client that cuts a text between two of them
   sends one with every request from then on. Nesting beyond the interpreter's recursion limit is not looked into.
4. `n` says how many choices the answer must have. It is looked for by its plain name: nobody writes it with an escape.

Source: RFC 8259 sections 4 and 8; platform.kimi.ai api/chat, Anthropic Messages reference (2026-09).
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..wire.json_edit import hide_surrogates
from ..wire.lenient import BAD_JSON, read_loose, whole_number

FORCED, STREAMS, UNFIT = "forced", "streams", "unfit"

_Members = dict[str, msgspec.Raw]
_read = msgspec.json.Decoder(_Members).decode
_write = msgspec.json.Encoder().encode
_TRUE = msgspec.Raw(b"true")
_UNFORCED = (None, b"null", b"false")


def force(body: bytes, *, usage: bool) -> tuple[str, bytes]:
    """FORCED and the new body; STREAMS or UNFIT and the old one. `usage`: the stream is to tell it (chat)."""
    try:
        return _force(body, usage)
    except BAD_JSON:
        pass
    hidden = hide_surrogates(body)
    if hidden is None:
        return UNFIT, body
    try:
        result, forced = _force(hidden.body, usage)
    except BAD_JSON:
        return UNFIT, body
    return result, hidden.shown(forced) if result is FORCED else body


class _Asked(msgspec.Struct, gc=False):
    n: Any = None


_read_asked = msgspec.json.Decoder(_Asked).decode


def choices_asked(body: bytes) -> int:
    """How many choices this request asks for: 1 where it does not say, or not so that it can be understood."""
    if b'"n"' not in body:
        return 1
    try:
        n = _read_asked(body).n
    except BAD_JSON:
        value = read_loose(body)
        n = value.get("n") if type(value) is dict else None
    return whole_number(n) or 1


def _force(body: bytes, usage: bool) -> tuple[str, bytes]:
    """Raises: BAD_JSON."""
    members = _read(body)
    stream = _bytes(members.get("stream"))
    if stream == b"true":
        return STREAMS, body
    if stream not in _UNFORCED:
        return UNFIT, body
    members["stream"] = _TRUE
    if usage:
        options = members.get("stream_options")
        held: _Members = {} if _bytes(options) in (None, b"null") else _read(options)  # type: ignore[arg-type]
        held["include_usage"] = _TRUE
        members["stream_options"] = msgspec.Raw(_write(held))
    return FORCED, _write(members)


def _bytes(raw: msgspec.Raw | None) -> bytes | None:
    return None if raw is None else bytes(raw)
