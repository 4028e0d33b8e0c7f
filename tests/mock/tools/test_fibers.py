"""What the official tools do: each by an example, and their refusals in words."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from moonpalace.mock.tools.arguments import Failed
from moonpalace.mock.tools.fibers import FIBERS, REMEMBERED
from moonpalace.testing.mock_scene import Scene

CSV = "name,price\npear,2\nfig,4\nlime,6\n"


def run(tool: str, scene: Scene | None = None, account: str = "mock", **given: Any) -> str:
    scene = scene or Scene(())
    return FIBERS[tool](scene.world, scene.world.account(account), given)


def failed(tool: str, **given: Any) -> str:
    with pytest.raises(Failed) as error:
        run(tool, **given)
    return str(error.value)


EXAMPLES: list[tuple[str, dict[str, Any], str]] = [
    ("convert", {"value": 1, "from_unit": "km", "to_unit": "m"}, "1 km = 1000 m"),
    ("convert", {"value": 10, "from_unit": "USD", "to_unit": "CNY"},
     "10 USD = 72 CNY (MoonPalace mock: the rate is made up)"),
    ("rethink", {"thought": "First, look."}, "First, look."),
    ("base64_encode", {"data": "你好"}, "5L2g5aW9"),
    ("base64_encode", {"data": "你好", "encoding": "GBK"}, "xOO6ww=="),
    ("base64_decode", {"data": " 5L2g5aW9\n"}, "你好"),
    ("date", {"operation": "add", "date": "2026-10-01", "days": 1, "format": "%Y-%m-%d"}, "2026-10-02"),
    ("mew_generator", {"mood": "grumpy"}, "Hrmf. Mew. May nobody disturb your nap."),
    ("random_choice", {"candidates": ["only"]}, "only"),
    ("random_choice", {"candidates": ["only"], "count": 3, "replace": True}, "only, only, only"),
    ("random_choice", {"candidates": ["a"], "format": "json"}, '{"selected":["a"]}'),
    ("excel", {"csv": CSV, "operation": "count"}, '{"rows":3,"columns":2}'),
    ("excel", {"csv": CSV, "operation": "head", "n": 1}, '[["name","price"],["pear","2"]]'),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "given", "expected"), EXAMPLES, ids=lambda value: str(value)[:40])
def test_a_tool_does_what_it_says(tool: str, given: dict[str, Any], expected: str) -> None:
    """To the letter: the same arguments give the same text."""
    assert run(tool, **given) == expected


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("convert", {"value": "1", "from_unit": "km", "to_unit": "m"}, "value is required"),
    ("convert", {"value": 10**400, "from_unit": "km", "to_unit": "m"}, "value is required"),
    ("convert", {"value": 1, "from_unit": "km", "to_unit": "kg"}, "cannot convert length to mass"),
    ("convert", {"value": 1, "from_unit": "km"}, "to_unit is required"),
    ("web_search", {}, "query is required"),
    ("rethink", {"thought": 5}, "thought is required"),
    ("random_choice", {"candidates": []}, "candidates must be"),
    ("random_choice", {"candidates": ["a", 5]}, "candidates must be"),
    ("random_choice", {"candidates": ["a"], "count": 2}, "count is larger"),
    ("random_choice", {"candidates": ["a"], "count": 0}, "count must be"),
    ("random_choice", {"candidates": ["a", "b"], "weights": [1]}, "weights must be"),
    ("random_choice", {"candidates": ["a"], "weights": [-1]}, "weights must be"),
    ("mew_generator", {"mood": "angry"}, "mood must be one of"),
    ("mew_generator", {"mood": ["happy"]}, "mood must be one of"),
    ("memory", {"action": "forget"}, "action must be one of"),
    ("memory", {"action": []}, "action must be one of"),
    ("memory", {"action": "store", "key": "a"}, "data is required"),
    ("memory", {"action": "store", "data": {}}, "key is required"),
    ("memory", {"action": "store", "key": "a", "data": {}, "ttl": 0}, "ttl must be"),
    ("excel", {"csv": ""}, "csv is required"),
    ("excel", {"csv": "\n\n"}, "csv has no rows"),
    ("excel", {"csv": "x" * 200_000}, "csv cannot be read"),
    ("excel", {"csv": CSV, "operation": "pivot"}, "operation must be"),
    ("excel", {"csv": CSV, "operation": ["head"]}, "operation must be"),
    ("date", {"operation": "guess"}, "operation must be"),
    ("base64_encode", {"data": "你好", "encoding": "ascii"}, "data cannot be encoded"),
    ("base64_encode", {"data": "x", "encoding": "zip"}, "encoding must be one of"),
    ("base64_decode", {"data": "???"}, "data is not base64"),
    ("base64_decode", {"data": "/w=="}, "data is not base64"),
    ("fetch", {"url": "file:///etc/passwd"}, "cannot fetch"),
    ("fetch", {"url": "https://nowhere.invalid/"}, "cannot fetch"),
    ("fetch", {"url": "https://example.com", "max_length": 0}, "max_length must be"),
    ("quickjs", {"code": None}, "code is required"),
    ("code_runner", {"code": "x" * 1_000_001}, "code must be at most"),
]


@pytest.mark.parametrize(("tool", "given", "words"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_a_tool_cannot_do_it_says_in_words(tool: str, given: dict[str, Any], words: str) -> None:
    """For the model to read."""
    assert words in failed(tool, **given)


def test_a_search_comes_as_the_protected_tool_gives_it() -> None:
    """Between the marks of the real one; a developer can still read it, for it is base64."""
    said = run("web_search", query="kimi")
    begin, end = "----MOONSHOT ENCRYPTED BEGIN----", "----MOONSHOT ENCRYPTED END----"
    assert said.startswith(begin) and said.endswith(end)
    found = json.loads(base64.b64decode(said.removeprefix(begin).removesuffix(end)))
    assert len(found) == 5 and "kimi" in found[0]["title"]


@pytest.mark.parametrize("tool", ["quickjs", "code_runner"])
def test_no_code_is_run(tool: str) -> None:
    """And the answer says so, so that nobody takes it for a result."""
    said = run(tool, code="import os\nos.abort()")
    assert "no code is executed here" in said and "2 line(s)" in said


def test_a_choice_depends_on_the_seed() -> None:
    """Of the world, and of the arguments; without replacement none is chosen twice."""
    letters = list("abcdefghijklmnopqrstuvwxyz")

    def chosen(world_seed: int = 0, **given: Any) -> str:
        return run("random_choice", Scene((), seed=world_seed), candidates=letters, count=26, **given)

    assert chosen() == chosen() != chosen(seed=1)
    assert chosen() != chosen(world_seed=1)
    assert sorted(chosen().split(", ")) == letters


def test_weights_steer_the_choice() -> None:
    """A thousand to one shows in a hundred draws."""
    said = run("random_choice", candidates=["rare", "usual"], weights=[1, 1000], count=100, replace=True)
    assert said.split(", ").count("usual") > 90


def test_the_date_follows_the_clock_of_the_world() -> None:
    """Not that of the machine."""
    scene = Scene((), frozen=True)
    assert run("date", scene, operation="time") == "2026-10-02 00:00:00"


def test_memory_keeps_what_is_stored() -> None:
    """Stored, listed, retrieved, deleted; one account does not see the other's."""
    scene = Scene(())

    def memory(account: str = "mock", **given: Any) -> Any:
        return json.loads(run("memory", scene, account, **given))

    memory(action="store", key="user/name", data={"name": "Li Lei"})
    memory(action="store", key="user/age", data={"age": 30}, ttl=10)
    memory(action="store", key="topic", data="tea")
    assert memory(action="list", prefix="user/") == {"keys": ["user/age", "user/name"]}
    assert memory(action="retrieve", key="user/name")["data"] == {"name": "Li Lei"}
    assert memory("tier1", action="list") == {"keys": []}
    scene.now += 10
    assert memory(action="list") == {"keys": ["topic", "user/name"]}
    assert memory(action="delete", key="topic") == {"status": "deleted", "found": True}
    assert memory(action="retrieve", key="topic") == {"key": "topic", "found": False, "data": None}
    scene.now += 86_400
    assert memory(action="list") == {"keys": []}


def test_memory_is_bounded() -> None:
    """So many keys; one that is there can still be changed."""
    scene = Scene(())
    for number in range(REMEMBERED):
        run("memory", scene, action="store", key=str(number), data=1)
    run("memory", scene, action="store", key="0", data=2)
    with pytest.raises(Failed, match="at most"):
        run("memory", scene, action="store", key="more", data=1)


def test_a_table_is_described() -> None:
    """Numbers by their range, text by its variety; rows that are short are read as far as they go."""
    said = json.loads(run("excel", csv=CSV + "plum\n"))
    assert said["rows"] == 4
    assert said["columns"][0] == {"name": "name", "type": "text", "count": 4, "distinct": 4}
    assert said["columns"][1] == {
        "name": "price", "type": "number", "count": 3, "min": 2.0, "max": 6.0, "mean": 4.0, "median": 4.0,
    }  # fmt: skip


def test_a_long_page_comes_in_parts() -> None:
    """`start_index` goes on where `max_length` ended."""
    url = "https://example.com/guide"
    whole = run("fetch", url=url)
    parts = [run("fetch", url=url, start_index=start, max_length=40) for start in range(0, len(whole), 40)]
    assert "".join(parts) == whole
