"""A request that is read."""

from __future__ import annotations

from moonpalace.kimi.law import shape
from moonpalace.kimi.law.ask import ANYTHING

from .cases import USER, chat, count, function, profile


def test_what_cannot_be_read_is_named() -> None:
    """A stage that reads it is passed over."""
    ask = shape.read(chat(stop=5, n=1, messages=[5]), profile("2026"), count)
    assert {"stop", "messages"} == ask.broken
    assert ask.fields == {"n": 1}
    assert ask.messages == []


def test_an_unknown_model_allows_everything() -> None:
    """What else is wrong is still told, and nothing that might be right is called wrong."""
    ask = shape.read(chat("gpt-4o", temperature=2), profile("2026"), count)
    assert ANYTHING is ask.model


def test_tools_have_their_places() -> None:
    """Those of messages too."""
    late = {"role": "system", "tools": [function("late")]}
    ask = shape.read(chat("kimi-k3", USER, late, tools=[function()]), profile("2026"), count)
    assert [at for at, _ in ask.tools()] == ["tools[0]", "messages[1].tools[0]"]
    assert ask.tools() is ask.tools()
