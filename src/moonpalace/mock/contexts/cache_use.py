"""A chat request that uses an explicit cache, by header lines or by a message with the role `cache`.

1. With headers the request repeats the cached messages and tools. Where they differ the cache is not hit, and the
   request goes on at its full price (or is refused: `cache_mismatch`).
2. With a message the request names the cache instead: its messages take the message's place, and its tools are the
   request's, which must have none of its own.
3. A cache that there is not, that has expired, or that is in error is refused. Who asks for a new lifetime with an
   expired one has it pending again. What is pending is not hit; the request goes on.
4. A dry run asks whether the cache would be hit; nothing is to be generated.

Source: platform.moonshot.ai documents, context caching (mid-2025).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.headers import Headers
from .. import shapes
from ..asked import Account
from ..world import World
from .caches import Cache, digest, held

_OPTIONS = ("cache_id", "tag", "reset_ttl", "dry_run")
_LONGEST = 10**9  # seconds


@dataclass(frozen=True, slots=True)
class Used:
    """What becomes of the request. `data`: it, with the cached messages in it; `headers`: lines for the answer.

    `cached_tokens` 0: the cache was not hit. `dry_run`: nothing is to be generated, nothing is charged.
    """

    data: dict[str, Any]
    cached_tokens: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Options:
    reset_ttl: int | None
    dry_run: bool


def use(world: World, account: Account, data: dict[str, Any], headers: Headers) -> Used | None:
    """The request with its cache; None if it names none, or the profile has no caches. Raises: Refused."""
    if not world.profile.caching:
        return None
    messages = data.get("messages")
    places = [i for i, m in enumerate(messages) if _is_reference(m)] if isinstance(messages, list) else []
    if places and places != [0]:
        raise shapes.bad(world, "a message with role 'cache' must be the first message", f"messages[{places[-1]}]")
    if places and isinstance(messages, list):
        return _by_message(world, account, data, messages)
    name = headers.text("X-Msh-Context-Cache")
    if not name or not isinstance(messages, list) or not _caches(world, data):
        return None
    return _by_headers(world, account, data, messages, headers, name)


def _by_headers(
    world: World, account: Account, data: dict[str, Any], messages: list[Any], headers: Headers, name: str
) -> Used:
    reset, dry = [headers.text(f"X-Msh-Context-Cache-{option}") for option in ("Reset-TTL", "DryRun")]
    options = _options(world, reset, dry)
    cache = _usable(world, held(account).caches.get(name), name, options)
    tools = data.get("tools")
    count = len(cache.messages)
    if not isinstance(tools, list | None) or digest(messages[:count], tools) != digest(cache.messages, cache.tools):
        if world.profile.cache_mismatch == "refused":
            raise shapes.bad(world, f"messages or tools do not match the context cache {name}", "messages")
        return Used(data, dry_run=options.dry_run)
    return _used(world, cache, data, options)


def _by_message(world: World, account: Account, data: dict[str, Any], messages: list[Any]) -> Used:
    at = "messages[0].content"
    said = _read(messages[0].get("content"))
    if said is None or ("cache_id" in said) == ("tag" in said):
        raise shapes.bad(world, "content of a message with role 'cache' must be like cache_id=…;reset_ttl=3600", at)
    if data.get("tools") is not None:
        raise shapes.bad(world, "tools must be null when a message has the role 'cache'", "tools")
    if isinstance(data.get("model"), str) and not _caches(world, data):
        raise shapes.bad(world, f"model {data['model']} does not support context caching", "model")
    options = _options(world, said.get("reset_ttl"), said.get("dry_run"))
    caches = held(account)
    if "tag" in said and said["tag"] not in caches.tags:
        raise world.refuse("missing", what="tag", id=said["tag"])
    name = said.get("cache_id") or caches.tags[said["tag"]].cache_id
    cache = _usable(world, caches.caches.get(name), name, options)
    whole = {**data, "messages": [*cache.messages, *messages[1:]]}
    return _used(world, cache, whole | {"tools": cache.tools} if cache.tools else whole, options)


def _used(world: World, cache: Cache, data: dict[str, Any], options: _Options) -> Used:
    """Renewed if asked for, and hit if ready."""
    if options.reset_ttl is not None:
        cache.renew(world, options.reset_ttl)
    if cache.status(world.mono()) != "ready":
        return Used(data, dry_run=options.dry_run)
    lines = (
        ("Msh-Context-Cache-Id", cache.id),
        ("Msh-Context-Cache-Token-Saved", str(cache.tokens)),
        ("Msh-Context-Cache-Token-Exp", str(cache.expired_at)),
    )
    return Used(data, cache.tokens, lines, options.dry_run)


def _usable(world: World, cache: Cache | None, name: str, options: _Options) -> Cache:
    if cache is None:
        raise world.refuse("missing", what="context cache", id=name)
    status = cache.status(world.mono())
    if status == "inactive" and options.reset_ttl is None:
        raise shapes.bad(world, f"context cache {name} has expired")
    if status == "error" or (status == "inactive" and cache.error):
        raise shapes.bad(world, f"context cache {name} is invalid: {(cache.error or {}).get('message')}")
    return cache


def _is_reference(message: object) -> bool:
    return isinstance(message, dict) and message.get("role") == "cache"


def _caches(world: World, data: dict[str, Any]) -> bool:
    name = data.get("model")
    model = world.profile.model(name) if isinstance(name, str) else None
    return model is not None and model.family.caching == "explicit" and not model.image


def _read(content: object) -> dict[str, str] | None:
    """The options of a message's content."""
    if not isinstance(content, str):
        return None
    pairs = [part.partition("=") for part in content.split(";")]
    if not all(name in _OPTIONS and value for name, _, value in pairs) or len({p[0] for p in pairs}) != len(pairs):
        return None
    return {name: value for name, _, value in pairs}


def _options(world: World, reset: str | None, dry: str | None) -> _Options:
    limit = world.profile.cache_ttl_limit or _LONGEST
    if reset is not None and not (reset.isascii() and reset.isdigit() and len(reset) < 11 and 1 <= int(reset) <= limit):
        raise shapes.bad(world, f"reset_ttl must be an integer between 1 and {limit}")
    if dry not in (None, "0", "1"):
        raise shapes.bad(world, "dry_run must be 0 or 1")
    return _Options(None if reset is None else int(reset), dry == "1")
