"""The answer of an API in the few words that every shape shares.

1. A field is None where the answer does not say, or says it in a type that it cannot have.
2. Texts hold no lone surrogates, counts fit 63 bits, `usage` nests a few levels at most: a store can take them
   as they are.
3. `prompt_tokens` counts cached tokens too, whatever the API's own habit; `completion_tokens` counts reasoning.

Source: OpenAI chat and Responses reference, Anthropic Messages reference, platform.kimi.ai api/chat (2026-09).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..lenient import clean_text, is_shallow, read_json, whole_number, write_json

Error = tuple[str | None, str | None, str | None]  # type, code, message
MAX_INDEX = 1024
LONGEST_MESSAGE = 16_384


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says. `kind`: chat, text, anthropic, responses, error, other.

    Units: `first_token_end` is the offset just past the event that carried the first token.
    """

    kind: str
    id: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    stream: bool = False
    first_token_end: int | None = None
    events: int = 0
    error: Error | None = None
    flags: tuple[str, ...] = ()
    merged: bytes | None = field(
        default=None, compare=False
    )  # the one answer that the events of a stream add up to, as JSON
    value: dict[str, Any] | None = field(default=None, compare=False, repr=False)  # the whole answer, or that one
    marked: bool = field(default=False, compare=False)  # the end mark of a stream came


@dataclass(slots=True)
class Reading:
    """What has been read of an answer so far; the readers of each shape fill it in."""

    id: object = None
    model: object = None
    finish_reason: object = None
    usage: object = None
    first_token_end: int | None = None
    error: Error | None = None
    done: bool = False
    finished: bool = False
    notes: tuple[str, ...] = ()

    def note(self, text: str) -> None:
        """Keep a remark, once."""
        if text not in self.notes:
            self.notes += (text,)


def usable_usage(value: object, *, strict: bool) -> dict[str, Any] | None:
    """The usage object itself, if it is one and harmless to keep. `strict`: it came from strict JSON.

    Why: only JSON that is not strict can hold lone surrogates.
    """
    if not isinstance(value, dict) or not value or not is_shallow(value):
        return None
    if strict:
        return value
    written = write_json(value)
    kept = None if written is None else read_json(written.replace(b"\\ud", b"\\\\ud"))[0]
    return kept if isinstance(kept, dict) else None


def token_counts(usage: dict[str, Any]) -> tuple[int | None, int | None, int | None, int | None, int | None]:
    """Prompt, completion, total, cached and reasoning tokens, from any of the known shapes of usage."""
    if "input_tokens" in usage or "output_tokens" in usage:
        return _newer_counts(usage)
    prompt = whole_number(usage.get("prompt_tokens"))
    completion = whole_number(usage.get("completion_tokens"))
    cached = whole_number(usage.get("cached_tokens"))
    if cached is None:
        cached = _detail(usage, "prompt_tokens_details", "cached_tokens")
    reasoning = _detail(usage, "completion_tokens_details", "reasoning_tokens")
    return prompt, completion, _total(usage, prompt, completion), cached, reasoning


def _newer_counts(usage: dict[str, Any]) -> tuple[int | None, int | None, int | None, int | None, int | None]:
    """Anthropic counts what was read from and written to the cache apart from the input; Responses includes it."""
    prompt = whole_number(usage.get("input_tokens"))
    completion = whole_number(usage.get("output_tokens"))
    cached = whole_number(usage.get("cache_read_input_tokens"))
    created = whole_number(usage.get("cache_creation_input_tokens"))
    if prompt is not None:
        prompt = whole_number(prompt + (cached or 0) + (created or 0))
    if cached is None:
        cached = _detail(usage, "input_tokens_details", "cached_tokens")
    reasoning = _detail(usage, "output_tokens_details", "reasoning_tokens")
    if reasoning is None:
        reasoning = _detail(usage, "output_tokens_details", "thinking_tokens")
    return prompt, completion, _total(usage, prompt, completion), cached, reasoning


def _total(usage: dict[str, Any], prompt: int | None, completion: int | None) -> int | None:
    total = whole_number(usage.get("total_tokens"))
    if total is None and prompt is not None and completion is not None:
        return whole_number(prompt + completion)
    return total


def _detail(usage: dict[str, Any], group: str, name: str) -> int | None:
    details = usage.get(group)
    return whole_number(details.get(name)) if isinstance(details, dict) else None


def read_error(value: object) -> Error | None:
    """Type, code and message of what stands under `error`: an object or a plain text."""
    if isinstance(value, dict):
        code = value.get("code")
        if type(code) is int and abs(code) < 1 << 63:
            code = str(code)
        return clean_text(value.get("type")), clean_text(code), _message(value.get("message"))
    if isinstance(value, str) and value:
        return None, None, _message(value)
    return None


def _message(value: object) -> str | None:
    return clean_text(value[:LONGEST_MESSAGE], LONGEST_MESSAGE) if isinstance(value, str) else None


def is_index(value: object) -> bool:
    """Whether this can be the place of something in a list that we are ready to build."""
    return type(value) is int and 0 <= value < MAX_INDEX
