"""Chat requests that the law let through, made without it.

1. A text is one user message. Every field of `Chat` may be given; `partial` follows from the last message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..kimi import models
from ..kimi.law.chat import Chat

SYSTEM = {"role": "system", "content": "你是 Kimi。"}


def chat(said: str | Sequence[dict[str, Any]] = "你好", **fields: Any) -> Chat:
    """A request."""
    messages = ({"role": "user", "content": said},) if isinstance(said, str) else tuple(said)
    name = fields.pop("model", "kimi-k3")
    model = models.find(name)
    assert model is not None, name
    usual: dict[str, Any] = {
        "model": model, "model_name": name, "messages": messages, "tools": (), "tool_choice": "auto", "stream": False,
        "include_usage": False, "n": 1, "max_tokens": 1024, "asked_max_tokens": None, "stop": (), "temperature": 1.0,
        "thinking": False, "effort": None, "keep": False, "format": "text", "schema": None, "strict": False,
        "partial": messages[-1] if messages and messages[-1].get("partial") else None, "logprobs": False,
        "top_logprobs": 0, "cache_key": None, "prompt_tokens": 10,
    }  # fmt: skip
    return Chat(**{**usual, **fields})


def tool(name: str, properties: dict[str, Any] | None = None, required: Sequence[str] = ()) -> dict[str, Any]:
    """A function offered."""
    schema = {"type": "object", "properties": properties or {}, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}


def called(*names: str) -> list[dict[str, Any]]:
    """An assistant message that calls these, and what each gave back: `<name> says so`."""
    calls = [
        {"id": f"{name}:{at}", "type": "function", "function": {"name": name, "arguments": "{}"}}
        for at, name in enumerate(names)
    ]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"{name} says so"}
        for call, name in zip(calls, names, strict=True)
    ]
    return [{"role": "assistant", "content": "", "tool_calls": calls}, *results]
