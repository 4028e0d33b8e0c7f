"""One exchange, from what was collected of it to the row that is stored.

1. Rows are tuples in the order of `store.rows`; this is the hot path, so it builds them directly.
2. Nothing here fails: what the analysis trips over is kept raw and flagged `not_understood`.
3. A SHA-256 is that of the wire bytes, where not all of them were kept; else it can be taken any time.
4. Targets, paths and queries stay as they came; octets that are not UTF-8 are shown as `\\xNN`.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from ..core.exchange import OWN_CALL, OWN_PEER, State
from ..journal.records import DELIVERED, SENT, SIDES, TOLD, Ended
from ..rules.repeating import CUT
from ..store import timeline
from ..store.rows import CONTENT, EXCHANGE, Row, Story
from . import heads
from .answers import Reading, read, read_delivered
from .clean import Clean, without_keys
from .open import Open, Side

_pack = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder().encode
Measure = tuple[float, int]  # of repetition: threshold and least length
_OF_A_CUT = frozenset(("sse_no_done", "sse_no_finish_reason", "sse_partial_event"))  # it was the proxy that ended it
_NO_BODY = (None, None, None)
_NOTHING_SENT = (None, None, None, None, None)
_IN_FLIGHT_REST: Row = (None,) * (len(CONTENT) - 5)
_GONE = "the proxy process ended while this exchange was under way"


def story(x: Open, end: Ended, repetition: Measure | None = None, clean: Clean = without_keys) -> Story:
    """A finished exchange. `repetition`: by what it was to be detected; `clean` takes keys out of a text."""
    failure = _NO_FAILURE if not end.stage else (end.stage, end.kind, end.message, end.raw or None)
    return _build(x, end.state, end.at_ns, end.delivered, failure, end.flags, repetition, clean)


def interrupted(x: Open, repetition: Measure | None = None, clean: Clean = without_keys) -> Story:
    """An exchange whose traffic process is gone: everything known so far, and no latency."""
    told = x.sides[TOLD]
    stage = "read_request" if x.sent is None else "wait_headers" if x.told is None else "read_body"
    # Whose client has no head yet is one that a transform holds back.
    delivered = told.size if told is not None and x.delivered is not None else 0
    failure = (stage, "interrupted", _GONE, None)
    flags = (OWN_CALL,) if x.arrived.peer == OWN_PEER else ()  # nobody was left to say so
    return _build(x, State.INTERRUPTED.value, None, delivered, failure, flags, repetition, clean)


def in_flight(x: Open) -> Story:
    """An exchange of which no more than its arrival is stored yet."""
    arrived = x.arrived
    _, asked_type, _, own_id = heads.asked(arrived.headers)
    row = (
        x.uid, "in_flight", arrived.wall_ns, *heads.start_line(arrived.start),
        arrived.endpoint, arrived.route, arrived.peer,
        None, "", None, 0, None, None, None, None, None,
        asked_type, own_id, *_NOTHING_KNOWN, _OWN_FLAG if arrived.peer == OWN_PEER else None, None, None,
    )  # fmt: skip
    return Story(x.uid, row, (arrived.start, arrived.headers, None, None, None, *_IN_FLIGHT_REST))


def raw(x: Open, end: Ended | None) -> Story:
    """An exchange that the ways above failed with: its arrival, its end, its bodies, nothing made of them."""
    values = dict(zip(EXCHANGE, in_flight(x).exchange, strict=True))
    values |= {"state": State.INTERRUPTED.value if end is None else end.state, "flags": '["not_understood"]'}
    said: dict[str, Any] = dict(zip(CONTENT, in_flight(x).content, strict=True))
    for name, side in zip(SIDES, x.sides, strict=True):
        if side is not None:
            said[f"{name}_body"], said[f"{name}_length"] = side.data(), side.length
    if x.told is not None:
        said |= {"told_start": x.told.start, "told_headers": x.told.headers}
    return Story(x.uid, tuple(values.values()), tuple(said.values()))


def without_arrival(end: Ended) -> Story:
    """An exchange whose records were dropped but for its end."""
    flags = tuple(dict.fromkeys((*end.flags, "lost_records")))
    row = (
        end.uid, end.state, end.wall_ns, *heads.start_line(end.start), "", "", "",
        None, "", None, 0, None, None, None, None, None,
        None, None, None, None, None, None, None, None, None, None,
        end.stage or None, end.kind or None, end.message or None, end.raw or None, _flags(flags), None, None,
    )  # fmt: skip
    return Story(end.uid, row, (end.start, None, None, None, None, *_IN_FLIGHT_REST))


_CLIENT_GONE = State.CLIENT_GONE.value
_NO_FAILURE: Row = (None, None, None, None)
_NOTHING_KNOWN: Row = (None,) * 12  # content_type … failure_raw
_OWN_FLAG = f'["{OWN_CALL}"]'


def _build(
    x: Open,
    state: str,
    at_ns: int | None,
    delivered: int,
    failure: Row,
    flags: tuple[str, ...],
    repetition: Measure | None,
    clean: Clean,
) -> Story:
    arrived, told = x.arrived, x.told
    sides = x.sides
    asked_side, _, told_side, _ = sides
    if at_ns is not None:
        x.timeline.extend((timeline.ENDED, at_ns - x.at, delivered))
    asked_type_full, asked_type, asked_encoding, own_id = heads.asked(arrived.headers)
    method, target, path, query = heads.start_line(arrived.start)
    asked_body = _NO_BODY if asked_side is None else _body(asked_side)
    told_body = _NO_BODY if told_side is None else _body(told_side)
    own_status = None
    if told is None:
        status, reason = None, ""
        head = heads.NOTHING_TOLD
    else:
        status, reason = heads.status_line(told.start)
        head = heads.told(told.headers)
        if x.delivered is not None and x.delivered.start != told.start:
            own_status = _other_status(x.delivered.start, status)
    reading = read(
        asked_body[0], asked_type_full, asked_encoding, asked_side,
        told_body[0], head, told_side, path, x.timeline, flags=flags, repetition=repetition, clean=clean,
    )  # fmt: skip
    if CUT in flags:
        _estimate(x, reading, path)
    if state == _CLIENT_GONE and _was_all(told_side, sides[DELIVERED], delivered, reading):
        state, failure, flags = State.COMPLETE.value, _NO_FAILURE, (*flags, "closed_at_done")
    flags = _more_flags(flags, x, state, reading)
    latency = None if at_ns is None else max(0, at_ns - x.at)
    ttft, tpot, speed = reading.speeds(latency)
    usage = reading.usage
    row = (
        x.uid, state, arrived.wall_ns, method, target, path, query, arrived.endpoint, arrived.route, arrived.peer,
        status, reason, reading.model, reading.stream, reading.id, head.request_id, head.user_id, head.group_id,
        head.server_timing_ms,
        asked_type, own_id, head.content_type, ttft, tpot, speed, latency,
        None if usage is None else _json_text(usage),
        head.cached_tokens if reading.cached_tokens is None else reading.cached_tokens, reading.finish_reason,
        *failure, _flags(flags) if flags else None,
        _json_text(reading.findings) if reading.findings else None, own_status,
    )  # fmt: skip
    return Story(x.uid, row, _content(x, asked_body, told_body, delivered, reading))


def _other_status(start: bytes, told: int | None) -> int | None:
    """The status that the client got, where both are known and differ."""
    status = heads.status_line(start)[0]
    return None if told is None or status == told else status


def _estimate(x: Open, reading: Reading, path: str) -> None:
    """The usage of a stream that was cut: that of what the client got (see `answers`)."""
    own, side = x.delivered, x.sides[DELIVERED]
    head = own or x.told
    if head is not None:
        body = side.data() if side is not None else own.body if own is not None else b""
        read_delivered(reading, head.headers, body, path)


def _was_all(told: Side | None, own: Side | None, delivered: int, reading: Reading) -> bool:
    """Whether a client that left had all of a stream, its end mark included.

    Why: some clients (OpenAI's for Python) close the connection at `[DONE]`, before HTTP's own end has come.
    """
    if not reading.marked or told is None or own is not None or delivered < told.size:
        return False
    return "sse_partial_event" not in reading.flags


def _content(x: Open, asked_body: Row, told_body: Row, delivered: int, reading: Reading) -> Row:
    arrived, sent, told, own = x.arrived, x.sent, x.told, x.delivered
    sent_side, own_side = x.sides[SENT], x.sides[DELIVERED]
    if sent is None:
        sent_row: Row = _NOTHING_SENT
        upstream = None
    else:
        sent_row = (sent.start, sent.headers, *(_NO_BODY if sent_side is None else _body(sent_side)))
        upstream = _upstream(x)
    if own is None:
        own_row: Row = (None, None, None, delivered, None)
    elif own.body:
        own_row = (own.start, own.headers, own.body, max(delivered, len(own.body)), None)
    elif own_side is not None:
        own_row = (own.start, own.headers, *_body(own_side))
    else:
        own_row = (own.start, own.headers, None, delivered, None)
    return (
        arrived.start, arrived.headers, *asked_body,
        *sent_row,
        None if told is None else told.start, None if told is None else told.headers, *told_body,
        *own_row,
        reading.request_text, reading.answer_text,
        upstream,
        timeline.pack(x.timeline),
        None if x.tried is None else _attempts(x),
        None if x.interim is None else _interim(x),
        _extras(x.sides),
    )  # fmt: skip


def _body(side: Side) -> Row:
    """Body, length on the wire, SHA-256 if the traffic side had to take it."""
    data = side.data()
    end = side.end
    if end is None:
        return data, side.size, None
    if end.sha256:
        return data, end.length, end.sha256
    return data, end.length, None


def _extras(sides: list[Side | None]) -> bytes | None:
    """What few bodies have: tail, trailers, redactions, where decoding began."""
    found: dict[int, Any] = {}
    for number, side in enumerate(sides):
        if side is None:
            continue
        end = side.end
        if side.marks or side.decoded_from is not None or (end is not None and (end.tail or end.trailers)):
            spans = [(mark.at, mark.kept, mark.original) for mark in side.marks or ()]
            tail, trailers = (b"", b"") if end is None else (end.tail, end.trailers)
            found[number] = (tail, trailers, spans, side.decoded_from)
    return _pack(found) if found else None


def _more_flags(flags: tuple[str, ...], x: Open, state: str, reading: Reading) -> tuple[str, ...]:
    more = reading.flags
    if CUT in flags and more:
        more = tuple([flag for flag in more if flag not in _OF_A_CUT])
    for side in x.sides:
        if side is None:
            continue
        if not side.exact:
            more = (*more, "redacted")
        # What is held back because it might be a secret's beginning dies with the traffic process.
        if (side.kept != side.length or not side.exact) and state != "interrupted" and side.capped:
            more = (*more, "body_capped")
    if x.lost:
        more = (*more, "lost_records")
    if x.clock_jump:
        more = (*more, "clock_jump")
    return tuple(dict.fromkeys(flags + more)) if more else flags


def _upstream(x: Open) -> str:
    assert x.sent is not None
    known = x.sent.upstream
    if x.told is not None:
        known = {**known, "framing": x.told.framing}
    return _json_text(known)


def _attempts(x: Open) -> str:
    tries = [attempt for tried in x.tried or () for attempt in tried.attempts]
    return _json_text([(address, at - x.at, took, error or None) for address, at, took, error in tries])


def _interim(x: Open) -> str:
    seen = [(i.start.decode("utf-8", "backslashreplace"), i.headers.decode("latin-1")) for i in x.interim or ()]
    return _json_text(seen)


def _flags(flags: tuple[str, ...]) -> str | None:
    return _json_text(flags) if flags else None


def _json_text(value: Any) -> str:
    try:
        return _json(value).decode()
    except (msgspec.EncodeError, UnicodeError, OverflowError, TypeError, ValueError, RecursionError):
        return json.dumps(value, default=str)
