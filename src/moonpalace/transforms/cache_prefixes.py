"""What of a chat request a cache can stand for: its prefixes, each with its size and its digest.

1. A digest is that of everything before it: version, key, endpoint, family, tools, then each message, each with its
   length before it. So two prefixes that differ in one byte, wherever, have different ones (160 bits).
2. The first message that cannot be cached ends what can be; what follows is only counted.
3. No prefix ends between a tool call and its result.
4. A conversation is told from others by its beginning: tools, the system's messages, and the first one after them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from .cache_messages import Pairing, Request, compact_size, read_message

_VERSION = b"1"
_MESSAGES = 4096  # of one request: that many hardly fit into the largest model with explicit caches
_CACHE = b"moonpalace cache"
_KEY = b"moonpalace key"


@dataclass(frozen=True, slots=True)
class Prefix:
    """The tools and the first `count` messages. Units: `size` in bytes, as `cache_messages` counts them."""

    count: int
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Those that are large enough and can be cached, shortest first. `total`: the size of the whole request.

    `own`: a message names a cache, so that the client sees to caching itself.
    """

    found: tuple[Prefix, ...] = ()
    total: int = 0
    own: bool = False


def conversation_key(request: Request, who: bytes, endpoint: str) -> str:
    """A name for the conversation of this request: the same at each turn, and no text can be read from it."""
    parts: list[bytes | msgspec.Raw] = [_VERSION, who, endpoint.encode(), request.tools_json]
    for raw in request.messages:
        parts.append(raw)
        message = read_message(raw)
        if message is None or message.role != "system":
            break
    return "mp-" + _hashed(parts, _KEY, 16).hex()


def prefixes(request: Request, who: bytes, endpoint: str, family: str, above: int) -> Prefixes:
    """The prefixes of more than `above` bytes. Cost: about 2 µs a message, and 1 to 2 ms a megabyte."""
    if len(request.messages) > _MESSAGES:
        return Prefixes()
    tools = request.tools_json
    size = compact_size(tools)
    digest = _hashed((_VERSION, who, endpoint.encode(), family.encode(), tools), _CACHE, 20)
    pairing: Pairing | None = Pairing(tools)
    found = []
    for count, raw in enumerate(request.messages, 1):
        message = read_message(raw)
        if message is None:
            pairing = None
            continue
        if message.role == "cache":
            return Prefixes(own=True)
        counted, calls = message.counted()
        size += counted
        if pairing is None or calls is None or not pairing.takes(message, calls):
            pairing = None
            continue
        digest = _hashed((digest, raw), _CACHE, 20)
        if size > above and not pairing.open:
            found.append(Prefix(count, size, digest.hex()))
    return Prefixes(tuple(found), size)


def _hashed(parts: Iterable[bytes | msgspec.Raw], person: bytes, size: int) -> bytes:
    """A hash of parts, each with its length before it, so that no boundary can move."""
    found = hashlib.blake2b(digest_size=size, person=person)
    for part in parts:
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.digest()
