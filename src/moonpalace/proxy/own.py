"""A request that the proxy makes by itself, on behalf of an exchange: to the same API, with the same key.

1. It is an exchange like any other, on record with the flag `own_call`; nobody is at its other end.
2. Its reply is given once: None if there was no whole answer in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core.exchange import OWN_CALL, OWN_PEER, Failure, State
from ..net.gate import Refusal
from ..transforms.base import Call, Reply
from ..wire import http1
from .driver import Flow
from .heads import KEY_NAMES
from .routes import Route

if TYPE_CHECKING:
    from .server import Proxy

_LARGEST = 16 * 1024 * 1024  # of a reply, which may repeat a whole conversation


def make_call(
    proxy: Proxy, route: Route, asker: http1.RequestHead, use_key: bool, call: Call, seconds: float,
    done: Callable[[Reply | None], None],
) -> None:  # fmt: skip
    """Begin a call. `asker`: the head of the request it is made for; `done` is called once, never from within here."""
    lines = [b"Host: " + route.origin.host_line, b"User-Agent: MoonPalace", b"Accept: application/json"]
    lines += [b"Accept-Encoding: identity"]
    if route.key is None or not use_key:
        lines += [raw for index, line in asker.special if line.lower in KEY_NAMES and (raw := asker.lines[index])]
    if call.body:
        lines += [b"Content-Type: application/json", b"Content-Length: %d" % len(call.body)]
    head = http1.RequestHead(call.method, call.path, 1, lines)
    flow = OwnFlow(proxy, head, use_key, seconds, done)
    flow.begin(call.body or None)
    if not call.body and not flow.over:
        flow.asked_end([])


class _Nobody:
    """The client's end of it: takes everything, says nothing."""

    peer = OWN_PEER
    writable = True
    stopping = False
    half_closed = False

    def __init__(self) -> None:
        self.transport = self

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes) -> None:
        """Nobody reads it."""

    def pause(self) -> None:
        """There is nothing to stop."""

    def resume(self) -> None:
        """There is nothing to go on with."""

    def finish(self, *, keep_alive: bool) -> None:
        """It ends by itself."""

    def break_off(self, *, reset: bool = False) -> None:
        """It ends by itself."""


class OwnFlow(Flow):
    """See the module."""

    def __init__(
        self, proxy: Proxy, head: http1.RequestHead, use_key: bool, seconds: float,
        done: Callable[[Reply | None], None],
    ) -> None:  # fmt: skip
        nobody: Any = _Nobody()
        super().__init__(proxy, nobody, head)
        self.use_key = use_key
        self._done: Callable[[Reply | None], None] | None = done
        self._parts: list[bytes] = []
        self._flags = (OWN_CALL,)
        self.is_own = True
        self._limit: asyncio.TimerHandle = proxy.loop.call_later(seconds, self._late, seconds)

    def _refusal(self) -> Refusal | None:
        return None

    def told_body(self, data: bytes) -> None:
        """A piece of the reply."""
        super().told_body(data)
        if self._delivered <= _LARGEST:
            self._parts.append(data)

    def told_whole(self, head: http1.ResponseHead, body: bytes) -> None:
        """All of it."""
        self._parts.append(body)
        super().told_whole(head, body)

    def _late(self, seconds: float) -> None:
        if not self.over:
            self._end(State.ABORTED, Failure(self._stage, "timeout", f"no reply within {seconds:.1f} s"))

    def _end(self, state: State, failure: Failure | None) -> None:
        super()._end(state, failure)
        self._limit.cancel()
        done, self._done = self._done, None
        if done is None:
            return
        reply = None
        if state == State.COMPLETE and self._told_head is not None and self._delivered <= _LARGEST:
            coding = b",".join(self._told_head.get_all(b"content-encoding")).decode("latin-1")
            reply = Reply(self._told_head.status, b"".join(self._parts), coding)
        self._proxy.loop.call_soon(done, reply)
