"""Explicit context caches: what an account holds, and the state of each at a time.

1. A cache is `pending` until its delay has passed, then `ready`, or `error` if what it holds cannot be cached. Once its
   time is over it is `inactive`. A change of metadata or time makes it pending anew.
2. Time runs on the monotonic clock; `expired_at` is what is shown of it.
3. An account holds at most 1,048,576 tokens in caches that are not inactive, and 131,072 in one. Of those that are
   inactive the newest 1,000 are kept.
4. Equal is what has equal JSON: the digest does not depend on the order of an object's fields.

Source: platform.moonshot.ai documents, context caching (mid-2025).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..asked import Account
from ..world import World

K = 1024
LARGEST = 128 * K
HELD = 1024 * K
DEFAULT_TTL = 3600
IDLE = 1000  # inactive caches that are remembered

_sorted = msgspec.json.Encoder(order="sorted").encode


@dataclass(slots=True, eq=False)
class Cache:
    """One cache. Units: `ready_at`, `ends_at` in seconds of the monotonic clock, the others of the wall clock."""

    id: str
    model: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    tokens: int
    created_at: int
    name: str = ""
    description: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    expired_at: int = 0
    ready_at: float = 0.0
    ends_at: float = 0.0
    error: dict[str, str] | None = None

    def status(self, now: float) -> str:
        """`pending`, `ready`, `error` or `inactive`."""
        if now >= self.ends_at:
            return "inactive"
        if now < self.ready_at:
            return "pending"
        return "error" if self.error else "ready"

    def renew(self, world: World, ttl: int) -> None:
        """Let it live for `ttl` seconds from now. What was inactive is pending again."""
        if world.mono() >= self.ends_at:
            self.wait(world)
        self.expired_at = world.now() + ttl
        self.ends_at = world.mono() + ttl

    def wait(self, world: World) -> None:
        """Pending from now."""
        self.ready_at = world.mono() + float(world.state.get("cache_delay_s", world.profile.cache_pending))

    def view(self, status: str) -> dict[str, Any]:
        """The API's object."""
        fields = {
            "id": self.id,
            "status": status,
            "object": "context-cache",
            "created_at": self.created_at,
            "tokens": self.tokens,
            "expired_at": self.expired_at,
            "model": self.model,
            "messages": self.messages,
            "tools": self.tools,
            "name": self.name,
            "description": self.description,
            "metadata": self.metadata,
        }
        return fields | {"error": self.error} if status == "error" else fields


@dataclass(slots=True)
class Tag:
    """A name for a cache."""

    tag: str
    cache_id: str
    created_at: int
    owned_by: str

    def view(self) -> dict[str, Any]:
        """The API's object."""
        return {
            "cache_id": self.cache_id,
            "created_at": self.created_at,
            "object": "cache_object.tag",
            "owned_by": self.owned_by,
            "tag": self.tag,
        }


@dataclass(slots=True)
class Caches:
    """What one account holds, oldest first."""

    caches: dict[str, Cache] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)

    def tokens(self, now: float) -> int:
        """Tokens in caches that are not inactive, nor in error: those hold nothing."""
        return sum(cache.tokens for cache in self.caches.values() if now < cache.ends_at and not cache.error)

    def add(self, cache: Cache, now: float) -> None:
        """One more. One of the same id is replaced."""
        self.caches.pop(cache.id, None)
        self.caches[cache.id] = cache
        idle = [one.id for one in self.caches.values() if now >= one.ends_at]
        for gone in idle[:-IDLE]:
            del self.caches[gone]

    def tagged(self, tag: str) -> Cache | None:
        """The cache that a tag names."""
        found = self.tags.get(tag)
        return None if found is None else self.caches.get(found.cache_id)


def held(account: Account) -> Caches:
    """What an account holds."""
    found: Caches = account.state.setdefault("caches", Caches())
    return found


def digest(messages: Iterable[Any], tools: Iterable[Any] | None) -> bytes:
    """What stands for messages and tools when they are compared."""
    return hashlib.sha256(_sorted((list(messages), list(tools or ())))).digest()


def uncallable(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> str | None:
    """The first function that is called and not among the tools, in words; None if there is none."""
    known = {tool["function"]["name"] for tool in tools or ()}
    called = (call["function"]["name"] for message in messages for call in message.get("tool_calls") or ())
    missing = next((name for name in called if name not in known), None)
    return None if missing is None else f"function {missing} is called but not in tools"
