"""What tools are called, what they take, and which of them must be used."""

from __future__ import annotations

from typing import Any

import pytest

from moonpalace.kimi.law.chat import violations

from .cases import NAME, USER, assert_refused, chat, count, function, names, passes, profile, refused, taken

ROOT = 'tools.function.parameters.type is required and must be "object"'
UNTYPED = {"type": "object", "properties": {"x": {"description": "no type"}}}
BESIDE = {"type": "object", "properties": {"x": {"type": "string", "anyOf": [{"type": "string"}]}}}
WIDE = {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(101)}}
SEARCH = {"type": "builtin_function", "function": {"name": "$web_search"}}
OFF = {"type": "disabled"}
TOOLS = [function()]
THIS = {"type": "function", "function": {"name": "look_up"}}
OTHER = {"type": "function", "function": {"name": "other"}}


def kind(name: str) -> str:
    return f"Invalid request: unknown tool type: {name}, currently only function and plugin are supported"


def clash(choice: str) -> str:
    return f"tool_choice '{choice}' is incompatible with thinking enabled"


def dialect(details: str) -> str:
    field = r"Invalid request: tools\.function\.parameters"
    return f"{field} is not a valid moonshot flavored json schema, details: {details}"


def invalid(words: str, data: Any, details: str, at: str, year: str = "2026") -> Any:
    return refused(words, "invalid_request", data, f"Invalid request: {details}", at, year)


def named(name: Any) -> dict[str, Any]:
    return chat(tools=[function(name)])


BOGUS = "tool_choice must be auto, none, required or an object that names a function"
REFUSED = [
    invalid(
        "129 tools",
        chat(tools=[function(f"f{number}") for number in range(129)]),
        "at most 128 tools are allowed, but got 129",
        "tools[128]",
    ),
    *(
        refused(
            f"type {name!r}",
            "tool_type",
            chat(tools=[{"type": name, "function": {"name": "f"}}]),
            kind(name or ""),
            "tools[0].type",
        )
        for name in ("custom", "web_search", "plugin", "", None)
    ),
    *(
        refused(f"name {str(name)[:12]!r}", "function_name", named(name), NAME, "tools[0].function.name")
        for name in ("", None, "2fa", "a.b", "a b", "-a", "$a", "工具", "a" * 257, "a\n")
    ),
    *(
        refused(
            f"name of {len(name)} before",
            "function_name",
            chat("kimi-k2-0905-preview", tools=[function(name)]),
            NAME,
            "tools[0].function.name",
            "2025",
        )
        for name in ("ab", "a" * 65)
    ),
    refused("no function", "function_name", chat(tools=[{"type": "function"}]), NAME, "tools[0].function.name"),
    refused(
        "twice",
        "function_duplicated",
        chat(tools=[function(), function("b"), function()]),
        "function name look_up is duplicated",
        "tools[2].function.name",
    ),
    refused(
        "twice, once dynamic",
        "function_duplicated",
        chat("kimi-k3", USER, {"role": "system", "tools": [function("b"), function()]}, tools=[function()]),
        "function name look_up is duplicated",
        "messages[1].tools[1].function.name",
    ),
    *(
        refused(
            f"root {parameters}",
            "root_type",
            chat(tools=[function(parameters=parameters)]),
            ROOT,
            "tools[0].function.parameters",
        )
        for parameters in (
            {},
            {"type": "string"},
            {"type": ["object"]},
            {"properties": {}},
            {"$ref": "#/$defs/x"},
            None,
        )
    ),
    refused(
        "root, not strict",
        "root_type",
        chat(tools=[function(parameters={}, strict=False)]),
        ROOT,
        "tools[0].function.parameters",
    ),
    refused(
        "root in 2024",
        "root_type",
        chat("moonshot-v1-8k", tools=[function(parameters={})]),
        ROOT,
        "tools[0].function.parameters",
        "2024",
    ),
    refused(
        "schema",
        "schema",
        chat(tools=[function(parameters=UNTYPED)]),
        dialect(r"<At path 'properties\.x': type is not defined>"),
        "tools[0].function.parameters",
    ),
    refused(
        "schema, strict",
        "schema",
        chat(tools=[function(parameters=UNTYPED, strict=True)]),
        dialect(".+"),
        "tools[0].function.parameters",
    ),
    refused(
        "anyOf beside type",
        "schema",
        chat(tools=[function(parameters=BESIDE)]),
        dialect(".*using anyOf.*"),
        "tools[0].function.parameters",
    ),
    refused(
        "the limits of the prose",
        "schema",
        chat(tools=[function(parameters=WIDE)]),
        dialect(".*limit of 100.*"),
        "tools[0].function.parameters",
        "2026 mfjs_limits=prose",
    ),
    refused(
        "a dynamic tool's schema",
        "schema",
        chat("kimi-k3", {"role": "system", "tools": [function(parameters=UNTYPED)]}, USER),
        dialect(".+"),
        "messages[0].tools[0].function.parameters",
    ),
    invalid(
        "unknown builtin",
        chat(tools=[{"type": "builtin_function", "function": {"name": "$draw"}}]),
        r"unknown builtin function: \$draw",
        "tools[0].function.name",
    ),
    refused(
        "search, switched off",
        "tool_type",
        chat(tools=[SEARCH]),
        kind("builtin_function"),
        "tools[0].type",
        "2026 builtin_search=off",
    ),
    invalid(
        "search while thinking",
        chat("kimi-k2.6", tools=[SEARCH]),
        r"builtin function \$web_search is incompatible with thinking enabled",
        "tools[0].function.name",
    ),
    invalid(
        "a model without tools",
        chat("kimi-thinking-preview", tools=TOOLS),
        "tools are not supported by model kimi-thinking-preview",
        "tools",
        "2025",
    ),
    invalid(
        "tools beside a cache",
        chat("moonshot-v1-8k", {"role": "cache", "content": "tag=a"}, USER, tools=TOOLS),
        "tools must be null when a cache is used",
        "tools",
        "2024",
    ),
    *(
        invalid(f"choice {choice}", chat(tools=TOOLS, tool_choice=choice), BOGUS, "tool_choice")
        for choice in (
            "any",
            "",
            "look_up",
            {},
            {"type": "function"},
            {"type": "function", "function": {}},
            {"function": {"name": "look_up"}},
            {"type": "tool", "name": "x"},
        )
    ),
    invalid(
        "required without tools", chat(tool_choice="required"), "tool_choice 'required' needs tools", "tool_choice"
    ),
    invalid(
        "required with []", chat(tools=[], tool_choice="required"), "tool_choice 'required' needs tools", "tool_choice"
    ),
    *(
        refused(
            f"{model} {word}",
            "tool_choice_thinking",
            chat(model, tools=TOOLS, tool_choice=choice),
            clash(word),
            "tool_choice",
            "2026 all",
        )
        for model in ("kimi-k2-thinking", "kimi-k2.5", "kimi-k2.6", "kimi-k2.7-code")
        for word, choice in (("required", "required"), ("specified", THIS))
    ),
    refused(
        "K3 specified", "tool_choice_thinking", chat(tools=TOOLS, tool_choice=THIS), clash("specified"), "tool_choice"
    ),
    invalid(
        "K3 names another",
        chat(tools=TOOLS, tool_choice=OTHER),
        "tool_choice names the function other, which is not among the tools",
        "tool_choice",
        "2026 k3_named_tool=honoured",
    ),
    invalid(
        "K2.6 names another",
        chat("kimi-k2.6", tools=TOOLS, tool_choice=OTHER, thinking=OFF),
        "tool_choice names the function other, which is not among the tools",
        "tool_choice",
    ),
    *(
        invalid(
            f"{year} {word}",
            chat(model, tools=TOOLS, tool_choice=choice),
            f"tool_choice '{word}' is not supported by model {model}",
            "tool_choice",
            year,
        )
        for year, model in (
            ("2024", "moonshot-v1-8k"),
            ("2025", "kimi-k2-0905-preview"),
            ("2026 all", "moonshot-v1-8k"),
        )
        for word, choice in (("required", "required"), ("specified", THIS))
    ),
]
PASSES = [
    passes("128 tools", chat(tools=[function(f"f{number}") for number in range(128)])),
    *(passes(f"name {name[:12]}", named(name)) for name in ("a", "_a", "get-issue-2", "A_9-", "a" * 256)),
    passes("name of 64 before", chat("kimi-k2-0905-preview", tools=[function("abc"), function("a" * 64)]), "2025"),
    passes(
        "no parameters before",
        chat("moonshot-v1-8k", tools=[{"type": "function", "function": {"name": "abc"}}]),
        "2024",
    ),
    passes("schema, not strict", chat(tools=[function(parameters=UNTYPED, strict=False)])),
    passes("schema, not checked", chat(tools=[function(parameters=UNTYPED)]), "2026 mfjs=off"),
    passes("schema in 2024", chat("moonshot-v1-8k", tools=[function(parameters=UNTYPED)]), "2024"),
    passes("anyOf beside type, accepted", chat(tools=[function(parameters=BESIDE)]), "2026 mfjs_any_of=accepted"),
    passes("the limits of the code", chat(tools=[function(parameters=WIDE)])),
    passes("search", chat("kimi-k3", tools=[SEARCH])),
    passes("search without thinking", chat("kimi-k2.6", tools=[SEARCH], thinking=OFF)),
    passes("search in 2024", chat("moonshot-v1-8k", tools=[SEARCH]), "2024"),
    passes("no tools for a model without", chat("kimi-thinking-preview", tools=[]), "2025"),
    *(passes(f"{choice} without tools", chat(tool_choice=choice)) for choice in ("auto", "none", None)),
    passes("K3 required", chat(tools=TOOLS, tool_choice="required")),
    passes("K3 required, dynamic", chat("kimi-k3", {"role": "system", "tools": TOOLS}, USER, tool_choice="required")),
    passes("K3 named, ignored", chat(tools=TOOLS, tool_choice=OTHER), "2026 k3_named_tool=ignored"),
    passes("K3 named, honoured", chat(tools=TOOLS, tool_choice=THIS), "2026 k3_named_tool=honoured"),
    passes("K3 named, not thinking", chat(tools=TOOLS, tool_choice=THIS, thinking=OFF)),
    *(
        passes(f"K2.6 {choice}", chat("kimi-k2.6", tools=TOOLS, tool_choice=choice, thinking=OFF))
        for choice in ("required", THIS)
    ),
    passes("auto while thinking", chat("kimi-k2.6", tools=TOOLS, tool_choice="auto")),
    passes("none in 2024", chat("moonshot-v1-8k", tools=TOOLS, tool_choice="none"), "2024"),
]


@pytest.mark.parametrize(("data", "name", "pattern", "at", "year"), REFUSED)
def test_a_tool_that_is_not_right_is_refused(data: Any, name: str, pattern: str, at: str, year: str) -> None:
    """With the place of the tool."""
    assert_refused(data, name, pattern, at, year)


@pytest.mark.parametrize(("data", "year"), PASSES)
def test_a_tool_that_is_right_passes(data: Any, year: str) -> None:
    """In its year, and for its model."""
    taken(data, year)


@pytest.mark.parametrize(
    ("choice", "year", "expected"),
    [
        (None, "2026", "auto"),
        ("none", "2026", "none"),
        ("required", "2026", "required"),
        (THIS, "2026 k3_named_tool=ignored", "auto"),
        (THIS, "2026 k3_named_tool=honoured", "function:look_up"),
    ],
)
def test_the_choice_is_read_as_it_holds(choice: Any, year: str, expected: str) -> None:
    """Where a named function is ignored, the model chooses."""
    assert expected == taken(chat(tools=TOOLS, tool_choice=choice), year).tool_choice


def test_dynamic_tools_come_after_the_global_ones() -> None:
    """That is the order in which the model reads them."""
    late, own = function("late"), function("own")
    read = taken(chat("kimi-k3", USER, {"role": "system", "tools": [late]}, tools=[own]))
    assert (own, late) == read.tools
    assert (own,) == taken(chat("kimi-k2.6", {**USER, "tools": [late]}, tools=[own])).tools


def test_every_wrong_tool_is_told() -> None:
    """An agent that brings forty tools of others wants the list."""
    data = chat(tools=[function("a.b"), function("c", parameters={}), function("d"), function("d")])
    assert names(violations(data, profile("2026"), count)) == ["function_name", "root_type", "function_duplicated"]
