"""The balance, with and without debts."""

from __future__ import annotations

import pytest

from moonpalace.mock.wallet import ROUTES
from moonpalace.testing.mock_scene import Scene

PATH = "/v1/users/me/balance"


def test_the_balance_is_that_of_the_documents() -> None:
    """The example of the API reference, to the digit."""
    assert Scene(ROUTES).json("GET", PATH) == {
        "code": 0,
        "data": {"available_balance": 49.58894, "voucher_balance": 46.58893, "cash_balance": 3.00001},
        "scode": "0x0",
        "status": True,
    }


@pytest.mark.parametrize(
    ("cash", "voucher", "available"), [(-5.0, 2.5, 2.5), (0.1, 0.2, 0.3), (0.0, 0.0, 0.0)], ids=str
)
def test_a_debt_is_not_taken_from_the_vouchers(cash: float, voucher: float, available: float) -> None:
    """When cash is negative, what is available is the vouchers."""
    scene = Scene(ROUTES)
    account = scene.world.account("mock")
    account.cash, account.voucher = cash, voucher
    data = scene.json("GET", PATH)["data"]
    assert data == {"available_balance": available, "voucher_balance": voucher, "cash_balance": cash}


def test_a_broke_account_may_ask_what_it_has() -> None:
    """The balance is free: it is how a client finds out."""
    assert Scene(ROUTES).json("GET", PATH, key="sk-broke")["data"]["available_balance"] == 0.0


def test_a_bad_key_is_refused() -> None:
    """As everywhere."""
    assert Scene(ROUTES).refused("GET", PATH, key="sk-bad") == (
        401,
        "invalid_authentication_error",
        "Invalid Authentication",
    )
