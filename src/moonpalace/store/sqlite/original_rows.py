"""One row of the original MoonPalace as one of ours. Pure: values by column name in, a `Story` out.

1. Nothing here fails: a row that cannot be understood is taken over raw and flagged `not_understood`. A column that is
   missing (files of older versions lack the last five) reads as NULL.
2. Text comes as bytes, for bodies and headers hold any octets; they go through byte for byte. What becomes text of
   ours shows octets that are not UTF-8 as `\\xNN`.
3. The original kept the request as it was sent and nothing of what the client had asked, so both sides say the same.
   It kept answers decoded, and local times without their zone.
4. The same row has the same uid, whenever it is taken over. It is a UUIDv8, so none that is made for an exchange of
   ours can ever equal it.
5. The original left `Authorization` out and kept everything else. API keys are replaced here by `[redacted]`: ours
   keeps none. The rest stays as it was.

Source: what files of version 0.12.0 hold; RFC 9562 section 5.8.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from http import HTTPStatus
from math import isfinite
from typing import Any
from urllib.parse import quote_from_bytes

import msgspec

from ...core.exchange import Stage, State
from ...core.headers import Headers, unpack
from ...wire.completion import read_answer, read_request
from ...wire.mask import STAND_IN, mask_headers, mask_query, mask_text
from ...wire.readable import readable
from ..rows import CONTENT, EXCHANGE, Story

Value = int | float | bytes | None

COLUMNS = (
    "request_method", "request_path", "request_query", "request_content_type", "request_id",
    "moonshot_id", "moonshot_gid", "moonshot_uid", "moonshot_request_id", "moonshot_server_timing",
    "response_status_code", "response_content_type",
    "request_header", "request_body", "response_header", "response_body", "error",
    "response_ttft", "response_tpot", "response_otps", "latency", "endpoint", "created_at",
)  # fmt: skip

_TOLD = 2
_MS = 1_000_000
_LARGEST = 2**63
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_IN_PATH = "".join(set(_PRINTABLE) - set("%?#"))

_MASKS = {
    "request_header": mask_headers, "response_header": mask_headers, "request_query": mask_query,
    "request_body": mask_text, "response_body": mask_text, "error": mask_text, "endpoint": mask_text,
}  # fmt: skip

# What the original's texts say of the place, where no answer came; the first that is found.
_STAGES = (
    (b"no such host", Stage.RESOLVE),
    (b"lookup ", Stage.RESOLVE),
    (b"tls: ", Stage.TLS),
    (b"x509: ", Stage.TLS),
    (b"connection refused", Stage.CONNECT),
    (b"dial tcp", Stage.CONNECT),
    (b"proxyconnect", Stage.CONNECT),
    (b"malformed HTTP", Stage.READ_HEADERS),
)
_LEFT = b"context canceled"  # what the original says of a client that left before the answer
_ENCODED = b"gzip: "  # what it says of an answer that was delivered, but could not be decoded for the record


def story(row: Mapping[str, Value], local_id: int) -> Story:
    """The row as an exchange."""
    row = _without_keys(row)
    try:
        return _story(row, local_id)
    except Exception:  # one strange row must not keep all the others from being taken over
        return raw(row, local_id)


def raw(row: Mapping[str, Value], local_id: int, *, bodies: bool = True) -> Story:
    """The row with nothing made of it; for what `story` or the store could not cope with."""
    row = _without_keys(row)
    at = _moment(row.get("created_at"))
    exchange = {
        "state": str(State.COMPLETE), "requested_at": at or 0,
        "method": _text(row.get("request_method")) or "", "path": _text(row.get("request_path")) or "",
        "query": _text(row.get("request_query")) or "", "status": _whole(row.get("response_status_code")),
        "flags": '["imported","not_understood"]',
    }  # fmt: skip
    said: dict[str, Any] = {"asked_start": _start(row)}
    if bodies:
        said |= {"asked_headers": _octets(row.get("request_header")), "asked_body": _octets(row.get("request_body"))}
        said |= {"told_start": b"", "told_headers": _octets(row.get("response_header"))}
        said |= {"told_body": _octets(row.get("response_body"))}
    return _made(uid(row, local_id, at), exchange, said)


def _without_keys(row: Mapping[str, Value]) -> Mapping[str, Value]:
    """The same row by rule 5."""
    found = dict(row)
    for name, mask in _MASKS.items():
        value = found.get(name)
        if isinstance(value, bytes):
            found[name] = mask(value)
    return found


def uid(row: Mapping[str, Value], local_id: int, at: int | None) -> bytes:
    """Time, low bits of the id, digest of the row: rises with the ids, and differs between machines."""
    digest = blake2b(repr(local_id).encode(), digest_size=8)
    for name in COLUMNS:
        value = row.get(name)
        data = value if isinstance(value, bytes) else repr(value).encode()
        digest.update(b"%d:" % len(data))
        digest.update(data)
    ms = max(0, at or 0) // _MS & 0xFFFF_FFFF_FFFF
    low = int.from_bytes(digest.digest(), "big") & (1 << 62) - 1
    return (ms << 80 | 0x8 << 76 | (local_id & 0xFFF) << 64 | 0b10 << 62 | low).to_bytes(16, "big")


def _story(row: Mapping[str, Value], local_id: int) -> Story:
    get = row.get
    at = _moment(get("created_at"))
    status = _whole(get("response_status_code"))
    request, answer = unpack(_octets(get("request_header")) or b""), unpack(_octets(get("response_header")) or b"")
    state, failure = _end(row, status)
    exchange = {
        "state": str(state), "requested_at": at or 0,
        "method": _text(get("request_method")) or "", "target": _target(row),
        "path": _text(get("request_path")) or "", "query": _text(get("request_query")) or "",
        "endpoint": _text(get("endpoint")) or "",
        "status": status, "reason": _phrase(status),
        "chatcmpl": _text(get("moonshot_id")), "request_id": _text(get("moonshot_request_id")),
        "user_id": _text(get("moonshot_uid")), "group_id": _text(get("moonshot_gid")),
        "server_timing": _real(get("moonshot_server_timing")),
        "request_content_type": _text(get("request_content_type")), "client_request_id": _text(get("request_id")),
        "content_type": _text(get("response_content_type")),
        "ttft_ns": _whole(get("response_ttft"), _MS), "tpot_ns": _whole(get("response_tpot"), _MS),
        "tokens_per_second": _real(get("response_otps")), "latency_ns": _whole(get("latency")),
        **failure,
    }  # fmt: skip
    flags = ["imported", *(["redacted"] if _redacted(row) else []), *_read_bodies(exchange, row, request, answer)]
    if at is None:
        flags.append("not_understood")
    exchange["flags"] = json.dumps(flags, separators=(",", ":"))
    return _made(uid(row, local_id, at), exchange, _said(row, status, request, answer))


def _redacted(row: Mapping[str, Value]) -> bool:
    return any(STAND_IN in value for name in _MASKS if isinstance(value := row.get(name), bytes))


def _made(name: bytes, exchange: Mapping[str, Any], said: Mapping[str, Any]) -> Story:
    needed = {"target": None, "endpoint": "", "route": "", "peer": "", "reason": "", "stream": 0}
    row: dict[str, Any] = {**dict.fromkeys(EXCHANGE), **needed, **exchange, "uid": name}
    return Story(name, tuple(row.values()), tuple({**dict.fromkeys(CONTENT), **said}.values()))


def _read_bodies(exchange: dict[str, Any], row: Mapping[str, Value], request: Headers, answer: Headers) -> list[str]:
    """Fill in what the bodies say; the flags of what is odd in them."""
    asked, told = _octets(row.get("request_body")), _octets(row.get("response_body"))
    kind = request.text("content-type") or exchange["request_content_type"]
    exchange["model"], stream = read_request(kind, asked or b"")
    exchange["stream"] = int(stream)
    kind = answer.text("content-type") or exchange["content_type"]
    found = read_answer(kind, told, path=exchange["path"]) if told else None
    if found is None:
        return []
    exchange["model"] = found.model or exchange["model"]
    exchange["usage"] = None if found.usage is None else json.dumps(found.usage, separators=(",", ":"))
    exchange["cached_tokens"], exchange["finish_reason"] = found.cached_tokens, found.finish_reason
    return list(found.flags)


def _said(row: Mapping[str, Value], status: int | None, request: Headers, answer: Headers) -> dict[str, Any]:
    head, body = _octets(row.get("request_header")), _octets(row.get("request_body"))
    start = _start(row)
    said: dict[str, Any] = {"asked_start": start, "asked_headers": head or b"", "asked_body": body}
    if head is not None:
        said |= {"sent_start": start, "sent_headers": head}
    if body is not None:
        said["request_text"] = readable(request, body)
    head, body = _octets(row.get("response_header")), _octets(row.get("response_body"))
    if head is None and body is None and status is None:
        return said
    start = b"" if status is None else f"HTTP/1.1 {status} {_phrase(status)}".rstrip().encode()
    said |= {"told_start": start, "told_headers": head or b"", "told_body": body}
    if body is not None:
        said["answer_text"] = readable(answer, body, decoded_from=0)
        if answer.get(b"content-encoding") is not None:
            said["extras"] = msgspec.msgpack.encode({_TOLD: (b"", b"", (), 0)})
    return said


def _end(row: Mapping[str, Value], status: int | None) -> tuple[State, dict[str, str]]:
    """How it ended, and the failure as columns."""
    error, head = _octets(row.get("error")), row.get("response_header")
    if not error:
        # Without status and error: the original's own code failed, and its client got nothing.
        return State.ABORTED if status is None else State.COMPLETE, {}
    if status is not None or error.startswith(_ENCODED):
        state, stage = State.COMPLETE, Stage.DECODE
    elif error.endswith(_LEFT):
        state, stage = State.CLIENT_GONE, Stage.WAIT_HEADERS if head is None else Stage.READ_BODY
    elif head is not None:
        state, stage = State.TRUNCATED, Stage.READ_BODY
    else:
        state = State.UPSTREAM_ERROR
        nowhere = Stage.READ_REQUEST if row.get("request_header") is None else Stage.WAIT_HEADERS
        stage = next((stage for words, stage in _STAGES if words in error), nowhere)
    failure = {"failure_stage": str(stage), "failure_kind": "imported", "failure_message": _text(error) or ""}
    return state, failure


def _start(row: Mapping[str, Value]) -> bytes:
    """The request line. The original kept paths decoded: what cannot stand in a line is encoded again."""
    method = quote_from_bytes(_octets(row.get("request_method")) or b"", safe=_PRINTABLE)
    path = quote_from_bytes(_octets(row.get("request_path")) or b"", safe=_IN_PATH)
    query = quote_from_bytes(_octets(row.get("request_query")) or b"", safe=_PRINTABLE)
    return f"{method} {path}{'?' if query else ''}{query} HTTP/1.1".encode()


def _target(row: Mapping[str, Value]) -> str | None:
    """None where path and query tell it as they are."""
    target = _start(row).split(b" ")[1]
    path, query = _octets(row.get("request_path")) or b"", _octets(row.get("request_query")) or b""
    return None if target == (path + b"?" + query if query else path) else target.decode()


def _moment(value: Value) -> int | None:
    """A local time in UTC, nanoseconds since the epoch; None where it is none. An hour that comes twice: the first."""
    text = _text(value)
    try:
        at = round(datetime.fromisoformat((text or "").strip()).timestamp() * 1_000_000) * 1_000
    except (ValueError, OverflowError, OSError):
        return None
    return at if -_LARGEST <= at < _LARGEST else None


def _octets(value: Value) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else str(value).encode()


def _text(value: Value) -> str | None:
    data = _octets(value)
    return data.decode("utf-8", "backslashreplace") if data else None


def _real(value: Value) -> float | None:
    try:
        number = float(value if value is not None else "")
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _whole(value: Value, factor: int = 1) -> int | None:
    if not isinstance(value, int):
        real = _real(value)
        if real is None:
            return None
        value = round(real * factor)
    else:
        value *= factor
    return value if -_LARGEST <= value < _LARGEST else None


def _phrase(status: int | None) -> str:
    try:
        return HTTPStatus(status).phrase if status is not None else ""
    except ValueError:
        return ""
