"""An exchange whose request transforms have a part in: held until it is whole, prepared, sent.

1. A request that a session wants is held until it is whole, then prepared, then sent. One that is too long to be held
   goes as it is; all that are held share a limit, too.
2. Calls of our own are waited for during `WAIT_SECONDS` in all, then the request goes without.
3. What was sent is on record beside what was asked, where it is not the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.exchange import Stage
from ..core.headers import HeaderLine
from ..journal.records import ASKED, SENT
from ..net.listener import ClientConnection
from ..net.origin import Origin
from ..net.upstream import UpstreamConnection
from ..transforms.base import Asked, Behind, Call, Effect, Load, Prepare, Reply, Save, Scan
from ..transforms.pipeline import SAW_LIMIT, Passage
from ..wire import http1
from .driver import Flow
from .heads import KEY_NAMES, Edit
from .own import make_call

if TYPE_CHECKING:
    from .server import Proxy

REQUEST_LIMIT = 64 * 1024 * 1024
HELD_LIMIT = 256 * 1024 * 1024  # by all exchanges together
WAIT_SECONDS = 1.8
BEHIND_SECONDS = 30.0
_OF_THE_BODY = frozenset((b"content-md5", b"digest", b"content-digest", b"repr-digest", b"trailer"))
_FRAMING = frozenset((b"content-length", b"transfer-encoding"))


class HeldFlow(Flow):
    """See the module. Whether the answer goes through the passage is `_answering`."""

    _held: list[bytes] | None = None  # the request's pieces while it is held
    _held_size = 0
    _seen: list[bytes] | None = None  # the pieces of one that is not held, and short enough to be shown
    _steps: Prepare | None = None
    _wait_until = 0.0
    _asked: Asked | None = None  # as it is to be sent
    _new_body = False
    _answering = False

    def __init__(self, proxy: Proxy, client: ClientConnection, head: http1.RequestHead, passage: Passage) -> None:
        super().__init__(proxy, client, head)
        self._passage = passage

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
        told = next((value for name in KEY_NAMES if (value := self._head.get(name))), None)
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

    def _close(self) -> None:
        if self._held is not None:
            self._let_go()
        flags, saves = self._passage.close()
        self._flags += flags
        for save in saves:
            self._proxy.keeps.save(save.table, save.key, save.value)


def _unheard(_: Reply | None) -> None:
    """Nobody waits for that reply."""
