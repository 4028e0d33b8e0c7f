"""A chat API that answers by the request: as one JSON, or as a stream of the same content. As lean as it can be made.

1. `"stream":true` in the body asks for the stream, `"max_tokens":N` for an answer of N tokens: N + 2 events. All
   answers of a length are alike but for their id, and are made once; one costs a copy and one write.
2. A stream is one write of many chunks, an event each. With a write for each event most of the cost would be that of
   reads and writes, which is the same with transforms and without; so this shows what transforms cost at its dearest.
3. `"plan":"clean N"` and `"plan":"loop N"` ask for a long stream: N characters that do not repeat themselves, and for a
   loop then a sentence again and again. It is written in blocks of 16 KB, as fast as they are taken. `"plan":"paced N"`
   asks for N characters that do not repeat themselves as a model would say them: an event a write, one each 2 ms.
4. `GET /bench/status` tells how much was asked, and what of it bore the marks of a transform.

Prints `port N` when it listens. Plan: nothing.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import ClassVar, cast

from . import loop as loop_of
from .long_text import clean, events, looping

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TOKENS = re.compile(rb'"max_tokens":(\d+)')
_PLAN = re.compile(rb'"plan":"(clean|loop|paced) (\d+)"')
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%b\r\n\r\n"
_JSON, _STREAM = b"application/json", b"text/event-stream"
_CHUNKED = b"Transfer-Encoding: chunked"
_ID = b"chatcmpl-%024x"
_UNSET = _ID % 0
CHUNKS = 80  # a write, some 16 KiB
PERIOD = 0.002  # seconds
_WORDS = ("The", " rabbit", " in", " the", " moon", " pounds", " cassia", " bark", " and", " nobody", " looks", ".")


@cache
def whole_answer(tokens: int, streamed: bool) -> list[bytes]:
    """The bytes of an answer, cut where its id is to stand."""
    top = {"id": _UNSET.decode(), "object": "chat.completion", "created": 1731000000, "model": "kimi-k2.6"}
    words = [f"{_WORDS[at % len(_WORDS)]}{at // len(_WORDS) or ''}" for at in range(tokens)]
    usage = {"prompt_tokens": 200, "completion_tokens": tokens, "total_tokens": 200 + tokens}
    if not streamed:
        choice = {"index": 0, "message": {"role": "assistant", "content": "".join(words)}, "finish_reason": "stop"}
        body = _compact({**top, "choices": [choice], "usage": usage})
        return (_HEAD % (_JSON, b"Content-Length: %d" % len(body)) + body).split(_UNSET)
    top["object"] = "chat.completion.chunk"
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}, *({"content": word} for word in words), {}]
    chunks = []
    for at, delta in enumerate(deltas):
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
        last = {"usage": usage} if at == len(deltas) - 1 else {}
        chunks.append(_framed(b"data: " + _compact({**top, "choices": [choice], **last}) + b"\n\n"))
    body = b"".join([*chunks, _framed(b"data: [DONE]\n\n"), b"0\r\n\r\n"])
    return (_HEAD % (_STREAM, _CHUNKED) + body).split(_UNSET)


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@cache
def long_stream(kind: str, characters: int) -> bytes:
    """All bytes of a long stream's body, without framing."""
    return events(looping(characters) if kind == "loop" else clean(characters))


class Api(asyncio.Protocol):
    """One connection."""

    ids: ClassVar[Iterator[int]] = count(1)
    told: ClassVar[dict[str, int]] = dict.fromkeys(("asked", "streams", "cache_keys", "usages", "keys"), 0)

    def __init__(self) -> None:
        self.rest = b""
        self.blocks: Iterator[bytes] | None = None
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.blocks = None

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.pump()

    def data_received(self, data: bytes) -> None:
        """A request comes in one piece or two; they are never pipelined."""
        data = self.rest + data
        end = data.find(b"\r\n\r\n")
        length = _LENGTH.search(data, 0, end + 2) if end >= 0 else None
        if end < 0 or len(data) < end + 4 + (int(length[1]) if length else 0):
            self.rest = data
            return
        self.rest = b""
        if data.startswith(b"POST"):
            self.answer(data)
        else:
            body = _compact(self.told)
            self.transport.write(_HEAD % (_JSON, b"Content-Length: %d" % len(body)) + body)

    def answer(self, request: bytes) -> None:
        told = self.told
        told["asked"] += 1
        streamed = b'"stream":true' in request
        told["streams"] += streamed
        told["usages"] += b'"include_usage":true' in request
        told["cache_keys"] += b'"prompt_cache_key":"mp-' in request
        told["keys"] += b"Bearer sk-substituted" in request
        tokens = _TOKENS.search(request)
        if tokens is not None:
            self.transport.write((_ID % next(self.ids)).join(whole_answer(int(tokens[1]), streamed)))
        elif plan := _PLAN.search(request):
            body = long_stream(plan[1].decode(), int(plan[2]))
            self.transport.write(_HEAD % (_STREAM, _CHUNKED))
            if plan[1] == b"paced":
                asyncio.get_running_loop().create_task(self.at_a_pace(body))
                return
            self.blocks = _in_blocks(body)
            self.pump()

    async def at_a_pace(self, body: bytes) -> None:
        """An event a write."""
        for event in body.split(b"\n\n")[:-1]:
            self.transport.write(_framed(event + b"\n\n"))
            await asyncio.sleep(PERIOD)
        self.transport.write(b"0\r\n\r\n")

    def pump(self) -> None:
        """Write for as long as the other side keeps up."""
        while self.blocks is not None and not self.paused:
            block = next(self.blocks, None)
            if block is None:
                self.blocks = None
                return
            self.transport.write(block)


def _in_blocks(body: bytes) -> Iterator[bytes]:
    """An event a chunk, as APIs send them; many of them a write."""
    chunks = _chunks(body)
    for at in range(0, len(chunks), CHUNKS):
        yield b"".join(chunks[at : at + CHUNKS])
    yield b"0\r\n\r\n"


@cache
def _chunks(body: bytes) -> list[bytes]:
    return [_framed(event + b"\n\n") for event in body.split(b"\n\n")[:-1]]


async def serve() -> None:
    """Listen on a free loopback port until killed."""
    server = await asyncio.get_running_loop().create_server(Api, "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"port {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    loop_of.still()
    await server.serve_forever()


if __name__ == "__main__":
    loop_of.run(serve())
