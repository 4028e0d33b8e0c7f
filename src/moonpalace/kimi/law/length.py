"""The stage of length: the prompt and the answer asked for must fit into the model's context.

1. A prompt that is alone longer than the context is "too long"; with the answer asked for, it "exceeds the limit".
2. Where the request does not say how long the answer may be, the family's default is lowered to what is left: the error
   is for what was asked, and nobody asked. Only when not one token is left it is refused, as one token more.
3. What has no readable shape is not counted, nor are thoughts that the model does not read again (`recall`).
4. What the builtin `$web_search` found is read with the prompt: the arguments that a client hands back say how many
   tokens it is. What is handed back changed, so that it does not say so, adds nothing.
5. A text far beyond the context is not counted to its end: that would hold a server up for seconds.

Source: API reference and manual (2024-03), error texts of 2024 to 2026; platform.moonshot.cn web search page (2025-11).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..templates import prompt_tokens
from .ask import Ask, Message
from .reading import Say
from .recall import recalled
from .sampling import asked_length

_SEARCH = "$web_search"
_LIKELY = 8  # characters for each token of the context
_SLICE = 1 << 16


def check(ask: Ask, say: Say) -> None:
    """See the module. Remembers what it counted in `ask.prompt_tokens`: counting is what costs."""
    if ask.misread:
        return
    hidden = ask.profile.k3_hidden_tokens if ask.family.name == "kimi-k3" else 0
    tools = [tool for _, tool in ask.tools()]
    read = recalled(ask.messages, ask.family, on=ask.thinking.on, keep=ask.thinking.keep)
    if _has_endless_text(ask):
        ask.prompt_tokens = ask.model.context + 1
        say.add("input_too_long", "messages")
        return
    prompt = prompt_tokens(read, tools, ask.count, hidden=hidden)
    if ask.profile.builtin_search:
        prompt += found_tokens(ask.messages)
    ask.prompt_tokens = prompt
    context, asked = ask.model.context, asked_length(ask.fields)
    requested = prompt + (1 if asked is None else asked)
    if prompt > context:
        say.add("input_too_long", "messages")
    elif requested > context:
        at = "messages" if asked is None else "max_tokens"
        if "max_completion_tokens" in ask.fields:
            at = "max_completion_tokens"
        say.add("context_exceeded", at, limit=context, requested=requested)


def _has_endless_text(ask: Ask) -> bool:
    """Whether a part of one text is more than the context already. Only texts are looked at where that is likely."""
    context = ask.model.context
    for message in ask.messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        for text in [part.get("text") for part in parts if isinstance(part, dict)]:
            if not isinstance(text, str) or len(text) < _LIKELY * context:
                continue
            tokens = 0
            for at in range(0, len(text), _SLICE):
                tokens += ask.count(text[at : at + _SLICE]) - 2  # a cut may make more tokens of one
                if tokens > context:
                    return True
    return False


def max_tokens(ask: Ask, prompt: int) -> int:
    """How long the answer may become."""
    asked = asked_length(ask.fields)
    left = ask.model.context - prompt
    return min(left, ask.profile.default_max_tokens(ask.model) if asked is None else asked)


def found_tokens(messages: Sequence[Message]) -> int:
    """Tokens of what `$web_search` found, as the tool messages with its arguments say."""
    total = 0
    ids: set[object] = set()
    for message in messages:
        if calls := message.get("tool_calls"):
            ids = {call.get("id") for call in calls if (call.get("function") or {}).get("name") == _SEARCH}
        if message.get("role") == "tool" and message.get("tool_call_id") in ids:
            total += _told(message.get("content"))
    return total


def _told(arguments: object) -> int:
    try:
        value = json.loads(arguments) if isinstance(arguments, str) else None
        tokens = value["usage"]["total_tokens"] if isinstance(value, dict) else 0
    except (ValueError, RecursionError, LookupError, TypeError):
        return 0
    return tokens if type(tokens) is int and tokens > 0 else 0
