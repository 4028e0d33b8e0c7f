"""Chunks of chat and of legacy text completions, merged by a table of fields.

1. Each field has one rule, named in the tables below; a field that is not named keeps its last value that is not null.
2. Choices and tool calls are placed by their index, whatever the order in which they come; gaps are not filled.
3. The result has the shape of the answer that was not streamed: its `object`, `message` for `delta`, usage at the
   top level, no index in tool calls.
4. Usage is that of the top level, else the sum of the choices' own: never both.
5. A `message` in a chunk is no piece: what it tells stands for what the deltas told before it.

Source: OpenAI API reference (chat, completions); platform.kimi.ai api/chat (2026-09).
"""

from __future__ import annotations

from typing import Any

from ..answers.chat import sum_usages
from .calls import FUNCTION, grow_calls
from .content import grow_content
from .parts import Dict, Fields, Notes, Text, characters, error_of, slot
from .rules import Table, extend, grow, last, last_told, nest, once, other

_TOP_ONCE = frozenset(("id", "object", "created", "model", "error"))
_TOP_SKIPPED = frozenset(("choices", "obfuscation"))  # the latter pads a chunk to hide its length
_AUDIO: Table = {"id": once, "data": grow, "transcript": grow, "expires_at": last}
_MESSAGE: Table = {
    "role": once,
    "name": once,
    "content": grow_content,
    "reasoning_content": grow,
    "reasoning": grow,
    "refusal": grow,
    "tool_calls": grow_calls,
    "function_call": nest(FUNCTION, "function_not_an_object"),
    "audio": nest(_AUDIO, "audio_not_an_object"),
    "annotations": extend,
}
_LOGPROBS: Table = dict.fromkeys(
    ("content", "reasoning_content", "refusal", "tokens", "token_logprobs", "top_logprobs", "text_offset"), extend
)


def _whole_message(target: Dict, key: str, value: object, notes: Notes) -> None:
    held = target.get("message")
    if held and type(value) is dict:
        for name in [name for name in held if value.get(name)]:
            del held[name]
            notes.add("whole_message")
    _DELTA(target, key, value, notes)


def _usage(target: Dict, key: str, value: object, notes: Notes) -> None:
    if type(value) is not dict:
        if value is not None:
            notes.add("usage_not_an_object")
    elif value:
        target[key] = value


_DELTA = nest(_MESSAGE, "delta_not_an_object", under="message")
_CHOICE: Table = {
    "delta": _DELTA,
    "message": _whole_message,
    "text": grow,
    "logprobs": nest(_LOGPROBS, "logprobs_not_an_object"),
    "finish_reason": last_told,
    "usage": _usage,
}


def _take_choice(fields: Fields, choice: Dict, notes: Notes) -> None:
    """As `take` by `_CHOICE` does, with what nearly every chunk holds first: a piece of a text that has begun."""
    for key, value in choice.items():
        if key == "delta" and type(value) is dict and type(message := fields.get("message")) is Fields:
            for name, piece in value.items():
                if type(held := message.get(name)) is Text and type(piece) is str:
                    held.append(piece)
                else:
                    _MESSAGE.get(name, other)(message, name, piece, notes)
        elif key != "index" and (value is not None or key not in fields):
            _CHOICE.get(key, other)(fields, key, value, notes)


class ChatMerging:
    """The merge of one stream. `text`: of legacy text completions."""

    __slots__ = ("_choices", "_id", "_notes", "_settled", "_text", "_top", "error", "last")

    def __init__(self, notes: Notes, *, text: bool = False) -> None:
        self.error: Any = None
        self.last: Dict | None = None  # the chunk that was taken in last
        self._id = ""  # the last one that is not empty
        self._notes = notes
        self._text = text
        self._top: Dict = {}
        self._settled = set(_TOP_SKIPPED)  # fields that take nothing in any more
        self._choices: dict[int, Fields] = {}

    def add(self, chunk: Dict) -> None:
        """Take in one chunk."""
        self.last = chunk
        choices = chunk.get("choices")
        if not choices and (error := error_of(chunk)) is not None:
            self.error = error if self.error is None else self.error
            chunk = chunk if chunk.get("error") else {"error": error}
        top, settled = self._top, self._settled
        for key, value in chunk.items():
            if key not in settled and (value is not None or key not in top):
                top[key] = value
                if value and key in _TOP_ONCE:
                    settled.add(key)
        if chunk.get("id") != self._id:
            self._id_changed(chunk.get("id"))
        if type(choices) is list:
            for position, choice in enumerate(choices):
                if type(choice) is not dict:
                    self._notes.add("choice_not_an_object")
                    continue
                index = choice.get("index")
                fields = self._choices.get(index) if type(index) is int else None
                if fields is None:
                    fields = self._place(choice, position)
                    if fields is None:
                        continue
                _take_choice(fields, choice, self._notes)
        elif choices is not None:
            self._notes.add("choices_not_a_list")

    def grows(self, index: int, field: str) -> bool:
        """Whether a text of a choice's message has begun to grow."""
        message = self._choices[index].get("message") if index in self._choices else None
        return type(message) is Fields and type(message.get(field)) is Text

    def grow(self, index: int, field: str, text: str) -> None:
        """More of a text that grows."""
        self._choices[index]["message"][field].append(text)

    def _id_changed(self, ident: object) -> None:
        if type(ident) is str and ident:
            if self._id:
                self._notes.add("id_changed")
            self._id = ident

    def _place(self, choice: Dict, position: int) -> Fields | None:
        """The place of a choice that is new or has no index."""
        if "index" not in choice:
            self._notes.add("choice_without_index")
        return slot(self._choices, choice.get("index", position), self._notes, "choice_index")

    @property
    def finished(self) -> bool:
        """Whether every choice that came has a finish reason."""
        choices = self._choices.values()
        return bool(choices) and all(choice.get("finish_reason") for choice in choices)

    def characters(self) -> int:
        """Of all choices."""
        return characters(self._choices.values())

    def close(self, notes: Notes) -> Dict:
        """One `chat.completion`, or one `text_completion`."""
        top = {"object": "", **self._top} if "object" not in self._top else dict(self._top)
        top["object"] = "text_completion" if self._text else "chat.completion"
        usage = top.pop("usage", None)
        choices = [(index, self._choices[index].whole()) for index in sorted(self._choices)]
        usages = [choice.pop("usage") for _, choice in choices if "usage" in choice]
        if usages and not (type(usage) is dict and usage):
            usage = sum_usages(usages)
        top["choices"] = [self._close(index, choice) for index, choice in choices]
        if usage is not None:
            top["usage"] = usage
        return top

    def _close(self, index: int, fields: Dict) -> Dict:
        message = fields.pop("message", None)
        finish = fields.pop("finish_reason", None)
        start: Dict = {"index": index}
        if message or not self._text:
            start["message"] = message or {}
        return {**start, **fields, "finish_reason": finish}
