"""How exchanges look in the list. Apart from `render`, because a list must start at once."""

from __future__ import annotations

from ..core.exchange import Exchange
from ..service.listing import local_time, number, url
from .table import Cell, cell

LIST_COLUMNS = ("id", "status", "chatcmpl", "request_id", "server_timing", "requested_at")
VERBOSE_COLUMNS = (
    "id", "url", "method", "status", "chatcmpl", "request_id", "user_id", "server_timing", "content_type",
    "requested_at",
)  # fmt: skip


def row(exchange: Exchange, columns: tuple[str, ...]) -> list[Cell]:
    """One exchange as a row of the list."""
    shown: dict[str, object] = {
        "status": status(exchange),
        "url": url(exchange),
        "server_timing": number(exchange.server_timing),
        "requested_at": local_time(exchange.requested_at),
    }
    return [cell(shown[name] if name in shown else getattr(exchange, name)) for name in columns]


def status(exchange: Exchange) -> str:
    """The status code; where the exchange failed, the stage stands with it or alone; else the state."""
    stage = str(exchange.failure.stage) if exchange.failure else ""
    code = "" if exchange.status is None else str(exchange.status)
    return f"{code} {stage}".strip() or str(exchange.state)
