"""Chat and legacy text completions: `choices`, whole or as chunks.

1. The finish reason is that of choice 0, or of the first choice that has one.
2. Usage stands at the top level, or in each choice as this vendor streams it: the prompt then counts
   once, completions add up.
3. A token is any non-empty content, reasoning, refusal, text, tool call name or argument.

Source: OpenAI API reference (chat, completions); platform.kimi.ai api/chat (2026-09).
"""

from __future__ import annotations

from typing import Any

from ..lenient import whole_number
from .answer import Reading, is_index

_SPOKEN = ("content", "reasoning_content", "reasoning", "refusal")
_SUMMED = ("completion_tokens", "total_tokens")


class ChatReader:
    """Reads the chunks of one stream, or the one body."""

    __slots__ = ("_finishes", "_seen", "_usages", "into")

    def __init__(self, into: Reading) -> None:
        self.into = into
        self._finishes: dict[int, str] = {}
        self._seen: set[int] = set()
        self._usages: dict[int, dict[str, Any]] = {}

    def read(self, value: dict[str, Any], end: int = 0) -> None:
        """Take in one chunk, whose event ended at offset `end`."""
        into = self.into
        if not into.id:
            into.id = value.get("id")
        if not into.model:
            into.model = value.get("model")
        choices = value.get("choices")
        if type(choices) is list:
            for choice in choices:
                if type(choice) is dict:
                    self._choice(choice, end)
                else:
                    into.note("choice_not_an_object")
        usage = value.get("usage")
        if type(usage) is dict and usage:
            into.usage = usage

    def _choice(self, choice: dict[str, Any], end: int) -> None:
        into = self.into
        index = choice.get("index", 0)
        if not is_index(index):
            into.note("choice_index")
            return
        self._seen.add(index)
        if into.first_token_end is None and (_speaks(choice.get("delta")) or choice.get("text")):
            into.first_token_end = end
        finish = choice.get("finish_reason")
        if type(finish) is str and finish:
            self._finishes[index] = finish
        usage = choice.get("usage")
        if type(usage) is dict and usage:
            self._usages[index] = usage

    def close(self) -> None:
        """Settle what only the end can tell."""
        into = self.into
        if self._finishes:
            into.finish_reason = self._finishes.get(0) or next(iter(self._finishes.values()))
        into.finished = bool(self._finishes) and self._seen <= self._finishes.keys()
        if into.usage is None and self._usages:
            into.usage = sum_usages(list(self._usages.values()))


def _speaks(delta: object) -> bool:
    """Whether a chunk's delta carries a token."""
    if type(delta) is not dict:
        return False
    for name in _SPOKEN:
        if delta.get(name):
            return True
    calls = delta.get("tool_calls")
    if type(calls) is list:
        return any(_calls(call.get("function")) for call in calls if type(call) is dict)
    return _calls(delta.get("function_call"))


def _calls(function: object) -> bool:
    return type(function) is dict and bool(function.get("name") or function.get("arguments"))


def sum_usages(usages: list[dict[str, Any]]) -> dict[str, Any]:
    """One usage for several choices: the first one's, with the completions of the others added."""
    total = dict(usages[0])
    for usage in usages[1:]:
        more = whole_number(usage.get("completion_tokens")) or 0
        for name in _SUMMED[: 1 + ("total_tokens" in total)]:  # a total that nobody told is not made up
            total[name] = (whole_number(total.get(name)) or 0) + more
        details = usage.get("completion_tokens_details")
        if type(details) is dict:
            total["completion_tokens_details"] = _add(total.get("completion_tokens_details"), details)
        if usage.get("estimated") is True:  # ours, of a choice that was cut: a sum with an estimate in it is one
            total["estimated"] = True
    return total


def _add(left: object, right: dict[str, Any]) -> dict[str, Any]:
    total = dict(left) if type(left) is dict else {}
    for name, value in right.items():
        mine, other = whole_number(total.get(name)), whole_number(value)
        if mine is None:
            total.setdefault(name, value)
        elif other is not None:
            total[name] = mine + other
    return total
