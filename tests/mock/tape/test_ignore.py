"""Paths of what need not be equal."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from moonpalace.core.errors import UsageError
from moonpalace.mock.tape.ignore import leave_out, parse

BODY: dict[str, Any] = {
    "user": "u-1",
    "metadata": {"a": 1, "b": 2},
    "messages": [{"role": "system", "content": "today"}, {"role": "user", "content": "hi"}],
}
CASES: list[tuple[str, Any]] = [
    ("user", {"user": ...}),
    ("$.user", {"user": ...}),
    ("metadata.*", {"metadata": {}}),
    ("metadata.a", {"metadata": {"b": 2}}),
    ("messages[0].content", {"messages": [{"role": "system"}, BODY["messages"][1]]}),
    ("messages[-1].content", {"messages": [BODY["messages"][0], {"role": "user"}]}),
    ("messages[*].content", {"messages": [{"role": "system"}, {"role": "user"}]}),
    ("messages[0]", {"messages": [None, BODY["messages"][1]]}),
    ("messages.*.role", {"messages": [{"content": "today"}, {"content": "hi"}]}),
    ("messages[7].content", {}),
    ("nothing.here[0]", {}),
    ("user.name", {}),
    ("messages.role", {}),
]


@pytest.mark.parametrize(("path", "change"), CASES, ids=[row[0] for row in CASES])
def test_a_path_takes_out_what_it_names_and_nothing_else(path: str, change: dict[str, Any]) -> None:
    """A time stamp in the first message must not make every request another one."""
    value = copy.deepcopy(BODY)
    leave_out(value, [parse(path)])
    assert {name: inner for name, inner in {**BODY, **change}.items() if inner is not ...} == value


@pytest.mark.parametrize("text", ["", " ", "a..b", "a[", "a[x]", "[0]x", "a b", "a]", "a.", ".", "a[1", "a[]b"])
def test_what_is_no_path_is_refused(text: str) -> None:
    """An option that does nothing would be looked for elsewhere."""
    with pytest.raises(UsageError, match="no path"):
        parse(text)
