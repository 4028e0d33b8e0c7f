"""One exchange, whole: as metadata for the eye and as an object for programs.

1. `metadata` keeps the names and forms of the earlier Go program (all values text, unknown ones absent), so that
   scripts and reports made for it go on working.
2. `detail` is the listed object plus the four sides, the connecting and the timeline.
"""

from __future__ import annotations

from typing import Any

from ..core.exchange import Attempt, Event, Exchange, State
from .listing import failure_text, local_time, ms, number, summary
from .sides import SIDES, pairs, side, side_object


def metadata(exchange: Exchange) -> dict[str, str]:
    """What is known beside heads and bodies, by name. Units: times in milliseconds, `response_otps` in tokens/s."""
    whole = {
        "chatcmpl": exchange.chatcmpl,
        "content_type": exchange.content_type,
        "endpoint": exchange.endpoint,
        "error": failure_text(exchange.failure) if exchange.failure else None,
        "group_id": exchange.group_id,
        "latency": _whole_ms(exchange.latency_ns),
        "moonpalace_id": exchange.id,
        "request_content_type": exchange.request_content_type,
        "request_id": exchange.request_id,
        "requested_at": local_time(exchange.requested_at),
        "response_content_type": exchange.content_type,
        "response_otps": _four_places(exchange.tokens_per_second),
        "response_tpot": ms(exchange.tpot_ns),
        "response_ttft": _whole_ms(exchange.ttft_ns),
        "server_timing": number(exchange.server_timing),
        "state": None if exchange.state == State.COMPLETE else str(exchange.state),
        "status": status_line(exchange),
        "user_id": exchange.user_id,
    }
    return {name: str(value) for name, value in whole.items() if value is not None and value != ""}


def status_line(exchange: Exchange) -> str:
    """`200 OK`; empty when the API gave no status. A status sent without words gets the usual ones."""
    if exchange.status is None:
        return ""
    return f"{exchange.status} {exchange.reason or _phrase(exchange.status)}".rstrip()


def detail(exchange: Exchange) -> dict[str, Any]:
    """The whole exchange as an object."""
    return {
        **summary(exchange),
        **{name: side_object(side(exchange, name)) for name in SIDES},
        "interim": [{"start": message.start, "headers": pairs(message.headers)} for message in exchange.interim],
        "attempts": [_attempt(attempt) for attempt in exchange.attempts],
        "upstream": exchange.upstream,
        "timeline": [_event(event) for event in exchange.timeline],
        "run": exchange.run,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "address": attempt.address,
        "at_ms": ms(attempt.at_ns),
        "took_ms": ms(attempt.took_ns),
        "error": attempt.error,
    }


def _event(event: Event) -> dict[str, Any]:
    return {"event": event.name, "at_ms": ms(event.at_ns), "bytes": event.size}


def _whole_ms(duration_ns: int | None) -> int | None:
    return None if duration_ns is None else round(duration_ns / 1e6)


def _four_places(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def _phrase(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
