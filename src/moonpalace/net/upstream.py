"""One connection to an upstream: requests go out, answers come in as calls on a sink.

1. One exchange at a time. The sink is told: interim heads, the head, pieces of body at once, the end, or one failure.
2. A failure is a value with the raw bytes of what could not be parsed; afterwards nothing more is told.
3. What came before a reset is read before the reset is told.
4. Bytes past the declared end are not passed on; the connection is not used again.
"""

from __future__ import annotations

import asyncio
import select
import socket
import time
from typing import Any, Protocol

from ..core.exchange import Failure, Stage
from ..core.headers import HeaderLine
from ..wire import http1
from .failures import describe
from .origin import Origin

MAX_INTERIM = 64
RAW_LIMIT = 64 * 1024


class Sink(Protocol):
    """What an exchange must understand."""

    def told_interim(self, head: http1.ResponseHead) -> None:
        """A 1xx answer."""

    def told_head(self, head: http1.ResponseHead) -> None:
        """The answer's head."""

    def told_body(self, data: bytes) -> None:
        """A piece of its body, never empty."""

    def told_whole(self, head: http1.ResponseHead, body: bytes) -> None:
        """Head and body in one piece: the whole answer."""

    def flush_told(self) -> None:
        """Everything that one read brought was told."""

    def told_end(self, trailers: list[HeaderLine], extra: bool) -> None:
        """Its end, as the framing says. `extra`: bytes came past it."""

    def told_failed(self, failure: Failure) -> None:
        """No end will come."""

    def upstream_full(self) -> None:
        """Stop sending for now."""

    def upstream_ready(self) -> None:
        """Go on sending."""


class UpstreamConnection(asyncio.Protocol):
    """See the module. `sock` is the socket below, None below a tunnel."""

    __slots__ = (
        "_body",
        "_buffer",
        "_closed",
        "_paused",
        "_poll",
        "_interims",
        "_reusable",
        "_sink",
        "_sock",
        "_to_head",
        "address",
        "idle_since",
        "origin",
        "transport",
        "uses",
    )  # fmt: skip

    def __init__(self, origin: Origin, sock: socket.socket | None) -> None:
        self.origin = origin
        self._sock = sock
        self.transport: Any = None
        self._sink: Sink | None = None
        self._buffer = b""
        self._body: http1.BodyReader | None = None
        self._to_head = False
        self._interims = 0
        self.uses = 0
        self.idle_since = 0.0
        self._reusable = False
        self._closed = False
        self._paused = False
        self._poll: Any = None
        self.address = ""

    # --- the exchange's side

    def start(self, sink: Sink, *, to_head: bool) -> None:
        """An exchange begins; its answer is told to the sink."""
        self._sink = sink
        self._to_head = to_head
        self._interims = 0
        self._reusable = False
        self.uses += 1

    def release(self, *, reuse: bool) -> None:
        """The exchange is over: back to the idle ones, or closed. Closed, too, if the request is not out yet."""
        self._sink = None
        if reuse and self._reusable and not self._closed and not self.transport.is_closing() and self._is_out():
            self.resume()
            self.idle_since = time.monotonic()
            self.origin.idle.append(self)
        else:
            self.abort()

    def _is_out(self) -> bool:
        """Whether all of the request is with the kernel: what stands behind a body that nobody reads waits for ever."""
        return not self.transport.get_write_buffer_size()

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

    def abort(self) -> None:
        """Close at once; nothing more is told."""
        self._sink = None
        if self.transport is not None:
            self.transport.abort()

    @property
    def partial_head(self) -> bytes:
        """What came of an answer's head that is not whole yet."""
        return self._buffer

    def is_fit(self) -> bool:
        """Whether an idle connection is open and silent, by a look at the socket itself."""
        if self._closed or self.transport.is_closing():
            return False
        try:
            if self._poll is not None:
                return not self._poll.poll(0)  # readable is an end, or bytes that nobody asked for
            if self._sock is not None:
                self._sock.recv(1, socket.MSG_PEEK)
                return False
        except (BlockingIOError, InterruptedError):
            return True
        except (OSError, ValueError):
            return False
        return True

    # --- asyncio's side

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if self._sock is not None and hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(self._sock, select.POLLIN)
        peer = transport.get_extra_info("peername")
        if peer:
            self.address = f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"

    def data_received(self, data: bytes) -> None:
        body = self._body
        if body is not None:
            self._feed(body, data)
        elif self._sink is not None:
            self._read_head(self._buffer + data if self._buffer else data)
        else:
            self.transport.abort()  # an idle connection that speaks is of no use

    def _read_head(self, data: bytes) -> None:
        while self._sink is not None:
            end = data.find(b"\r\n\r\n")
            if end < 0 or end > http1.RESPONSE_HEAD_LIMIT:
                self._buffer = data
                if len(data) > http1.RESPONSE_HEAD_LIMIT:
                    self._protocol_error("the answer's head is too long", data, "limit")
                elif not http1.may_begin_response(data):
                    self._protocol_error("the answer is not HTTP/1.1", data)
                return
            try:
                head = http1.parse_response_head(data[: end + 2], to_head=self._to_head)
            except http1.Malformed as error:
                self._protocol_error(str(error), data, error.kind)
                return
            self._buffer = b""
            rest = data[end + 4 :]
            if head.status < 200:
                self._interims += 1
                if head.status == 101:
                    self._protocol_error("the answer is an unasked 101 Switching Protocols", data)
                    return
                if self._interims > MAX_INTERIM:
                    self._protocol_error(f"the upstream sent more than {MAX_INTERIM} interim answers", data)
                    return
                self._sink.told_interim(head)
                data = rest
                if not data:
                    self._sink.flush_told()
                    return
                continue
            self._reusable = head.keep_alive and head.framing != http1.CLOSE
            if head.framing == http1.LENGTH and 0 < head.length == len(rest):
                self._sink.told_whole(head, rest)
                return
            self._body = body = http1.body_reader(head)
            self._sink.told_head(head)
            if body is None:
                self._end([], rest)
            elif rest:
                self._feed(body, rest)
            elif self._sink is not None:
                self._sink.flush_told()
            return

    def _feed(self, body: http1.BodyReader, data: bytes) -> None:
        sink = self._sink
        if sink is None:
            return
        try:
            piece, done, rest = body.feed(data)
        except http1.Malformed as error:
            if error.partial:
                sink.told_body(error.partial)
            if self._sink is not None:
                self._fail(Stage.READ_BODY, error.kind, f"the answer's body is broken: {error}", data)
            return
        if piece:
            sink.told_body(piece)
        if done:
            self._end(body.trailers, rest)
        else:
            sink.flush_told()

    def _end(self, trailers: list[HeaderLine], rest: bytes) -> None:
        self._body = None
        if rest:
            self._reusable = False
        if self._sink is not None:
            self._sink.told_end(trailers, bool(rest))

    def _protocol_error(self, message: str, raw: bytes, kind: str = "protocol") -> None:
        self._fail(Stage.READ_HEADERS, kind, message, raw)

    def _fail(self, stage: Stage, kind: str, message: str, raw: bytes | None = None) -> None:
        sink, self._sink = self._sink, None
        self._body = None
        self._reusable = False
        if sink is not None:
            sink.told_failed(Failure(stage, kind, message, raw[:RAW_LIMIT] if raw else None))
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._sink is None:
            self._leave_pool()
            return
        if exc is not None:
            self._drain()
        if self._sink is None:
            return
        kind, text = ("closed", "the upstream closed the connection") if exc is None else describe(exc)
        if isinstance(self._body, http1.CloseReader) and exc is None:
            self._end([], b"")
        elif self._body is not None:
            self._fail(Stage.READ_BODY, kind, f"the answer broke off: {text}")
        elif self._buffer or self._interims:
            self._fail(Stage.READ_HEADERS, kind, f"the answer broke off in its head: {text}", self._buffer)
        else:
            again = " on a reused connection" if self.uses > 1 else ""
            self._fail(Stage.WAIT_HEADERS, kind, f"no answer came{again}: {text}")

    def _drain(self) -> None:
        """An early answer may lie in the socket though sending failed."""
        if self._sock is None or self.transport.get_extra_info("ssl_object") is not None:
            return
        try:
            while self._sink is not None:
                data = self._sock.recv(65536)
                if not data:
                    return
                self.data_received(data)
        except (OSError, ValueError):
            return

    def _leave_pool(self) -> None:
        try:
            self.origin.idle.remove(self)
        except ValueError:
            pass

    def pause_writing(self) -> None:
        if self._sink is not None:
            self._sink.upstream_full()

    def resume_writing(self) -> None:
        if self._sink is not None:
            self._sink.upstream_ready()
