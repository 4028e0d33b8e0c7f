"""Everything that the mock remembers, in one place: its profile, clock, ids, accounts, and the state of each part.

1. The world has no socket and no file but the directory of uploads.
2. Both clocks are given. With `frozen` ids and times are functions of the request alone; without it of the order of
   requests.
3. A part of the API keeps its state in `World.state` under its own name, or for an account in `Account.state`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..kimi import tiers
from ..kimi.profiles import PROFILES, Profile
from ..text import tokens
from .asked import Account, Refused, refuse

FROZEN_AT = 1_790_899_200.0  # 2026-10-02 00:00:00 UTC
DEFAULT_KEY = "sk-mock"
Count = Callable[[str], int]


@dataclass(slots=True, eq=False)
class World:
    """See the module. `mono`, `wall`: seconds. `count`: tokens of a text. `folder`: where uploads are kept."""

    folder: Path
    mono: Callable[[], float]
    wall: Callable[[], float]
    profile: Profile = PROFILES["2026"]
    seed: int = 0
    frozen: bool = False
    tier: int | None = None
    count: Count = tokens.estimate
    accounts: dict[str, Account] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)  # key → account; others are told apart by their form
    state: dict[str, Any] = field(default_factory=dict)
    tell: Callable[[str], None] = lambda text: None  # what a developer should know
    strict: bool = False  # a request that no scenario fits is refused
    raise_faults: bool = False  # a fault of ours is raised, for tests
    _made: int = 0

    def now(self) -> int:
        """Wall time in whole seconds."""
        return int(FROZEN_AT if self.frozen else self.wall())

    def hex(self, length: int, *about: object) -> str:
        """An id of so many hexadecimal digits, for what `about` says."""
        if not self.frozen:
            self._made += 1
            about = (self._made, *about)
        return hashlib.sha256(repr((self.seed, *about)).encode("utf-8", "surrogatepass")).hexdigest()[:length]

    def share(self, *about: object) -> float:
        """A number from 0 to below 1 that depends on the seed and `about` alone."""
        digest = hashlib.sha256(repr((self.seed, *about)).encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:7], "big") / 2**56

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """The state of that name, made when first asked for."""
        if name not in self.state:
            self.state[name] = make()
        return self.state[name]

    def account(self, name: str) -> Account:
        """The account of that name, made when first asked for."""
        found = self.accounts.get(name)
        if found is None:
            number = int(name[4:]) if name[:4] == "tier" and name[4:] in tuple("012345") else self.tier
            tier = None if number is None else tiers.tier(self.profile.year, number)
            found = self.accounts[name] = Account(name, tier)
            if name == "broke":
                found.cash = found.voucher = 0.0
        if not found.user_id:
            digest = hashlib.sha256(f"{self.seed}:{name}".encode()).hexdigest()
            found.user_id, found.org_id, found.ak_id = f"cn{digest[:18]}", f"org-{digest[18:50]}", f"ak-{digest[50:62]}"
        return found

    def whose(self, authorization: str | None) -> Account:
        """The account of an `Authorization` line. Raises: Refused.

        Any `sk-…` is a key of the account `mock`, but `sk-broke…` (no money), `sk-tier0…` to `sk-tier5…` (rate limits),
        `sk-bad…`, `sk-kimi-…` and whatever has a blank in it (no keys here).
        """
        year = self.profile.year
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if not key or scheme.lower() != "bearer":
            raise refuse("no_key", year)
        if key in self.keys:
            return self.account(self.keys[key])
        if not key.startswith("sk-") or key.startswith(("sk-bad", "sk-kimi-")) or key.split() != [key]:
            raise refuse("authentication", year)
        if key.startswith("sk-broke"):
            return self.account("broke")
        if key.startswith("sk-tier") and key[7:8] in tuple("012345"):
            return self.account(key[3:8])
        return self.account("mock")

    def refuse(self, name: str, account: Account | None = None, **values: Any) -> Refused:
        """To be raised: an error in the words of this profile."""
        if account is not None:
            values = {"org": account.org_id, "ak": account.ak_id, **values}
        return refuse(name, self.profile.year, **values)
