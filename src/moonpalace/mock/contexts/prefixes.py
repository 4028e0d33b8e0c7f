"""Automatic prefix caching: how much of a prompt an earlier prompt of the same key began with.

1. A prompt is a sequence of parts, tools first, then messages, each with its hash and its tokens. Equal is what has
   equal bytes in equal order: one part that differs ends the common prefix.
2. An earlier prompt counts for 300 s, or 3600 s when asked for, from its last use; only one of more than 256 tokens.
3. The key is the account, its `prompt_cache_key`, the model and the effort level: nothing is shared across them.
4. Memory is bounded: the last prompts of a key, and at most `most` parts of all keys; what was not used longest goes
   first. Of a long `prompt_cache_key` only a digest is kept. A prompt that goes on where an earlier one ended takes its
   place.

Whether the real cache counts whole messages or blocks is not known: `block` above 0 counts blocks of so many tokens.
Source: platform.kimi.ai documents, context caching (2026-08); API reference of prompt_cache_options (2026-09).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...kimi.law.recall import recalled
from ...kimi.templates import declaration, estimate_tokens, message_tokens
from ..reply import encode

if TYPE_CHECKING:
    from ...kimi.law.chat import Chat
    from ..asked import Account
    from ..world import World

TTL = 300.0
LONG_TTL = 3600.0
LEAST = 256  # an earlier prompt needs more tokens than this
KEPT = 8  # prompts of one key
MOST = 200_000  # parts of all keys
_LONGEST_KEY = 64

Part = tuple[bytes, int]


@dataclass(slots=True, eq=False)
class _Prompt:
    parts: tuple[Part, ...]
    tokens: int
    ends: float


class Prefixes:
    """The prompts that are remembered. Pure state: one thread, the clock is given."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held = 0
        self._prompts: OrderedDict[Hashable, list[_Prompt]] = OrderedDict()

    def __len__(self) -> int:
        """Parts in memory."""
        return self._held

    def hit(
        self,
        key: Hashable,
        model: str,
        parts: Sequence[Part],
        now: float,
        *,
        effort: str = "",
        ttl: float = TTL,
        block: int = 0,
    ) -> int:
        """The tokens that come from the cache; this prompt is remembered. Units: `now` and `ttl` in seconds."""
        whole = (key, model, effort)
        prompts = [prompt for prompt in self._prompts.pop(whole, []) if self._stays(prompt, now)]
        best = max(prompts, key=lambda prompt: _common(prompt, parts), default=None)
        cached = 0
        if best is not None and (equal := _common(best, parts)):
            cached = sum(tokens for _, tokens in parts[:equal])
            best.ends = max(best.ends, now + ttl)
            if equal == len(best.parts) and best.ends == now + ttl:
                prompts.remove(best)
                self._held -= equal
        size = sum([tokens for _, tokens in parts])
        if size > LEAST:  # a smaller one would never count
            prompts.append(_Prompt(tuple(parts), size, now + ttl))
            self._held += len(parts)
        for prompt in prompts[:-KEPT]:
            self._held -= len(prompt.parts)
        if prompts:
            self._prompts[whole] = prompts[-KEPT:]
            self._shrink()
        return cached // block * block if block else cached

    def look(self, world: World, account: Account, request: Chat, ttl: float = TTL) -> int:
        """The tokens of this request's prompt that come from the cache."""
        key, model = (account.name, _short(request.cache_key or "")), request.model.id
        effort = f"{request.thinking} {request.effort}"
        if request.prompt_tokens <= LEAST and (key, model, effort) not in self._prompts:
            return 0  # nothing to find, nothing to keep
        read = recalled(request.messages, request.model.family, on=request.thinking, keep=request.keep)
        parts = parts_of(read, request.tools, world.count)
        block = world.profile.cache_block
        cached = self.hit(key, model, parts, world.mono(), effort=effort, ttl=ttl, block=block)
        return min(cached, request.prompt_tokens)

    def _stays(self, prompt: _Prompt, now: float) -> bool:
        if now < prompt.ends:
            return True
        self._held -= len(prompt.parts)
        return False

    def _shrink(self) -> None:
        while self._held > self._most and self._prompts:
            _, prompts = self._prompts.popitem(last=False)
            self._held -= sum(len(prompt.parts) for prompt in prompts)


def parts_of(messages: Sequence[Any], tools: Sequence[Any], count: Callable[[str], int]) -> list[Part]:
    """The parts of a prompt, tools first; none if one is nested too deep to be hashed."""
    try:
        counted = [(tool, count(declaration(tool))) for tool in tools]
        if counted:  # the first bears what they cost together
            rest = estimate_tokens((), tools, count) - sum(tokens for _, tokens in counted)
            counted[0] = (counted[0][0], counted[0][1] + rest)
        counted += [(message, message_tokens(message, count)) for message in messages]
        return [(hashlib.sha256(encode(value)).digest()[:16], tokens) for value, tokens in counted]
    except RecursionError:
        return []


def _short(key: str) -> str:
    """A key as it is remembered: it is the client's, and may have any length."""
    return key if len(key) <= _LONGEST_KEY else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _common(prompt: _Prompt, parts: Sequence[Part]) -> int:
    """How many parts are equal, from the first."""
    if prompt.tokens <= LEAST:
        return 0
    shorter = min(len(prompt.parts), len(parts))
    pairs = zip(prompt.parts, parts, strict=False)
    return next((at for at, (earlier, part) in enumerate(pairs) if earlier[0] != part[0]), shorter)
