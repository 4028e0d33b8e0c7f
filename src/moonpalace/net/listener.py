"""The listening side: one connection of a client, its requests one after another.

1. One exchange at a time; a pipelined request waits, unread past a bound, until the answer before it is out.
2. A head has a deadline and a bound; a body has an idle deadline; an idle connection is closed after a while (T18).
3. After a malformed request the connection is not used again.
4. The end of the client's sending is not the end of its listening (half-close); a peer that is gone is told apart by
   `net.peer` where the system can say so.
5. After an answer that came before the request was whole, what still comes is read and thrown away for a while, so that
   the answer is not lost to a reset.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import time
from typing import Any, Protocol

from ..core.headers import HeaderLine
from ..wire import http1
from .failures import describe

HEAD_SECONDS = 30.0
BODY_IDLE_SECONDS = 120.0
KEEP_ALIVE_SECONDS = 300.0
LINGER_SECONDS = 10.0
PIPELINE_LIMIT = 256 * 1024
NEVER = float("inf")
_RESET = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)


class Exchange(Protocol):
    """What a connection tells the exchange under way. `over`: it has ended and wants to hear no more."""

    over: bool

    def asked_body(self, data: bytes) -> None:
        """A piece of the request's body, never empty."""

    def asked_end(self, trailers: list[HeaderLine]) -> None:
        """The request is whole."""

    def flush_asked(self) -> None:
        """Everything that one read brought was told."""

    def asked_malformed(self, error: http1.Malformed, raw: bytes) -> None:
        """The request's body cannot be read on."""

    def client_gone(self, kind: str, text: str) -> None:
        """The client will not read any more."""

    def client_full(self) -> None:
        """Stop delivering for now."""

    def client_ready(self) -> None:
        """Go on delivering."""


class Handler(Protocol):
    """What a listener needs of the proxy, the mock or whoever serves."""

    def opened(self, connection: ClientConnection) -> None:
        """A client has connected."""

    def closed(self, connection: ClientConnection) -> None:
        """Its connection is no more."""

    def begin(self, connection: ClientConnection, head: http1.RequestHead, body: bytes | None) -> Exchange:
        """A request's head came. `body`: all of its body, if that came with it and has a length."""
        ...

    def malformed(self, connection: ClientConnection, raw: bytes, error: http1.Malformed) -> None:
        """Bytes came that are no request; the handler answers and closes."""

    def lost_in_head(self, connection: ClientConnection, raw: bytes, text: str) -> None:
        """The client left inside a head."""

    def is_gone(self, connection: ClientConnection) -> bool:
        """Whether a client that stopped sending is not there any more."""
        ...


class ClientConnection(asyncio.Protocol):
    """See the module. The exchange writes through `transport` and calls `finish` or `break_off`."""

    __slots__ = (
        "_body",
        "_buffer",
        "_closed",
        "_exchange",
        "_lingering",
        "_paused",
        "allowed",
        "deadline",
        "half_closed",
        "handler",
        "peer",
        "stopping",
        "transport",
        "writable",
    )  # fmt: skip

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.transport: Any = None
        self.peer = ""
        self._buffer = b""
        self._body: http1.BodyReader | None = None
        self._exchange: Exchange | None = None
        self.deadline = NEVER
        self.stopping = False
        self._lingering = False
        self.half_closed = False
        self._paused = False
        self._closed = False
        self.writable = True
        self.allowed: bool | None = None  # whether this peer may use the key; None: not looked at yet

    # --- asyncio's side

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self.peer = _address(peer)
        self.deadline = time.monotonic() + KEEP_ALIVE_SECONDS
        self.handler.opened(self)

    def data_received(self, data: bytes) -> None:
        body = self._body
        if body is not None:
            self._feed(body, data)
        elif self._lingering:
            return
        elif self._exchange is not None:
            self._buffer += data
            if len(self._buffer) > PIPELINE_LIMIT:
                self.pause()
        else:
            self._read_head(self._buffer + data if self._buffer else data)
            if len(self._buffer) > PIPELINE_LIMIT:
                self._hold()

    def _hold(self) -> None:
        """Before another read adds to what waits, however small the request was that was taken from it."""
        if not self.transport.is_closing():
            self.pause()

    def _read_head(self, data: bytes) -> None:
        while data.startswith(b"\r\n"):  # RFC 9112 section 2.2: blank lines before a request are let pass
            data = data[2:]
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > http1.REQUEST_HEAD_LIMIT:
            self._partial_head(data)
            return
        try:
            head = http1.parse_request_head(data[: end + 2])
        except http1.Malformed as error:
            self._malformed(data, error)
            return
        rest = data[end + 4 :]
        self._buffer = b""
        if head.framing == http1.LENGTH and 0 < head.length == len(rest):
            self.deadline = NEVER
            exchange = self.handler.begin(self, head, rest)
            if not exchange.over:
                self._exchange = exchange
        else:
            self._begin_with_body_to_come(head, rest)

    def _begin_with_body_to_come(self, head: http1.RequestHead, rest: bytes) -> None:
        self._body = body = http1.body_reader(head)
        self.deadline = NEVER if body is None else time.monotonic() + BODY_IDLE_SECONDS
        exchange = self.handler.begin(self, head, None)
        if exchange.over:  # answered at once
            if body is None and rest and not self.transport.is_closing():
                self._buffer = rest
                asyncio.get_running_loop().call_soon(self._next)
            return
        self._exchange = exchange
        if body is None:
            self._buffer = rest
            exchange.asked_end([])
        elif rest:
            self._feed(body, rest)
        else:
            exchange.flush_asked()

    def _partial_head(self, data: bytes) -> None:
        if not self._buffer:
            self.deadline = time.monotonic() + HEAD_SECONDS
        self._buffer = data
        if not data:
            return
        line, found, fields = data.partition(b"\r\n")
        if len(data) > http1.REQUEST_HEAD_LIMIT:
            limit = f"the request's head is longer than {http1.REQUEST_HEAD_LIMIT} bytes"
            self._malformed(data, http1.Malformed(limit, 431, "limit"))
        elif not found and (not http1.may_begin_request(line) or b"\n" in line):
            self._malformed(data, http1.Malformed("the bytes are not an HTTP/1.1 request"))
        elif found:
            try:
                http1.parse_request_head(line + b"\r\n")
            except http1.Malformed as error:
                self._malformed(data, error)
                return
            if b"\n" in fields.replace(b"\r\n", b""):
                self._malformed(data, http1.Malformed("a line of the head ends without CR"))

    def _malformed(self, raw: bytes, error: http1.Malformed) -> None:
        self._buffer = b""
        self.stopping = True
        self.deadline = NEVER
        self.handler.malformed(self, raw, error)

    def _feed(self, body: http1.BodyReader, data: bytes) -> None:
        self.deadline = time.monotonic() + BODY_IDLE_SECONDS
        exchange = self._exchange
        try:
            piece, done, rest = body.feed(data)
        except http1.Malformed as error:
            self._body = None
            self.stopping = True
            if exchange is not None:
                if error.partial:
                    exchange.asked_body(error.partial)
                exchange.asked_malformed(error, data)
            return
        if exchange is None:  # answered early: the rest is read and thrown away
            if done:
                self._body = None
                self.transport.close()
            return
        if piece:
            exchange.asked_body(piece)
        if done:
            self._body = None
            self._buffer = rest
            self.deadline = NEVER
            if self._exchange is exchange:
                exchange.asked_end(body.trailers)
        elif self._exchange is exchange:
            exchange.flush_asked()

    def eof_received(self) -> bool:
        self.half_closed = True
        if self._exchange is None or self._body is not None:
            return False
        if self.handler.is_gone(self):
            self._gone("closed", "the client closed the connection")
            return False
        return True

    def check_gone(self) -> None:
        """Look again at a client that only listens."""
        if self.half_closed and self._exchange is not None and self.handler.is_gone(self):
            self._gone("closed", "the client closed the connection")
            self.transport.abort()

    def _gone(self, kind: str, text: str) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.client_gone(kind, text)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self.handler.closed(self)
        if exc is None:
            kind, text = "closed", "the client closed the connection"
        elif isinstance(exc, MemoryError):
            kind, text = describe(exc)
        else:
            kind, text = "reset", "the client reset the connection"
        if self._exchange is not None:
            self._gone(kind, text)
        elif self._buffer and not self.stopping:
            raw, self._buffer = self._buffer, b""
            self.handler.lost_in_head(self, raw, text)

    def pause_writing(self) -> None:
        self.writable = False
        if self._exchange is not None:
            self._exchange.client_full()

    def resume_writing(self) -> None:
        self.writable = True
        if self._exchange is not None:
            self._exchange.client_ready()

    # --- the exchange's side

    @property
    def is_idle(self) -> bool:
        """Whether no exchange is under way."""
        return self._exchange is None and not self._lingering

    def is_unused(self, now: float, seconds: float) -> bool:
        """Whether for so long nothing has come that anybody waits for."""
        if self._lingering:
            return self.deadline < now + LINGER_SECONDS - seconds
        return self._exchange is None and not self._buffer and self.deadline < now + KEEP_ALIVE_SECONDS - seconds

    def take_partial_head(self) -> bytes:
        """What came of a head that is not whole; nothing will be made of it any more."""
        raw, self._buffer = self._buffer, b""
        return raw

    def pause(self) -> None:
        """Read no more for now."""
        if not self._paused and not self._closed:
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._paused and not self._closed:
            self._paused = False
            self.transport.resume_reading()

    def finish(self, *, keep_alive: bool) -> None:
        """The answer is out."""
        self._exchange = None
        if self._closed:
            return
        if self._body is not None or (self.stopping and not self.half_closed):
            self.resume()
            self._linger()
        elif not keep_alive or self.stopping or (self.half_closed and not self._buffer):
            self.transport.close()
        else:
            self.deadline = time.monotonic() + KEEP_ALIVE_SECONDS
            if self._buffer:
                asyncio.get_running_loop().call_soon(self._next)
            else:
                self.resume()

    def _next(self) -> None:
        if self._exchange is None and not self._closed and not self._lingering:
            data, self._buffer = self._buffer, b""
            self.resume()
            self._read_head(data)
            if len(self._buffer) > PIPELINE_LIMIT:
                self._hold()

    def _linger(self) -> None:
        self._lingering = True
        self.deadline = time.monotonic() + LINGER_SECONDS
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def break_off(self, *, reset: bool = False) -> None:
        """End the connection so that nobody takes what was delivered for whole. What is written goes out first."""
        self._exchange = None
        self._body = None
        self.stopping = True
        if self._closed:
            return
        if reset:
            self._reset(time.monotonic() + LINGER_SECONDS)
        else:
            self.transport.close()

    def _reset(self, until: float) -> None:
        """Where the end of the connection is the end of the body, only a reset says that it is not whole."""
        if self._closed:
            return
        if self.transport.get_write_buffer_size() and time.monotonic() < until:
            asyncio.get_running_loop().call_later(0.005, self._reset, until)
            return
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            except OSError:
                pass
        self.transport.abort()

    def expired(self, now: float) -> bool:
        """Whether its deadline is past; acts on it."""
        if now < self.deadline:
            return False
        self.deadline = NEVER
        if self._lingering or (self._exchange is None and not self._buffer):
            self.transport.abort()
        elif self._exchange is None:
            raw, self._buffer = self._buffer, b""
            self.stopping = True
            self.handler.malformed(
                self, raw, http1.Malformed("the request's head did not come in time", 408, "timeout")
            )
        elif self._paused:
            self.deadline = now + BODY_IDLE_SECONDS  # we are the ones who do not read
        else:
            self._body = None
            self.stopping = True
            self._exchange.asked_malformed(http1.Malformed("the request's body stopped coming", 408, "timeout"), b"")
        return True


def _address(name: Any) -> str:
    if not name or isinstance(name, str):
        return str(name or "")
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
