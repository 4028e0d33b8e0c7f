"""Explicit context caching: `/v1/caching` and its tags.

1. A cache is made for the model family `moonshot-v1`, lives 3600 s unless told otherwise, and is told by its id or by a
   tag. What can be said of the request alone is refused at once; what can only be said of its content (its size, its
   tool messages) makes a cache that ends in `error`.
2. A cache that was just made or changed is answered as `pending`, whatever the delay.
3. To delete a tag succeeds whether or not there is one. A tag may name a cache that is gone.

How chat requests use a cache stands in `cache_use`.
Source: platform.moonshot.ai documents, context caching (mid-2025).
"""

from __future__ import annotations

import re
from typing import Any

from ...kimi.templates import estimate_tokens
from .. import shapes
from ..asked import Asked, Refused
from ..paging import page
from ..reply import Reply, json_reply
from ..routes import Route
from ..world import World
from .cache_use import Used, use
from .caches import DEFAULT_TTL, HELD, LARGEST, Cache, Tag, digest, held, uncallable

__all__ = ["ROUTES", "Used", "use"]

FAMILY = "moonshot-v1"
LAW = "moonshot-v1-128k"  # whose law its messages keep
IN_ERROR = ("tool_call_id", "unanswered")  # what is only found when the cache is made
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
_FILTER = re.compile(r"metadata\[(.+)\]")
_MOST_TAGS = 128
_LONGEST = 10**9  # seconds


def create(world: World, asked: Asked) -> Reply:
    """A new cache. Raises: Refused."""
    data = asked.object()
    model = shapes.text(world, data, "model")
    if model != FAMILY:
        raise world.refuse("model", model=model)
    found = shapes.conversation(world, data, LAW)
    refused = next((one for one in found if one.form.name not in ("model", *IN_ERROR)), None)
    if refused is not None:
        raise Refused(refused)
    messages, tools = data["messages"], data.get("tools") or None
    if any(message["role"] == "cache" or message.get("partial") for message in messages):
        raise shapes.bad(world, "messages to be cached must not have the role 'cache' or be partial", "messages")
    name, description = shapes.text(world, data, "name", 256, ""), shapes.text(world, data, "description", 512, "")
    metadata, tags, ttl = shapes.labels(world, data), _tags(world, data), _ttl(world, data) or DEFAULT_TTL
    tokens = estimate_tokens(messages, tools or [], world.count)
    wrong = next((one.message for one in found if one.form.name in IN_ERROR), None)
    error = _error(wrong or uncallable(messages, tools), tokens)
    caches, account = held(asked.account), asked.account
    if not error and caches.tokens(world.mono()) + tokens > HELD:
        raise shapes.bad(world, f"context caches of this account would exceed {HELD} tokens", "messages")
    id = "cache-" + world.hex(20, "cache", account.name, digest(messages, tools))
    cache = Cache(id, model, messages, tools, tokens, world.now(), name, description, metadata, error=error)
    cache.renew(world, ttl)
    cache.wait(world)
    caches.add(cache, world.mono())
    for tag in tags:
        caches.tags[tag] = Tag(tag, id, world.now(), account.user_id)
    return json_reply(cache.view("pending"))


def get(world: World, asked: Asked) -> Reply:
    """One cache as it stands. Raises: Refused."""
    return json_reply(_state(world, _cache(world, asked, asked.variables["id"])))


def list_caches(world: World, asked: Asked) -> Reply:
    """A page of caches, `metadata[key]=value` narrowing it. Raises: Refused."""
    wanted = {}
    for key, value in asked.query:
        match = _FILTER.fullmatch(key)
        if match:
            wanted[match[1]] = value
    rows = [one for one in held(asked.account).caches.values() if wanted.items() <= one.metadata.items()]
    found = page(world, asked, rows, lambda cache: cache.id)
    return json_reply({"object": "list", "data": [_state(world, cache) for cache in found]})


def update(world: World, asked: Asked) -> Reply:
    """Other metadata, another lifetime. Raises: Refused."""
    cache = _cache(world, asked, asked.variables["id"])
    data = asked.object()
    ttl = _ttl(world, data)
    if data.get("metadata") is not None:
        cache.metadata = shapes.labels(world, data)
    cache.renew(world, ttl or DEFAULT_TTL)
    cache.wait(world)
    return json_reply(cache.view("pending"))


def delete(world: World, asked: Asked) -> Reply:
    """Gone. Raises: Refused."""
    cache = _cache(world, asked, asked.variables["id"])
    del held(asked.account).caches[cache.id]
    return json_reply({"deleted": True, "id": cache.id, "object": "context_cache_object.deleted"})


def create_tag(world: World, asked: Asked) -> Reply:
    """A tag for a cache; one of that name is moved. Raises: Refused."""
    data = asked.object()
    tag = _tag(world, shapes.text(world, data, "tag"))
    cache = _cache(world, asked, shapes.text(world, data, "cache_id"))
    tags = held(asked.account).tags
    tags.pop(tag, None)
    made = tags[tag] = Tag(tag, cache.id, world.now(), asked.account.user_id)
    return json_reply(made.view())


def list_tags(world: World, asked: Asked) -> Reply:
    """A page of tags. Raises: Refused."""
    found = page(world, asked, held(asked.account).tags.values(), lambda tag: tag.tag)
    return json_reply({"object": "list", "data": [tag.view() for tag in found]})


def get_tag(world: World, asked: Asked) -> Reply:
    """One tag. Raises: Refused."""
    return json_reply(_found(world, asked).view())


def tag_content(world: World, asked: Asked) -> Reply:
    """The cache that a tag names. Raises: Refused."""
    return json_reply(_state(world, _cache(world, asked, _found(world, asked).cache_id)))


def delete_tag(world: World, asked: Asked) -> Reply:
    """Gone, if there was one."""
    tag = asked.variables["tag"]
    held(asked.account).tags.pop(tag, None)
    return json_reply({"deleted": True, "object": "cache_object.tag.deleted", "tag": tag})


def _state(world: World, cache: Cache) -> dict[str, Any]:
    return cache.view(cache.status(world.mono()))


def _cache(world: World, asked: Asked, id: str) -> Cache:
    cache = held(asked.account).caches.get(id)
    if cache is None:
        raise world.refuse("missing", what="context cache", id=id)
    return cache


def _found(world: World, asked: Asked) -> Tag:
    tag = held(asked.account).tags.get(asked.variables["tag"])
    if tag is None:
        raise world.refuse("missing", what="tag", id=asked.variables["tag"])
    return tag


def _error(words: str | None, tokens: int) -> dict[str, str] | None:
    """Why this content cannot be cached."""
    if tokens > LARGEST:
        words = f"a context cache holds at most {LARGEST} tokens (requested: {tokens})"
    return None if words is None else {"type": "invalid_request_error", "message": words}


def _ttl(world: World, data: dict[str, Any]) -> int | None:
    """The lifetime that is asked for, by `ttl` or `expired_at`; None where there is neither."""
    limit = world.profile.cache_ttl_limit or _LONGEST
    until = shapes.whole(world, data, "expired_at", 0, world.now() + limit) or None
    if until is not None and data.get("ttl") is not None:
        raise shapes.bad(world, "only one of ttl and expired_at can be specified", "ttl")
    if until is not None and until <= world.now():
        raise shapes.bad(world, "expired_at must be later than now", "expired_at")
    return shapes.whole(world, data, "ttl", 1, limit) if until is None else until - world.now()


def _tag(world: World, tag: str) -> str:
    if not _TAG.fullmatch(tag):
        raise shapes.bad(world, "tag must start with a letter, then up to 127 letters, digits, _ - or .", "tag")
    return tag


def _tags(world: World, data: dict[str, Any]) -> list[str]:
    tags = data.get("tags")
    if tags is None:
        return []
    if not isinstance(tags, list) or len(tags) > _MOST_TAGS or not all(isinstance(tag, str) for tag in tags):
        raise shapes.bad(world, f"tags must be an array of at most {_MOST_TAGS} strings", "tags")
    return [_tag(world, tag) for tag in tags]


# fmt: off
ROUTES = (
    Route("POST", "/v1/caching", create, feature="caching"),
    Route("GET", "/v1/caching", list_caches, feature="caching"),
    Route("POST", "/v1/caching/refs/tags", create_tag, feature="caching"),
    Route("GET", "/v1/caching/refs/tags", list_tags, feature="caching"),
    Route("GET", "/v1/caching/refs/tags/{tag}", get_tag, feature="caching"),
    Route("GET", "/v1/caching/refs/tags/{tag}/content", tag_content, feature="caching"),
    Route("DELETE", "/v1/caching/refs/tags/{tag}", delete_tag, feature="caching"),
    Route("GET", "/v1/caching/{id}", get, feature="caching"),
    Route("PUT", "/v1/caching/{id}", update, feature="caching"),
    Route("DELETE", "/v1/caching/{id}", delete, feature="caching"),
)
# fmt: on
