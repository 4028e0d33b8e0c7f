"""The newest exchanges, and one exchange as a flat object.

1. The names of the object's members are the words of the whole program: columns, JSON keys, flags, docs.
2. Units are in the names: `_ms` is milliseconds, fractions included.
3. What is not known is null; a member is never left out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite
from typing import Any

from ..core.exchange import Exchange, Failure
from ..store.base import Reader

_ORIGINALLY = "https://api.moonshot.cn"
_ALL_AND_MORE = 2**31  # a larger number would not fit what stores count with


def recent(reader: Reader, limit: int = 10, *, chat_only: bool = False) -> list[Exchange]:
    """The newest exchanges first. `limit` below 1: all."""
    return reader.recent(min(max(limit, 0), _ALL_AND_MORE), chat_only=chat_only)


def summary(exchange: Exchange) -> dict[str, Any]:
    """An exchange without heads, bodies and timeline."""
    return {
        "id": exchange.id,
        "uid": exchange.uid,
        "state": str(exchange.state),
        "status": exchange.status,
        "delivered_status": exchange.delivered_status,
        "reason": exchange.reason,
        "method": exchange.method,
        "path": exchange.path,
        "query": exchange.query,
        "endpoint": exchange.endpoint,
        "route": exchange.route,
        "peer": exchange.peer,
        "model": exchange.model,
        "stream": exchange.stream,
        "chatcmpl": exchange.chatcmpl,
        "request_id": exchange.request_id,
        "user_id": exchange.user_id,
        "group_id": exchange.group_id,
        "server_timing": number(exchange.server_timing),
        "request_content_type": exchange.request_content_type,
        "content_type": exchange.content_type,
        "requested_at": iso_time(exchange.requested_at),
        "ttft_ms": ms(exchange.ttft_ns),
        "tpot_ms": ms(exchange.tpot_ns),
        "tokens_per_second": number(exchange.tokens_per_second),
        "latency_ms": ms(exchange.latency_ns),
        "usage": exchange.usage,
        "cached_tokens": exchange.cached_tokens,
        "finish_reason": exchange.finish_reason,
        "error": failure(exchange.failure),
        "flags": list(exchange.flags),
        "tags": list(exchange.tags),
        "category": exchange.category,
    }


def failure(what: Failure | None) -> dict[str, str] | None:
    """A failure as an object."""
    return None if what is None else {"stage": str(what.stage), "kind": what.kind, "message": what.message}


def failure_text(what: Failure) -> str:
    """A failure as a sentence. One of the original program has its own words."""
    if what.kind == "imported":
        return what.message
    return f"{what.stage}: {what.kind}: {what.message}" if what.message else f"{what.stage}: {what.kind}"


def url(exchange: Exchange) -> str:
    """Where the request went: the base URL, the path without its route's prefix, the query.

    The original program went to one place and its early versions did not write it down.
    """
    path = exchange.path.removeprefix(exchange.route)
    path = path if path.startswith("/") or not exchange.route else "/" + path
    base = exchange.endpoint or (_ORIGINALLY if "imported" in exchange.flags else "")
    return base + (f"{path}?{exchange.query}" if exchange.query else path)


def ms(duration_ns: int | None) -> float | int | None:
    """Milliseconds of nanoseconds, to the microsecond."""
    return None if duration_ns is None else number(round(duration_ns / 1e6, 3))


def number(value: float | None) -> float | int | None:
    """A whole float as an int; what JSON cannot say (NaN, infinity) as None."""
    if value is None or not isfinite(value):
        return None
    return int(value) if abs(value) < 2**53 and value == int(value) else value


def iso_time(at_ns: int) -> str:
    """UTC, ISO 8601, milliseconds."""
    moment = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ns % 1_000_000_000 // 1_000_000:03d}Z"


def local_time(at_ns: int) -> str:
    """Local time as people read it."""
    return f"{datetime.fromtimestamp(at_ns // 1_000_000_000):%Y-%m-%d %H:%M:%S}"
