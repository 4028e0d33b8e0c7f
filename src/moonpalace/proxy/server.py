"""The proxy as a whole: what all exchanges share, and how it starts, sweeps, drains and stops.

1. Nothing here can wait for the record: the journal takes what it is given.
2. What there is no room for (descriptors, memory) is told 503, or waits in the kernel's queue: see `room`.
3. Stopping: no new connections, idle ones are closed, running exchanges may end within the drain time, then they are
   aborted. A second signal aborts at once.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..core.exchange import Failure, Stage, State
from ..core.headers import HeaderLine
from ..core.ids import UidMaker, uid_text
from ..journal.writer import Journal
from ..net import peer as peers
from ..net.door import Door
from ..net.gate import Gate, Refusal
from ..net.listener import ClientConnection
from ..net.outbox import Outbox
from ..transforms.base import Opening
from ..transforms.pipeline import Pipeline
from ..transforms.settings import TransformSettings
from ..transforms.switches import BadSwitch, read_switches
from ..wire import http1
from ..wire.http1 import SWITCH
from ..wire.redact import Redactor
from .answers import error_body, own_answer
from .changed import ChangedFlow
from .driver import Flow
from .keeps import Keeps
from .room import Room
from .routes import Routes
from .scribe import Note, Scribe

SWEEP_SECONDS = 0.25
UNUSED_SECONDS = 1.0  # how long a connection may be idle while others wait for its place
SAY_AGAIN = 60.0
_NO_KEY = "X-MoonPalace-Key: on has no key to put in: start with --key-file FILE"


@dataclass(frozen=True, slots=True)
class Settings:
    """What `start` decides. Times in seconds, None: no limit."""

    connect_timeout: float | None = 10.0
    head_timeout: float | None = None
    drain: float = 30.0
    id_header: bool = True
    body_limit: int = 64 * 1024 * 1024
    guard_key: bool = False  # only this user's processes may use the proxy, because it holds a key


class Proxy:
    """Serves connections; a `net.listener.Handler`."""

    def __init__(
        self, routes: Routes, gate: Gate, redactor: Redactor, journal: Journal, settings: Settings,
        clock_ns: Callable[[], int] = time.monotonic_ns, wall_ns: Callable[[], int] = time.time_ns,
        say: Callable[[str], None] = lambda text: None,
        pipeline: Pipeline | None = None,
        kept: Mapping[str, Iterable[tuple[str, bytes]]] | None = None,
    ) -> None:  # fmt: skip
        self.routes = routes
        self.gate = gate
        self.redactor = redactor
        self.clock_ns = clock_ns
        self.wall_ns = wall_ns
        self.now = time.monotonic
        self.loop = asyncio.get_running_loop()
        self.connect_timeout = settings.connect_timeout
        self.head_timeout = settings.head_timeout
        self.outbox = Outbox(self.loop)
        self.scribe = Scribe(journal, redactor, settings.body_limit, say)
        self._pipeline = Pipeline(TransformSettings()) if pipeline is None else pipeline
        self.keeps = Keeps(self._keep, kept)
        self.id_header = settings.id_header
        self._drain_seconds = settings.drain
        self._guard_key = settings.guard_key
        self._make_uid = UidMaker(wall_ns)
        self.connections: set[ClientConnection] = set()
        self.flows: set[Flow] = set()
        self.draining = False
        self.accepted = 0
        self.held = 0  # bytes of requests that wait to be whole
        self.room = Room()
        self._door: Door | None = None
        self._say = say
        self._said_full = -SAY_AGAIN
        self._emptied = asyncio.Event()
        self._now_please = asyncio.Event()
        self._sweeper: asyncio.TimerHandle | None = None

    # --- what connections call

    def opened(self, connection: ClientConnection) -> None:
        """A client has connected."""
        self.connections.add(connection)
        if self._door is not None and self.room.is_full(self._sockets()) and self._door.shut():
            now = time.monotonic()
            if now - self._said_full >= SAY_AGAIN:
                self._said_full = now
                self._say(f"new connections wait: {self.room.places} sockets are open, as many as there is room for "
                          "(ulimit -n)")  # fmt: skip

    def closed(self, connection: ClientConnection) -> None:
        """Its connection is no more."""
        self.connections.discard(connection)
        self._reopen()

    def _sockets(self) -> int:
        """Those of clients and upstreams. Idle ones are not worth the counting while there is room for all of them."""
        sockets = len(self.connections) + len(self.flows)
        if sockets * 8 > self.room.places:
            for origin in self.routes.origins():
                sockets += len(origin.idle)
        return sockets

    def _reopen(self) -> None:
        if self._door is not None and self._door.is_shut and not self.room.is_full(self._sockets()):
            self._door.reopen()

    def begin(self, connection: ClientConnection, head: http1.RequestHead, body: bytes | None) -> Flow:
        """A request's head came, perhaps with its whole body."""
        if self._pipeline.idle and not head.switched:
            flow = Flow(self, connection, head)
        else:
            flow = self._open(connection, head)
        flow.begin(body)
        return flow

    def _open(self, connection: ClientConnection, head: http1.RequestHead) -> Flow:
        """An exchange with those transforms that are on for it."""
        refused, switches = None, {}
        if head.switched:
            try:
                switches = read_switches((line.lower, line.value) for _, line in head.special if line.flags & SWITCH)
            except BadSwitch as error:
                refused = Refusal(400, "header", str(error))
            if switches.get("key") and self.routes.pick(head.target).key is None:
                refused = Refusal(400, "header", _NO_KEY)
        passage = self._pipeline.open(Opening(head.method, head.target.partition(b"?")[0]), switches)
        flow = Flow(self, connection, head) if passage is None else ChangedFlow(self, connection, head, passage)
        flow.refused = refused
        flow.use_key = switches.get("key", True)
        return flow

    def _keep(self, table: str, key: str, value: bytes) -> None:
        self.scribe.leave(self.scribe.keep, self.wall_ns(), table, key, value)

    def malformed(self, connection: ClientConnection, raw: bytes, error: http1.Malformed) -> None:
        """Bytes that are no request: refused, and on record with their beginning."""
        uid = self._record_stray(connection, raw, State.REJECTED, error.kind, str(error))
        body = error_body(str(error), Stage.READ_REQUEST, "request_rejected")
        self.outbox.flush()  # an answer before this one goes first
        start, lines = own_answer(error.status, body, uid=uid if self.id_header else None, close=True)
        connection.transport.write(
            http1.head_bytes(start, b"\r\n".join([http1.raw_line(*line) for line in lines])) + body
        )
        connection.finish(keep_alive=False)

    def lost_in_head(self, connection: ClientConnection, raw: bytes, text: str) -> None:
        """The client left inside a head."""
        self._record_stray(connection, raw, State.CLIENT_GONE, "reset" if "reset" in text else "closed", text)

    def _record_stray(self, connection: ClientConnection, raw: bytes, state: State, kind: str, text: str) -> str:
        """An exchange that never had a head. Gives its uid."""
        note = Note(self._next_seq(), self._make_uid(), self.clock_ns(), self.wall_ns(), connection.peer, None, b"")
        endpoint = self.routes.endpoint.origin.base_url
        failure = Failure(Stage.READ_REQUEST, kind, text)
        self.scribe.leave(self.scribe.stray, note, endpoint, raw, state, failure)
        return uid_text(note.uid)

    def is_gone(self, connection: ClientConnection) -> bool:
        """Whether the kernel says that nobody holds the client's end any more."""
        return peers.is_gone(connection.transport)

    # --- what exchanges call

    def note(self, connection: ClientConnection, head: http1.RequestHead, target: bytes, at_ns: int) -> Note:
        """What the record will need of a new exchange."""
        return Note(self._next_seq(), self._make_uid(), at_ns, self.wall_ns(), connection.peer, head, target)

    def _next_seq(self) -> int:
        self.accepted += 1
        return self.accepted

    def refusal(self, connection: ClientConnection, head: http1.RequestHead) -> Refusal | None:
        """Why this request is not served, None when it is."""
        refusal = self.gate.check(head)
        if refusal is not None:
            return refusal
        no_room = self.room.refuses(self._sockets())
        if no_room:
            return Refusal(503, "resource", no_room)
        if self._guard_key and not self._may_use_key(connection):
            return Refusal(
                403,
                "user",
                "the client belongs to another user of this machine, and the proxy holds a key: start your own",
            )
        if head.method == b"OPTIONS" and self.gate.allowed_origin(head) is not None:
            return Refusal(204, "preflight", "")
        return refusal

    def _may_use_key(self, connection: ClientConnection) -> bool:
        if connection.allowed is None:
            connection.allowed = peers.is_ours(connection.transport)
        return connection.allowed

    def cors_lines(self, head: http1.RequestHead) -> list[HeaderLine]:
        """What lets an allowed web origin read the answer; nothing for anybody else."""
        origin = self.gate.allowed_origin(head)
        if origin is None:
            return []
        return [
            (b"Access-Control-Allow-Origin", origin),
            (b"Access-Control-Expose-Headers", b"*"),
            (b"Vary", b"Origin"),
        ]

    def preflight_lines(self, head: http1.RequestHead) -> list[HeaderLine]:
        """The answer to an allowed origin's preflight."""
        lines = [(b"Access-Control-Allow-Methods", head.find(b"access-control-request-method") or b"GET, POST")]
        wanted = head.find(b"access-control-request-headers")
        if wanted is not None:
            lines.append((b"Access-Control-Allow-Headers", wanted))
        return [*lines, (b"Access-Control-Max-Age", b"600")]

    def flow_over(self, flow: Flow) -> None:
        """An exchange reached its end."""
        self.flows.discard(flow)
        if self.draining and not self.flows:
            self._emptied.set()

    # --- start and stop

    async def serve(self, sockets: Iterable[socket.socket]) -> None:
        """Listen on bound sockets."""
        self._door = Door(sockets, lambda: ClientConnection(self))
        await self._door.open()
        self._sweep()

    def _sweep(self) -> None:
        now = time.monotonic()
        for connection in list(self.connections):
            if now >= connection.deadline:
                connection.expired(now)
            elif connection.half_closed:
                connection.check_gone()
        for origin in self.routes.origins():
            origin.drop_old(now)
        self.room.look()
        if self._door is not None and self._door.is_shut:
            self._make_room(now)
        self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def _make_room(self, now: float) -> None:
        """Others wait: what nobody uses gives way."""
        for origin in self.routes.origins():
            origin.close()
        for connection in list(self.connections):
            if connection.is_unused(now, UNUSED_SECONDS):
                connection.transport.close()
        self._reopen()

    def hurry(self) -> None:
        """The second signal: wait no longer."""
        self._now_please.set()

    def is_hurried(self) -> bool:
        """Whether there is no time left to wait for anything."""
        return self._now_please.is_set()

    async def drain(self) -> int:
        """Stop in order. Gives the number of exchanges that had to be aborted."""
        self.draining = True
        self.outbox.flush()
        if self._door is not None:
            self._door.close()
        for connection in list(self.connections):
            connection.stopping = True
            if connection.is_idle:
                raw = connection.take_partial_head()
                if raw:
                    self._record_stray(connection, raw, State.ABORTED, "shutdown", "the proxy was stopped meanwhile")
                connection.transport.close()
        for flow in list(self.flows):
            if flow.is_own:
                flow.abort()
        if self.flows and not self._now_please.is_set():
            waits = [asyncio.ensure_future(event.wait()) for event in (self._emptied, self._now_please)]
            await asyncio.wait(waits, timeout=self._drain_seconds, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        aborted = list(self.flows)
        for flow in aborted:
            flow.abort()
        for origin in self.routes.origins():
            origin.close()
        await asyncio.sleep(0)
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self.connections):
            connection.transport.close()
        await asyncio.sleep(0)
        return len(aborted)
