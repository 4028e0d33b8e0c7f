"""A request as scenarios look at it.

1. Each part is worked out when it is first asked for, and whole: what is looked for may stand anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...core.headers import Headers
from ..brain.calls import offered
from ..brain.heard import Result, call_names

if TYPE_CHECKING:
    from ...kimi.law.chat import Chat


@dataclass(frozen=True, slots=True)
class Call:
    """The request around a chat. `scenario`: the one that it asks for by name."""

    path: str = "/v1/chat/completions"
    headers: Headers = Headers()
    scenario: str | None = None


class Scene:
    """A request as conditions look at it. Each part is worked out when first asked for."""

    def __init__(self, chat: Chat, call: Call) -> None:
        self.chat = chat
        self.call = call
        self._folded: dict[str, str] = {}

    def folded(self, text: str) -> str:
        """The text without regard to case; many conditions may ask for the same one."""
        if text not in self._folded:
            self._folded[text] = text.casefold()
        return self._folded[text]

    @cached_property
    def user(self) -> str:
        """The last user message."""
        said = [message for message in self.chat.messages if message.get("role") == "user"]
        return whole_text(said[-1].get("content")) if said else ""

    @cached_property
    def system(self) -> str:
        """All system messages."""
        parts = [whole_text(m.get("content")) for m in self.chat.messages if m.get("role") == "system"]
        return "\n".join([part for part in parts if part])

    @cached_property
    def turn(self) -> int:
        """How many user messages there are."""
        return sum([message.get("role") == "user" for message in self.chat.messages])

    @cached_property
    def results(self) -> tuple[Result, ...]:
        """The results of tools that stand last, whole."""
        tail: list[Mapping[str, Any]] = []
        names: dict[object, str] = {}
        for message in reversed(self.chat.messages):
            if message.get("role") != "tool":
                names = call_names(message)
                break
            tail.append(message)
        return tuple([_result(message, names) for message in reversed(tail)])

    @cached_property
    def tools(self) -> tuple[str, ...]:
        """The names of the tools offered."""
        return tuple(offered(self.chat))


def _result(message: Mapping[str, Any], names: Mapping[object, str]) -> Result:
    name = names.get(message.get("tool_call_id")) or message.get("name") or ""
    return Result(str(name), whole_text(message.get("content")))


def whole_text(content: object) -> str:
    """The text of a message, all of it."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "\n".join([part for part in parts if isinstance(part, str)])
    return content if isinstance(content, str) else ""
