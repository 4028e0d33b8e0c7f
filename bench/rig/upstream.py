"""The scripted API of the benchmarks: one process, uvloop, minimal work for each event.

1. What to answer stands in the request's body, `"plan":"<kind> key=value …"`, so that every proxy passes it on alike.
2. Each event carries its number and the instant it was written, CLOCK_MONOTONIC in ns, at fixed width.
3. Events of many streams are spread evenly over their period, and written at once past the transport's own
   queue (which would flush at the end of the loop's turn, after the stamp).

Prints `port N` when it listens.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import ClassVar, cast

import httptools

from . import loop as loop_of
from .payload import blocks

_PLAN = re.compile(rb'"plan": ?"(\w+)((?: \w+=\d+)*)"')
_EVENT = (
    b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1731000000,"model":"kimi-k2",'
    b'"choices":[{"index":0,"delta":{"content":" moon"},"finish_reason":null}],"bench":"%06d:%020d"}\n\n'
)
_SIZE = len(_EVENT % (0, 0))
_FRAMED = b"%x\r\n" % _SIZE + _EVENT + b"\r\n"
_DONE = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
_SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_ids = count()


class Wheel:
    """Streams of one period, spread over its milliseconds; one timer for all."""

    def __init__(self, period_ms: int, loop: asyncio.AbstractEventLoop) -> None:
        self.slots: list[list[Api]] = [[] for _ in range(period_ms)]
        self.loop = loop
        self.next_ms = time.monotonic_ns() // 1_000_000
        self.live = 0

    def add(self, stream: Api) -> None:
        """Into the emptiest millisecond."""
        min(self.slots, key=len).append(stream)
        self.live += 1
        if self.live == 1:
            self.next_ms = time.monotonic_ns() // 1_000_000 + 1
            self.loop.call_later(0.001, self.turn)

    def turn(self) -> None:
        """Write what is due; a late turn catches up."""
        now_ms = time.monotonic_ns() // 1_000_000
        while self.next_ms <= now_ms:
            at = self.next_ms % len(self.slots)
            slot = self.slots[at]
            if slot:
                kept = [stream for stream in slot if stream.emit()]
                self.live -= len(slot) - len(kept)
                self.slots[at] = kept
            self.next_ms += 1
        if self.live:
            self.loop.call_later(0.001, self.turn)


class Api(asyncio.Protocol):
    """One connection from a client or a proxy."""

    wheels: ClassVar[dict[int, Wheel]] = {}

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.url = b""
        self.body = bytearray()
        self.hash: hashlib._Hash | None = None
        self.uploaded = 0
        self.sent = self.events = 0
        self.gone = False
        self.pieces: Iterator[bytes] | None = None

    # the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit
        self.transport.set_write_buffer_limits(high=2 << 20)
        self.fd = self.transport.get_extra_info("socket").fileno()
        self.paused = False

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = True
        self.pieces = None

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.pump()

    # the request

    def on_url(self, url: bytes) -> None:
        self.url = url
        self.body.clear()
        self.hash = hashlib.sha256() if url.startswith(b"/v1/files") else None
        self.uploaded = 0

    def on_body(self, data: bytes) -> None:
        if self.hash is None:
            self.body += data
        else:
            self.hash.update(data)
            self.uploaded += len(data)

    def on_message_complete(self) -> None:
        if self.hash is not None:
            self.files()
            return
        found = _PLAN.search(self.body)
        kind = found[1].decode() if found else "json"
        options = dict(pair.split("=") for pair in found[2].decode().split()) if found else {}
        _ANSWERS[kind](self, {key: int(value) for key, value in options.items()})

    # the answers

    def answer(self, status: str, body: bytes) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)

    def files(self) -> None:
        """`GET /v1/files/<bytes>/content` sends that many; a POST is answered with the hash of what came."""
        wanted = re.match(rb"/v1/files/(\d+)/content", self.url)
        if wanted is None:
            assert self.hash is not None
            self.answer("200 OK", json.dumps({"sha256": self.hash.hexdigest(), "bytes": self.uploaded}).encode())
            return
        size = int(wanted[1])
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size
        )
        self.pieces = blocks(size)
        self.pump()

    def pump(self) -> None:
        """Write the download for as long as the other side keeps up."""
        while self.pieces is not None and not self.paused:
            block = next(self.pieces, None)
            if block is None:
                self.pieces = None
                return
            self.transport.write(block)

    def plain(self, options: dict[str, int]) -> None:
        body = {
            "id": f"chatcmpl-{next(_ids):024x}",
            "object": "chat.completion",
            "model": "kimi-k2",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "moon"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 200, "completion_tokens": 1, "total_tokens": 201},
        }
        self.answer("200 OK", json.dumps(body).encode())

    def error(self, options: dict[str, int]) -> None:
        body = {"error": {"message": "scripted", "type": "scripted_error"}}
        self.answer(f"{options['status']} Scripted", json.dumps(body).encode())

    def cut(self, options: dict[str, int]) -> None:
        """Break off in the middle of a chunked body."""
        self.transport.write(_SSE_HEAD + _FRAMED % (0, time.perf_counter_ns()))
        self.transport.close()

    def hang_up(self, options: dict[str, int]) -> None:
        self.transport.close()

    def stream(self, options: dict[str, int]) -> None:
        """Head and first event at once, the others one each `period_ms`."""
        self.sent, self.events = 0, options["events"]
        self.put(_SSE_HEAD + _FRAMED % (0, time.perf_counter_ns()))
        self.sent = 1
        period = options["period_ms"]
        if period not in self.wheels:
            self.wheels[period] = Wheel(period, asyncio.get_running_loop())
        self.wheels[period].add(self)

    def emit(self) -> bool:
        """Write the next event, or the end; False when there will be no more."""
        if self.gone:
            return False
        if self.sent >= self.events:
            self.put(_DONE)
            return False
        self.put(_FRAMED % (self.sent, time.perf_counter_ns()))
        self.sent += 1
        return True

    def put(self, data: bytes) -> None:
        """To the socket now; what it does not take goes by the transport."""
        if self.transport.is_closing():
            return
        done = 0
        if self.transport.get_write_buffer_size() == 0:
            try:
                done = os.write(self.fd, data)
            except BlockingIOError:
                done = 0
            except OSError:
                self.transport.abort()
                return
        if done < len(data):
            self.transport.write(data[done:])


_ANSWERS: dict[str, Callable[[Api, dict[str, int]], None]] = {
    "json": Api.plain,
    "error": Api.error,
    "cut": Api.cut,
    "hangup": Api.hang_up,
    "sse": Api.stream,
}


async def serve() -> None:
    """Listen on a free loopback port until killed."""
    server = await asyncio.get_running_loop().create_server(Api, "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"port {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    loop_of.still()
    await server.serve_forever()


if __name__ == "__main__":
    loop_of.run(serve())
