"""One exchange as metadata for the eye, in the names and forms of the earlier Go program.

All values are text and unknown ones absent, so that scripts and reports made for it go on working. Names of ours are
`state` where it is not complete, `delivered_status` where the client got another status, `flags` where there are any.
"""

from __future__ import annotations

from ..core.exchange import Exchange, State
from .listing import failure_text, local_time, ms, number


def metadata(exchange: Exchange) -> dict[str, str]:
    """What is known beside heads and bodies, by name. Units: times in milliseconds, `response_otps` in tokens/s."""
    whole = {
        "chatcmpl": exchange.chatcmpl,
        "content_type": exchange.content_type,
        "delivered_status": exchange.delivered_status,
        "endpoint": exchange.endpoint,
        "error": failure_text(exchange.failure) if exchange.failure else None,
        "flags": ",".join(exchange.flags),
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
