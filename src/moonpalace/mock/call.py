"""One request under way: collects it, has it answered, plays the answer.

1. It is a `net.listener.Exchange`: the listener calls, this never raises into it.
2. An answer that needs no waiting goes out in the same turn of the loop, without a task.
3. What holds a place (a ticket of the rate limits) is given back when the call is over, however it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..core.headers import HeaderLine
from ..wire import http1
from .live import Live
from .performance import CLOSE, HANG, KEEP, REFUSE, RESET, Performance
from .uploads.multipart import BadMultipart, Multipart

if TYPE_CHECKING:
    from ..net.listener import ClientConnection
    from .server import Server

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SOON = 0.0005
AT_ONCE = 256  # steps that are played in one turn of the loop


class Call:
    """See the module."""

    __slots__ = (
        "_body", "_live", "_loop", "_place", "_played", "_server", "_size", "_started", "_task", "_timer", "connection",
        "head", "status", "about", "bad", "number", "over", "done", "too_long", "upload",
    )  # fmt: skip

    def __init__(self, server: Server, connection: ClientConnection, head: http1.RequestHead, number: int) -> None:
        self.connection = connection
        self.head = head
        self.number = number
        self.over = False
        self.upload: Multipart | None = None
        self.too_long = False
        self.bad = ""
        self.done: Callable[[], object] | None = None
        self._server = server
        self._loop = server.loop
        self._body: list[bytes] = []
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._live: Live | None = None
        self._played: Performance | None = None
        self._place = 0
        self._started = 0.0
        self.status = 0
        self.about: tuple[str, ...] = ()

    # --- the listener's side

    def expect(self) -> None:
        """The head is here, the body is not."""
        if self.head.expect_continue:
            self.connection.transport.write(CONTINUE)

    def asked_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self.upload is not None:
            if not self.bad:
                try:
                    self.upload.feed(data)
                except BadMultipart as error:
                    self.bad = str(error)
                except OSError as error:
                    self.bad = f"the upload cannot be kept ({error.strerror})"
            return
        self._size += len(data)
        if self._size <= self._server.body_limit:
            self._body.append(data)
        else:
            self.too_long = True
            self._body.clear()

    def asked_end(self, trailers: list[HeaderLine]) -> None:
        """The request is whole."""
        self.answer(self._body[0] if len(self._body) == 1 else b"".join(self._body))
        self._body = []

    def flush_asked(self) -> None:
        """Nothing is passed on, so nothing waits."""

    def asked_malformed(self, error: http1.Malformed, raw: bytes) -> None:
        """The body cannot be read on."""
        self.play(self._server.malformed_reply(error))

    def client_gone(self, kind: str, text: str) -> None:
        """Nobody listens any more."""
        if self._live is None:  # that one's client leaves when it has all, which may be before we know
            self.about += ("the client left",)
        self._end()

    def client_full(self) -> None:
        """The client reads slowly: what is due waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._live is not None:
            self._live.pause()

    def client_ready(self) -> None:
        """Go on."""
        if self._live is not None:
            self._live.resume()
        if self._played is not None and not self.over:
            self._go()

    # --- the answer

    def answer(self, body: bytes) -> None:
        """Have it answered."""
        self._started = self._loop.time()
        try:
            found = self._server.answer(self, body)
            if isinstance(found, Live):
                self._live = found
                self.about = ("sent on",)
                found.start(self)
                return
        except Exception as error:  # the call's edge: it may be one inside of the proxy
            found = self._server.failed(self, error)
        if isinstance(found, Performance):
            self.play(found)
        else:
            self._task = self._loop.create_task(self._wait(found))

    async def _wait(self, coming: Awaitable[Performance]) -> None:
        try:
            played = await coming
        except Exception as error:  # as above
            played = self._server.failed(self, error)
        self.play(played)

    def play(self, played: Performance) -> None:
        """Play an answer. Its times count from when the request was whole."""
        self._played = played
        self.status = played.status
        self.about += played.about
        self.done = played.done
        if not self._started:
            self._started = self._loop.time()
        self._go()

    def _go(self) -> None:
        self._timer = None
        played = self._played
        if played is None or self.over:
            return
        steps, connection = played.steps, self.connection
        due = self._loop.time() - self._started + SOON
        last = self._place + AT_ONCE
        while self._place < len(steps):
            if not connection.writable:
                return
            if self._place == last:  # others have their turn
                self._timer = self._loop.call_later(0, self._go)
                return
            step = steps[self._place]
            if step.at_s > due:
                self._timer = self._loop.call_at(self._started + step.at_s, self._go)
                return
            self._place += 1
            self._server.outbox.put(connection.transport, step.data)
        self._finish(played)

    def _finish(self, played: Performance) -> None:
        if played.ending == HANG:
            return
        self._end()
        if played.ending == KEEP:
            keep, connection = self.head.keep_alive and not self._server.stopping, self.connection
            if not keep or connection.stopping or connection.half_closed:
                self._server.outbox.flush()  # the connection may be closed now
            connection.finish(keep_alive=keep)
        else:
            self._server.outbox.flush()
            if played.ending == CLOSE:
                self.connection.break_off()
            elif played.ending in (RESET, REFUSE):
                self.connection.break_off(reset=True)
            if played.ending == REFUSE:
                self._server.refuse(played.refuse_s)

    def abort(self) -> None:
        """The server stops."""
        if not self.over:
            self._end()
            self.connection.break_off(reset=True)

    def _end(self) -> None:
        if self.over:
            return
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None and self._task is not _current():
            self._task.cancel()
        if self._live is not None:
            self._live.cancel()
        if self.done is not None:
            self.done()
        if self.upload is not None:
            self.upload.discard()
        self._server.call_over(self)


def _current() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
