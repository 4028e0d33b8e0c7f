"""Explicit context caching, as it was until 2025.

1. Messages that do not hold together (a result without its call) are taken: they make a cache that ends in `error`. So
   they are described more loosely than those of a chat.

Source: platform.moonshot.ai documents, context caching (mid-2025).
"""

from __future__ import annotations

from ...kimi.profiles import Profile
from .operation import Operation, Parameter
from .words import Schema, choice, either, flag, given, just, labels, listed, many, or_null, ref, text, told, whole

_TAG = text(pattern="^[A-Za-z][A-Za-z0-9_.-]{0,127}$")
_LONGEST = 10**9


def operations(profile: Profile) -> tuple[Operation, ...]:
    """What they are."""
    all, tags = "/v1/caching", "/v1/caching/refs/tags"
    one, tag = f"{all}/{{id}}", f"{tags}/{{tag}}"
    page = (
        Parameter("limit", either(whole(1, 1000), just("")), "At most so many; 20 if it is missing or empty"),
        Parameter("order", choice("asc", "desc", ""), "By time; desc if it is missing or empty"),
        Parameter("after", text(), "What the page begins behind"),
        Parameter("before", text(), "What the page ends before"),
    )
    narrow = Parameter("metadata", {"type": "object"},
                       "Only those with these pairs", style="deepObject")  # fmt: skip
    gone, tag_gone = _deleted("context_cache_object", "id"), _deleted("cache_object.tag", "tag")
    rows: tuple[tuple[str, str, str, str, Schema, dict[str, object]], ...] = (
        ("POST", all, "createCache", "Make a cache", ref("Cache"), {"body": ref("CacheRequest"), "errors": (400, 404)}),
        ("GET", all, "listCaches", "List the caches", listed(ref("Cache")), {"parameters": (*page, narrow)}),
        ("POST", tags, "createTag", "Name a cache", ref("CacheTag"), {"body": ref("TagRequest"), "errors": (400, 404)}),
        ("GET", tags, "listTags", "List the tags", listed(ref("CacheTag")), {"parameters": page}),
        ("GET", tag, "getTag", "Look at a tag", ref("CacheTag"), {"errors": (404,)}),
        ("GET", f"{tag}/content", "getTaggedCache", "The cache that a tag names", ref("Cache"), {"errors": (404,)}),
        ("DELETE", tag, "deleteTag", "Delete a tag", tag_gone, {"errors": ()}),
        ("GET", one, "getCache", "Look at a cache", ref("Cache"), {"errors": (404,)}),
        ("PUT", one, "updateCache", "Change a cache", ref("Cache"), {"body": ref("CacheUpdate"), "errors": (400, 404)}),
        ("DELETE", one, "deleteCache", "Delete a cache", gone, {"errors": (404,)}),
    )
    return tuple(
        Operation(method, path, id, "caching", summary, answer, feature="caching", **more)  # type: ignore[arg-type]
        for method, path, id, summary, answer, more in rows
    )


def _deleted(kind: str, name: str) -> Schema:
    return told({"deleted": flag(), "object": just(f"{kind}.deleted"), name: text()})


def schemas(profile: Profile) -> dict[str, Schema]:
    """Those that are named."""
    ttl = whole(1, profile.cache_ttl_limit or _LONGEST, "Seconds; or expired_at, not both")
    life = {"ttl": ttl, "expired_at": whole(0), "metadata": labels()}
    stored = {"type": "object"}
    cache = {
        "id": text(),
        "status": choice("pending", "ready", "error", "inactive"),
        "object": just("context-cache"),
        "created_at": whole(0),
        "tokens": whole(0),
        "expired_at": whole(0),
        "model": text(),
        "messages": many(stored, 1),
        "tools": or_null(many(stored)),
        "name": text(maxLength=256),
        "description": text(maxLength=512),
        "metadata": labels(),
    }
    names = ("tag", "cache_id", "owned_by")
    return {
        "CacheRequest": given(
            {"model": just("moonshot-v1"), "messages": many(ref("CacheMessage"), 1)},
            {
                "tools": many(ref("Tool"), 0, 128),
                "name": text(maxLength=256),
                "description": text(maxLength=512),
                "tags": many(_TAG, 0, 128),
                **life,
            },
        ),
        "CacheMessage": given(
            {"role": choice("system", "user", "assistant", "tool")},
            {
                "content": either(text(), many(ref("Part"))),
                "tool_calls": many({"type": "object"}),
                "tool_call_id": text(),
            },
        ),
        "CacheUpdate": given({}, life),
        "Cache": told(cache, {"error": told({"type": text(), "message": text()})}),
        "TagRequest": given({"tag": _TAG, "cache_id": text(minLength=1)}),
        "CacheTag": told(
            {name: text() for name in names} | {"object": just("cache_object.tag"), "created_at": whole(0)}
        ),
    }
