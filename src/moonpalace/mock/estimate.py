"""The token estimate: `POST /v1/tokenizers/estimate-token-count`.

1. It counts messages and tools as a chat request would, without the tokens that open the answer: tools in messages too,
   and no thoughts that the model does not read again. They are judged by the same law. A message that names a cache
   counts as what is cached.
2. It is free and judges no length: what is too long for the model is counted all the same.
3. Until 2025 the answer came in an envelope with `code`, `scode` and `status`.

Source: platform.moonshot.ai documents (mid-2025), platform.kimi.ai API reference (2026-08), live answers of 2024.
"""

from __future__ import annotations

from typing import Any

from ..core.headers import Headers
from ..kimi.law import shape
from ..kimi.law.recall import recalled
from ..kimi.templates import estimate_tokens
from . import shapes
from .asked import Asked, Refused
from .contexts.cache_use import use
from .reply import Reply, json_reply
from .routes import Route
from .world import World


def estimate(world: World, asked: Asked) -> Reply:
    """How many tokens a prompt has. Raises: Refused."""
    data = asked.object()
    used = use(world, asked.account, data, Headers())
    data = data if used is None else used.data
    model = data.get("model")
    found = shapes.conversation(world, data, model if isinstance(model, str) else "", "thinking", "reasoning_effort")
    if found:
        raise Refused(found[0])
    ask = shape.read(data, world.profile, world.count)
    messages = recalled(ask.messages, ask.family, on=ask.thinking.on, keep=ask.thinking.keep)
    total = estimate_tokens(messages, [tool for _, tool in ask.tools()], world.count)
    answer: dict[str, Any] = {"data": {"total_tokens": total}}
    if world.profile.year < "2026":
        answer = {"code": 0, **answer, "scode": "0x0", "status": True}
    return json_reply(answer)


ROUTES = (Route("POST", "/v1/tokenizers/estimate-token-count", estimate),)
