"""How exchanges look in the list, and the metadata of one. Apart from `render`, because these must start at once."""

from __future__ import annotations

import sys

from ..core.exchange import OWN_CALL, Exchange
from ..service.listing import local_time, number, url
from .table import Cell, body_cell, cell

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
    """The status code, and that of what the client got if it is another one; where the exchange failed, the stage
    stands with it or alone; else the state. `own`: a call of our own."""
    code = "" if exchange.status is None else str(exchange.status)
    if exchange.delivered_status is not None:
        code = f"{code}{_arrow()}{exchange.delivered_status}"
    stage = str(exchange.failure.stage) if exchange.failure else ""
    shown = f"{code} {stage}".strip() or str(exchange.state)
    return f"{shown} own" if OWN_CALL in exchange.flags else shown


def _arrow() -> str:
    """Elsewhere than in UTF-8 it would be an escape, or two columns wide."""
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower()
    return "→" if encoding.startswith("utf") else ">"


def metadata_cell(exchange: Exchange) -> Cell:
    """What is known beside heads and bodies, as JSON: sorted keys, four blanks, other scripts as they are."""
    import json

    from ..service.metadata import metadata

    return body_cell(json.dumps(metadata(exchange), ensure_ascii=False, sort_keys=True, indent=4))
