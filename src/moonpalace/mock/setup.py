"""The mock put together from its settings. The one place where its parts meet.

1. What a scenario file says in `[mock]` stands where the settings say nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.errors import UsageError
from ..kimi import tiers
from ..kimi.profiles import PROFILES, BadSwitch, Profile, switched
from . import catalogue, estimate, inference, wallet
from .answer import Pace
from .api import Api, Tape
from .faults import BadFault, parse
from .pace import Pacer
from .routes import Router
from .scenario import Script, Settings, Stage, load, shipped
from .world import Count, World

ROUTES = (*inference.ROUTES, *catalogue.ROUTES, *estimate.ROUTES, *wallet.ROUTES)
_LATER = {
    "/v1/files": "uploads.files", "/v1/batches": "batching.batches", "/v1/caching": "contexts.caching",
    "/v1/formulas/": "tools.formulas", "/v1/tools/": "tools.search", "/v1/signatures/": "signatures",
    "/openapi.json": "description",
}  # fmt: skip
LATER = {start: f"{__package__}.{module}" for start, module in _LATER.items()}
COUNTED = 4096  # texts whose count is known
LONGEST_KEPT = 4_096  # characters; of a longer text a digest is kept


@dataclass(frozen=True, slots=True)
class MockSettings:
    """What `moonpalace mock` is told. None: the scenario file's word, else the usual. Times in seconds."""

    profile: str | None = None
    tier: int | None = None
    scenarios: tuple[Path, ...] = ()
    seed: int | None = None
    frozen: bool = False
    speed: float | None = None
    ttft: float | None = None
    tps: float | None = None
    jitter: float | None = None
    faults: tuple[str, ...] = ()
    switches: tuple[tuple[str, str], ...] = ()
    strict: bool = False
    tokenizer: Path | None = None


def build(
    settings: MockSettings, folder: Path, mono: Callable[[], float], wall: Callable[[], float],
    tell: Callable[[str], None] = lambda text: None, tape: Tape | None = None, scripts: Sequence[Script] = (),
) -> Api:  # fmt: skip
    """The API, ready to answer. Raises: UsageError."""
    read = [*scripts, *[load(path) for path in settings.scenarios]]
    said = _said(read)
    profile = _profile(settings, said)
    world = World(folder, mono, wall, profile, tell=tell, strict=settings.strict,
                  frozen=settings.frozen, seed=_first(settings.seed, said.seed, 0),
                  tier=_first(settings.tier, said.tier))  # fmt: skip
    if world.tier is not None and not 0 <= world.tier <= 5:
        raise UsageError(f"there is no tier {world.tier}; there are 0 to 5")
    world.count = counter(settings.tokenizer)
    for script in read:
        _open_accounts(world, script)
    stage = Stage([*read, shipped()], world.seed)
    world.state["stage"] = stage
    world.state["complete"] = inference.complete
    pace = Pace(
        _first(settings.ttft, said.ttft_s), _first(settings.tps, said.tps), _first(settings.jitter, said.jitter)
    )
    pacer = Pacer(pace, _first(settings.speed, said.speed, 1.0))
    try:
        faults = [parse(text) for text in settings.faults]
    except BadFault as error:
        raise UsageError(f"--fault {error}") from None
    return Api(world, Router(profile, ROUTES, LATER), pacer, faults, tape)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _said(scripts: Sequence[Script]) -> Settings:
    """What the files say together; of two that say the same thing the later one."""
    said = Settings()
    for script in scripts:
        given = {
            item.name: value for item in fields(Settings) if (value := getattr(script.settings, item.name)) is not None
        }
        given["switches"] = {**said.switches, **script.settings.switches}
        said = replace(said, **given)
    return said


def _profile(settings: MockSettings, said: Settings) -> Profile:
    name = str(_first(settings.profile, said.profile, "2026"))
    if name not in PROFILES:
        raise UsageError(f"there is no profile {name!r}; there are {', '.join(PROFILES)}")
    profile = PROFILES[name]
    for switch, value in (*said.switches.items(), *settings.switches):
        try:
            profile = switched(profile, switch, value)
        except BadSwitch as error:
            raise UsageError(f"--set: {error}") from None
    return profile


def _open_accounts(world: World, script: Script) -> None:
    for given in script.accounts:
        account = world.account(given.name)
        if given.tier is not None:
            account.tier = tiers.tier(world.profile.year, given.tier)
        account.cash = account.cash if given.cash is None else given.cash
        account.voucher = account.voucher if given.voucher is None else given.voucher
        for key in given.keys:
            world.keys[key] = given.name


def counter(vocabulary: Path | None) -> Count:
    """What counts tokens: the vendor's vocabulary file, else the estimate. Texts that come again are not counted again,
    and the long ones not kept either: an agent sends its history, results of tools and all, with each request.

    Raises: UsageError for a file that is none.
    """
    if vocabulary is not None:
        from ..text.vocabulary import load as load_vocabulary

        exact = load_vocabulary(vocabulary).count
    else:
        from ..text.tokens import estimate as exact
    short = lru_cache(COUNTED)(exact)
    known: dict[bytes, int] = {}

    def long(text: str) -> int:
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if digest not in known:
            if len(known) >= COUNTED:
                known.clear()
            known[digest] = exact(text)
        return known[digest]

    return lambda text: short(text) if len(text) <= LONGEST_KEPT else long(text)
