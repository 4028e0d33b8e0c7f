"""The tiers: every figure of the three published tables."""

from __future__ import annotations

from itertools import pairwise

import pytest

from moonpalace.kimi.tiers import Tier, tier

# number: concurrency / RPM / TPM / TPD / searches a second, as people write them
PUBLISHED = {
    "2024": """
        0: 1 / 3 / 32k / 1.5M / -
        1: 50 / 200 / 128k / 10M / -
        2: 100 / 500 / 128k / 20M / -
        3: 200 / 5000 / 384k / - / -
        4: 400 / 5000 / 768k / - / -
        5: 1000 / 10000 / 2M / - / -""",
    "2025": """
        0: 1 / 3 / 500k / 1.5M / -
        1: 50 / 200 / 2M / - / -
        2: 100 / 500 / 3M / - / -
        3: 200 / 5000 / 3M / - / -
        4: 400 / 5000 / 4M / - / -
        5: 1000 / 10000 / 5M / - / -""",
    "2026": """
        0: 1 / 3 / 500k / 1.5M / 1
        1: 15 / 100 / 2M / - / 3
        2: 40 / 100 / 3M / - / 5
        3: 50 / 200 / 3M / - / 10
        4: 60 / 200 / 4M / - / 20
        5: 100 / 300 / 5M / - / 50""",
}
PAID = [(0, 1), (50, 10), (100, 20), (500, 100), (5000, 1000), (20000, 3000)]
ROWS = [(year, line.strip()) for year, table in PUBLISHED.items() for line in table.strip().splitlines()]


def figure(text: str) -> int | None:
    """`1.5M` as a number; `-` is no limit."""
    if text == "-":
        return None
    scale = {"k": 1_000, "M": 1_000_000}.get(text[-1], 1)
    return int(float(text.rstrip("kM")) * scale)


@pytest.mark.parametrize(("year", "line"), ROWS, ids=[f"{year} tier {line[0]}" for year, line in ROWS])
def test_a_tier_has_the_published_figures(year: str, line: str) -> None:
    """Code that stays within the limits here has to stay within the real ones."""
    number, _, figures = line.partition(": ")
    cny, usd = PAID[int(number)]
    got = tier(year, int(number))
    assert (got.number, got.topped_up_cny, got.topped_up_usd) == (int(number), cny, usd)
    limits = [got.concurrency, got.rpm, got.tpm, got.tpd, got.search_qps]
    assert [figure(text) for text in figures.split(" / ")] == limits


@pytest.mark.parametrize(("year", "number"), [("2023", 0), ("2027", 0), ("2026", 6), ("2026", -1)])
def test_there_are_no_other_tiers(year: str, number: int) -> None:
    """A tier below the first must not turn out to be the last one."""
    with pytest.raises(KeyError):
        tier(year, number)


@pytest.mark.parametrize("year", PUBLISHED)
def test_whoever_paid_more_may_do_no_less(year: str) -> None:
    """A slip of a digit in one row would break the order."""
    tiers = [tier(year, number) for number in range(6)]

    def allowed(one: Tier) -> tuple[float, ...]:
        return one.concurrency, one.rpm, one.tpm, one.tpd or float("inf"), one.search_qps or 0, one.topped_up_cny

    for lower, higher in pairwise(tiers):
        assert all(a <= b for a, b in zip(allowed(lower), allowed(higher), strict=True))
