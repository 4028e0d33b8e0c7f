"""The events that end a stream which was cut: legal to a client, so that it closes the answer in its usual way.

1. Every event is whole and stands alone: its lines end in LF, whatever ends the lines before it.
2. Nobody has told the usage of an answer that was cut: it is estimated, and says so (`estimated`).
3. Usage is told where the stream tells it: in the finishing chunk of each choice, at the top if the chunks have it
   there, in a chunk of its own if the request asked for that. Without any word about the prompt there is no usage:
   it must name the prompt's tokens, and 0 would be read as a count.
4. Work is bounded: of a long text a part is counted and the count scaled.

Source: platform.kimi.ai api/chat (2026-09); OpenAI and Anthropic API references, streaming.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..kimi.templates import prompt_tokens
from ..text.tokens import estimate
from ..wire.lenient import read_json, write_compact
from .base import Event
from .units import DONE

Dict = dict[str, Any]

LENGTH = "length"
_MAX_TOKENS = "max_tokens"  # how Anthropic's API says `length`
_COPIED = ("id", "object", "created", "model", "system_fingerprint")
_SIMPLE = (str, int, type(None))
_COUNTED = 20_000  # characters
_MESSAGES = 2_000
_TOOLS = 128  # as many as the API takes
_PARTS = 8


class Measured(Protocol):
    """A text that went by: how long it was, and some of it."""

    length: int

    def sample(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Open:
    """A choice that has no finish reason yet. `text`: of a text completion."""

    index: int
    text: bool
    tokens: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request says about usage.

    Shape: `usage`: it asks for a chunk with it. `prompt`: the prompt's tokens, estimated; None if it has no prompt.
    """

    usage: bool = False
    prompt: int | None = None


def chat_ending(
    last: Dict, choices: Sequence[Open], reason: str, usage: Dict | None, *, at_top: bool = False, apart: bool = False
) -> list[Event]:
    """A finishing chunk for each of these choices, and the end.

    Shape: `last` is the chunk after which the stream is cut, `usage` that of the whole answer, None if it is not known.
    `at_top`: the stream's chunks told some at the top; `apart`: a last chunk without choices is wanted.
    """
    head = {key: last[key] for key in _COPIED if key in last and type(last[key]) in _SIMPLE}
    events = []
    for choice in choices:
        finish: Dict = {"index": choice.index, **({"text": ""} if choice.text else {"delta": {}})}
        finish["finish_reason"] = reason
        if usage is not None:
            finish["usage"] = estimated(usage["prompt_tokens"], choice.tokens)
        chunk = {**head, "choices": [finish]}
        if at_top and choice is choices[-1]:
            chunk["usage"] = usage
        elif "usage" in last:
            chunk["usage"] = None
        events.append(_event(chunk))
    if apart and usage is not None:
        events.append(_event({**head, "choices": [], "usage": usage}))
    events.append(Event(b"data: %b\n\n" % DONE, DONE))
    return events


def message_ending(blocks: Iterable[int], reason: str, tokens: int) -> list[Event]:
    """What ends an Anthropic message of which these blocks are open."""
    delta = {"stop_reason": _MAX_TOKENS if reason == LENGTH else reason, "stop_sequence": None}
    usage = {"output_tokens": tokens, "estimated": True}
    values: list[Dict] = [{"type": "content_block_stop", "index": index} for index in blocks]
    values += [{"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]
    return [_event(value, value["type"]) for value in values]


def _event(value: Dict, name: str = "") -> Event:
    data = write_compact(value) or b"{}"
    if not name:
        return Event(b"data: %b\n\n" % data, data, value)
    return Event(b"event: %b\ndata: %b\n\n" % (name.encode(), data), data, value, name)


# --- estimates


def estimated(prompt: int, completion: int) -> Dict:
    """A usage that says of itself that nobody counted."""
    return {
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, "estimated": True
    }  # fmt: skip


def tokens_of(texts: Iterable[Measured], share: int = _COUNTED) -> int:
    """Tokens of all these texts. `share`: how many characters of each are counted at most."""
    total = 0.0
    for text in texts:
        if sample := text.sample()[:share]:
            total += estimate(sample) * max(text.length / len(sample), 1.0)
    return round(total)


def wanted_by(body: bytes) -> Wanted:
    """What this request asks for. Cost: to read its JSON once."""
    value = read_json(body)[0] if body else None
    if type(value) is not dict:
        return Wanted()
    options = value.get("stream_options")
    usage = type(options) is dict and options.get("include_usage") is True
    try:
        return Wanted(usage, _prompt(value))
    except (RecursionError, ValueError):  # declarations of tools that nest too deep to be written
        return Wanted(usage)


def _prompt(request: Dict) -> int | None:
    """Tokens of the prompt: what the template adds is counted, the texts are sampled together.

    Why steps: more messages than a conversation has, each nearly empty, would take their time too.
    """
    texts: list[str] = []

    def collect(text: str) -> int:
        texts.append(text)
        return 0

    messages, prompt, tools = request.get("messages"), request.get("prompt"), request.get("tools")
    if type(messages) is list and messages:
        step = len(messages) // _MESSAGES + 1
        around = prompt_tokens(messages[::step], tools[:_TOOLS] if type(tools) is list else None, collect)
        return (around + _sampled(texts)) * step
    texts = [one for one in (prompt if type(prompt) is list else [prompt]) if type(one) is str]
    return _sampled(texts) or None


def _sampled(texts: Sequence[str]) -> int:
    """Tokens of these texts; of long ones estimated from parts spread over all of them."""
    if sum(map(len, texts)) <= _COUNTED:
        return sum(map(estimate, texts))
    text = "".join(texts)
    part = _COUNTED // _PARTS
    step = (len(text) - part) // (_PARTS - 1)
    found = sum(estimate(text[at : at + part]) for at in range(0, step * _PARTS, step))
    return round(found * len(text) / (part * _PARTS))
