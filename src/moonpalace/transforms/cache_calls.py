"""The calls that explicit caching needs, and what the API's replies to them mean.

1. A cache may be `pending`: it is used all the same, the API serves the request at its full price until it is ready.
   One that is `inactive` comes back when its time is set anew. Only `error` is of no use.
2. An endpoint that has no caching says so by 404, 405, 410 or 501, without a word of a cache that is missing.
3. 401, 403 and 429 say nothing of a cache and nothing of the endpoint: it is this key that may not, or not now.
4. A reply is read whatever its Content-Encoding, although none is asked for; of an encoded one 16 MiB at most.

Source: platform.moonshot.ai documents, context caching (mid-2025).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..wire.encoding import decode_body
from ..wire.lenient import BAD_JSON
from .base import Call, Data, Head, Reply
from .cache_entries import is_id

FAMILY = "moonshot-v1"
HEADER = b"X-Msh-Context-Cache"
RESET = b"X-Msh-Context-Cache-Reset-TTL"
_CHAT = b"/chat/completions"
_NOT_THERE = (404, 405, 410, 501)
_REFUSED = (401, 403, 429)
_LOOKED_AT = 64 * 1024  # of an error's body
_LARGEST = 16 * 1024 * 1024  # of a reply, decoded: it may repeat the conversation


class Cache(msgspec.Struct, gc=False):
    """The API's object, as far as it matters."""

    id: str = ""
    status: str | None = None
    tokens: Any = None


_decode = msgspec.json.Decoder(Cache).decode
_encode = msgspec.json.Encoder().encode


def caching_path(chat_path: bytes) -> bytes:
    """Where caches are at the API that serves chats at this path."""
    return chat_path.removesuffix(_CHAT) + b"/caching"


def create(path: bytes, messages: Sequence[msgspec.Raw], tools: bytes, ttl: int) -> Call:
    """A cache of these messages."""
    body: dict[str, object] = {"model": FAMILY, "messages": messages}
    if tools:
        body["tools"] = msgspec.Raw(tools)
    body["ttl"] = ttl
    return Call(b"POST", path, _encode(body))


def ask(path: bytes, id: str) -> Call:
    """How it is with a cache."""
    return Call(b"GET", path + b"/" + id.encode())


def delete(path: bytes, id: str) -> Call:
    """Have done with a cache."""
    return Call(b"DELETE", path + b"/" + id.encode())


def usable(reply: Reply) -> Cache | None:
    """The cache that a reply tells of, if it is of use. `id` may be anything."""
    if not 200 <= reply.status < 300:
        return None
    try:
        cache = _decode(_content(reply))
    except BAD_JSON:
        return None
    return cache if cache.status != "error" else None


def created(reply: Reply) -> Cache | None:
    """The cache that a reply to `create` tells of, if it is of use."""
    cache = usable(reply)
    return cache if cache is not None and is_id(cache.id) else None


def has_no_caching(reply: Reply, call: Call) -> bool:
    """Whether the endpoint has no caching at all. Why without the path: an error may repeat what was asked for."""
    if reply.status not in _NOT_THERE:
        return False
    return b"cache" not in _content(reply).replace(call.path, b"").lower()


def refuses_key(reply: Reply) -> bool:
    """Whether another call with the same key would fare no better just now."""
    return reply.status in _REFUSED


def _content(reply: Reply) -> bytes:
    return decode_body([reply.body], reply.coding, limit=_LARGEST).data if reply.coding else reply.body


class Complaint:
    """An answer of 400 or more to a request that named a cache."""

    def __init__(self, head: Head) -> None:
        self._coding = "" if b"content-encoding" in head.drop else _coding(head)
        self._pieces: list[bytes] = []
        self._room = _LOOKED_AT

    def add(self, data: Data) -> None:
        """A piece of its body."""
        piece = data.raw[: self._room]
        if piece:
            self._pieces.append(piece)
            self._room -= len(piece)

    def names_cache(self) -> bool:
        """Whether it speaks of the cache, as far as it came."""
        return b"cache" in decode_body(self._pieces, self._coding, limit=_LOOKED_AT).data.lower()


def _coding(head: Head) -> str:
    return b",".join(head.told.get_all(b"content-encoding")).decode("latin-1")
