"""The balance: `GET /v1/users/me/balance`.

Source: platform.moonshot.ai and platform.kimi.ai API reference, check balance (mid-2025 to 2026-08).
"""

from __future__ import annotations

from .asked import Asked
from .reply import Reply, json_reply
from .routes import Route
from .world import World

PLACES = 5  # decimals, as the API gives them


def balance(world: World, asked: Asked) -> Reply:
    """Cash, vouchers, and what they come to. A debt in cash is shown as such and not taken from the vouchers."""
    account = asked.account
    data = {
        "available_balance": round(account.balance, PLACES),
        "voucher_balance": round(account.voucher, PLACES),
        "cash_balance": round(account.cash, PLACES),
    }
    return json_reply({"code": 0, "data": data, "scode": "0x0", "status": True})


ROUTES = (Route("GET", "/v1/users/me/balance", balance),)
