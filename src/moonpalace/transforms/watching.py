"""The texts in the events of a stream, each measured on its own for repetition.

1. Of a chat: each choice's content, reasoning, refusal and the arguments of each of its calls; of text completions
   each choice's text; of an Anthropic message each content block.
2. Texts are placed by index. What has no place is passed over; a call without an index too, for calls that are alike
   are no loop, and nothing tells which is which.
3. A choice that has finished is not cut any more, and neither is a message that has its stop reason.
4. At most `MOST` texts of a stream are measured; measures and places are all that is kept. Nothing raises on any JSON.

Source: OpenAI API reference (chat, completions); Anthropic API reference, "Streaming messages".
"""

from __future__ import annotations

from typing import Any

from ..text.repetition import Repetition
from ..wire.answers.answer import is_index
from ..wire.lenient import whole_number
from . import endings
from .base import Event, Run

Dict = dict[str, Any]
Texts = dict[str | int, Repetition]  # by field; the arguments of calls by the call's index

MOST = 1024
_FIELDS = frozenset(("content", "reasoning_content", "reasoning", "refusal"))
_LEGACY = -1  # the place of `function_call` among the calls
_GROWING = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_COUNTED = 40_000  # characters of all texts together, for the estimate of the usage


class Measures(list[Repetition]):
    """The measures of one stream."""

    def __init__(self, threshold: float, min_length: int) -> None:
        super().__init__()
        self._settings = threshold, min_length

    def new(self) -> Repetition | None:
        """One more; None if there are too many."""
        if len(self) >= MOST:
            return None
        self.append(Repetition(*self._settings))
        return self[-1]

    def share(self) -> int:
        """How many characters of each may be counted."""
        return _COUNTED // max(len(self), 1)


class _Choice:
    """One choice so far. `told` is the usage that the API gave it."""

    __slots__ = ("finished", "is_text", "texts", "told")

    def __init__(self, *, is_text: bool) -> None:
        self.is_text = is_text
        self.finished = False
        self.texts: Texts = {}
        self.told: Dict = {}

    def tokens(self, share: int) -> int:
        """Tokens of all that it said, as told, else estimated. Reasoning under both its names counts once."""
        told = whole_number(self.told.get("completion_tokens"))
        if told is not None:
            return told
        twice = "reasoning" if "reasoning_content" in self.texts else None
        return endings.tokens_of([text for name, text in self.texts.items() if name != twice], share)


class WatchedChoices:
    """A stream of chat or of text completions."""

    __slots__ = ("_choices", "_measures", "_usage")

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._choices: dict[int, _Choice] = {}
        self._usage: Dict = {}  # the last one told at the top of a chunk

    def see(self, chunk: Dict) -> bool:
        """Look at a chunk: whether the stream is to be cut after it. Cost: runs for every event."""
        choices = chunk.get("choices")
        if type(choices) is not list:
            return False
        loops = False
        for position, choice in enumerate(choices):
            if type(choice) is dict and self._choice(choice, position):
                loops = True
        usage = chunk.get("usage")
        if usage and type(usage) is dict:
            self._usage = usage
        return loops

    def _choice(self, choice: Dict, position: int) -> bool:
        """Look at what a chunk says of a choice: whether it loops, and has not finished."""
        index = choice.get("index", position)
        held = self._choices.get(index) if type(index) is int else None
        if held is None:
            if not is_index(index):
                return False
            held = self._choices[index] = _Choice(is_text="text" in choice and "delta" not in choice)
        delta = choice.get("delta")
        looped = False
        if type(delta) is dict:
            for name, piece in delta.items():
                measure = held.texts.get(name)
                if measure is not None and type(piece) is str:
                    looped |= measure.add(piece)
                elif piece:
                    looped |= self._other(held.texts, name, piece)
        else:
            looped = self._add(held.texts, "text", choice.get("text"))
        finish = choice.get("finish_reason")
        if finish and type(finish) is str:
            held.finished = True
            if type(usage := choice.get("usage")) is dict:
                held.told = usage
        return looped and not held.finished

    def see_run(self, run: Run) -> int:
        """As `see` with one event of a run after the other: the place of the one to cut after, -1 if there is none."""
        held = self._choices.get(run.choice)
        measure = None if held is None else held.texts.get(run.field)
        if held is None or measure is None or held.finished:
            return next((place for place, event in enumerate(run.events()) if self.see(event.value)), -1)
        return -1 if measure.add_quietly(run.text) else measure.add_all(run.texts)

    def _other(self, texts: Texts, name: str, piece: Any) -> bool:
        """Look at a field of a delta that is not a text which has begun."""
        if name in _FIELDS:
            return self._add(texts, name, piece)
        if name == "function_call":
            return self._call(texts, _LEGACY, piece)
        looped = False
        if name == "tool_calls" and type(piece) is list:
            for call in piece:
                if type(call) is dict and is_index(call.get("index")):
                    looped |= self._call(texts, call["index"], call.get("function"))
        return looped

    def _call(self, texts: Texts, place: int, function: Any) -> bool:
        return type(function) is dict and self._add(texts, place, function.get("arguments"))

    def _add(self, texts: Texts, name: str | int, piece: Any) -> bool:
        if not piece or type(piece) is not str:
            return False
        measure = texts.get(name) or self._measures.new()
        if measure is None:
            return False
        texts[name] = measure
        return measure.add(piece)

    def ending(self, last: Dict, reason: str, asked: bytes) -> list[Event]:
        """Finishing chunks for all choices that have none, usage, the end. What the API counted is taken as it is."""
        wanted = endings.wanted_by(asked)
        share = self._measures.share()
        choices = sorted(self._choices.items())
        tokens = {index: choice.tokens(share) for index, choice in choices}
        told = [self._usage, *(choice.told for _, choice in choices)]
        known = [count for usage in told if (count := whole_number(usage.get("prompt_tokens")))]
        prompt = known[0] if known else wanted.prompt
        unfinished = [endings.Open(at, one.is_text, tokens[at]) for at, one in choices if not one.finished]
        usage = None if prompt is None else endings.estimated(prompt, sum(tokens.values()))
        return endings.chat_ending(last, unfinished, reason, usage, at_top=bool(self._usage), apart=wanted.usage)


class WatchedMessage:
    """A stream of an Anthropic message."""

    __slots__ = ("_finished", "_measures", "_open")

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._open: dict[int, Repetition | None] = {}  # the blocks that are open; None: nothing of it is measured yet
        self._finished = False

    def see(self, event: Dict) -> bool:
        """Look at an event: whether the stream is to be cut after it. Cost: runs for every event."""
        kind, delta = event.get("type"), event.get("delta")
        if kind == "message_stop" or (kind == "message_delta" and type(delta) is dict and delta.get("stop_reason")):
            self._finished = True
        if not is_index(event.get("index")):
            return False
        index: int = event["index"]
        if kind == "content_block_delta":
            return type(delta) is dict and self._said(index, delta) and not self._finished
        if kind == "content_block_start":
            self._open[index] = None
        elif kind == "content_block_stop":
            self._open.pop(index, None)
        return False

    def see_run(self, run: Run) -> int:
        """As `see` with each: a message has no chunks of a chat."""
        return next((place for place, event in enumerate(run.events()) if self.see(event.value)), -1)

    def _said(self, index: int, delta: Dict) -> bool:
        kind = delta.get("type")
        measure = self._open.setdefault(index, None)
        piece = delta.get(_GROWING.get(kind, "")) if type(kind) is str else None
        if not piece or type(piece) is not str:
            return False
        if measure is None:
            measure = self._open[index] = self._measures.new()
        return measure is not None and measure.add(piece)

    def ending(self, last: Dict, reason: str, asked: bytes) -> list[Event]:
        """The stops of all blocks that are open, and the message's end."""
        tokens = endings.tokens_of(self._measures, self._measures.share())
        return endings.message_ending(sorted(self._open), reason, tokens)
