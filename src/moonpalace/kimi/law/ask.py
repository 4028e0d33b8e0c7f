"""A chat request that is read, not yet judged.

1. `fields` holds only what has its shape: a stage may rely on types. What has not is in `broken` by its top-level
   name, and a stage that reads such a field is passed over: what cannot be read cannot be judged.
2. A model that is retired is judged by its own rules, one that nobody knows by `ANYTHING`, which allows everything:
   what else is wrong with the request is still told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

from ..errors import Violation
from ..models import Family, Model, Range
from ..profiles import Profile

Count = Callable[[str], int]
Message = dict[str, Any]

_WIDE = Range(-inf, inf, 1)
ANYTHING = Model(
    "",
    Family("", "unknown", _WIDE, _WIDE, _WIDE, _WIDE, 1, image=True, video=True, keep=True, dynamic_tools=True),
    1 << 62,
    "",
)


@dataclass(frozen=True, slots=True)
class Thinking:
    """Whether the model thinks before it answers, how hard, and whether earlier thoughts stay in the context."""

    on: bool
    effort: str | None = None
    keep: bool = False


@dataclass(slots=True)
class Ask:
    """See the module. `misread`: what the stage `shape` has to say. `prompt_tokens`: once `length` has counted.
    `listed`: what `tools` gives, once it was asked."""

    profile: Profile
    count: Count
    model_name: str
    model: Model
    fields: dict[str, Any]
    broken: set[str]
    misread: list[Violation]
    thinking: Thinking = Thinking(False)
    prompt_tokens: int | None = None
    listed: list[tuple[str, dict[str, Any]]] | None = None

    @property
    def family(self) -> Family:
        """The rules of the model."""
        return self.model.family

    @property
    def messages(self) -> list[Message]:
        """The messages; none when they cannot be read."""
        return self.fields.get("messages") or []

    def dynamic_tools(self) -> list[tuple[str, dict[str, Any]]]:
        """The tools that system messages add, with their places."""
        if not self.model.family.dynamic_tools:
            return []
        return [
            (f"messages[{index}].tools[{at}]", tool)
            for index, message in enumerate(self.messages)
            if message["role"] == "system" and message.get("tools")
            for at, tool in enumerate(message["tools"])
        ]

    def tools(self) -> list[tuple[str, dict[str, Any]]]:
        """All tools in the order the model sees them: the global ones, then the dynamic ones, each with its place."""
        if self.listed is None:
            own = [(f"tools[{at}]", tool) for at, tool in enumerate(self.fields.get("tools") or ())]
            self.listed = own + self.dynamic_tools()
        return self.listed
