"""What chat completions answer: whole, and as the events of a stream.

Source: platform.kimi.ai chat page (2026-09), API reference (2024-03).
"""

from __future__ import annotations

from ...kimi.profiles import Profile
from .words import Schema, choice, just, many, number, or_null, ref, text, told, whole

_REASONS = ("stop", "length", "tool_calls", "content_filter")


def schemas(profile: Profile) -> dict[str, Schema]:
    """Those that are named."""
    head = {"id": text(pattern=f"^{profile.id_prefix}[0-9a-f]+$"), "created": whole(0), "model": text()}
    message = told(
        {"role": just("assistant"), "content": text()},
        {"reasoning_content": text(), "tool_calls": many(_call(complete=True), 1)},
    )
    probabilities = {"logprobs": ref("Logprobs")}
    chosen = told({"index": whole(0), "message": message, "finish_reason": choice(*_REASONS)}, probabilities)
    return {
        "ChatCompletion": told(
            {**head, "object": just("chat.completion"), "choices": many(chosen, 1), "usage": ref("Usage")}
        ),
        "ChatCompletionChunk": told(
            {**head, "object": just("chat.completion.chunk"), "choices": many(_delta(probabilities))},
            {"usage": or_null(ref("Usage"))},
        ),
        "Usage": _usage(profile),
        "Logprobs": told({"content": many(_probability(many(_probability())))}),
    }


def _usage(profile: Profile) -> Schema:
    counts = {name: whole(0) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    more: dict[str, Schema] = {} if profile.year == "2024" else {"cached_tokens": whole(1)}
    if profile.year >= "2026":
        more["prompt_tokens_details"] = told({"cached_tokens": whole(1)})
        more["completion_tokens_details"] = told({"reasoning_tokens": whole(1)})
    return told(counts, more)


def _delta(probabilities: dict[str, Schema]) -> Schema:
    pieces = {"role": just("assistant"), "content": text(), "reasoning_content": text()}
    delta = told({}, {**pieces, "tool_calls": many(_call(complete=False), 1, 1)})
    return told(
        {"index": whole(0), "delta": delta, "finish_reason": or_null(choice(*_REASONS))},
        {"usage": ref("Usage"), **probabilities},
    )


def _call(*, complete: bool) -> Schema:
    """A call of a tool; in a stream only its first piece names it."""
    named = {"id": text(), "type": choice("function", "builtin_function")}
    always, function = {"index": whole(0)}, {"arguments": text()}
    if complete:
        return told({**always, **named, "function": told({**function, "name": text()})})
    return told({**always, "function": told(function, {"name": text()})}, named)


def _probability(top: Schema | None = None) -> Schema:
    fields = {"token": text(), "logprob": number(None, 0), "bytes": many(whole(0, 255))}
    return told(fields if top is None else {**fields, "top_logprobs": top})
