"""Answers of each API with a given content, whole and as streams, read as the librarian reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from moonpalace.core.finding import Finding
from moonpalace.rules import Subject, findings_of
from moonpalace.testing.kimi_shapes import data_event, named_event
from moonpalace.wire.answers.answer import Answer
from moonpalace.wire.completion import read_answer

USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
PATHS = {"chat": "/v1/chat/completions", "text": "/v1/completions", "anthropic": "/anthropic/v1/messages",
         "responses": "/v1/responses"}  # fmt: skip


def whole(value: dict[str, Any], kind: str = "chat") -> Answer:
    """An unstreamed answer."""
    found = read_answer("application/json", json.dumps(value).encode(), path=PATHS[kind])
    assert found is not None and found.kind == kind
    return found


def stream(events: Iterable[bytes], kind: str = "chat") -> Answer:
    """A streamed one."""
    found = read_answer("text/event-stream", b"".join(events), path=PATHS[kind])
    assert found is not None and found.stream and found.kind == kind
    return found


def choice(content: Any = "", finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    """A choice of a chat."""
    return {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}


def call(arguments: Any) -> dict[str, Any]:
    """A tool call."""
    return {"id": "f:0", "type": "function", "function": {"name": "f", "arguments": arguments}}


def chat_value(*choices: dict[str, Any], usage: dict[str, Any] | None = USAGE) -> dict[str, Any]:
    """A chat with these choices."""
    value = {"id": "c", "object": "chat.completion", "choices": [{"index": i, **one} for i, one in enumerate(choices)]}
    return value if usage is None else {**value, "usage": usage}


def chat(*choices: dict[str, Any], usage: dict[str, Any] | None = USAGE) -> Answer:
    """The same as an unstreamed answer."""
    return whole(chat_value(*choices, usage=usage))


def chat_stream(*choices: dict[str, Any], piece: int = 7, done: bool = True) -> Answer:
    """The same as a stream, its texts in pieces."""
    return stream([data_event(chunk) for chunk in _chunks(choices, piece)] + [b"data: [DONE]\n\n"] * done)


def _chunks(choices: Iterable[dict[str, Any]], piece: int) -> Iterable[dict[str, Any]]:
    def chunk(index: int, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        one = {"index": index, "delta": delta, "finish_reason": finish}
        return {"id": "c", "object": "chat.completion.chunk", "choices": [one]}

    for index, one in enumerate(choices):
        for name, value in one["message"].items():
            if name == "tool_calls":
                for at, made in enumerate(value):
                    text = made["function"]["arguments"]
                    yield chunk(index, {"tool_calls": [{**made, "index": at, "function": {"name": "f"}}]})
                    for part in _pieces(text, piece):
                        yield chunk(index, {"tool_calls": [{"index": at, "function": {"arguments": part}}]})
            elif name != "role":
                for part in _pieces(value, piece):
                    yield chunk(index, {name: part})
        if one["finish_reason"]:
            yield chunk(index, {}, one["finish_reason"])
    yield {"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": USAGE}


def _pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def message_value(*blocks: dict[str, Any], stop: str | None = "end_turn", tokens: int = 5) -> dict[str, Any]:
    """An Anthropic message."""
    return {"id": "m", "type": "message", "role": "assistant", "content": list(blocks), "stop_reason": stop,
            "usage": {"input_tokens": 3, "output_tokens": tokens}}  # fmt: skip


def message_stream(*blocks: tuple[dict[str, Any], dict[str, Any]], stop: str | None = "end_turn") -> Answer:
    """The same streamed; a block is its start and its one delta."""
    start = {**message_value(stop=None, tokens=1), "content": []}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, (block, delta) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    events += [{"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 5}}]
    return stream(map(named_event, [*events, {"type": "message_stop"}]), "anthropic")


def response_value(*output: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    """An answer of the Responses endpoint; with a reason an incomplete one."""
    return {"id": "r", "object": "response", "status": "incomplete" if reason else "completed", "output": list(output),
            "incomplete_details": {"reason": reason} if reason else None,
            "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}}  # fmt: skip


def said(*texts: str) -> dict[str, Any]:
    """An item of its output."""
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": t} for t in texts]}


def findings(answer: Answer, asked: object = None, **more: Any) -> list[Finding]:
    """What the rules say of it. `asked`: the request, as a value or as bytes."""
    body = asked if isinstance(asked, bytes) else b"" if asked is None else json.dumps(asked).encode()
    found, flags = findings_of(Subject(answer, body, **more))
    assert flags == ()
    return list(found)


def told(answer: Answer, asked: object = None, **more: Any) -> list[tuple[str, str]]:
    """Rule and place of each finding."""
    return [(finding.rule, finding.evidence) for finding in findings(answer, asked, **more)]
