"""Builders of exchanges, each a plausible whole; arguments replace any field."""

from __future__ import annotations

from typing import Any

from ..core.exchange import Attempt, Body, Event, Exchange, Failure, Message, Stage, State
from ..core.headers import Headers

ARRIVED_AT = 1_722_259_843_123_000_000  # 2024-07-29T13:30:43.123Z
ANSWER = b'{"id":"chatcmpl-2e1aa823","object":"chat.completion","choices":[],"price":1.0}'
QUESTION = b'{"model":"kimi-k2","messages":[{"role":"user","content":"\xe4\xbd\xa0\xe5\xa5\xbd"}]}'


def headers(*lines: tuple[str, str]) -> Headers:
    """Header lines of text."""
    return Headers(tuple((name.encode(), value.encode()) for name, value in lines))


def body(data: bytes) -> Body:
    """A body kept whole."""
    return Body(data=data, length=len(data))


def uid_of(number: int) -> str:
    """A uid that is told by its number."""
    return f"{0x0191_0000_0000 + number:012x}"[:8] + f"-{number & 0xFFFF:04x}-7000-8000-{number:012x}"


def chat(number: int = 1, **fields: Any) -> Exchange:
    """A chat completion that went well."""
    asked = Message(
        "POST /v1/chat/completions HTTP/1.1",
        headers(("Host", "127.0.0.1:9988"), ("Content-Type", "application/json")),
        body(QUESTION),
    )
    told = Message(
        "HTTP/1.1 200 OK",
        headers(("Content-Type", "application/json"), ("Msh-Request-Id", f"req-{number}")),
        body(ANSWER),
    )
    whole: dict[str, Any] = {
        "uid": uid_of(number),
        "id": number,
        "state": State.COMPLETE,
        "requested_at": ARRIVED_AT + number * 1_000_000_000,
        "method": "POST",
        "target": "/v1/chat/completions",
        "path": "/v1/chat/completions",
        "endpoint": "https://api.moonshot.cn",
        "peer": "127.0.0.1:50000",
        "status": 200,
        "reason": "OK",
        "model": "kimi-k2",
        "chatcmpl": f"chatcmpl-{number}",
        "request_id": f"req-{number}",
        "user_id": "cn0psmmcp7fclnphkcpg",
        "group_id": "enterprise-tier-5",
        "server_timing": 1033.0,
        "request_content_type": "application/json",
        "content_type": "application/json",
        "ttft_ns": 250_000_000,
        "latency_ns": 1_033_500_000,
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        "finish_reason": "stop",
        "asked": asked,
        "sent": Message(asked.start, headers(("Host", "api.moonshot.cn"), ("Content-Type", "application/json")), None,
                        same_as="asked"),
        "told": told,
        "delivered": Message(told.start, told.headers, None, same_as="told"),
        "attempts": (Attempt("127.0.0.1:443", 1_000_000, 2_500_000),),
        "upstream": {"address": "127.0.0.1:443", "reused": False},
        "timeline": (Event("arrived", 0), Event("chunk", 250_000_000, len(ANSWER)), Event("ended", 1_033_500_000)),
    }  # fmt: skip
    return Exchange(**(whole | fields))


def refused(number: int = 1, **fields: Any) -> Exchange:
    """A chat completion whose upstream refused the connection: our own answer was delivered."""
    failure = Failure(Stage.CONNECT, "refused", "127.0.0.1:1 refused the connection")
    own = body(b'{"error":{"message":"refused","type":"connect","code":"proxy_server_error","param":null}}')
    whole: dict[str, Any] = {
        "state": State.UPSTREAM_ERROR,
        "status": None,
        "reason": "",
        "chatcmpl": None,
        "request_id": None,
        "user_id": None,
        "group_id": None,
        "server_timing": None,
        "content_type": None,
        "ttft_ns": None,
        "usage": None,
        "finish_reason": None,
        "failure": failure,
        "sent": None,
        "told": None,
        "delivered": Message("HTTP/1.1 502 Bad Gateway", headers(("Content-Type", "application/json")), own),
    }
    return chat(number, **(whole | fields))
