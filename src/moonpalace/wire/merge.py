"""The events of a stream as the one answer that they amount to, by tables of fields and never by guessing.

1. The first event that shows to which API the stream belongs decides how all are merged.
2. What has no place (an index below 0 or too large, a delta that is no object) is left out and remarked on in `notes`.
3. The events handed in are left as they are, and not kept.

Notes, of any stream: `not_an_object`, `events_before_kind`, `not_a_text`, `text_of_another_type`, `not_a_list`,
`unknown_field`, `delta_not_an_object`. Of chat: `choices_not_a_list`, `choice_not_an_object`, `choice_index`,
`choice_without_index`, `id_changed`, `whole_message`, `text_beside_parts`, `tool_calls_not_a_list`,
`tool_call_not_an_object`, `tool_call_index`, `tool_call_without_index`, `tool_call_id`, `tool_calls_mixed`,
`function_not_an_object`, `audio_not_an_object`, `logprobs_not_an_object`, `usage_not_an_object`. Of Anthropic:
`event_type`, `delta_type`, `block_index`, `block_not_an_object`, `block_started_again`, `message_not_an_object`,
`no_message_start`, `no_block_start`, `tool_input_not_json`, `tool_input_not_strict`. Of Responses: `output_index`,
`content_index`, `summary_index`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from .answers.anthropic import TYPES as ANTHROPIC_TYPES
from .merging.anthropic import AnthropicMerging
from .merging.chat import ChatMerging
from .merging.parts import Dict, Merged, Merging, Notes, Size, error_of
from .merging.responses import ResponsesMerging

__all__ = ["Merged", "Merger", "Size", "kind_of_event", "merge"]

_MERGINGS: dict[str, Callable[[Notes], Merging]] = {
    "chat": ChatMerging,
    "text": lambda notes: ChatMerging(notes, text=True),
    "anthropic": AnthropicMerging,
    "responses": ResponsesMerging,
}
_MOST_EARLY = 64


def merge(events: Iterable[Any]) -> Merged:
    """One answer; its value is None if no event is of a known kind. Each event is looked at once."""
    merger = Merger()
    merger.add_all(events)
    return merger.close()


class _Alike(Protocol):
    @property
    def value(self) -> Dict: ...


class Run(Protocol):
    """Chunks like one that is known, but for one text: a field of its choice's delta."""

    @property
    def alike(self) -> _Alike:
        """The one; its `value` is the chunk."""
        ...

    @property
    def choice(self) -> int:
        """The index of the choice."""
        ...

    @property
    def field(self) -> str:
        """The name of the text."""
        ...

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    @property
    def text(self) -> str:
        """Their texts together."""
        ...

    @property
    def texts(self) -> list[str]:
        """Their texts."""
        ...


class Merger:
    """One answer as its events come in.

    `kind`: chat, text, anthropic, responses; other until an event tells.
    """

    __slots__ = ("_early", "_error", "_events", "_merging", "_notes", "kind")

    def __init__(self) -> None:
        self.kind = "other"
        self._notes = Notes()
        self._events = 0
        self._merging: Merging | None = None
        self._early: list[Dict] = []  # what came before the kind was known
        self._error: tuple[Dict, Any] | None = None  # the first of these with an error

    def add(self, event: object) -> None:
        """Take in one decoded event, whatever it is."""
        self._events += 1
        if type(event) is not dict:
            self._notes.add("not_an_object")
        elif self._merging is not None:
            self._merging.add(event)
        else:
            self._first(event)

    def add_all(self, events: Iterable[object]) -> None:
        """Take in many events. Why: a fifth faster than one by one, and the librarian merges every stream."""
        rest = iter(events)
        for event in rest:
            self.add(event)
            if self._merging is not None:
                break
        else:
            return
        add, count = self._merging.add, 0
        for event in rest:
            count += 1
            if type(event) is dict:
                add(event)
            else:
                self._notes.add("not_an_object")
        self._events += count

    def add_run(self, run: Run) -> None:
        """As `add` with so many chunks of a chat."""
        merging, like = self._merging, run.alike.value
        if type(merging) is ChatMerging and merging.last is like and merging.grows(run.choice, run.field):
            merging.grow(run.choice, run.field, run.text)
            self._events += run.count
            return
        for text in run.texts:
            self.add(_with_text(like, run.field, text))
        if type(self._merging) is ChatMerging:  # the next ones tell nothing new
            self._merging.last = like

    def _first(self, event: Dict) -> None:
        self.kind = kind_of_event(event)
        if self.kind != "other":
            self._merging = _MERGINGS[self.kind](self._notes)
            for early in self._early:
                self._merging.add(early)
            self._early = []
            self._merging.add(event)
            return
        if self._error is None and (error := error_of(event)) is not None:
            self._error = (event, error)
        if len(self._early) < _MOST_EARLY:
            self._early.append(event)
        else:
            self._notes.add("events_before_kind")

    @property
    def finished(self) -> bool:
        """Whether the answer is whole by its own account, be the stream at its end or not."""
        return self._merging is not None and self._merging.finished

    @property
    def error(self) -> Any:
        """The first error that an event carried in place of a piece of the answer, as it was told; None if none did."""
        if self._error is not None:
            return self._error[1]
        return None if self._merging is None else self._merging.error

    def size(self) -> Size:
        """How much came. Cost: a step for each piece of text so far; made for the end, not for each event."""
        return Size(self._events, 0 if self._merging is None else self._merging.characters())

    def close(self) -> Merged:
        """The answer as far as it came. More events may follow: another call then tells of them too."""
        notes = Notes(self._notes)
        if self._merging is not None:
            return Merged(self._merging.close(notes), tuple(notes))
        return Merged(None if self._error is None else dict(self._error[0]), tuple(notes))


def _with_text(chunk: Dict, field: str, text: str) -> Dict:
    choice = chunk["choices"][0]
    return {**chunk, "choices": [{**choice, "delta": {**choice["delta"], field: text}}]}


def kind_of_event(event: Dict) -> str:
    """Which API a stream's event belongs to: chat, text, anthropic, responses, other."""
    choices = event.get("choices")
    if isinstance(choices, list):
        return "text" if event.get("object") == "text_completion" or _has_text(choices) else "chat"
    if event.get("object") == "chat.completion.chunk":
        return "chat"
    name = event.get("type")
    if isinstance(name, str):
        if name in ANTHROPIC_TYPES:
            return "anthropic"
        if name.startswith("response."):
            return "responses"
    return "other"


def _has_text(choices: list[Any]) -> bool:
    """Only a legacy text completion has `text` in place of a delta."""
    first = choices[0] if choices else None
    return type(first) is dict and type(first.get("text")) is str and "delta" not in first and "message" not in first
