"""What an account may ask for at once, in a minute and in a day, by how much was ever paid in.

1. A limit is one account's: all its keys and all models share it.
2. The figures are decimal: 500k is 500,000 tokens, as the API's own 429 says it.
3. A profile has one table. "2024" is the one of 2024 to 2025-10, "2025" that of 2025-11 to 2026-07, "2026" that of
   2026-09. Within a profile a tier is never raised or lowered.
4. Vouchers do not count as paid in. A project may be given less than its account has; that is not here.

Source: platform.moonshot.cn and platform.moonshot.ai, recharge and rate limits (mid-2025 and 2025-11); the same page
of platform.kimi.com and platform.kimi.ai, and tools-search-pro (2026-09). The limits of 2026-09 come from a dated copy
of both sites; the larger ones before are still quoted widely.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tier:
    """One row. None: no such limit, or no such service yet."""

    number: int
    concurrency: int
    rpm: int
    tpm: int
    tpd: int | None
    search_qps: int | None
    topped_up_cny: int
    topped_up_usd: int


_PAID = ((0, 1), (50, 10), (100, 20), (500, 100), (5_000, 1_000), (20_000, 3_000))

# concurrency, requests a minute, tokens a minute, tokens a day, searches a second
_Row = tuple[int, int, int, int | None, int | None]
_LIMITS: dict[str, tuple[_Row, ...]] = {
    "2024": (
        (1, 3, 32_000, 1_500_000, None),
        (50, 200, 128_000, 10_000_000, None),
        (100, 500, 128_000, 20_000_000, None),
        (200, 5_000, 384_000, None, None),
        (400, 5_000, 768_000, None, None),
        (1_000, 10_000, 2_000_000, None, None),
    ),
    "2025": (
        (1, 3, 500_000, 1_500_000, None),
        (50, 200, 2_000_000, None, None),
        (100, 500, 3_000_000, None, None),
        (200, 5_000, 3_000_000, None, None),
        (400, 5_000, 4_000_000, None, None),
        (1_000, 10_000, 5_000_000, None, None),
    ),
    "2026": (
        (1, 3, 500_000, 1_500_000, 1),
        (15, 100, 2_000_000, None, 3),
        (40, 100, 3_000_000, None, 5),
        (50, 200, 3_000_000, None, 10),
        (60, 200, 4_000_000, None, 20),
        (100, 300, 5_000_000, None, 50),
    ),
}

_TIERS = {
    (year, number): Tier(number, *limits, *paid)
    for year, rows in _LIMITS.items()
    for number, (limits, paid) in enumerate(zip(rows, _PAID, strict=True))
}


def tier(year: str, number: int) -> Tier:
    """The limits of tier 0 to 5 in the profile of that year. Raises: KeyError."""
    return _TIERS[year, number]
