"""Tool calls: whole, by index, in whatever order and form their pieces come."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.wire.merge import merge
from moonpalace.wire.merging.calls import Calls
from moonpalace.wire.merging.parts import Notes

Json = dict[str, Any]


def call(index: int, ident: str, name: str = "f", arguments: Any = "{}", **more: Any) -> Json:
    return {
        "index": index, "id": ident, "type": "function", "function": {"name": name, "arguments": arguments}, **more,
    }  # fmt: skip


def more(index: int, arguments: Any) -> Json:
    return {"index": index, "function": {"arguments": arguments}}


def whole(ident: str, name: str = "f", arguments: Any = "{}", **more: Any) -> Json:
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


# name: (the `tool_calls` of each delta, those of the whole answer, notes)
CASES: dict[str, tuple[list[Any], Any, tuple[str, ...]]] = {
    "pieces": ([[call(0, "a", arguments="")], [more(0, '{"x"')], [more(0, ":1}")]],
               [whole("a", arguments='{"x":1}')], ()),
    "the later call first": (
        [[call(1, "b", "g", "")], [call(0, "a", "f", '{"x"')], [more(1, "{}"), more(0, ":1}")]],
        [whole("a", "f", '{"x":1}'), whole("b", "g", "{}")], (),
    ),
    "a gap": ([[call(5, "b")], [call(2, "a")]], [whole("a"), whole("b")], ()),
    "no arguments": ([[call(0, "a", arguments="")]], [whole("a", arguments="")], ()),
    "arguments null": ([[call(0, "a", arguments=None)], [more(0, None)]], [whole("a", arguments=None)], ()),
    "arguments as an object": ([[call(0, "a", arguments={"x": 1})]], [whole("a", arguments={"x": 1})],
                               ("text_of_another_type",)),
    "arguments as an object, then as text": (
        [[call(0, "a", arguments={"x": 1})], [more(0, "")], [more(0, "{}")]], [whole("a")],
        ("text_of_another_type", "not_a_text"),
    ),
    "arguments as text, then as an object": ([[call(0, "a")], [more(0, {"x": 1})]], [whole("a")], ("not_a_text",)),
    "name again with each piece": (
        [[call(0, "a", "get_weather", "{")], [call(0, "a", "get_weather", "}")]], [whole("a", "get_weather")], (),
    ),
    "name in pieces": ([[call(0, "a", "get_", "{")], [call(0, "a", "weather", "}")]], [whole("a", "get_weather")], ()),
    "name empty or null after the first": (
        [[call(0, "a", "f", "{")], [call(0, "a", "", "}")], [{"index": 0, "function": {"name": None}}]],
        [whole("a")], (),
    ),
    "name null, then told": (
        [[{"index": 0, "id": "a", "type": "function", "function": {"name": None, "arguments": ""}}],
         [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]], [whole("a")], (),
    ),
    "name empty": ([[call(0, "a", "")]], [whole("a", "")], ()),
    "name empty, told, told again": (
        [[call(0, "a", "", "{")], [call(0, "a", "f", "}")], [call(0, "a", "f", "")]], [whole("a")], (),
    ),
    "id and type empty or null after the first": (
        [[call(0, "a", arguments="{")], [{**more(0, "}"), "id": "", "type": None}]], [whole("a")], (),
    ),
    "id that comes late": ([[{**call(0, "a"), "id": None}], [{"index": 0, "id": "a"}]], [whole("a")], ()),
    "id that changes": ([[call(0, "a", arguments="{")], [{**more(0, "}"), "id": "b"}]], [whole("a")],
                        ("tool_call_id",)),
    "two calls at one index": ([[call(0, "a", "f")], [call(0, "b", "g")]], [whole("a", "fg", "{}{}")],
                               ("tool_call_id", "tool_calls_mixed")),
    "two calls of one name at one index": ([[call(0, "a")], [call(0, "b")]], [whole("a", arguments="{}{}")],
                                           ("tool_call_id", "tool_calls_mixed")),
    "one id for two": ([[call(0, "a"), call(1, "a")]], [whole("a"), whole("a")], ("tool_call_id",)),
    "function null": ([[{"index": 0, "id": "a", "type": "function", "function": None}], [more(0, "{}")]],
                      [{"id": "a", "type": "function", "function": {"arguments": "{}"}}], ()),
    "function null for good": ([[{"index": 0, "id": "a", "function": None}]], [{"id": "a", "function": None}], ()),
    "function a string": ([[call(0, "a")], [{"index": 0, "function": "f"}]], [whole("a")],
                          ("function_not_an_object",)),
    "unknown fields": (
        [[call(0, "a", arguments="{", zone=[1])], [{**more(0, "}"), "zone": None, "new": {"a": 1}}],
         [{"index": 0, "function": {"strict": True}}]],
        [{**whole("a", zone=[1], new={"a": 1}), "function": {"name": "f", "arguments": "{}", "strict": True}}], (),
    ),
    "a custom tool": (
        [[{"index": 0, "id": "a", "type": "custom", "custom": {"name": "sh", "input": ""}}],
         [{"index": 0, "custom": {"input": "ls "}}], [{"index": 0, "custom": {"input": "-l"}}]],
        [{"id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls -l"}}], (),
    ),
    "without index, by id": (
        [[{"id": "a", "function": {"arguments": "1"}}], [{"function": {"arguments": "2"}}],
         [{"id": "b", "function": {"arguments": "3"}}], [{"id": "a", "function": {"arguments": "4"}}]],
        [{"id": "a", "function": {"arguments": "124"}}, {"id": "b", "function": {"arguments": "3"}}], (),
    ),
    "without index, by a number": (
        [[{"id": 7, "function": {"arguments": "1"}}], [{"id": 7, "function": {"arguments": "2"}}]],
        [{"id": 7, "function": {"arguments": "12"}}], (),
    ),
    "without index or id": ([[{"function": {"arguments": "1"}}], [{"function": {"arguments": "2"}}]],
                            [{"function": {"arguments": "12"}}], ("tool_call_without_index",)),
    "index null": ([[call(0, "a"), {**call(0, "b"), "index": None}]], [whole("a"), whole("b")],
                   ("tool_call_without_index",)),
    "index without a place": ([[call(0, "a"), call(-1, "b"), call(1024, "c")]], [whole("a")], ("tool_call_index",)),
    "null among the calls": ([[None, call(0, "a")]], [whole("a")], ("tool_call_not_an_object",)),
    "null, then calls, then null": ([None, [call(0, "a")], None], [whole("a")], ()),
    "null for good": ([None, None], None, ()),
    "an empty list": ([[], None], [], ()),
    "no list": ([[call(0, "a")], {"0": call(1, "b")}], [whole("a")], ("tool_calls_not_a_list",)),
}  # fmt: skip


@pytest.mark.parametrize(("deltas", "expected", "notes"), CASES.values(), ids=CASES)
def test_calls(deltas: list[Any], expected: Any, notes: tuple[str, ...]) -> None:
    """Other merges mix arguments, double names or crash on most of these."""
    merged = merge([{"choices": [{"index": 0, "delta": {"content": None, "tool_calls": one}}]} for one in deltas])
    assert merged.value is not None
    assert {"content": None, "tool_calls": expected} == merged.value["choices"][0]["message"]
    assert notes == merged.notes


@pytest.mark.parametrize(
    ("deltas", "expected", "notes"),
    [
        ([None, {"name": "f", "arguments": ""}, {"arguments": "{"}, {"arguments": "}"}, None],
         {"name": "f", "arguments": "{}"}, ()),
        ([None], None, ()),
        ([{"name": "f", "arguments": "{}"}, "f"], {"name": "f", "arguments": "{}"}, ("function_not_an_object",)),
    ],
    ids=["pieces", "null", "another type"],
)  # fmt: skip
def test_the_legacy_function_call(deltas: list[Any], expected: Any, notes: tuple[str, ...]) -> None:
    """By the same rules as the function of a tool call."""
    merged = merge([{"choices": [{"index": 0, "delta": {"function_call": one}}]} for one in deltas])
    assert merged.value is not None
    assert ({"function_call": expected}, notes) == (merged.value["choices"][0]["message"], merged.notes)


def test_how_much_came_is_counted_over_all_calls() -> None:
    """For the message about a stream that broke off."""
    calls, notes = Calls(), Notes()
    for one in (call(0, "a", "f", "12"), more(0, "345"), call(1, "b", "gg", "")):
        calls.add(one, notes)
    assert calls.characters() == len("f12345gg")
