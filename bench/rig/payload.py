"""Bodies both ends can make by themselves: large ones block by block, and distinct chat requests."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator

BLOCK = 1 << 20
_base = random.Random(9988).randbytes(BLOCK)
_TEXT = "the moon palace rabbit pounds cassia bark under an old tree while nobody on earth is looking"
_WORDS = _TEXT.split()


def blocks(size: int) -> Iterator[bytes]:
    """`size` bytes in blocks of 1 MiB, no two alike."""
    for at in range(0, size, BLOCK):
        block = (at // BLOCK).to_bytes(8, "big") + _base[8:]
        yield block if size - at >= BLOCK else block[: size - at]


def digest(size: int) -> str:
    """The sha256 of those bytes."""
    whole = hashlib.sha256()
    for block in blocks(size):
        whole.update(block)
    return whole.hexdigest()


def chat_body(number: int, *, plan: str = "", stream: bool = False, size: int = 1024) -> bytes:
    """A chat request of about `size` bytes, another for every number. `plan` tells the upstream what to do."""
    rng = random.Random(number)
    words: list[str] = []
    length = 0
    while length < size - 180:
        words.append(rng.choice(_WORDS))
        length += len(words[-1]) + 1
    body = {
        "model": "kimi-k2",
        "stream": stream,
        "plan": plan,
        "messages": [{"role": "user", "content": " ".join(words)}],
        "user": f"bench-{number}",
    }
    return json.dumps(body).encode()


def chat_request(port: int, body: bytes) -> bytes:
    """The whole HTTP request that carries such a body."""
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\n"
        "Authorization: Bearer sk-bench-0123456789abcdef0123456789abcdef\r\n"
        "Content-Type: application/json\r\nAccept: */*\r\nUser-Agent: bench\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
