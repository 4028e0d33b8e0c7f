"""Chunks of chat and of legacy text completions, merged by a table of fields.

1. Each field has one rule, named in the tables below; a field that is not named keeps its last value that is not null.
2. Choices and tool calls are placed by their index, whatever the order in which they come; gaps are not filled.
3. The result has the shape of the answer that was not streamed: `message` for `delta`, usage at the top level, no
   index in tool calls.

Source: OpenAI API reference (chat, completions); platform.kimi.ai api/chat (2026-09).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..answers.chat import sum_usages
from .parts import Dict, Merged, Notes, Text, grow, grow_name, in_order, join_texts, set_last, set_once, slot

Rule = Callable[[Dict, str, object], None]

_TOP_ONCE = frozenset(("id", "object", "created", "model"))
_CHOICE: dict[str, Rule] = {"text": grow}
_MESSAGE: dict[str, Rule] = {
    "role": set_once,
    "name": set_once,
    "content": grow,
    "reasoning_content": grow,
    "reasoning": grow,
    "refusal": grow,
}
_CALL: dict[str, Rule] = {"id": set_once, "type": set_once}
_FUNCTION: dict[str, Rule] = {"name": grow_name, "arguments": grow}
_LOGPROBS = ("content", "refusal", "tokens", "token_logprobs", "top_logprobs", "text_offset")


def merge_chat(chunks: Iterable[Dict], notes: Notes, *, text: bool = False) -> Merged:
    """One `chat.completion`, or with `text` one `text_completion`."""
    top: Dict = {}
    choices: dict[int, _Choice] = {}
    for chunk in chunks:
        for key, value in chunk.items():
            if key in _TOP_ONCE:
                if not top.get(key):
                    top[key] = value
            elif key != "choices":
                set_last(top, key, value)
            elif isinstance(value, list):
                for position, choice in enumerate(value):
                    _place(choices, choice, position, notes)
    if "object" in top:
        top["object"] = "text_completion" if text else "chat.completion"
    if not choices:
        return Merged(top, tuple(notes))
    done = [choices[index].close(index, text) for index in sorted(choices)]
    usages = [choice.usage for _, choice in sorted(choices.items()) if choice.usage]
    usage = top.pop("usage", None)
    top["choices"] = done
    if usage or usages:
        top["usage"] = usage or sum_usages(usages)
    return Merged(top, tuple(notes))


def _place(choices: dict[int, _Choice], choice: object, position: int, notes: Notes) -> None:
    if not isinstance(choice, dict):
        notes.add("choice_not_an_object")
        return
    index = choice.get("index", position)
    if type(index) is int and index in choices:
        choices[index].add(choice)
    # The type of `slot` is about plain objects; a choice keeps more state, so only its check is used.
    elif slot({}, index, notes, "choice_index") is not None:
        choices.setdefault(index, _Choice(notes)).add(choice)


class _Choice:
    """One choice as it grows."""

    __slots__ = ("_calls", "_fields", "_function", "_last", "_logprobs", "_message", "_notes", "usage")

    def __init__(self, notes: Notes) -> None:
        self.usage: Dict | None = None
        self._notes = notes
        self._fields: Dict = {}
        self._message: Dict = {}
        self._calls: dict[int, Dict] = {}
        self._function: Dict = {}  # the legacy function_call
        self._last: int | None = None
        self._logprobs: Dict | None = None

    def add(self, choice: Dict) -> None:
        """Take in what one chunk says of this choice."""
        for key, value in choice.items():
            if key == "delta" or key == "message":
                self._delta(value)
            elif key == "usage":
                self.usage = value if isinstance(value, dict) and value else self.usage
            elif key == "logprobs" and isinstance(value, dict):
                self._more_logprobs(value)
            elif key != "index":
                _CHOICE.get(key, set_last)(self._fields, key, value)

    def _delta(self, delta: object) -> None:
        if not isinstance(delta, dict):
            if delta is not None:
                self._notes.add("delta_not_an_object")
            return
        message = self._message
        for key, value in delta.items():
            if type(value) is str and type(held := message.get(key)) is Text:
                held.append(value)  # a text that has begun to grow: nothing else is such a list
            elif key == "tool_calls":
                for call in value if isinstance(value, list) else ():
                    self._call(call)
            elif key == "function_call" and isinstance(value, dict):
                _apply(_FUNCTION, self._function, value)
            else:
                _MESSAGE.get(key, set_last)(message, key, value)

    def _call(self, call: object) -> None:
        if not isinstance(call, dict):
            self._notes.add("tool_call_not_an_object")
            return
        index = call["index"] if "index" in call else self._by_id(call.get("id"))
        place = slot(self._calls, index, self._notes, "tool_call_index")
        if place is None:
            return
        self._last = index
        for key, value in call.items():
            if key == "function" and isinstance(value, dict):
                if not isinstance(place.get("function"), dict):
                    place["function"] = {}
                _apply(_FUNCTION, place["function"], value)
            elif key == "function":
                self._notes.add("function_not_an_object")
            elif key != "index":
                _CALL.get(key, set_last)(place, key, value)

    def _by_id(self, call_id: object) -> int | None:
        """The place of a call sent without index: the one of its id, a new one for a new id, else the last one's."""
        if not call_id:
            return self._last
        known = [index for index, call in self._calls.items() if call.get("id") == call_id]
        return known[0] if known else max(self._calls, default=-1) + 1

    def _more_logprobs(self, value: Dict) -> None:
        held = self._logprobs = self._logprobs if self._logprobs is not None else {}
        for key, more in value.items():
            if key in _LOGPROBS and isinstance(more, list) and isinstance(held.get(key), list):
                held[key] = _extended(held[key], more)
            else:
                set_last(held, key, _Tokens(more) if isinstance(more, list) else more)

    def close(self, index: int, text: bool) -> Dict:
        """The whole choice."""
        fields = join_texts(self._fields)
        message = join_texts(self._message)
        if self._calls:
            message["tool_calls"] = [_close_call(call) for call in in_order(self._calls)]
        if self._function:
            message["function_call"] = join_texts(self._function)
        done: Dict = {"index": index}
        if message or not text:
            done["message"] = message
        if self._logprobs is not None:
            fields["logprobs"] = self._logprobs
        finish = fields.pop("finish_reason", None)
        return {**done, **fields, "finish_reason": finish}


class _Tokens(list[Any]):
    """A list of our own, which may grow in place: the chunks that were handed in are left as they are."""


def _extended(held: list[Any], more: list[Any]) -> list[Any]:
    grown = held if type(held) is _Tokens else _Tokens(held)
    grown.extend(more)
    return grown


def _close_call(call: Dict) -> Dict:
    function = call.get("function")
    if isinstance(function, dict):
        join_texts(function)
    return join_texts(call)


def _apply(rules: dict[str, Rule], target: Dict, values: Dict) -> None:
    for key, value in values.items():
        rules.get(key, set_last)(target, key, value)
