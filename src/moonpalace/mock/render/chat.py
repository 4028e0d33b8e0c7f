"""A completion in the chat format, whole or as a stream.

1. Both say the same: the chunks of a stream, joined by index, are the whole answer.
2. A stream carries usage in `choices[0]` of the last chunk of each choice, unasked; with `include_usage` a chunk with
   no choice follows. Every choice counts the prompt in its own usage.
3. All reasoning comes before all content, that before the tool calls.

Source: platform.kimi.ai chat API (2026-09); seeds of 2024 for the older ids.
"""

from __future__ import annotations

import hashlib
from itertools import zip_longest
from typing import Any

from ...kimi.law.chat import Chat
from ..answer import ToolCall
from ..completion import Completion, Finished, pieces, spoken
from ..reply import EVENTS, Chunk, Reply, encode, json_reply

DONE = Chunk(b"data: [DONE]\n\n")


def render(completion: Completion, chat: Chat, ident: str, created: int, year: str) -> Reply:
    """The answer, streamed if the request says so."""
    if chat.stream:
        return Reply(200, tuple(_chunks(completion, chat, ident, created, year)), EVENTS, streamed=True)
    value = {
        "id": ident, "object": "chat.completion", "created": created, "model": chat.model_name,
        "choices": [_whole(choice, place, chat) for place, choice in enumerate(completion.choices)],
        "usage": usage(completion.prompt_tokens, completion.tokens, completion.thought, completion.cached, year),
    }  # fmt: skip
    return json_reply(value, tokens=completion.tokens)


def usage(prompt: int, said: int, thought: int, cached: int, year: str) -> dict[str, Any]:
    """The usage object of that year. Nothing cached is not said at all before 2026."""
    value: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}
    if cached and year != "2024":
        value["cached_tokens"] = cached
    if year >= "2026":
        if cached:
            value["prompt_tokens_details"] = {"cached_tokens": cached}
        if thought:
            value["completion_tokens_details"] = {"reasoning_tokens": thought}
    return value


def _whole(finished: Finished, place: int, chat: Chat) -> dict[str, Any]:
    said = finished.choice
    message: dict[str, Any] = {"role": "assistant", "content": said.content}
    if said.reasoning:
        message["reasoning_content"] = said.reasoning
    if said.tool_calls:
        message["tool_calls"] = [
            {"index": index, "id": call.id, "type": call.type,
             "function": {"name": call.name, "arguments": call.arguments}}
            for index, call in enumerate(said.tool_calls)
        ]  # fmt: skip
    value: dict[str, Any] = {"index": place, "message": message, "finish_reason": finished.finish_reason}
    if chat.logprobs:
        value["logprobs"] = {"content": logprobs(said.pieces or pieces(said.content), chat.top_logprobs)}
    return value


def _chunks(completion: Completion, chat: Chat, ident: str, created: int, year: str) -> list[Chunk]:
    """The choices' events in turns, then the end."""
    start = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,"choices":[{"index":' % (
        encode(ident), created, encode(chat.model_name),
    )  # fmt: skip
    each: list[list[Chunk]] = []
    for place, finished in enumerate(completion.choices):
        each.append(_choice(start + b"%d" % place, finished, chat))
        own = usage(completion.prompt_tokens, finished.tokens, finished.thought, completion.cached, year)
        end = b',"delta":{},"finish_reason":%b,"usage":%b}]' % (encode(finished.finish_reason), encode(own))
        each[-1].append(Chunk(start + b"%d" % place + end + _more(chat), 1))
    found = each[0] if len(each) == 1 else [chunk for turn in zip_longest(*each) for chunk in turn if chunk is not None]
    if chat.include_usage:
        total = usage(completion.prompt_tokens, completion.tokens, completion.thought, completion.cached, year)
        head = start[: start.index(b'"choices":')]
        found.append(Chunk(b'%b"choices":[],"usage":%b}\n\n' % (head, encode(total))))
    found.append(DONE)
    return found


def _more(chat: Chat) -> bytes:
    return b',"usage":null}\n\n' if chat.include_usage else b"}\n\n"


def _choice(start: bytes, finished: Finished, chat: Chat) -> list[Chunk]:
    said = finished.choice
    end = b',"finish_reason":null}]' + _more(chat)
    found = [Chunk(start + b',"delta":{"role":"assistant","content":""}' + end)]
    head = start + b',"delta":{"reasoning_content":'
    found += [Chunk(head + encode(piece) + b"}" + end, 1) for piece in pieces(said.reasoning)]
    head = start + b',"delta":{"content":'
    for piece, gap in spoken(said):
        more = b'},"logprobs":{"content":%b}' % encode(logprobs([piece], chat.top_logprobs)) if chat.logprobs else b"}"
        found.append(Chunk(head + encode(piece) + more + end, 1, gap))
    for index, call in enumerate(said.tool_calls):
        found += [Chunk(start + b',"delta":{"tool_calls":[' + delta + b"]}" + end, 1) for delta in _call(index, call)]
    return found


def _call(index: int, call: ToolCall) -> list[bytes]:
    first = {"index": index, "id": call.id, "type": call.type, "function": {"name": call.name, "arguments": ""}}
    head = b'{"index":%d,"function":{"arguments":' % index
    return [encode(first), *[head + encode(piece) + b"}}" for piece in pieces(call.arguments)]]


def logprobs(parts: list[str] | tuple[str, ...], top: int) -> list[dict[str, Any]]:
    """Made-up probabilities, the same for the same token."""
    return [_logprob(part) | {"top_logprobs": [_logprob(part + "·" * i, i) for i in range(top)]} for part in parts]


def _logprob(token: str, rank: int = 0) -> dict[str, Any]:
    raw = token.encode("utf-8", "replace")
    share = hashlib.sha256(raw).digest()[0] / 256
    return {"token": token, "logprob": round(-share / 4 - rank * 1.5, 6), "bytes": list(raw)}
