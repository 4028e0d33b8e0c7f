"""The stage of tools: what they are called, what they take, and which of them the model is told to use.

1. At most 128 tools, global and dynamic ones together; no name twice among them.
2. A name begins with a letter or `_`, then letters, digits, `_` and `-`: 3 to 64 characters until 2026-08-17, 1 to 256
   since.
3. `parameters` must be a schema whose root is of type object. Where schemas are checked, one that is left out is
   refused as one without a type is; in the years before, it passes. `strict: false` switches only the check of the
   dialect off.
4. The builtin `$web_search` is known only while the profile has it, and never beside thinking on K2.5 and K2.6.
5. `tool_choice` is `auto` or `none` for models of 2024 and 2025. Later ones know `required` and a named function, but
   all K2 models refuse both while they think; a named function on kimi-k3 is a switch.
6. `required` and a named function want tools; `auto` and `none` do not.

Source: platform.kimi.ai tool calls page (2026-04 to 2026-09), OpenAPI description and its change of 2026-08-17,
Kimi-Vendor-Verifier (2026-08), probes and error texts quoted in public issues (2025 to 2026).
"""

from __future__ import annotations

import re
from typing import Any

from ..mfjs import CODE_LIMITS, PROSE_LIMITS, details
from ..mfjs import check as check_schema
from ..profiles import Profile
from .ask import Ask
from .reading import Say, cut

_MOST = 128
_SEARCH = "$web_search"
_LONG_NAMES = "2026-08-17"
_NAME_BEFORE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{2,63}")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,255}")
_EASY = ("auto", "none")
_PARAMETERS = "tools.function.parameters"


def check(ask: Ask, say: Say) -> None:
    """See the module."""
    tools = ask.tools()
    if tools:
        _together(ask, tools, say)
        pattern = _NAME if ask.profile.day >= _LONG_NAMES else _NAME_BEFORE
        seen: set[str] = set()
        for at, tool in tools:
            _tool(ask, tool, at, pattern, seen, say)
    asked = ask.fields.get("tool_choice")
    if asked is not None and asked not in _EASY:
        _choice(ask, asked, [(tool.get("function") or {}).get("name") for _, tool in tools], say)


def choice(ask: Ask) -> str:
    """What holds: `auto`, `none`, `required` or `function:<name>`."""
    asked = ask.fields.get("tool_choice") or "auto"
    if isinstance(asked, str):
        return asked
    if ask.family.thinking == "effort" and ask.profile.k3_named_tool == "ignored":
        return "auto"
    return f"function:{asked['function']['name']}"


def check_dialect(schema: Any, profile: Profile, field: str, at: str, say: Say) -> None:
    """Says what is wrong with a schema in the vendor's dialect. `field`: its path without indices."""
    limits = CODE_LIMITS if profile.mfjs_limits == "code" else PROSE_LIMITS
    fault = check_schema(schema, limits=limits, any_of_beside_type=profile.mfjs_any_of == "accepted")
    if fault is not None:
        say.add("schema", at, field=field, details=details([fault]))


def _together(ask: Ask, tools: list[tuple[str, dict[str, Any]]], say: Say) -> None:
    if not ask.family.tools:
        say.invalid(f"tools are not supported by model {cut(ask.model_name)}", "tools")
    if len(tools) > _MOST:
        say.invalid(f"at most {_MOST} tools are allowed, but got {len(tools)}", tools[_MOST][0])
    if ask.messages and ask.messages[0]["role"] == "cache":
        say.invalid("tools must be null when a cache is used", "tools")


def _tool(ask: Ask, tool: dict[str, Any], at: str, pattern: re.Pattern[str], seen: set[str], say: Say) -> None:
    kind, function = tool.get("type"), tool.get("function") or {}
    name = function.get("name") or ""
    if kind == "builtin_function" and ask.profile.builtin_search:
        _builtin(ask, name, f"{at}.function.name", say)
    elif kind != "function":
        say.add("tool_type", f"{at}.type", type=cut(kind or ""))
    else:
        if not pattern.fullmatch(name):
            say.add("function_name", f"{at}.function.name")
        _parameters(ask.profile, function, f"{at}.function.parameters", say)
    if name and name in seen:
        say.add("function_duplicated", f"{at}.function.name", name=cut(name))
    seen.add(name)


def _builtin(ask: Ask, name: str, at: str, say: Say) -> None:
    if name != _SEARCH:
        say.invalid(f"unknown builtin function: {cut(name)}", at)
    elif ask.family.thinking == "switch" and ask.thinking.on:
        say.invalid(f"builtin function {_SEARCH} is incompatible with thinking enabled", at)


def _parameters(profile: Profile, function: dict[str, Any], at: str, say: Say) -> None:
    parameters = function.get("parameters")
    if parameters is None and not profile.mfjs:
        return
    if (parameters or {}).get("type") != "object":
        say.add("root_type", at)
    elif profile.mfjs and function.get("strict") is not False:
        check_dialect(parameters, profile, _PARAMETERS, at, say)


def _choice(ask: Ask, asked: Any, names: list[str | None], say: Say) -> None:
    family, profile = ask.family, ask.profile
    named = isinstance(asked, dict)
    name = (asked.get("function") or {}).get("name") if named else None
    if not (name and asked.get("type") == "function") if named else asked != "required":
        say.invalid("tool_choice must be auto, none, required or an object that names a function", "tool_choice")
        return
    word = "specified" if named else "required"
    doubted = named and family.thinking == "effort"
    if doubted and profile.k3_named_tool == "ignored":
        return
    clash = profile.k3_named_tool == "refused" if doubted else family.thinking in ("always", "switch", "on")
    if clash and ask.thinking.on:
        say.add("tool_choice_thinking", "tool_choice", choice=word)
    elif profile.year < "2026" or family.thinking == "no":
        say.invalid(f"tool_choice '{word}' is not supported by model {cut(ask.model_name)}", "tool_choice")
    elif not names:
        say.invalid(f"tool_choice '{word}' needs tools", "tool_choice")
    elif named and name not in names:
        say.invalid(f"tool_choice names the function {cut(name)}, which is not among the tools", "tool_choice")
