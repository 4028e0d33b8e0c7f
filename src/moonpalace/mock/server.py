"""The mock's side of its sockets: a `net.listener.Handler` that hands whole requests to the `Api`.

1. The gate is the proxy's own: no web page and no other host name gets an answer (it may be one of a real record).
2. Faults need the socket: a connection can be reset, left hanging, or refused for a while.
3. Stopping breaks running answers off.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..core.headers import Headers, unpack
from ..kimi.errors import FORMS, Violation
from ..kimi.limits import FILE_BYTES
from ..net import peer as peers
from ..net.gate import Gate
from ..net.listener import ClientConnection
from ..net.outbox import Outbox
from ..wire import http1
from .api import Api
from .asked import Part
from .call import Call
from .live import Live
from .performance import Performance
from .play import perform, refusal
from .reply import Chunk, Reply, encode
from .uploads.multipart import BadMultipart, Multipart
from .world import World

BODY_LIMIT = 100 * 1024 * 1024
BACKLOG = 4096  # connections that may wait
SWEEP_SECONDS = 0.25
PAGES = "requests of web pages are refused, as the real API has no CORS for them: ask from a server of yours"


@dataclass(slots=True, eq=False)
class Seen:
    """A request that came, for those who look on. Times in seconds, monotonic. No key is kept: `headers` lack it.

    `about`: what was played, in words; they may repeat what the client said.
    """

    number: int
    at: float
    method: str
    target: str
    headers: Headers
    body: bytes
    status: int = 0
    ended: float | None = None
    about: tuple[str, ...] = ()


@dataclass(slots=True)
class _Collected:
    """A multipart body on its way into the API."""

    upload: Multipart
    bad: str

    def parts(self, world: World) -> tuple[Part, ...]:
        if not self.bad:
            try:
                return self.upload.close()
            except BadMultipart as error:
                self.bad = str(error)
        raise world.refuse("invalid_request", details=self.bad)


class Server:
    """Serves connections. `watch`: called with each request as it is answered."""

    def __init__(
        self, api: Api, gate: Gate | None = None, *, watch: Callable[[Seen], None] | None = None, guard: bool = False
    ) -> None:
        self.api = api
        self.gate = gate
        self.loop = asyncio.get_running_loop()
        self.outbox = Outbox(self.loop)
        self.body_limit = BODY_LIMIT
        self.stopping = False
        self.served = 0
        self.connections: set[ClientConnection] = set()
        self.calls: set[Call] = set()
        self._watch = watch
        self._guard = guard  # only this user's processes are answered, because answers come from a record
        self._seen: dict[Call, Seen] = {}
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.AbstractServer] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._opening: asyncio.Task[None] | None = None

    # --- what connections call

    def opened(self, connection: ClientConnection) -> None:
        """A client has connected."""
        self.connections.add(connection)

    def closed(self, connection: ClientConnection) -> None:
        """Its connection is no more."""
        self.connections.discard(connection)

    def begin(self, connection: ClientConnection, head: http1.RequestHead, body: bytes | None) -> Call:
        """A request's head came, perhaps with its whole body."""
        self.served += 1
        call = Call(self, connection, head, self.served)
        self.calls.add(call)
        refused = self._refusal(connection, head)
        if refused is not None:
            if self._watch is not None:
                self._see(call, b"")
            call.play(refused)
        elif body is not None and not self._is_upload(head):
            call.answer(body)
        elif head.framing == http1.NONE or (head.framing == http1.LENGTH and not head.length):
            pass  # the listener says at once that it is whole
        else:
            if self._is_upload(head):
                self._collect(call)
            if body is None:
                call.expect()
            else:
                call.asked_body(body)
                call.asked_end([])
        return call

    def _refusal(self, connection: ClientConnection, head: http1.RequestHead) -> Performance | None:
        refused = self.gate.check(head) if self.gate is not None else None
        if refused is not None:
            return _plain(refused.status, PAGES if refused.kind == "origin" else refused.message, head)
        if self._guard and not self._may_read(connection):
            return _plain(403, "the client belongs to another user of this machine: start a mock of your own", head)
        return None

    def _may_read(self, connection: ClientConnection) -> bool:
        if connection.allowed is None:
            connection.allowed = peers.is_ours(connection.transport)
        return connection.allowed

    def _is_upload(self, head: http1.RequestHead) -> bool:
        if head.method != b"POST" or (self.api.tape is not None and self.api.tape.wants_whole_bodies):
            return False
        return self.api.takes_files("POST", _text(head.target))

    def _collect(self, call: Call) -> None:
        kind = call.head.find(b"content-type") or b""
        try:
            call.upload = Multipart(kind.decode("latin-1"), self.api.world.folder, FILE_BYTES)
        except BadMultipart as error:
            call.bad = str(error)

    def answer(self, call: Call, body: bytes) -> Performance | Live | Awaitable[Performance]:
        """What a whole request gets."""
        head = call.head
        method, target = head.method.decode("latin-1"), _text(head.target)
        headers = unpack(b"\r\n".join(head.lines))
        if self._watch is not None and call not in self._seen:
            self._see(call, body)
        if call.too_long:
            details = f"request body is longer than {self.body_limit} bytes"
            return self.api.refuse(_violation("invalid_request", details=details), to_head=method == "HEAD")
        collected = None if call.upload is None else _Collected(call.upload, call.bad)
        if collected is None and call.bad:
            return self.api.refuse(_violation("invalid_request", details=call.bad))
        return self.api.answer(call.number, method, target, headers, body, collected, chunked=head.minor == 1)

    def _see(self, call: Call, body: bytes) -> None:
        head = call.head
        told = without_keys(unpack(b"\r\n".join(head.lines)))
        method, target = head.method.decode("latin-1"), _text(head.target)
        self._seen[call] = Seen(call.number, time.monotonic(), method, target, told, body)

    def failed(self, call: Call, error: Exception) -> Performance:
        """The answer to a request that we failed at."""
        self.api.world.tell(f"unexpected {type(error).__name__} in the mock: {error}")
        if self.api.world.raise_faults:
            raise error
        reply = refusal(_violation("unexpected_output"))
        return perform(reply, [0.0], to_head=call.head.method == b"HEAD", about=("a fault of the mock",))

    def malformed_reply(self, error: http1.Malformed) -> Performance:
        """The answer to a body that cannot be read."""
        return _plain(error.status, str(error))

    def malformed(self, connection: ClientConnection, raw: bytes, error: http1.Malformed) -> None:
        """Bytes that are no request."""
        if self._watch is not None:
            self.api.world.tell(f"no request: {error}")
        self.outbox.flush()
        connection.transport.write(self.malformed_reply(error).steps[0].data)
        connection.finish(keep_alive=False)

    def lost_in_head(self, connection: ClientConnection, raw: bytes, text: str) -> None:
        """The client left inside a head: nothing to answer."""

    def is_gone(self, connection: ClientConnection) -> bool:
        """Whether the kernel says that nobody holds the client's end any more."""
        return peers.is_gone(connection.transport)

    def call_over(self, call: Call) -> None:
        """A request reached its end."""
        self.calls.discard(call)
        if self._watch is not None:
            seen = self._seen.pop(call, None)
            if seen is not None:
                seen.status, seen.ended, seen.about = call.status, time.monotonic(), call.about
                self._watch(seen)

    # --- start and stop

    async def serve(self, sockets: Iterable[socket.socket]) -> None:
        """Listen on bound sockets."""
        self._sockets = list(sockets)
        await self._open()
        self._sweep()

    async def _open(self) -> None:
        self._servers = [
            await self.loop.create_server(lambda: ClientConnection(self), sock=sock.dup(), backlog=BACKLOG)
            for sock in self._sockets
        ]

    def refuse(self, seconds: float) -> None:
        """Take no connections for a while: the kernel refuses them, as if nobody were there."""
        if self._opening is None or self._opening.done():
            self._opening = self.loop.create_task(self._be_away(seconds))

    async def _be_away(self, seconds: float) -> None:
        await self.leave()
        await asyncio.sleep(seconds)
        await self._return()

    async def _return(self) -> None:
        """Come back, as soon as that can be: bound but not listened on, a port can be taken by the user's programs."""
        told = False
        while True:
            try:
                return await self.come_back()
            except OSError as error:
                if not told:
                    told = True
                    self.api.world.tell(f"the port cannot be listened on again yet ({error.strerror}); trying on")
            await asyncio.sleep(SWEEP_SECONDS)

    async def leave(self) -> None:
        """Take no more connections; the kernel refuses them, and the port stays ours."""
        names = [(sock.family, sock.getsockname()) for sock in self._sockets]
        await self._shut()
        self._sockets = [_bound(family, name) for family, name in names]

    async def come_back(self) -> None:
        """Take connections again."""
        for sock in self._sockets:
            sock.listen(BACKLOG)
        await self._open()

    async def _shut(self) -> None:
        for server in self._servers:
            server.close()
        self._servers = []
        for sock in self._sockets:
            sock.close()
        await asyncio.sleep(0)

    def _sweep(self) -> None:
        now = time.monotonic()
        for connection in list(self.connections):
            if now >= connection.deadline:
                connection.expired(now)
            elif connection.half_closed:
                connection.check_gone()
        self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    async def stop(self) -> None:
        """No more connections; what runs is broken off."""
        self.stopping = True
        self.outbox.flush()
        if self._opening is not None:
            self._opening.cancel()
        await self._shut()
        for call in list(self.calls):
            call.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
        await asyncio.sleep(0)
        for connection in list(self.connections):
            connection.transport.close()
        await asyncio.sleep(0)


def without_keys(headers: Headers) -> Headers:
    """The header lines that hold no secret, by their names."""
    lines = [http1.raw_line(*line) for line in headers]
    secret = {place for place, line in http1.find_special(lines) if line.flags & http1.SECRET}
    return Headers(tuple([line for place, line in enumerate(headers) if place not in secret]))


def _bound(family: int, name: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(name)
    sock.setblocking(False)
    return sock


def _text(target: bytes) -> str:
    return target.decode("latin-1")


def _violation(name: str, **values: object) -> Violation:
    form = FORMS[name]
    return Violation(form, form.message.format_map(values))


def _plain(status: int, message: str, head: http1.RequestHead | None = None) -> Performance:
    body = {"error": {"message": message, "type": "moonpalace_mock_error"}}
    to_head = head is not None and head.method == b"HEAD"
    return perform(Reply(status, (Chunk(encode(body)),)), [0.0], to_head=to_head, about=(message,))
