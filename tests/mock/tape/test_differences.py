"""Differences in words."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.mock.tape.differences import differences

LONG = "In the beginning there was a very long text that nobody wants to read again, "
CASES: list[tuple[str, Any, Any, str]] = [
    ("equal", {"a": [1]}, {"a": [1]}, ""),
    ("text", {"messages": [{"content": "Beijing"}]}, {"messages": [{"content": "Shanghai"}]},
     "messages[0].content differs: 'Beijing' recorded, 'Shanghai' asked"),
    ("absent", {"temperature": 0.3}, {}, "temperature: 0.3 recorded, absent asked"),
    ("more", {}, {"stop": ["x"]}, 'stop: absent recorded, ["x"] asked'),
    ("kinds", {"a": 1}, {"a": True}, "a: 1 recorded, true asked"),
    ("shorter list", {"m": [1, 2]}, {"m": [1]}, "m[1]: 2 recorded, absent asked"),
    ("odd names", {"a b": {"x.y": 1}}, {"a b": {"x.y": 2}}, '["a b"]["x.y"]: 1 recorded, 2 asked'),
    ("the whole", {"": [1]}, {"": [2]}, "[0]: 1 recorded, 2 asked"),
    ("many", dict.fromkeys("abcde", 1), dict.fromkeys("abcde", 2),
     "a: 1 recorded, 2 asked; b: 1 recorded, 2 asked; c: 1 recorded, 2 asked; and 2 more"),
    ("long", {"a": LONG + "one"}, {"a": LONG + "two"},
     "a differs: '…read again, one' recorded, '…read again, two' asked"),
    ("long from its start", {"a": LONG}, {"a": "Short"},
     "a differs: 'In the beginning there was a very long text that…' recorded, 'Short' asked"),
    ("a large value", {"a": {"b": "x" * 100}}, {}, 'a: {"b": "' + "x" * 40 + "… recorded, absent asked"),
    ("controls", {"a": "x\x1b[31m"}, {"a": "y\u202e"}, "a differs: 'x\\x1b[31m' recorded, 'y\\u202e' asked"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_paths_with_both_values(one: Any, other: Any, expected: str) -> None:
    """One look must be enough to see what the program does otherwise now."""
    found = differences(one, other)
    if "beginning" in expected:
        assert found.startswith("a differs: 'In the beginning")
        assert len(found) < 120
    else:
        assert found == expected


def test_what_nests_very_deep_differs_somewhere() -> None:
    """And is no fault of ours."""
    one: Any = 1
    other: Any = 2
    for _ in range(5000):
        one, other = [one], [other]
    assert differences({"a": one}, {"a": other}) == "something deep inside differs"
