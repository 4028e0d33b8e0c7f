"""One exchange from end to end: the only place where client, upstream and record meet.

1. Bytes go through as they came, at once. The record is left word of it, which holds nothing up.
2. It ends once, in one state. After that it does nothing more.
3. Before the answer's head is out, a failure is answered; after it the client's connection is broken off, so that
   nobody takes a part for the whole. Nothing is ever retried.
4. Back-pressure goes both ways: who cannot write makes the other side stop reading.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..core.exchange import Failure, Stage, State
from ..core.headers import HeaderLine
from ..core.ids import uid_text
from ..journal.records import ASKED, TOLD
from ..net.connect import ConnectFailure, connect
from ..net.gate import Refusal
from ..net.listener import ClientConnection
from ..net.origin import Origin
from ..net.upstream import UpstreamConnection
from ..wire import http1
from .answers import error_body, own_answer
from .heads import Edit, to_client, to_upstream
from .routes import Route
from .scribe import Note

if TYPE_CHECKING:
    from .server import Proxy

EXPECT_SECONDS = 1.0
_CLOSING = ("host", "target", "resource")  # refusals after which the connection is not used again
_STATUS = {"timeout": 504, "resource": 503}  # by the kind of failure; any other is a 502
OPEN_ENDED = (http1.CHUNKED, http1.CLOSE)


def status_line(head: http1.ResponseHead) -> bytes:
    """As it goes out: HTTP/1.1, whatever the upstream speaks."""
    return head.start if head.minor == 1 else b"HTTP/1.1 %d %b" % (head.status, head.reason)


class Flow:
    """An exchange under way. Calls on it come from `net`; it answers with writes."""

    # Most of these are never set for most exchanges; on the class they cost nothing.
    _upstream: UpstreamConnection | None = None
    _task: asyncio.Task[None] | None = None
    _timer: asyncio.TimerHandle | None = None
    _expect_timer: asyncio.TimerHandle | None = None
    _asked_done = False
    _asked_trailers: list[HeaderLine] | tuple[()] = ()
    _asked_pieces = False  # the request's body comes in pieces
    _told_pieces = False
    _told_head: http1.ResponseHead | None = None
    _head_out = False  # the client has the head of an answer
    _asked_chunked = False  # how the request goes out
    use_key = True
    is_own = False  # nobody but the proxy asked for it
    refused: Refusal | None = None  # why it is not served, if that is known before the gate is asked
    _chunked_out = False
    _until_close = False  # the client's answer ends with its connection
    _delivered = 0
    _flags: tuple[str, ...] = ()
    _full_end = False
    _continued = False
    _tries: list[tuple[str, int, int, str]] = []  # noqa: RUF012 - replaced, never changed
    _stage = Stage.ACCEPT
    _target = b""
    _untold: tuple[http1.ResponseHead, bytes, Edit, int] | None = None
    _route: Route
    _note: Note
    over = False

    def __init__(self, proxy: Proxy, client: ClientConnection, head: http1.RequestHead) -> None:
        self._proxy = proxy
        self._client = client
        self._head = head
        self._keep = head.keep_alive and head.minor == 1
        self._waiting: list[bytes] = []
        self._up: list[bytes] = []  # one write for what one read brought
        self._down: list[bytes] = []

    # --- the request

    def begin(self, body: bytes | None) -> None:
        """The head is here, perhaps with all of its body: pass the gate, forward, leave word of it."""
        proxy, head = self._proxy, self._head
        at_ns = proxy.clock_ns()
        target = head.target  # as it was asked; the gate shortens an absolute one
        refusal = self._refusal()
        self._route = route = proxy.routes.pick(head.target)
        connection = route.origin.take(proxy.now()) if refusal is None else None
        self._asked_done = body is not None
        self._asked_chunked = head.framing == http1.CHUNKED
        edit = None
        if connection is not None:
            edit = self._send_head(connection)
            if body is not None:
                self._up.append(body)
                self._send_end()
        self._note = note = proxy.note(self._client, head, target, at_ns)
        proxy.flows.add(self)
        scribe = proxy.scribe
        if edit is not None and connection is not None and body is not None:
            scribe.leave_whole(
                len(body), scribe.request, note, route.origin.base_url, route.name, body, edit, self._target,
                self._about(connection, ""), proxy.clock_ns(),
            )  # fmt: skip
            return
        scribe.leave(scribe.arrived, note, route.origin.base_url, route.name)
        if refusal is not None:
            self._refuse(refusal)
            return
        if body is not None:
            scribe.leave_piece(len(body), scribe.body, note, ASKED, head, body, proxy.clock_ns())
        if edit is not None and connection is not None:
            self._leave_sent(connection, edit, "")
            return
        self._stage = Stage.RESOLVE
        if body is not None:
            self._waiting.append(body)
        elif head.framing != http1.NONE:
            self._client.pause()
        self._task = proxy.loop.create_task(self._connect())

    def _refusal(self) -> Refusal | None:
        return self._proxy.refusal(self._client, self._head) or self.refused

    async def _connect(self) -> None:
        proxy = self._proxy
        tries: list[tuple[str, int, int, str]] = []
        self._tries = tries
        try:
            connection, about = await connect(self._route.origin, proxy.connect_timeout, tries)
        except ConnectFailure as failure:
            self._task = None
            self._leave_tries()
            if not self.over:
                self._fail(Failure(failure.stage, failure.kind, str(failure)))
            return
        except Exception as error:
            # Whatever else goes wrong while connecting is this exchange's failure, never the program's.
            self._task = None
            if not self.over:
                kind = "resource" if isinstance(error, MemoryError) else "error"
                self._fail(Failure(Stage.CONNECT, kind, f"connecting failed: {type(error).__name__}"))
            return
        self._task = None
        if self.over:
            connection.abort()
            return
        self._leave_tries()
        if connection.transport.is_closing():
            self._fail(Failure(Stage.SEND, "closed", "the upstream closed the connection at once"))
            return
        self._client.resume()
        edit = self._send_head(connection)
        for piece in self._waiting:
            self._send_body(piece)
        self._waiting = []
        if self._asked_done:
            self._send_end()
        else:
            self.flush_asked()
        self._leave_sent(connection, edit, about.get("tls", ""))

    def _leave_tries(self) -> None:
        scribe, via = self._proxy.scribe, self._route.origin.proxy
        scribe.leave(scribe.tried, self._note, tuple(self._tries), via.name if via else "", self._proxy.clock_ns())

    def _send_head(self, connection: UpstreamConnection) -> Edit:
        """Put the request's head on an open connection."""
        head, route = self._head, self._route
        origin = route.origin
        self._upstream = connection
        connection.start(self, to_head=head.method == b"HEAD")
        edit = self._edit(origin)
        target = route.target(head.target)
        if origin.is_absolute:
            target = b"http://" + origin.host_line + target
            if origin.proxy and origin.proxy.authorization:
                credentials = http1.raw_line(b"Proxy-Authorization", origin.proxy.authorization)
                edit.append_secret(credentials, b"Proxy-Authorization: [configured]")
        self._target = target
        self._up.append(http1.head_bytes(b"%b %b HTTP/1.1" % (head.method, target), edit.wire(head.lines)))
        self._stage = Stage.SEND
        if head.expect_continue:
            self._expect_timer = self._proxy.loop.call_later(EXPECT_SECONDS, self._continue)
        return edit

    def _edit(self, origin: Origin) -> Edit:
        """What is changed in the request's head."""
        key = self._route.key if self.use_key else None
        if key is None:
            return to_upstream(self._head, origin.host_line, None, b"")
        self._flags += ("key_substituted",)
        return to_upstream(self._head, origin.host_line, key, self._proxy.redactor.fingerprint(key))

    def _leave_sent(self, connection: UpstreamConnection, edit: Edit, tls: str) -> None:
        scribe = self._proxy.scribe
        about = self._about(connection, tls)
        scribe.leave(scribe.sent, self._note, edit, self._target, about, self._proxy.clock_ns())

    def _about(self, connection: UpstreamConnection, tls: str) -> dict[str, object]:
        """What the record says of the connection."""
        about: dict[str, object] = {"address": connection.address, "reused": connection.uses > 1}
        if tls:
            about["tls"] = tls
        proxy_server = self._route.origin.proxy
        if proxy_server:
            about["proxy"] = proxy_server.name
        return about

    def _continue(self) -> None:
        """The upstream says nothing to `Expect: 100-continue`: let the client begin, or both would wait."""
        self._expect_timer = None
        if not self.over and not self._asked_done and self._told_head is None and not self._continued:
            self._continued = True
            self._proxy.outbox.put(self._client.transport, b"HTTP/1.1 100 Continue\r\n\r\n")

    def asked_body(self, data: bytes) -> None:
        """A piece of the request's body came."""
        if self.over:
            return
        if self._upstream is None:
            self._waiting.append(data)
        else:
            self._send_body(data)
        self._asked_pieces = True
        proxy, scribe = self._proxy, self._proxy.scribe
        scribe.leave_piece(len(data), scribe.piece, self._note, ASKED, self._head, data, proxy.clock_ns())

    def _send_body(self, data: bytes) -> None:
        self._up.append(http1.chunk(data) if self._asked_chunked else data)

    def asked_end(self, trailers: list[HeaderLine]) -> None:
        """The request is whole."""
        if self.over:
            return
        self._asked_done = True
        self._asked_trailers = trailers
        if self._asked_pieces or trailers:
            proxy, scribe = self._proxy, self._proxy.scribe
            scribe.leave(scribe.body_end, self._note, ASKED, self._head, trailers, proxy.clock_ns())
        if self._upstream is not None:
            self._send_end()
        else:
            self._client.resume()  # to see it leave

    def _send_end(self) -> None:
        if self._asked_chunked:
            self._up.append(http1.last_chunk(self._asked_trailers))
        self.flush_asked()
        self._stage = Stage.WAIT_HEADERS
        limit = self._proxy.head_timeout
        if limit is not None and self._told_head is None:
            self._timer = self._proxy.loop.call_later(limit, self._head_timed_out, limit)

    def flush_asked(self) -> None:
        """What one read of the client brought goes to the upstream in one write."""
        up = self._up
        if up and self._upstream is not None:
            self._up = []
            self._proxy.outbox.put(self._upstream.transport, up[0] if len(up) == 1 else b"".join(up))

    def _head_timed_out(self, limit: float) -> None:
        if not self.over and self._told_head is None:
            raw = self._upstream.partial_head if self._upstream is not None else b""
            stage = Stage.READ_HEADERS if raw else Stage.WAIT_HEADERS
            self._fail(Failure(stage, "timeout", f"no answer came within {limit:g} s (--head-timeout)", raw or None))

    def asked_malformed(self, error: http1.Malformed, raw: bytes) -> None:
        """The request's body is broken: the upstream must not take it for whole."""
        if self.over:
            return
        self.flush_told()
        self._proxy.outbox.flush()
        failure = Failure(Stage.READ_REQUEST, error.kind, str(error), raw[:4096])
        self._keep = False
        if not self._head_out:
            self._answer(error.status, error_body(str(error), failure.stage, "request_rejected", self._head.target))
        else:
            self._client.break_off()
        self._end(State.REJECTED, failure)

    # --- the answer

    def told_interim(self, head: http1.ResponseHead) -> None:
        """A 1xx answer: passed on as it is."""
        proxy, scribe = self._proxy, self._proxy.scribe
        scribe.leave(scribe.interim, self._note, head, proxy.clock_ns())
        if self._head.minor == 0 or (head.status == 100 and self._continued):
            return
        if head.status == 100:
            self._continued = True
        edit = Edit(head.hop_by_hop())
        self._down.append(http1.head_bytes(status_line(head), edit.wire(head.lines)))

    def told_head(self, head: http1.ResponseHead) -> None:
        """The answer's head: passed on with our framing."""
        line, edit = self._take_head(head)
        self._untold = (head, line, edit, self._proxy.clock_ns())

    def _take_head(self, head: http1.ResponseHead) -> tuple[bytes, Edit]:
        """Gives the status line as delivered, and what was changed in the head."""
        self._begin_told(head)
        edit = self._frame(head, open_ended=head.framing in OPEN_ENDED)
        line = status_line(head)
        self._down.append(http1.head_bytes(line, edit.wire(head.lines)))
        return line, edit

    def _frame(self, head: http1.ResponseHead, *, open_ended: bool) -> Edit:
        """How the answer goes out to the client; gives what that changes in its head."""
        self._head_out = True
        minor = self._head.minor
        if self._proxy.draining or not self._asked_done:
            # An answer before the request was whole ends the connection: what still comes belongs to no exchange.
            self._keep = False
        self._chunked_out = chunked = open_ended and minor == 1
        if open_ended and not chunked:
            self._keep = False
            self._until_close = True
        return to_client(head, chunked=chunked, minor=minor, own=self._own_lines())

    def _begin_told(self, head: http1.ResponseHead) -> None:
        self._told_head = head
        self._stage = Stage.READ_BODY
        if self._timer is not None:
            self._timer.cancel()

    def _own_lines(self) -> list[bytes]:
        proxy = self._proxy
        own = [http1.raw_line(*line) for line in proxy.cors_lines(self._head)] if proxy.gate.has_origins else []
        if proxy.id_header:
            own.append(b"x-moonpalace-id: %b" % uid_text(self._note.uid).encode())
        if not self._keep:
            own.append(b"Connection: close")
        return own

    def told_body(self, data: bytes) -> None:
        """A piece of the answer: to the client at once."""
        self._down.append(http1.chunk(data) if self._chunked_out else data)
        self.flush_told()
        self._delivered += len(data)
        self._told_pieces = True
        proxy, scribe, head = self._proxy, self._proxy.scribe, self._told_head
        scribe.leave_piece(len(data), scribe.piece, self._note, TOLD, head, data, proxy.clock_ns())

    def told_whole(self, head: http1.ResponseHead, body: bytes) -> None:
        """Head and body came in one piece: the usual small answer."""
        line, edit = self._take_head(head)
        self._down.append(body)
        self.flush_told()
        self._delivered = len(body)
        proxy, scribe = self._proxy, self._proxy.scribe
        scribe.leave_whole(len(body), scribe.answer, self._note, head, line, edit, body, proxy.clock_ns())
        self._told_over(extra=False)

    def told_end(self, trailers: list[HeaderLine], extra: bool) -> None:
        """The answer is whole."""
        if self._chunked_out:
            self._down.append(http1.last_chunk(trailers))
        self.flush_told()
        if self._told_pieces or trailers:
            proxy, scribe = self._proxy, self._proxy.scribe
            scribe.leave(scribe.body_end, self._note, TOLD, self._told_head, trailers, proxy.clock_ns())
        self._told_over(extra=extra)

    def _told_over(self, *, extra: bool) -> None:
        self._release(extra=extra)
        self._delivered_all()

    def _release(self, *, extra: bool) -> None:
        """The upstream has done its part."""
        assert self._told_head is not None and self._upstream is not None
        if extra:
            self._flags += ("extra_bytes",)
        if self._told_head.framing == http1.CLOSE:
            self._flags += ("close_delimited",)
        if not self._asked_done:
            self._flags += ("early_response",)
        upstream, self._upstream = self._upstream, None
        upstream.release(reuse=self._asked_done)

    def _delivered_all(self) -> None:
        """Everything is written: over, as soon as the client has taken it."""
        if self._client.writable:
            self._complete()
        else:
            self._full_end = True  # not delivered before the client has taken what lies in our buffer

    def flush_told(self) -> None:
        """What one read of the upstream brought goes to the client in one write."""
        down = self._down
        if down:
            self._down = []
            self._proxy.outbox.put(self._client.transport, down[0] if len(down) == 1 else b"".join(down))
        if self._untold is not None:  # word of the head is left when it is out
            head, line, edit, at_ns = self._untold
            self._untold = None
            scribe = self._proxy.scribe
            scribe.leave(scribe.told, self._note, head, line, edit, at_ns)

    def _complete(self) -> None:
        client = self._client
        self._end(State.COMPLETE, None)
        if not self._keep or client.stopping or client.half_closed:
            self._proxy.outbox.flush()  # the connection may be closed now
        client.finish(keep_alive=self._keep)

    def told_failed(self, failure: Failure) -> None:
        """The answer will not come, or not whole."""
        if self._upstream is not None and self._upstream.uses > 1:
            self._flags += ("reused_conn",)
        self._upstream = None
        self._fail(failure)

    # --- how it ends

    def _refuse(self, refusal: Refusal) -> None:
        self._keep = self._keep and self._head.framing == http1.NONE and refusal.kind not in _CLOSING
        if refusal.status == 204:
            self._answer(204, b"")
            self._end(State.COMPLETE, None)
            return
        if self._head.framing != http1.NONE and not self._asked_done:
            self._client.stopping = True
        self._answer(refusal.status, error_body(refusal.message, Stage.ACCEPT, "request_rejected", self._head.target))
        self._end(State.REJECTED, Failure(Stage.ACCEPT, refusal.kind, refusal.message))

    def _fail(self, failure: Failure) -> None:
        """The upstream's side failed."""
        self.flush_told()
        self._proxy.outbox.flush()
        if self._head_out and self._told_head is not None:
            self._end(State.TRUNCATED, failure)
            self._client.break_off(reset=self._until_close)
            return
        if not self._asked_done:
            self._keep = False
            self._client.stopping = True
        # What we have no descriptor or memory for was refused by us, and not by the upstream.
        status = _STATUS.get(failure.kind, 502)
        self._answer(status, error_body(failure.message, failure.stage, "proxy_server_error", self._head.target))
        state = State.UPSTREAM_ERROR if self._told_head is None else State.TRUNCATED
        self._end(State.REJECTED if failure.kind == "resource" else state, failure)

    def _answer(self, status: int, body: bytes) -> None:
        """An answer of our own; the connection goes on or ends by `_keep`."""
        proxy = self._proxy
        keep = self._keep and not proxy.draining
        more = proxy.cors_lines(self._head)
        if status == 204:
            more += proxy.preflight_lines(self._head)
        uid = uid_text(self._note.uid) if proxy.id_header else None
        start, pairs = own_answer(status, body, uid=uid, close=not keep, more=more)
        if self._head.method == b"HEAD":
            body = b""
        block = b"\r\n".join([http1.raw_line(*pair) for pair in pairs])
        proxy.outbox.flush()
        self._client.transport.write(http1.head_bytes(start, block) + body)
        proxy.scribe.leave(proxy.scribe.answered, self._note, start, block, body, proxy.clock_ns())
        self._delivered = len(body)
        self._client.finish(keep_alive=keep)

    def client_gone(self, kind: str, text: str) -> None:
        """The client left: nobody needs the answer any more."""
        if self.over:
            return
        stage = Stage.WRITE_CLIENT if self._head_out else self._stage
        if not self._asked_done:
            stage = Stage.READ_REQUEST
        elif stage in (Stage.ACCEPT, Stage.SEND):
            stage = Stage.WAIT_HEADERS
        unsent = self._client.transport.get_write_buffer_size()
        self._delivered = max(0, self._delivered - unsent)
        self._end(State.ABORTED if kind == "resource" else State.CLIENT_GONE, Failure(stage, kind, text))

    def abort(self) -> None:
        """The proxy stops and waits no longer."""
        if self.over:
            return
        stage = Stage.READ_REQUEST if not self._asked_done else self._stage
        self._proxy.outbox.flush()
        if not self._head_out:
            self._keep = False
            self._answer(503, error_body("the proxy is being stopped", stage, "proxy_server_error", self._head.target))
        else:
            self._client.break_off()
        self._end(State.ABORTED, Failure(stage, "shutdown", "the proxy was stopped before the exchange was over"))

    def _end(self, state: State, failure: Failure | None) -> None:
        self.over = True
        proxy = self._proxy
        for timer in (self._timer, self._expect_timer):
            if timer is not None:
                timer.cancel()
        if self._task is not None:
            self._task.cancel()
            self._leave_tries()
        if self._upstream is not None:
            self._upstream.abort()
            self._upstream = None
        self._close()
        scribe = proxy.scribe
        scribe.leave(
            scribe.ended, self._note, state, self._delivered, self._flags, failure, proxy.clock_ns(), proxy.wall_ns()
        )
        proxy.flow_over(self)

    def _close(self) -> None:
        """Last words before the end goes on record."""

    # --- back-pressure

    def upstream_full(self) -> None:
        """The upstream does not take more of the request for now."""
        self._client.pause()

    def upstream_ready(self) -> None:
        """It takes more again."""
        self._client.resume()

    def client_full(self) -> None:
        """The client does not take more of the answer for now."""
        if self._upstream is not None:
            self._upstream.pause()

    def client_ready(self) -> None:
        """It takes more again."""
        if self._full_end:
            self._complete()
        elif self._upstream is not None:
            self._upstream.resume()
