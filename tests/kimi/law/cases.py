"""What the tables of these tests are made of: requests, and what is expected of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

from moonpalace.kimi.errors import FORMS, Violation
from moonpalace.kimi.law.chat import Chat, judge, violations
from moonpalace.kimi.profiles import PROFILES, Profile, switched

USER = {"role": "user", "content": "hi"}
NAME = (
    "Invalid request: function name is invalid, must start with a letter and can contain letters, numbers, "
    "underscores, and dashes"
)
OBJECT = {"type": "object", "properties": {}}


def chat(model: str = "kimi-k3", *messages: Any, **fields: Any) -> dict[str, Any]:
    """A chat request; with one plain message when none is given."""
    return {"model": model, "messages": list(messages) or [USER], **fields}


def function(name: str = "look_up", **fields: Any) -> dict[str, Any]:
    """A tool."""
    return {"type": "function", "function": {"name": name, "parameters": OBJECT, **fields}}


def calls(*ids: str | None, **fields: Any) -> dict[str, Any]:
    """An assistant message that calls a tool once for each id."""
    made = [{"id": one, "type": "function", "function": {"name": "look_up", "arguments": "{}"}} for one in ids]
    return {"role": "assistant", "content": "", "tool_calls": made, **fields}


def result(called: str | None = None, content: Any = "done") -> dict[str, Any]:
    """A tool's answer."""
    return {"role": "tool", "content": content, **({"tool_call_id": called} if called is not None else {})}


def profile(words: str) -> Profile:
    """`2026`, or `2026 k3_named_tool=ignored …`; `all` among the words: retired models answer too."""
    year, *switches = words.replace(" all", " retired_models=on").split()
    made = PROFILES[year]
    for switch in switches:
        name, _, value = switch.partition("=")
        made = switched(made, name, value)
    return made


def count(text: str) -> int:
    """One token for each character."""
    return len(text)


def refused(words: str, name: str, data: Any, pattern: str, at: str, year: str = "2026") -> Any:
    """A row: the form's name, the request, the message (a pattern of the whole of it), the place."""
    return pytest.param(data, name, pattern, at, year, id=words)


def passes(words: str, data: Any, year: str = "2026") -> Any:
    """A row of a near miss."""
    return pytest.param(data, year, id=words)


def assert_refused(data: Any, name: str, pattern: str, at: str, year: str) -> None:
    """The judge says just this, and it is the first of all that is wrong."""
    found = judge(data, profile(year), count)
    assert isinstance(found, Violation)
    assert (FORMS[name], at) == (found.form, found.at), found.message
    assert re.fullmatch(pattern, found.message), found.message
    assert (FORMS[name].status, FORMS[name].type) == (found.status, found.body()["error"]["type"])  # type: ignore[index]
    assert found == next(violations(data, profile(year), count))


def taken(data: Any, year: str = "2026") -> Chat:
    """The request as read; it must pass."""
    found = judge(data, profile(year), count)
    assert isinstance(found, Chat), found
    assert list(violations(data, profile(year), count)) == []
    return found


def names(found: Iterable[Violation]) -> list[str]:
    """Which errors these are."""
    return [one.form.name for one in found]
