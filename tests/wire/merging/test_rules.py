"""The rules by which fields take in what comes."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.wire.merging import rules
from moonpalace.wire.merging.parts import Fields, Notes

TABLE: rules.Table = {
    "last": rules.last,
    "last_told": rules.last_told,
    "once": rules.once,
    "skip": rules.skip,
    "grow": rules.grow,
    "name": rules.grow_name,
    "extend": rules.extend,
    "nest": rules.nest({"grow": rules.grow}, "nested"),
    "away": rules.nest({}, "nested", under="here"),
}
OTHER, LEFT_OUT = ("text_of_another_type",), ("not_a_text",)
# (rule, values one after the other, what is kept, notes)
CASES: list[tuple[str, list[Any], Any, tuple[str, ...]]] = [
    ("last", [None, 1, None, 2, None], 2, ()),
    ("last", [1, ""], "", ()),
    ("last_told", [None, "", "a", "", None], "a", ()),
    ("last_told", ["a", "b"], "b", ()),
    ("last_told", [None, ""], "", ()),
    ("once", [None, "", "a", "b"], "a", ()),
    ("once", [0, None], 0, ()),
    ("grow", ["a", None, "", "b"], "ab", ()),
    ("grow", [None], None, ()),
    ("grow", [None, "a", 1, [2], True], "a", LEFT_OUT),
    ("grow", ["", {"x": 1}], {"x": 1}, OTHER),
    ("grow", [5, ""], 5, OTHER),
    ("grow", [5, 6], 5, OTHER + LEFT_OUT),
    ("grow", [5, "a", "b"], "ab", OTHER + LEFT_OUT),
    ("grow", [False, False], False, OTHER + LEFT_OUT),
    ("name", ["a", "b", "ab", "", None], "ab", ()),
    ("name", ["ab", "ab", "c"], "abc", ()),
    ("name", ["", "ab", "ab"], "ab", ()),
    ("name", [None, ""], "", ()),
    ("name", ["", None], "", ()),
    ("name", ["a", 5], "a", LEFT_OUT),
    ("name", [5], 5, OTHER),
    ("name", [5, "a"], "a", OTHER + LEFT_OUT),
    ("extend", [None, [1], None, [2, 3], []], [1, 2, 3], ()),
    ("extend", [None], None, ()),
    ("extend", [[1], {"x": 1}], [1], ("not_a_list",)),
    ("extend", [{"x": 1}, [1]], {"x": 1}, ("not_a_list",)),
    ("nest", [None, {"grow": "a", "b": 1}, None, {"grow": "c"}], {"grow": "ac", "b": 1}, ()),
    ("nest", [None], None, ()),
    ("nest", [{"grow": "a"}, "b"], {"grow": "a"}, ("nested",)),
    ("new", ["a", None, "b"], "b", ("unknown_field",)),
    ("new", [{"a": 1}, {"b": 1}, 5, 6], 6, ()),
    ("new", [[], [1], [1, 2]], [1, 2], ("unknown_field",)),
]


@pytest.mark.parametrize(("rule", "values", "expected", "notes"), CASES, ids=[f"{c[0]} {c[1]}" for c in CASES])
def test_a_rule(rule: str, values: list[Any], expected: Any, notes: tuple[str, ...]) -> None:
    """What is kept of the values, and what is said of the others."""
    target, remarks = Fields(), Notes()
    for value in values:
        rules.take(TABLE, target, {rule: value}, remarks)
    assert ({rule: expected}, notes) == (target.whole(), tuple(remarks))


def test_a_field_of_streams_alone_is_dropped_and_one_may_be_kept_under_another_name() -> None:
    """As indexes are, and as `delta` becomes `message`."""
    target = Fields()
    for values in ({"skip": 1, "away": {"a": 1}}, {"away": None}):
        rules.take(TABLE, target, values, Notes())
    assert target.whole() == {"here": {"a": 1}}


def test_what_was_handed_in_stays_as_it_is() -> None:
    """Lists and objects of events are never written to, in the state or in the result."""
    target, held = Fields(), [1]
    given = {"extend": held, "nest": {"grow": "a"}}
    rules.take(TABLE, target, given, Notes())
    first = target.whole()
    rules.take(TABLE, target, {"extend": [2], "nest": {"grow": "b"}}, Notes())
    assert (given, first) == ({"extend": [1], "nest": {"grow": "a"}},) * 2
    target = Fields(extend=held)
    rules.take(TABLE, target, {"extend": [2]}, Notes())
    assert held == [1]
