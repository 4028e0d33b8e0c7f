"""A chat request, judged: the violation that the API would answer with, or the request, read.

1. The stages run in the order of `profile.law_order`; nobody knows the true one. The first violation is the answer.
2. A stage is passed over when a field it reads has no readable shape: there is nothing to judge, and the stage `shape`
   refuses the request anyway.
3. `judge` and `violations` run the same stages: what one refuses, the other lists first. Neither raises, whatever JSON
   value it is given; `count` must not either.

Source: the stages name theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import Violation
from ..models import Model
from ..profiles import Profile
from . import filter as content_filter
from . import format as answer_format
from . import length, messages, sampling, shape, thinking, tools
from .ask import Ask, Count
from .reading import Say

__all__ = ["Chat", "Count", "judge", "violations"]


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat request that passed. What it left open stands here as it holds.

    `model_name`: as asked, answers echo it. `tools`: the global ones, then the dynamic ones of kimi-k3. `tool_choice`:
    `auto`, `none`, `required` or `function:<name>`. `max_tokens`: never beyond the context that is left. `format`:
    `text`, `json_object` or `json_schema`. `partial`: the last message, when it is to be continued.
    """

    model: Model
    model_name: str
    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...]
    tool_choice: str
    stream: bool
    include_usage: bool
    n: int
    max_tokens: int
    asked_max_tokens: int | None
    stop: tuple[str, ...]
    temperature: float
    thinking: bool
    effort: str | None
    keep: bool
    format: str
    schema: Any
    strict: bool
    partial: dict[str, Any] | None
    logprobs: bool
    top_logprobs: int
    cache_key: str | None
    prompt_tokens: int

    @property
    def charge(self) -> int:
        """What the limit of tokens per minute is charged with, before a token is made."""
        return self.prompt_tokens + self.max_tokens


Stage = Callable[[Ask, Say], None]

_HOW = ("thinking", "reasoning_effort")
STAGES: dict[str, tuple[Stage, frozenset[str]]] = {
    "shape": (shape.check, frozenset()),
    "sampling": (sampling.check, frozenset(_HOW)),
    "thinking": (thinking.check, frozenset(_HOW)),
    "messages": (messages.check, frozenset(("messages", "response_format", *_HOW))),
    "tools": (tools.check, frozenset(("messages", "tools", "tool_choice", *_HOW))),
    "format": (answer_format.check, frozenset(("response_format",))),
    "filter": (content_filter.check, frozenset()),
    "length": (length.check, frozenset()),
}
"""Each stage, and the fields it cannot do without."""


def violations(data: Any, profile: Profile, count: Count) -> Iterator[Violation]:
    """All that is wrong, in the order of `profile.law_order`."""
    ask, say = shape.read(data, profile, count), Say(profile.year)
    for name in profile.law_order.split(","):
        stage, reads = STAGES[name]
        if ask.broken.isdisjoint(reads):
            stage(ask, say)
            yield from say.found
            say.found = []


def judge(data: Any, profile: Profile, count: Count) -> Chat | Violation:
    """The first violation, or the request, read. Cost: some microseconds a message, and the counting."""
    ask, say = shape.read(data, profile, count), Say(profile.year)
    for name in profile.law_order.split(","):
        stage, reads = STAGES[name]
        if ask.broken and not ask.broken.isdisjoint(reads):
            continue
        stage(ask, say)
        if say.found:
            return say.found[0]
    return _chat(ask)


def _chat(ask: Ask) -> Chat:
    fields, state = ask.fields, ask.thinking
    shape_of_answer = fields.get("response_format") or {}
    kind = shape_of_answer.get("type") or "text"
    schema = (shape_of_answer.get("json_schema") or {}) if kind == "json_schema" else {}
    prompt, last = ask.prompt_tokens or 0, ask.messages[-1]
    return Chat(
        model=ask.model,
        model_name=ask.model_name,
        messages=tuple(ask.messages),
        tools=tuple([tool for _, tool in ask.tools()]),
        tool_choice=tools.choice(ask),
        stream=fields.get("stream", False),
        include_usage=bool((fields.get("stream_options") or {}).get("include_usage")),
        n=fields.get("n", 1),
        max_tokens=length.max_tokens(ask, prompt),
        asked_max_tokens=sampling.asked_length(fields),
        stop=sampling.stops(fields),
        temperature=sampling.temperature(ask),
        thinking=state.on,
        effort=state.effort if state.on else None,
        keep=state.keep,
        format=kind,
        schema=schema.get("schema"),
        strict=bool(schema) and schema.get("strict") is not False,
        partial=last if last.get("partial") else None,
        logprobs=fields.get("logprobs", False),
        top_logprobs=fields.get("top_logprobs", 0),
        cache_key=fields.get("prompt_cache_key"),
        prompt_tokens=prompt,
    )
