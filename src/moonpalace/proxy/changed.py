"""An exchange that transforms have a part in: the units of its answer delivered.

1. What is told and what is delivered is left on record apart; while the client gets just what was told it is recorded
   once.
2. The answer ends when the sessions say so: an `End` before the API's own end closes the upstream.
3. Once the client has an answer that a session made, by its length, the API's end is waited for during `END_SECONDS`.
4. What few bytes become many of comes out in slices, one in each turn of the loop and none to a client that is full.
   The upstream is not read meanwhile, and what it told last waits for its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

from ..core.exchange import Failure, Stage, State
from ..core.headers import HeaderLine
from ..journal.records import DELIVERED, TOLD
from ..transforms.base import Abort, End, Head, Unit
from ..wire import http1
from .driver import OPEN_ENDED, status_line
from .heads import Edit
from .held import HeldFlow

END_SECONDS = 0.25
_SWALLOWED = Failure(Stage.READ_BODY, "error", "the answer got lost in the proxy")
_FRAMING = frozenset((b"content-length", b"transfer-encoding"))


class ChangedFlow(HeldFlow):
    """See the module."""

    _mirrors = True  # the client got just what was told
    _length: int | None = None  # of an answer made by a session
    _own_pieces = False  # what it got instead is on record piece by piece
    _out_trailers: Sequence[HeaderLine] = ()
    _turn: asyncio.Handle | None = None  # of the next slice
    _last_told: tuple[Failure | None] | None = None  # how the answer ended, while slices of it are not out

    def told_head(self, head: http1.ResponseHead) -> None:
        """The answer's head."""
        if not self._answering:
            super().told_head(head)
            return
        self._begin_told(head)
        units = self._passage.head(head)
        if units and type(units[0]) is Head and not self._head_out:
            line, edit = self._put_head(units[0])
            at_ns = self._proxy.clock_ns()
            self._proxy.scribe.leave(self._proxy.scribe.told, self._note, head, line, edit, at_ns)
            units = units[1:]
        else:
            self._proxy.scribe.leave(self._proxy.scribe.told_alone, self._note, head, self._proxy.clock_ns())
        if units:
            self._deliver(units, b"")

    def told_body(self, data: bytes) -> None:
        """A piece of the answer."""
        if not self._answering:
            super().told_body(data)
            return
        self._told_pieces = True
        self._deliver(self._passage.body(data), data)
        if self._passage.told.pending:
            self._go_on_soon()

    def told_whole(self, head: http1.ResponseHead, body: bytes) -> None:
        """Head and body in one piece."""
        if not self._answering:
            super().told_whole(head, body)
            return
        self.told_head(head)
        if not self.over:
            self._deliver(self._passage.body(body), body, whole=True)
            if self._passage.told.pending:
                self._go_on_soon()
        if not self.over and self._upstream is not None:
            self.told_end([], False)

    def told_end(self, trailers: list[HeaderLine], extra: bool) -> None:
        """The answer is whole."""
        if not self._answering:
            super().told_end(trailers, extra)
            return
        if self._upstream is None:
            return  # the sessions ended it before
        if self._told_pieces or trailers:
            proxy, scribe = self._proxy, self._proxy.scribe
            scribe.leave(scribe.body_end, self._note, TOLD, self._told_head, trailers, proxy.clock_ns())
        self._release(extra=extra)
        if self._mirrors:
            self._out_trailers = trailers
        self._tell_last(None)

    def told_failed(self, failure: Failure) -> None:
        """The answer will not come, or not whole."""
        if not self._answering or self._told_head is None:
            super().told_failed(failure)
            return
        if self._upstream is not None and self._upstream.uses > 1:
            self._flags += ("reused_conn",)
        self._upstream = None
        self._tell_last(failure)

    def _tell_last(self, failure: Failure | None) -> None:
        """The passage gets to know how the answer ended, once all before it is out."""
        if self._passage.told.pending:
            self._last_told = (failure,)
            return
        self._deliver(self._passage.end() if failure is None else self._passage.failed(failure), b"")
        if not self.over and not self._full_end:
            self._fail(failure or _SWALLOWED)

    def _go_on_soon(self) -> None:
        """The next slice has its turn, once the client takes it."""
        if self._upstream is not None:
            self._upstream.pause()
        if self._turn is None and self._client.writable:
            self._turn = self._proxy.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._turn = None
        if self.over or self._full_end:
            return
        if self._client.writable:
            self._deliver(self._passage.more(), b"")
        if self.over or self._full_end:
            return
        if self._passage.told.pending:
            self._go_on_soon()
        elif self._last_told is not None:
            self._tell_last(self._last_told[0])
        elif self._upstream is not None and self._client.writable:
            self._upstream.resume()

    def client_ready(self) -> None:
        """The client takes more again."""
        if self._passage.told.pending and not self._full_end:
            self._go_on_soon()
        else:
            super().client_ready()

    def _deliver(self, units: Sequence[Unit], told: bytes, *, whole: bool = False) -> None:
        """To the client with what comes out of the passage. `told`: the bytes that went in; `whole`: all that will."""
        pieces: list[bytes] = []
        last: End | Abort | None = None
        for unit in units:
            if isinstance(unit, Head):
                line, edit = self._put_head(unit)
                proxy, scribe = self._proxy, self._proxy.scribe
                scribe.leave(scribe.delivered, self._note, unit.told, line, edit, proxy.clock_ns())
            elif isinstance(unit, (End, Abort)):
                last = unit
                break
            elif unit.raw:
                pieces.append(unit.raw)
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if data and self._head_out:
            self._down.append(http1.chunk(data) if self._chunked_out else data)
        if type(last) is End and self._chunked_out:
            self._down.append(http1.last_chunk(self._out_trailers if self._mirrors and data == told else ()))
        self.flush_told()
        self._leave_bodies(data, told, told_whole=whole, whole=type(last) is End and not self._delivered)
        if type(last) is End:
            self._end_here()
        elif type(last) is Abort:
            self._fail(last.failure)
        elif data and (self._upstream is not None or self._last_told is not None) and self._has_all():
            self._timer = self._proxy.loop.call_later(END_SECONDS, self._end_here)

    def _has_all(self) -> bool:
        return self._length is not None and self._delivered == self._length

    def client_gone(self, kind: str, text: str) -> None:
        """The client left, perhaps with all of its answer."""
        if self.over or not self._has_all() or self._client.transport.get_write_buffer_size():
            super().client_gone(kind, text)
        else:
            self._end(State.COMPLETE, None)

    def _leave_bodies(self, data: bytes, told: bytes, *, told_whole: bool, whole: bool) -> None:
        """The record of what was told, and of what was delivered where that is not the same."""
        proxy, scribe = self._proxy, self._proxy.scribe
        at_ns = proxy.clock_ns()
        if self._mirrors and data != told:
            self._mirrors = False
            if self._delivered:  # before word of what was told now, for the two part here
                scribe.leave(scribe.continued, self._note, DELIVERED, TOLD, self._delivered, at_ns)
        if told:
            word = scribe.body if told_whole else scribe.piece
            scribe.leave_piece(len(told), word, self._note, TOLD, self._told_head, told, at_ns)
        self._delivered += len(data)
        if data and not self._mirrors:
            word = scribe.body if whole else scribe.piece
            scribe.leave_piece(len(data), word, self._note, DELIVERED, self._told_head, data, at_ns)
            self._own_pieces = not whole

    def _put_head(self, unit: Head) -> tuple[bytes, Edit]:
        """The client's head. Gives the status line, and what was changed in the API's."""
        told = unit.told
        self._length = unit.length
        undone = b"content-length" in unit.drop  # we do not know how long it will be
        edit = self._frame(told, open_ended=unit.length is None and (undone or told.framing in OPEN_ENDED))
        drop = unit.drop | _FRAMING if unit.length is not None else unit.drop
        if drop:
            edit.leave_out(told.lines, drop)
        for line in unit.add:
            edit.append(line)
        if unit.length is not None:
            edit.append(b"Content-Length: %d" % unit.length)
        line = status_line(told)
        if unit.status != told.status:
            line = b"HTTP/1.1 %d %b" % (unit.status, _phrase(unit.status))
        self._down.append(http1.head_bytes(line, edit.wire(told.lines)))
        return line, edit

    def _end_here(self) -> None:
        """The client has all that it will get."""
        if self._timer is not None:
            self._timer.cancel()
        if self._own_pieces:
            proxy, scribe = self._proxy, self._proxy.scribe
            scribe.leave(scribe.body_end, self._note, DELIVERED, self._told_head, [], proxy.clock_ns())
        upstream, self._upstream = self._upstream, None
        if upstream is not None:  # it would go on
            upstream.abort()
        self._delivered_all()

    def _close(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
        super()._close()


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Error"
