"""A scenario file as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .condition import Condition
from .plays import Play


@dataclass(frozen=True, slots=True)
class Scenario:
    """One `[[scenario]]`. All `conditions` must hold; none at all fits everything.

    `times`: only for so many fitting requests; `loop`: the plays start over, else the last one is repeated; `by_name`:
    only where it is asked for by name; `about`: what it shows, for lists.
    """

    name: str
    conditions: tuple[Condition, ...]
    plays: tuple[Play, ...]
    times: int | None = None
    loop: bool = False
    by_name: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `[mock]`. None: the file says nothing. `speed`: 10 is ten times as fast, 0 without waiting."""

    profile: str | None = None
    tier: int | None = None
    seed: int | None = None
    ttft_s: float | None = None
    tps: float | None = None
    jitter: float | None = None
    speed: float | None = None
    switches: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountSetting:
    """One `[[account]]`. `keys` are never shown."""

    name: str
    keys: tuple[str, ...] = field(default=(), repr=False)
    tier: int | None = None
    cash: float | None = None
    voucher: float | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """One file."""

    scenarios: tuple[Scenario, ...] = ()
    settings: Settings = Settings()
    accounts: tuple[AccountSetting, ...] = ()
