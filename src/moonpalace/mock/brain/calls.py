"""Which tools an answer calls, and with what.

1. `required` and a named function are obeyed. With `auto` a tool is called only where the last user message names it
   literally, and the builtin `$web_search` where it asks to search.
2. After the results of tools, `auto` gives an answer.
3. Arguments fit the tool's schema; their values come from the user's text where it offers some.

Source: platform.moonshot.cn documents, web search (2025-11): the arguments of `$web_search`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from ..answer import ToolCall
from .heard import Heard
from .instance import instance
from .words import Words

if TYPE_CHECKING:
    from ...kimi.law.chat import Chat

WEB_SEARCH = "$web_search"
_SEARCH = re.compile(
    r"搜索|搜一下|搜寻|搜尋|查一下|查一查|联网|上网|検索|調べて|검색|찾아|\bsearch\b|\blook up\b|\bgoogle\b|\bbrowse\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z]{3,}|[\u3400-\u9fff\uac00-\ud7a3]{2}")
Tool = Mapping[str, Any]


def offered(chat: Chat) -> dict[str, Tool]:
    """The tools by name, in order."""
    return {name: tool for tool in chat.tools if (name := _name(tool))}


def _name(tool: object) -> str:
    function = tool.get("function") if isinstance(tool, dict) else None
    return str(function.get("name") or "") if isinstance(function, dict) else ""


def wanted(chat: Chat, heard: Heard) -> list[Tool]:
    """The tools that this answer calls."""
    if chat.tool_choice == "none":
        return []
    tools = offered(chat)
    kind, _, name = chat.tool_choice.partition(":")
    if kind == "function" and name in tools:
        return [tools[name]]
    if kind == "required" and tools:
        return _named(tools, heard.text)[:1] or [next(iter(tools.values()))]
    if heard.last != "user" or not tools:
        return []
    if WEB_SEARCH in tools and _SEARCH.search(heard.text):
        return [tools[WEB_SEARCH]]
    return _named(tools, heard.text)


def best(chat: Chat, heard: Heard) -> list[Tool]:
    """The tool to call where one is to be called: chosen by the request, named by the text, or nearest to it."""
    tools = offered(chat)
    chosen = wanted(chat, heard)
    if chosen or not tools or heard.last == "tool":
        return chosen
    asked = _words(heard.text)
    return [max(tools.values(), key=lambda tool: len(asked & _words(msgspec.json.encode(tool).decode()[:2_000])))]


def _words(text: str) -> set[str]:
    found = {word.lower() for word in _WORD.findall(text)}
    return found | {text[at : at + 2] for at in range(len(text) - 1) if not text[at : at + 2].isascii()}


def _named(tools: Mapping[str, Tool], text: str) -> list[Tool]:
    places = {}
    for name in tools:
        match = re.search(rf"(?<![\w$-]){re.escape(name)}(?![A-Za-z0-9_-])", text, re.ASCII) if name in text else None
        if match is not None:
            places[name] = match.start()
    return [tools[name] for name in sorted(places, key=places.__getitem__)]


def calls(tools: Iterable[Tool], heard: Heard, pick: random.Random) -> tuple[ToolCall, ...]:
    """These tools called."""
    words = Words(heard.text)
    return tuple([_call(tool, words, pick) for tool in tools])


def _call(tool: Tool, words: Words, pick: random.Random) -> ToolCall:
    name = _name(tool)
    if name == WEB_SEARCH:
        arguments: object = {
            "search_result": {"search_id": f"{pick.getrandbits(128):032x}"},
            "usage": {"total_tokens": pick.randint(2_000, 9_000)},
        }
    else:
        schema = tool["function"].get("parameters")
        arguments = instance(schema if schema else {"type": "object"}, pick, words)
    kind = "builtin_function" if name.startswith("$") else "function"
    return ToolCall(name, written(arguments if isinstance(arguments, dict) else {}), type=kind)


def written(value: object) -> str:
    """A JSON value as compact text. Lone surrogates, which a schema may hold, are replaced."""
    try:
        return msgspec.json.encode(value).decode()
    except (UnicodeEncodeError, msgspec.MsgspecError, RecursionError, OverflowError):
        return "{}" if isinstance(value, dict) else "null"
