"""The mock put together: what is asked for, then what the files say, then the usual."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moonpalace.core.errors import UsageError
from moonpalace.kimi import tiers
from moonpalace.mock.answer import Pace
from moonpalace.mock.faults import parse
from moonpalace.mock.setup import LONGEST_KEPT, MockSettings, build, counter
from moonpalace.testing.mock_api import MockApi, said
from moonpalace.text.tokens import estimate

FILE = """
[mock]
profile = "2025"
tier = 2
seed = 7
ttft = 1.5
tps = 20
jitter = 0.5
speed = "10x"
[mock.set]
limit_headers = true
cache_block = 16

[[account]]
name = "team"
keys = ["sk-team", "other"]
tier = 1
cash = 5
[[account]]
name = "mock"
voucher = 0

[[scenario]]
name = "hello"
[[scenario.answer]]
content = "from the file"
"""


def made(tmp_path: Path, **settings: Any) -> Any:
    """The API of a mock with that file."""
    path = tmp_path / "a.toml"
    path.write_text(FILE, encoding="utf-8")
    return build(MockSettings(scenarios=(path,), **settings), tmp_path, lambda: 0.0, lambda: 0.0)


def test_the_usual() -> None:
    """Nothing said: the API of 2026, no limits, its pace."""
    api = build(MockSettings(), Path("nowhere"), lambda: 1.0, lambda: 2.0)
    world = api.world
    assert (world.profile.year, world.tier, world.seed, world.frozen, world.strict) == ("2026", None, 0, False, False)
    assert (api.pacer.pace, api.pacer.speed, api.faults, api.tape) == (Pace(), 1.0, [], None)
    assert (world.mono(), world.wall()) == (1.0, 2.0)


def test_what_the_file_says_stands_where_the_settings_say_nothing(tmp_path: Path) -> None:
    """And not where they do, be it with nought."""
    api = made(tmp_path)
    world = api.world
    assert (world.profile.year, world.tier, world.seed) == ("2025", 2, 7)
    assert (api.pacer.pace, api.pacer.speed) == (Pace(1.5, 20.0, 0.5), 10.0)
    assert (world.profile.limit_headers, world.profile.cache_block) == (True, 16)
    api = made(tmp_path, profile="2026", tier=0, seed=0, ttft=0.0, tps=0.0, jitter=0.0, speed=0.0,
               switches=(("cache_block", "0"),))  # fmt: skip
    assert (api.world.profile.year, api.world.tier, api.world.seed) == ("2026", 0, 0)
    assert (api.pacer.pace, api.pacer.speed) == (Pace(0.0, 0.0, 0.0), 0.0)
    assert (api.world.profile.limit_headers, api.world.profile.cache_block) == (True, 0)


def test_accounts_of_the_file_are_there(tmp_path: Path) -> None:
    """With their keys, limits and money; what is not said is as usual."""
    world = made(tmp_path).world
    team = world.whose("Bearer other")
    assert team is world.whose("Bearer sk-team")
    assert (team.name, team.tier, team.cash, team.voucher) == ("team", tiers.tier("2025", 1), 5.0, 46.58893)
    assert (world.account("mock").tier, world.account("mock").voucher) == (tiers.tier("2025", 2), 0.0)


def test_the_later_of_two_files_says_what_counts(tmp_path: Path) -> None:
    """Switch by switch; but the scenarios of the first come first."""
    paths = []
    for name, seed, switch in (("a", 1, "cache_block = 1"), ("b", 2, "count_refused = true")):
        path = tmp_path / f"{name}.toml"
        text = f'[mock]\nseed = {seed}\n[mock.set]\n{switch}\n[[scenario]]\nname = "s"\n[[scenario.answer]]\n'
        path.write_text(text + f'content = "{name}"\n', encoding="utf-8")
        paths.append(path)
    api = build(MockSettings(scenarios=tuple(paths)), tmp_path, lambda: 0.0, lambda: 0.0)
    assert (api.world.seed, api.world.profile.cache_block, api.world.profile.count_refused) == (2, 1, True)
    assert said(MockApi(MockSettings(scenarios=tuple(paths))).chat()) == "a"


def test_faults_are_read(tmp_path: Path) -> None:
    """All of them, in order."""
    assert made(tmp_path, faults=("429=5%", "cut:3")).faults == [parse("429=5%"), parse("cut:3")]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"profile": "1999"}, "there is no profile '1999'; there are 2024, 2025, 2026"),
        ({"switches": (("nonsense", "on"),)}, "there is no switch 'nonsense'"),
        ({"switches": (("mfjs", "perhaps"),)}, "mfjs must be on or off"),
        ({"faults": ("nonsense",)}, "there is no fault 'nonsense'"),
        ({"faults": ("cut", "429=500%")}, "a rate goes from 0% to 100%"),
        ({"tier": 6}, "there is no tier 6; there are 0 to 5"),
        ({"tier": -1}, "there is no tier -1"),
        ({"scenarios": (Path("nowhere.toml"),)}, "nowhere.toml"),
        ({"tokenizer": Path("nowhere.model")}, "nowhere.model"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_wrong_is_said_before_the_first_request(settings: dict[str, Any], words: str) -> None:
    """With what there is instead."""
    with pytest.raises(UsageError) as error:
        build(MockSettings(**settings), Path("nowhere"), lambda: 0.0, lambda: 0.0)
    assert words in str(error.value)


@pytest.mark.parametrize("text", ["", "你好", "hello world", "x" * (LONGEST_KEPT + 1)], ids=len)
def test_tokens_are_those_of_the_estimate(text: str) -> None:
    """Once or again, kept or too long to be."""
    count = counter(None)
    assert [count(text), count(text)] == [estimate(text)] * 2


def test_a_text_that_comes_again_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent sends its whole history each time; of what is long only a digest is kept in memory."""
    counted: list[int] = []

    def noted(text: str) -> int:
        counted.append(len(text))
        return 1

    monkeypatch.setattr("moonpalace.text.tokens.estimate", noted)
    count = counter(None)
    long = "b" * (LONGEST_KEPT + 1)
    for text in ("a", "a", long, long + "c", long, "\ud800" * len(long)):
        count(text)
    assert counted == [1, len(long), len(long) + 1, len(long)]
