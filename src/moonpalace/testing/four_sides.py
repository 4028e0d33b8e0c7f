"""What must hold for the record of any exchange: each of its four sides is what went over the wire there.

1. `asked` is what the client sent, `sent` what the upstream received, `told` what the upstream sent, `delivered` what
   the client received: first lines, header lines in their order and case, bodies byte for byte.
2. Keys alone differ: in the record a stand-in is in their place.
3. An upstream that was left early, or whose bytes could not be read on, may have sent more than was taken: then `told`
   is a beginning of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..core.exchange import Exchange, Message
from ..wire.redact import FINGERPRINT
from .rawclient import Answer, Pairs, parse_answer
from .upstream import Request

_KEY = b"[key]"


def side(record: Exchange, name: str) -> Message | None:
    """One of the four, with the body of its equal where it is not repeated."""
    message: Message | None = getattr(record, name)
    if message is not None and message.body is None and message.same_as:
        equal = side(record, message.same_as)
        return Message(message.start, message.headers, equal.body if equal else None, message.trailers)
    return message


def body(record: Exchange, name: str) -> bytes:
    """The bytes kept of one side's body."""
    message = side(record, name)
    return b"" if message is None or message.body is None else message.body.data


def check_four_sides(
    record: Exchange, asked: bytes, told: Request | None, answer: Answer, keys: Iterable[bytes], *, early: bool = False
) -> None:
    """Rule 1. `asked`: the client's bytes; `told`: the request as the upstream got it, with what it answered.

    `early`: the proxy left the upstream before its end.
    """
    assert not [key for key in keys if key in repr(record).encode("utf-8", "surrogateescape")]
    head, _, sent_body = asked.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    assert record.asked.start.encode() == first
    assert _kept(record.asked) == _wire([_pair(line) for line in lines], keys)
    assert body(record, "asked") == sent_body
    if told is None:
        assert (record.sent, record.told) == (None, None)
    else:
        _check_upstream(record, told, keys, early)
    if not answer.status:
        assert record.delivered is None
        return
    assert record.delivered is not None
    assert record.delivered.start.rstrip() == f"{answer.version} {answer.status} {answer.reason}".rstrip()
    assert _kept(record.delivered) == _wire(answer.headers, keys)
    assert body(record, "delivered") == answer.body


def _check_upstream(record: Exchange, told: Request, keys: Iterable[bytes], early: bool) -> None:
    sent = record.sent
    assert sent is not None
    assert sent.start == f"{told.method} {told.target} {told.version}"
    assert _kept(sent) == _wire(told.headers, keys)
    assert body(record, "sent") == told.body
    if record.told is None:
        return  # no head came that could be read: the failure's bytes show what did
    raw = parse_answer(bytes(told.answer), told.method)
    assert record.told.start.rstrip() == f"{raw.version} {raw.status} {raw.reason}".rstrip()
    assert _kept(record.told) == _wire(raw.headers, keys)
    assert record.told.trailers.lines == tuple(raw.trailers) or early
    kept = body(record, "told")
    assert raw.body.startswith(kept) if early or record.failure else raw.body == kept


def _kept(message: Message) -> Pairs:
    return [(name, FINGERPRINT.sub(_KEY, value)) for name, value in message.headers.lines]


def _wire(pairs: Pairs, keys: Iterable[bytes]) -> Pairs:
    found = []
    for name, value in pairs:
        for key in keys:
            value = value.replace(key, _KEY)
        found.append((name, value))
    return found


def _pair(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, value.strip(b" \t")
