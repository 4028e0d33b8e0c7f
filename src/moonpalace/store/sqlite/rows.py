"""Rows back into exchanges: the inverse of what the librarian's recorder builds.

1. The narrow row gives an exchange without heads, bodies and timeline; with the contents it is whole.
2. A side whose body equals its pair's carries the body all the same, and says so in `same_as`.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import msgspec

from ...core.exchange import Attempt, Body, Exchange, Failure, Message, Redaction
from ...core.headers import unpack
from ...core.ids import uid_text
from .. import timeline
from ..rows import CONTENT, EXCHANGE

SIDES = ("asked", "sent", "told", "delivered")
_Extra = tuple[bytes, bytes, tuple[tuple[int, int, int], ...], int | None]
_extras = msgspec.msgpack.Decoder(dict[int, _Extra]).decode
_NO_EXTRA: _Extra = (b"", b"", (), None)


def exchange(row: dict[str, Any], content: dict[str, Any] | None = None) -> Exchange:
    """An exchange from its columns. Without `content`: no heads, bodies, timeline."""
    failure = None
    if row["failure_stage"] is not None:
        kind, message = row["failure_kind"] or "", row["failure_message"] or ""
        failure = Failure(row["failure_stage"], kind, message, row["failure_raw"])
    target, path, query = row["target"], row["path"], row["query"]
    result = Exchange(
        uid=uid_text(row["uid"]),
        target=target if target is not None else f"{path}?{query}" if query else path,
        stream=bool(row["stream"]),
        usage=json.loads(row["usage"]) if row["usage"] else None,
        flags=tuple(json.loads(row["flags"])) if row["flags"] else (),
        failure=failure,
        **{name: row[name] for name in _SCALARS},
    )
    result.id, result.category, result.run = row.get("id"), row.get("category"), row.get("run") or ""
    if content is not None:
        _fill(result, content)
    return result


def from_tuples(uid_row: tuple[Any, ...], content: tuple[Any, ...]) -> Exchange:
    """An exchange from the tuples that the recorder built."""
    return exchange(dict(zip(EXCHANGE, uid_row, strict=True)), dict(zip(CONTENT, content, strict=True)))


_SCALARS = tuple(
    name
    for name in EXCHANGE
    if name not in ("uid", "target", "stream", "usage", "flags") and not name.startswith("failure_")
)


def _fill(result: Exchange, content: dict[str, Any]) -> None:
    extras = _extras(content["extras"]) if content["extras"] else {}
    result.asked = _message(content, 0, extras)
    told = _message(content, 2, extras) if content["told_start"] is not None else None
    if content["sent_start"] is not None:
        result.sent = _paired(content, 1, extras, result.asked, "asked")
    if content["delivered_start"] is not None:
        result.delivered = _delivered(content, extras, told)
    result.told = told
    result.upstream = json.loads(content["upstream"]) if content["upstream"] else {}
    result.attempts = tuple(Attempt(*each) for each in json.loads(content["attempts"] or "[]"))
    result.interim = tuple(_interim(*each) for each in json.loads(content["interim"] or "[]"))
    result.timeline = timeline.unpack(content["timeline"])


def _message(content: dict[str, Any], side: int, extras: dict[int, _Extra]) -> Message:
    name = SIDES[side]
    trailers = extras.get(side, _NO_EXTRA)[1]
    return Message(
        start=_text(content[f"{name}_start"]),
        headers=unpack(content[f"{name}_headers"] or b""),
        body=_body(content, side, extras),
        trailers=unpack(trailers),
    )


def _body(content: dict[str, Any], side: int, extras: dict[int, _Extra]) -> Body | None:
    name = SIDES[side]
    data = content[f"{name}_body"]
    if data is None:
        return None
    tail, _, spans, decoded_from = extras.get(side, _NO_EXTRA)
    digest = content[f"{name}_sha256"]
    length = content[f"{name}_length"]
    return Body(
        data=data,
        length=len(data) if length is None else length,
        sha256=_digest(digest, data, length, spans, decoded_from),
        tail=tail,
        redactions=tuple(Redaction(*span) for span in spans),
        decoded_from=decoded_from,
    )


def _digest(
    known: bytes | None, data: bytes, length: int | None, spans: object, decoded_from: int | None
) -> str | None:
    """Of the bytes on the wire; None where not all of them were kept."""
    if known is not None:
        return known.hex()
    return sha256(data).hexdigest() if length in (None, len(data)) and not spans and decoded_from is None else None


def _paired(content: dict[str, Any], side: int, extras: dict[int, _Extra], pair: Message, pair_name: str) -> Message:
    own = _message(content, side, extras)
    if own.body is not None:
        return own
    return Message(own.start, own.headers, pair.body, own.trailers, pair_name)


def _delivered(content: dict[str, Any], extras: dict[int, _Extra], told: Message | None) -> Message:
    own = _message(content, 3, extras)
    if own.body is not None:
        return own
    length = content["delivered_length"] or 0
    if told is None or told.body is None:
        return Message(own.start, own.headers, Body(length=length), own.trailers)
    if length >= told.body.length:
        return Message(own.start, own.headers, told.body, own.trailers, "told")
    return Message(own.start, own.headers, _cut(told.body, length), own.trailers)


def _cut(body: Body, length: int) -> Body:
    """The first `length` wire bytes of a body; spans that stand for secrets count for what they stand for."""
    if body.decoded_from is not None:
        return Body(body.data, length, None, b"", body.redactions, body.decoded_from)
    end, spans = length, []
    for span in body.redactions:
        if span.at >= end:
            break
        end = max(end + span.kept - span.original, span.at + span.kept)
        spans.append(span)
    return Body(body.data[:end], length, None, b"", tuple(spans))


def _interim(start: str, headers: str) -> Message:
    return Message(start=start, headers=unpack(headers.encode("latin-1")))


def _text(start: bytes | None) -> str:
    return "" if start is None else start.decode("utf-8", "backslashreplace")
