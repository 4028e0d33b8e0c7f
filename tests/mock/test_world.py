"""Whose key it is, and what is the same twice: accounts, ids, times and shares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from moonpalace.kimi import tiers
from moonpalace.kimi.profiles import PROFILES
from moonpalace.mock.asked import Account, Refused
from moonpalace.mock.world import FROZEN_AT, World


def world(year: str = "2026", seed: int = 0, frozen: bool = False, tier: int | None = None) -> World:
    """Its clocks stand still."""
    return World(Path("nowhere"), lambda: 5.0, lambda: 1_760_000_000.9, PROFILES[year], seed, frozen, tier)


@pytest.mark.parametrize(
    ("key", "account"),
    [
        ("sk-mock", "mock"), ("sk-", "mock"), ("sk-anything", "mock"), ("sk-broke", "broke"),
        ("sk-broke-2", "broke"), ("sk-tier0", "tier0"), ("sk-tier5-mine", "tier5"), ("sk-tier6", "mock"),
        ("sk-tier", "mock"), ("sk-tierx", "mock"), ("sk-mine", "team"), ("own key", "team"),
    ],
)  # fmt: skip
def test_a_key_belongs_to_an_account(key: str, account: str) -> None:
    """Those of a scenario file first, others by their form."""
    place = world()
    place.keys |= {"sk-mine": "team", "own key": "team"}
    assert place.whose(f"Bearer {key}").name == account
    assert place.whose(f"bearer   {key}  ") is place.account(account)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (None, "no_key"), ("", "no_key"), ("Bearer", "no_key"), ("Bearer ", "no_key"), ("sk-mock", "no_key"),
        ("Basic sk-mock", "no_key"), ("Bearer x", "authentication"), ("Bearer sk-bad", "authentication"),
        ("Bearer sk-bad-1", "authentication"), ("Bearer sk-kimi-1", "authentication"),
        ("Bearer SK-MOCK", "authentication"), ("Bearer sk-two words", "authentication"),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(line: str | None, expected: str) -> None:
    """Missing and wrong are two errors."""
    with pytest.raises(Refused) as refused:
        world().whose(line)
    assert (refused.value.violation.form.name, refused.value.violation.status) == (expected, 401)


def test_accounts_have_limits_by_name_or_by_setting() -> None:
    """None without either."""
    assert world().account("mock").tier is None
    assert world(tier=0).account("mock").tier == tiers.tier("2026", 0)
    assert world("2024", tier=0).account("tier3").tier == tiers.tier("2024", 3)
    assert world().account("tier9").tier is None
    assert world().account("tier").tier is None


def test_who_is_broke_has_no_money_and_others_do() -> None:
    """The balance of the documents' example."""
    assert world().account("broke").balance == 0
    assert world().account("mock").balance == pytest.approx(49.58894)


def test_a_debt_is_not_taken_from_the_vouchers() -> None:
    """As with the API."""
    assert Account("a", cash=-5.0, voucher=3.0).balance == 3.0
    assert Account("a", cash=2.0, voucher=3.0).balance == 5.0


def test_names_of_an_account_depend_on_seed_and_name() -> None:
    """Of their forms, the same in each run."""
    first, again, other = world().account("a"), world().account("a"), world(seed=1).account("a")
    assert (first.user_id, first.org_id, first.ak_id) == (again.user_id, again.org_id, again.ak_id)
    assert len({first.org_id, other.org_id, world().account("b").org_id}) == 3
    assert [len(first.user_id), len(first.org_id), len(first.ak_id)] == [20, 36, 15]
    assert (first.user_id[:2], first.org_id[:4], first.ak_id[:3]) == ("cn", "org-", "ak-")


def test_an_account_that_was_put_there_gets_its_names() -> None:
    """And keeps what it has."""
    place = world()
    mine = place.accounts["mine"] = Account("mine", cash=1.0)
    assert place.account("mine") is mine
    assert mine.org_id == world().account("mine").org_id


def test_ids_that_are_not_frozen_are_all_different() -> None:
    """Of so many digits; the order of requests decides, so a run can be repeated."""
    place, again = world(), world()
    ids = [place.hex(24, "completion", "x") for _ in range(50)]
    assert len(set(ids)) == 50
    assert all(len(one) == 24 and int(one, 16) >= 0 for one in ids)
    assert ids == [again.hex(24, "completion", "x") for _ in range(50)]


def test_frozen_ids_are_what_they_are_about() -> None:
    """The same for the same, whatever was asked in between; surrogates of a strange body too."""
    place = world(frozen=True)
    first = place.hex(32, "completion", {"a": 1})
    assert place.hex(32, "completion", {"a": 2}) != first
    assert place.hex(32, "completion", {"a": 1}) == first == world(frozen=True).hex(32, "completion", {"a": 1})
    assert world(frozen=True, seed=1).hex(32, "completion", {"a": 1}) != first
    assert len(place.hex(8, "\ud800")) == 8


def test_times() -> None:
    """Of the clock, or frozen."""
    assert world().now() == 1_760_000_000
    assert world(frozen=True).now() == FROZEN_AT


def test_shares_are_spread_over_the_whole_of_0_to_1() -> None:
    """By the seed and what they are about alone."""
    place = world()
    shares = [place.share("x", number) for number in range(1000)]
    assert shares == [world().share("x", number) for number in range(1000)]
    assert shares != [world(seed=1).share("x", number) for number in range(1000)]
    assert 0 <= min(shares) < 0.01 and 0.99 < max(shares) < 1
    assert 0.45 < sum(shares) / 1000 < 0.55


def test_state_is_made_once() -> None:
    """Each part of the API keeps its own under its name."""
    place = world()
    made: list[object] = [place.kept("a", list), place.kept("a", list), place.kept("b", dict)]
    assert made[0] is made[1] and place.state == {"a": [], "b": {}}


def test_errors_are_worded_as_in_the_year_and_name_the_account() -> None:
    """Where the message has a place for it."""
    place = world("2024")
    refused = place.refuse("context_exceeded", limit=8192, requested=9000)
    assert refused.violation.message == "Invalid request: model max length exceeded, max length:8192"
    assert str(refused) == refused.violation.message
    account = place.account("mock")
    assert account.org_id in world().refuse("no_balance", account).violation.message
    own = replace(PROFILES["2026"], year="2025")
    assert "(requested" not in World(Path("x"), float, float, own).refuse("context_exceeded", limit=1).violation.message
