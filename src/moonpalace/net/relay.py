"""One request handed on to a server on this machine, and the raw bytes of its answer handed back as they come.

1. A connection of its own for each request; the end of the connection is the end of the answer.
2. Bytes go to the client's transport untouched. Whoever reads slowly makes the other side wait.
3. Whoever looks on is given each piece before the client is: what it makes of it is there when the client asks again.
4. `ended` is told once: `closed`, `reset`, or `refused` when there was no connection. After `abort` nothing is told.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any

from ..wire import http1

CONNECT_SECONDS = 10.0
_DROPPED = frozenset((b"host", b"connection", b"content-length", b"transfer-encoding", b"expect"))


def request(head: http1.RequestHead, body: bytes, host: bytes, leave_out: Iterable[bytes] = ()) -> bytes:
    """A client's request anew: its lines but those of its connection, with our Host and framing.

    `leave_out`: beginnings of the lower-case names of lines that are not handed on.
    """
    without = tuple(leave_out)
    out = set(head.hop_by_hop())
    lines = [b"Host: " + host]
    for index, line in enumerate(head.lines):
        name = line.partition(b":")[0].lower()
        if index not in out and name not in _DROPPED and not (without and name.startswith(without)):
            lines.append(line)
    lines.append(b"Connection: close")
    if body or head.framing != http1.NONE:
        lines.append(b"Content-Length: %d" % len(body))
    return http1.head_bytes(b"%b %b HTTP/1.1" % (head.method, head.target), b"\r\n".join(lines)) + body


class Relay(asyncio.Protocol):
    """See the module. `client`: the transport that gets the answer; `came`: a piece of it, with the nanoseconds since
    the start; `ended`: how it ended."""

    def __init__(self, client: Any, came: Callable[[int, bytes], None], ended: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._came = came
        self._ended: Callable[[str], None] | None = ended
        self._transport: Any = None
        self._request = b""
        self._task: asyncio.Task[None] | None = None
        self._paused = False
        self._begun = 0.0

    def start(self, host: str, port: int, request: bytes) -> None:
        """Connect, send, relay."""
        self._request = request
        self._begun = self._loop.time()
        self._task = self._loop.create_task(self._connect(host, port))

    async def _connect(self, host: str, port: int) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._loop.create_connection(lambda: self, host, port)
        except OSError:  # a timeout is one, too
            self._end("refused")

    def pause(self) -> None:
        """The client takes no more for now."""
        self._paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """It takes more again."""
        self._paused = False
        if self._transport is not None:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Nobody wants the answer any more."""
        self._ended = None
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio's side

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if self._ended is None:
            transport.abort()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._paused:
            transport.pause_reading()
        transport.write(self._request)
        self._request = b""

    def data_received(self, data: bytes) -> None:
        self._came(round((self._loop.time() - self._begun) * 1e9), data)
        self._client.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("closed" if exc is None else "reset")

    def _end(self, how: str) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(how)
