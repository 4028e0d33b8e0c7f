"""What was said in an exchange, from its contents: the four sides, how it went, when.

1. A side whose body equals its pair's carries the body all the same, and says so in `same_as`.
2. A digest is taken here, of a body that was kept whole.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from ...core.exchange import Attempt, Body, Exchange, Message, Redaction
from ...core.headers import unpack
from .. import timeline

SIDES = ("asked", "sent", "told", "delivered")
_Extra = tuple[bytes, bytes, tuple[tuple[int, int, int], ...], int | None]
_extras = msgspec.msgpack.Decoder(dict[int, _Extra]).decode
_NO_EXTRA: _Extra = (b"", b"", (), None)


def fill(result: Exchange, content: dict[str, Any]) -> None:
    """Complete an exchange made from its narrow row."""
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
    if length not in (None, len(data)) or spans or decoded_from is not None:
        return None
    from hashlib import sha256

    return sha256(data).hexdigest()


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
