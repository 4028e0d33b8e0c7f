"""One whole request, as the functions of the API see it.

1. A function of the API takes the `World` and an `Asked` and gives a `Reply`, or raises `Refused`.
2. Nothing of the key but the account it belongs to is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.headers import Headers
from ..kimi.errors import Violation, violate
from ..kimi.tiers import Tier
from ..wire.lenient import BAD_JSON, decode


class Refused(Exception):
    """The API says no. `headers` go with the answer."""

    def __init__(self, violation: Violation, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(violation.message)
        self.violation = violation
        self.headers = headers


def refuse(name: str, year: str = "2026", at: str = "", **values: object) -> Refused:
    """To be raised: the error of that name of `kimi.errors`."""
    return Refused(violate(name, year, at, **values))


@dataclass(slots=True, eq=False)
class Account:
    """Whose key it is. `tier` None: no rate limits. `balance` in the currency of the host, cash and vouchers apart."""

    name: str
    tier: Tier | None = None
    cash: float = 3.00001
    voucher: float = 46.58893
    user_id: str = ""
    org_id: str = ""
    ak_id: str = ""
    state: dict[str, Any] = field(default_factory=dict)  # what modules keep for each account, under their own name

    @property
    def balance(self) -> float:
        """What is left. A debt in cash is not taken from the vouchers."""
        return self.voucher + max(self.cash, 0.0)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body. `path`: where its bytes are, for a file; else they are `value`."""

    name: str
    filename: str | None
    content_type: str
    size: int
    value: bytes = b""
    path: Path | None = None


@dataclass(slots=True, eq=False)
class Asked:
    """See the module. `at`: wall time in seconds; `number`: 1 for the server's first request, and so on.

    `about`: what is played, in words for the log.
    """

    number: int
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Headers
    body: bytes
    account: Account
    at: float
    parts: tuple[Part, ...] | None = None
    variables: dict[str, str] = field(default_factory=dict)
    chunked: bool = True  # whether the client knows chunked framing
    about: tuple[str, ...] = ()

    def first(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)

    def json(self) -> Any:
        """The body's JSON value. Raises: Refused."""
        try:
            return decode(self.body)
        except BAD_JSON:
            raise refuse(
                "invalid_request", details="request body is not valid JSON" if self.body else "request body is empty"
            ) from None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises: Refused."""
        value = self.json()
        if not isinstance(value, dict):
            raise refuse("invalid_request", details="request body must be a JSON object")
        return value
