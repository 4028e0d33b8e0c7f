"""An exchange that transforms have a part in: their effects carried out, their units delivered.

1. A request that a session wants is held until it is whole, then prepared, then sent. One that is too long to be held
   goes as it is.
2. Calls of our own are waited for during `WAIT_SECONDS` in all, then the request goes without.
3. What is told, sent and delivered is left on record apart; while the client gets just what was told it is recorded
   once.
4. The answer ends when the sessions say so: an `End` before the API's own end closes the upstream.
5. Once the client has an answer that a session made, by its length, the API's end is waited for during `END_SECONDS`.
6. What few bytes become many of comes out in slices, one in each turn of the loop and none to a client that is full.
   The upstream is not read meanwhile, and what it told last waits for its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from ..core.exchange import Failure, Stage, State
from ..core.headers import HeaderLine
from ..journal.records import ASKED, DELIVERED, SENT, TOLD
from ..net.listener import ClientConnection
from ..net.origin import Origin
from ..net.upstream import UpstreamConnection
from ..transforms.base import Abort, Asked, Behind, Call, Effect, End, Head, Load, Prepare, Reply, Save, Scan, Unit
from ..transforms.pipeline import SAW_LIMIT, Passage
from ..wire import http1
from .driver import Flow
from .heads import Edit, to_client
from .own import make_call

if TYPE_CHECKING:
    from .server import Proxy

REQUEST_LIMIT = 64 * 1024 * 1024
HELD_LIMIT = 256 * 1024 * 1024  # by all exchanges together
WAIT_SECONDS = 1.8
BEHIND_SECONDS = 30.0
END_SECONDS = 0.25
_SWALLOWED = Failure(Stage.READ_BODY, "error", "the answer got lost in the proxy")
_OF_THE_BODY = frozenset((b"content-md5", b"digest", b"content-digest", b"repr-digest", b"trailer"))
_FRAMING = frozenset((b"content-length", b"transfer-encoding"))


class ChangedFlow(Flow):
    """See the module."""

    _held: list[bytes] | None = None  # the request's pieces while it is held
    _held_size = 0
    _seen: list[bytes] | None = None  # the pieces of one that is not held, and short enough to be shown
    _steps: Prepare | None = None
    _wait_until = 0.0
    _asked: Asked | None = None  # as it is to be sent
    _new_body = False
    _answering = False  # the answer goes through the passage
    _mirrors = True  # the client got just what was told
    _length: int | None = None  # of an answer made by a session
    _own_pieces = False  # what it got instead is on record piece by piece
    _out_trailers: Sequence[HeaderLine] = ()
    _turn: asyncio.Handle | None = None  # of the next slice
    _last_told: tuple[Failure | None] | None = None  # how the answer ended, while slices of it are not out

    def __init__(self, proxy: Proxy, client: ClientConnection, head: http1.RequestHead, passage: Passage) -> None:
        super().__init__(proxy, client, head)
        self._passage = passage

    # --- the request

    def begin(self, body: bytes | None) -> None:
        """The head is here, perhaps with all of its body."""
        if not self._passage.wants_request:
            if body is not None:
                self._passage.saw(body)
            elif self._head.framing == http1.LENGTH and self._head.length <= SAW_LIMIT:
                self._seen = []
            self._begin_plain(body)
            return
        proxy, head, scribe = self._proxy, self._head, self._proxy.scribe
        if head.framing == http1.LENGTH and head.length > REQUEST_LIMIT:
            self._passage.skip_request()
            self._begin_plain(body)
            return
        at_ns, target = proxy.clock_ns(), head.target
        refusal = self._refusal()
        self._route = route = proxy.routes.pick(head.target)
        self._asked_done = body is not None
        self._note = note = proxy.note(self._client, head, target, at_ns)
        proxy.flows.add(self)
        scribe.leave(scribe.arrived, note, route.origin.base_url, route.name)
        if refusal is not None:
            self._refuse(refusal)
        elif body is not None:
            scribe.leave_piece(len(body), scribe.body, note, ASKED, head, body, proxy.clock_ns())
            self._prepare(body)
        else:
            self._stage = Stage.READ_REQUEST
            self._held = []
            if head.expect_continue:
                self._continue()

    def _begin_plain(self, body: bytes | None) -> None:
        self._answering = self._passage.starts()
        super().begin(body)

    def _see(self, seen: list[bytes], data: bytes) -> None:
        """One more piece of a request that goes out as it comes; sessions are shown all of it at once."""
        seen.append(data)
        self._held_size += len(data)
        if self._held_size >= self._head.length:
            self._passage.saw(b"".join(seen))
            self._seen = None

    def asked_body(self, data: bytes) -> None:
        """A piece of the request's body came."""
        held = self._held
        if held is None or self.over:
            if self._seen is not None:
                self._see(self._seen, data)
            super().asked_body(data)
            return
        held.append(data)
        self._held_size += len(data)
        self._proxy.held += len(data)
        self._asked_pieces = True
        proxy, scribe = self._proxy, self._proxy.scribe
        scribe.leave_piece(len(data), scribe.piece, self._note, ASKED, self._head, data, proxy.clock_ns())
        if self._held_size > REQUEST_LIMIT or self._proxy.held > HELD_LIMIT:
            self._let_go()
            self._passage.skip_request()
            self._send(held)

    def asked_end(self, trailers: list[HeaderLine]) -> None:
        """The request is whole."""
        held = self._held
        if held is None or self.over:
            super().asked_end(trailers)
            return
        self._asked_done = True
        self._asked_trailers = trailers
        proxy, scribe = self._proxy, self._proxy.scribe
        if held or trailers:
            scribe.leave(scribe.body_end, self._note, ASKED, self._head, trailers, proxy.clock_ns())
        self._let_go()
        self._prepare(held[0] if len(held) == 1 else b"".join(held))

    def _let_go(self) -> None:
        """The request is held no longer."""
        self._held = None
        self._proxy.held -= self._held_size
        self._held_size = 0

    def flush_asked(self) -> None:
        """What one read of the client brought goes to the upstream, if it is to be sent at all yet."""
        if self._held is None:
            super().flush_asked()

    def _prepare(self, body: bytes) -> None:
        head, proxy = self._head, self._proxy
        self._stage = Stage.SEND  # the client has done its part
        asked = Asked(
            head.method, head.target.partition(b"?")[0], body, self._who(), self._route.origin.base_url,
            proxy.wall_ns() / 1e9, head.get(b"content-encoding") is not None,
            frozenset([line.partition(b":")[0].lower() for line in head.lines]),
        )  # fmt: skip
        self._asked = asked
        self._steps = self._passage.prepare(asked)
        self._wait_until = proxy.loop.time() + WAIT_SECONDS
        self._advance(None)

    def _who(self) -> bytes:
        """What stands for the key that the request goes out with."""
        fingerprint = self._proxy.redactor.fingerprint
        key = self._route.key if self.use_key else None
        if key is not None:
            return fingerprint(key)
        told = self._head.get(b"authorization") or self._head.get(b"x-api-key") or self._head.get(b"api-key")
        word = told.partition(b" ")[2].strip() if told and b" " in told else told
        return fingerprint(word) if word else b""

    def _advance(self, result: object) -> None:
        """Carry out effects until one has to be waited for, or the request is ready."""
        steps = self._steps
        assert steps is not None
        try:
            while True:
                effect = steps.send(result)
                if type(effect) is Call:
                    if self.over:  # nobody needs what would come of it
                        steps.close()
                        return
                    left = self._wait_until - self._proxy.loop.time()
                    if left > 0 and not self._proxy.draining:
                        make_call(self._proxy, self._route, self._head, self.use_key, effect, left, self._advance)
                        return
                    result = None
                else:
                    result = self._carry_out(effect)
        except StopIteration as stop:
            self._steps = None
            if self.over:
                return
            before, self._asked = self._asked, stop.value
            self._new_body = stop.value.body is not (before.body if before else None)
            self._send([stop.value.body])

    def _carry_out(self, effect: Effect) -> object:
        keeps = self._proxy.keeps
        if type(effect) is Load:
            return keeps.load(effect.table, effect.keys)
        if type(effect) is Scan:
            return keeps.scan(effect.table, effect.prefix)
        if type(effect) is Save:
            keeps.save(effect.table, effect.key, effect.value)
        elif type(effect) is Behind and not self._proxy.draining:
            make_call(
                self._proxy, self._route, self._head, self.use_key, effect.call, BEHIND_SECONDS, _unheard
            )  # fmt: skip
        return None

    def _send(self, pieces: list[bytes]) -> None:
        """The request goes out: on an idle connection, or on a new one."""
        self._answering = self._passage.starts()
        if self._new_body:
            self._asked_chunked = False
        else:
            self._asked_chunked = self._head.framing == http1.CHUNKED
        pieces = [piece for piece in pieces if piece]  # an empty chunk would be the last one
        proxy = self._proxy
        connection = self._route.origin.take(proxy.now())
        if connection is None:
            self._stage = Stage.RESOLVE
            self._waiting = pieces
            if not self._asked_done:
                self._client.pause()
            self._task = proxy.loop.create_task(self._connect())
            return
        edit = self._send_head(connection)
        for piece in pieces:
            self._send_body(piece)
        if self._asked_done:
            self._send_end()
        else:
            self.flush_asked()
        self._leave_sent(connection, edit, "")

    def _edit(self, origin: Origin) -> Edit:
        edit, asked = super()._edit(origin), self._asked
        if asked is None:
            return edit
        names = asked.drop | {b"expect"}  # we have the whole of it already
        if self._new_body:
            names |= _OF_THE_BODY | _FRAMING
        if names:
            edit.leave_out(self._head.lines, names)
        if self._new_body:
            edit.append(b"Content-Length: %d" % len(asked.body))
        for line in asked.add:
            edit.append(line)
        return edit

    def _leave_sent(self, connection: UpstreamConnection, edit: Edit, tls: str) -> None:
        super()._leave_sent(connection, edit, tls)
        if self._new_body and self._asked is not None:
            body, proxy, scribe = self._asked.body, self._proxy, self._proxy.scribe
            scribe.leave_piece(len(body), scribe.body, self._note, SENT, self._head, body, proxy.clock_ns())

    def _about(self, connection: UpstreamConnection, tls: str) -> dict[str, object]:
        return {**super()._about(connection, tls), **self._passage.about()}

    # --- the answer

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
        told, proxy, asked = unit.told, self._proxy, self._head
        self._head_out = True
        if proxy.draining or not self._asked_done:
            self._keep = False
        self._length = unit.length
        undone = b"content-length" in unit.drop and unit.length is None  # we do not know how long it will be
        has_body = unit.length is None and (told.framing in (http1.CHUNKED, http1.CLOSE) or undone)
        self._chunked_out = chunked = has_body and asked.minor == 1
        if has_body and not chunked:
            self._keep = False
            self._until_close = True
        edit = to_client(told, chunked=chunked, minor=asked.minor, own=self._own_lines())
        drop = unit.drop | _FRAMING if unit.length is not None else unit.drop
        if drop:
            edit.leave_out(told.lines, drop)
        for line in unit.add:
            edit.append(line)
        if unit.length is not None:
            edit.append(b"Content-Length: %d" % unit.length)
        line = told.start if told.minor == 1 else b"HTTP/1.1 %d %b" % (told.status, told.reason)
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
        if self._held is not None:
            self._let_go()
        if self._turn is not None:
            self._turn.cancel()
        flags, saves = self._passage.close()
        self._flags += flags
        for save in saves:
            self._proxy.keeps.save(save.table, save.key, save.value)


def _unheard(_: Reply | None) -> None:
    """Nobody waits for that reply."""


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Error"
