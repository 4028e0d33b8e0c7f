"""Traffic in the shapes of the Kimi API, and a server that gives it to real SDKs.

1. Every builder is pure: the same arguments give the same bytes.
2. A `Reply` knows its whole body and how it goes out: by Content-Length, or chunk by chunk.
3. `kimi_upstream` picks the answer by path and body; the request header `X-Scene` asks for a variant:
   an error's name of `ERRORS`, `gzip`, `html-504` or `cut` (a stream that breaks off).

Source: platform.kimi.com docs (chat, files, messages, responses, errors), as of 2026-10.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .upstream import Fin, Request, Send, SendChunked, Step, Upstream

MODEL = "kimi-k3"
CHATCMPL = "chatcmpl-66a7f1e2b4c8d9e0f1a2b3c4"
REQUEST_ID = "c34f3421-4dae-11ef-b237-9620e33511ee"
USER_ID = "cn0psmmcp7fclnphkcpg"
GROUP_ID = "enterprise-tier-5"
CREATED = 1786338000
USAGE: dict[str, Any] = {
    "prompt_tokens": 19,
    "completion_tokens": 21,
    "total_tokens": 40,
    "cached_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
REASONING = ("用户在", "问好。")
CONTENT = ("你好", "，我是 ", "Kimi。🌙")

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Reply:
    """An answer. `pieces` is None for a body by Content-Length, else the chunks of a chunked one."""

    status: int = 200
    reason: str = "OK"
    headers: Pairs = ()
    body: bytes = b""
    pieces: Sequence[bytes] | None = None
    cut: bool = False

    @property
    def whole(self) -> bytes:
        """The body's bytes as on the wire, framing aside."""
        return self.body if self.pieces is None else b"".join(self.pieces)

    def head(self) -> bytes:
        """The status line and the header lines."""
        framing = ("Content-Length", str(len(self.body))) if self.pieces is None else ("Transfer-Encoding", "chunked")
        lines = [f"{name}: {value}" for name, value in (*self.headers, framing)]
        return "\r\n".join([f"HTTP/1.1 {self.status} {self.reason}", *lines, "", ""]).encode()

    def steps(self, method: str = "GET") -> list[Step]:
        """How it goes out; `cut` breaks the connection off before the end."""
        if self.pieces is None or method == "HEAD":
            return [Send(self.head() + (b"" if method == "HEAD" else self.body))]
        return [Send(self.head()), SendChunked(self.pieces, end=not self.cut), *([Fin()] if self.cut else [])]


def msh_headers(*, request_id: str = REQUEST_ID, server_timing: str = "inner; dur=1033.5") -> list[tuple[str, str]]:
    """The headers by which the vendor's support finds a request."""
    return [
        ("Msh-Request-Id", request_id),
        ("Msh-Uid", USER_ID),
        ("Msh-Gid", GROUP_ID),
        ("Msh-Org-Id", "org-5f6e7d8c9b0a"),
        ("Server-Timing", server_timing),
        ("Vary", "Origin"),
    ]


def json_reply(value: Any, status: int = 200, reason: str = "OK", extra: Pairs = ()) -> Reply:
    """An answer in JSON, compact and with its non-ASCII as it is."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    headers = [("Content-Type", "application/json; charset=utf-8"), *msh_headers(), *extra]
    return Reply(status, reason, headers, body)


def event_reply(events: Iterable[bytes]) -> Reply:
    """An answer as a stream, one event a chunk."""
    headers = [("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-cache"), *msh_headers()]
    return Reply(headers=headers, pieces=list(events))


def gzipped(reply: Reply) -> Reply:
    """The same answer compressed; a stream is flushed at every event, so that each can be read as it comes."""
    headers = (*reply.headers, ("Content-Encoding", "gzip"))
    if reply.pieces is None:
        return replace(reply, headers=headers, body=gzip.compress(reply.body, mtime=0))
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in reply.pieces]
    return replace(reply, headers=headers, pieces=[*pieces, packer.flush()])


def data_event(value: Any) -> bytes:
    """One event of a stream that names no event."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def named_event(value: dict[str, Any]) -> bytes:
    """One event of a stream whose event names equal the `type` of their data."""
    return f"event: {value['type']}\n".encode() + data_event(value)


# Chat completions


def tool_call(arguments: str = '{"city":"北京"}') -> dict[str, Any]:
    """A call in the vendor's form of id, `name:index`."""
    return {"id": "get_weather:0", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}


def chat_json(model: str = MODEL, *, tools: bool = False, chatcmpl: str = CHATCMPL) -> dict[str, Any]:
    """An unstreamed chat answer."""
    message: dict[str, Any] = {"role": "assistant", "content": "" if tools else "".join(CONTENT)}
    message["reasoning_content"] = "".join(REASONING)
    if tools:
        message["tool_calls"] = [{"index": 0, **tool_call()}]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if tools else "stop"}
    head = {"id": chatcmpl, "object": "chat.completion", "created": CREATED, "model": model}
    return {**head, "choices": [choice], "usage": USAGE}


def chat_events(
    model: str = MODEL,
    *,
    tools: bool = False,
    include_usage: bool = False,
    reasoning: bool = True,
    done: bool = True,
    chatcmpl: str = CHATCMPL,
    content: Sequence[str] = CONTENT,
) -> list[bytes]:
    """A streamed chat answer: role, reasoning, content or calls, an end with usage inside `choices[0]`, `[DONE]`."""
    head = {"id": chatcmpl, "object": "chat.completion.chunk", "created": CREATED, "model": model}

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        return data_event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish, **more}]})

    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"reasoning_content": text}) for text in REASONING if reasoning]
    if tools:
        events.append(chunk({"tool_calls": [{"index": 0, **tool_call("")}]}))
        for part in ('{"city"', ':"北京"}'):
            events.append(chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}))
    else:
        events += [chunk({"content": text}) for text in content]
    events.append(chunk({}, "tool_calls" if tools else "stop", usage=USAGE))
    if include_usage:
        events.append(data_event({**head, "choices": [], "usage": USAGE}))
    return [*events, b"data: [DONE]\n\n"] if done else events


def completion_events(model: str = "moonshot-v1-8k") -> list[bytes]:
    """A streamed answer of the legacy completions."""
    head = {"id": "cmpl-" + "0" * 32, "object": "text_completion", "created": CREATED, "model": model}
    texts: list[tuple[str, str | None]] = [("Once", None), (" upon", None), ("", "stop")]
    chunks = [{**head, "choices": [{"index": 0, "text": text, "finish_reason": end}]} for text, end in texts]
    chunks[-1]["usage"] = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return [*map(data_event, chunks), b"data: [DONE]\n\n"]


# Anthropic Messages

_MESSAGE_ID = "msg_01kimi0000000000000000000"
_MESSAGE_USAGE = {"input_tokens": 9, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 0}


def message_json(model: str = MODEL) -> dict[str, Any]:
    """An unstreamed answer of the Messages endpoint."""
    content = [
        {"type": "thinking", "thinking": "".join(REASONING), "signature": "c2ln"},
        {"type": "text", "text": "".join(CONTENT)},
    ]
    head = {"id": _MESSAGE_ID, "type": "message", "role": "assistant", "model": model, "content": content}
    return {**head, "stop_reason": "end_turn", "stop_sequence": None, "usage": {**_MESSAGE_USAGE, "output_tokens": 21}}


def message_events(model: str = MODEL) -> list[bytes]:
    """The same, streamed."""
    start = {**message_json(model), "content": [], "stop_reason": None}
    start["usage"] = {**_MESSAGE_USAGE, "output_tokens": 1}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    blocks: list[tuple[dict[str, Any], str, str, Sequence[str]]] = [
        ({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking", REASONING),
        ({"type": "text", "text": ""}, "text_delta", "text", CONTENT),
    ]
    for index, (block, kind, key, texts) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        for text in texts:
            events.append({"type": "content_block_delta", "index": index, "delta": {"type": kind, key: text}})
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": end, "usage": {**_MESSAGE_USAGE, "output_tokens": 21}})
    events.append({"type": "message_stop"})
    return [named_event(event) for event in events]


# Responses


def response_json(model: str = MODEL) -> dict[str, Any]:
    """An unstreamed answer of the Responses endpoint."""
    text = {"type": "output_text", "text": "".join(CONTENT), "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    usage = {
        "input_tokens": 19,
        "input_tokens_details": {"cached_tokens": 10},
        "output_tokens": 21,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 40,
    }
    head = {"id": "resp_66a7f1e2", "object": "response", "created_at": CREATED, "status": "completed", "model": model}
    more = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None, "incomplete_details": None}
    return {**head, **more, "instructions": None, "metadata": {}, "output": [item], "usage": usage}


def response_events(model: str = MODEL) -> list[bytes]:
    """The same, streamed."""
    whole = response_json(model)
    item = whole["output"][0]
    running = {**whole, "status": "in_progress", "output": [], "usage": None}
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    part = item["content"][0]
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": running},
        {"type": "response.in_progress", "response": running},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **place, "delta": text, "logprobs": []} for text in CONTENT),
        {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return [named_event({**event, "sequence_number": n}) for n, event in enumerate(events)]


# Everything else


def models_list() -> dict[str, Any]:
    """The answer of `GET /v1/models`."""
    rows = []
    for name, context in (("kimi-k3", 1_048_576), ("kimi-k2.6", 262_144)):
        row = {"id": name, "object": "model", "created": CREATED, "owned_by": "moonshot", "root": name, "parent": ""}
        rows.append({**row, "context_length": context, "supports_image_in": True, "supports_reasoning": True})
    return {"object": "list", "data": rows}


def file_object(number: int, name: str, size: int, purpose: str) -> dict[str, Any]:
    """The description of an uploaded file."""
    head = {"id": f"file_clg681objj8g9m7n{number:04}", "object": "file", "bytes": size, "created_at": CREATED}
    return {**head, "filename": name, "purpose": purpose, "status": "ok", "status_details": ""}


_AGAIN: Pairs = [("Retry-After", "1"), ("X-Retry-After", "1")]
ERRORS: dict[str, tuple[int, str, str, str, Pairs]] = {
    # name: status, reason, type, message, more headers
    "bad-temperature": (
        400,
        "Bad Request",
        "invalid_request_error",
        "invalid temperature: only 1 is allowed for this model",
        (),
    ),
    "no-key": (401, "Unauthorized", "incorrect_api_key_error", "Incorrect API key provided", ()),
    "bad-key": (401, "Unauthorized", "invalid_authentication_error", "Invalid Authentication", ()),
    "no-model": (
        404,
        "Not Found",
        "resource_not_found_error",
        "Not found the model kimi-k9 or Permission denied",
        (),
    ),
    "overload": (
        429,
        "Too Many Requests",
        "engine_overloaded_error",
        "The engine is currently overloaded, please try again later",
        _AGAIN,
    ),
    "rpm": (
        429,
        "Too Many Requests",
        "rate_limit_reached_error",
        "Your account org-5f6e<ak-1> request reached organization max RPM: 3, please try again after 1 seconds",
        _AGAIN,
    ),
    "extract": (500, "Internal Server Error", "server_error", "Failed to extract file: no text", ()),
    "unavailable": (503, "Service Unavailable", "server_unavailable", "", ()),
}


def error_reply(name: str) -> Reply:
    """An error of the API."""
    status, reason, kind, message, extra = ERRORS[name]
    return json_reply({"error": {"message": message, "type": kind}}, status, reason, extra)


def html_504() -> Reply:
    """What the gateway says when the API did not answer in time: a page, not an API error."""
    page = b"<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n<center><h1>504 Gateway Time-out"
    page += b"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    return Reply(504, "Gateway Time-out", [("Server", "nginx"), ("Content-Type", "text/html")], page)


@dataclass
class Kimi:
    """The state of the pretended service: its files. `replies` pairs each request with the answer it got."""

    files: dict[str, tuple[dict[str, Any], bytes]] = field(default_factory=dict)
    replies: list[tuple[Request, Reply]] = field(default_factory=list)
    uploaded: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> list[Step]:
        """The route for an `Upstream`."""
        reply = self.answer(request)
        scene = request.header("x-scene")
        if scene == "gzip":
            reply = gzipped(reply)
        if scene == "cut" and reply.pieces:
            reply = replace(reply, pieces=reply.pieces[:-2], cut=True)
        with self.lock:
            self.replies.append((request, reply))
        return reply.steps(request.method)

    def answer(self, request: Request) -> Reply:
        """The answer by scene, path and body."""
        scene = request.header("x-scene") or ""
        if scene in ERRORS:
            return error_reply(scene)
        if scene == "html-504":
            return html_504()
        path = request.path.removeprefix("/anthropic")
        if path == "/v1/models":
            return json_reply(models_list())
        if path.startswith("/v1/files"):
            return self._files(request, path.removeprefix("/v1/files").strip("/"))
        return _inference(path, request)

    def _files(self, request: Request, rest: str) -> Reply:
        name, _, tail = rest.partition("/")
        if not name:
            if request.method == "POST":
                return self._upload(request)
            after = request.target.partition("after=")[2].partition("&")[0]
            rows = [row for row, _ in self.files.values() if row["id"] > after]
            return json_reply({"object": "list", "data": rows})
        if name not in self.files:
            return error_reply("no-model")
        row, data = self.files[name]
        if request.method == "DELETE":
            del self.files[name]
            return json_reply({"id": name, "object": "file", "deleted": True})
        if tail == "content":
            text = {"content": data.decode("utf-8", "replace"), "file_type": "text/plain", "type": "file"}
            return json_reply({**text, "filename": row["filename"], "title": ""})
        return json_reply(row)

    def _upload(self, request: Request) -> Reply:
        name, data, purpose = _multipart(request)
        with self.lock:
            self.uploaded += 1
            row = file_object(self.uploaded, name, len(data), purpose)
            self.files[row["id"]] = row, data
        return json_reply(row)


def _inference(path: str, request: Request) -> Reply:
    try:
        asked = json.loads(request.body or b"{}")
    except ValueError:
        asked = {}
    model, stream = str(asked.get("model", MODEL)), bool(asked.get("stream"))
    if path == "/v1/chat/completions":
        tools = bool(asked.get("tools"))
        if not stream:
            return json_reply(chat_json(model, tools=tools))
        usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        return event_reply(chat_events(model, tools=tools, include_usage=usage))
    if path == "/v1/completions":
        return event_reply(completion_events(model))
    if path == "/v1/messages":
        return event_reply(message_events(model)) if stream else json_reply(message_json(model))
    if path == "/v1/responses":
        return event_reply(response_events(model)) if stream else json_reply(response_json(model))
    return json_reply({"error": {"message": "method not found", "type": "resource_not_found_error"}}, 404, "Not Found")


def _multipart(request: Request) -> tuple[str, bytes, str]:
    """File name, file and purpose of an upload; enough for the forms that SDKs send."""
    found = re.search(r'boundary="?([^";]+)', request.header("content-type") or "")
    name, data, purpose = "", b"", ""
    for part in request.body.split(b"--" + (found[1].encode() if found else b"\r\n")):
        head, _, content = part.partition(b"\r\n\r\n")
        content = content.removesuffix(b"\r\n")
        if b'name="purpose"' in head:
            purpose = content.decode()
        elif match := re.search(rb'filename="([^"]*)"', head):
            name, data = match[1].decode("utf-8", "replace"), content
    return name, data, purpose


def kimi_upstream() -> tuple[Upstream, Kimi]:
    """A server that serves all of the above over keep-alive connections, and its state."""
    kimi = Kimi()
    return Upstream(route=kimi), kimi
