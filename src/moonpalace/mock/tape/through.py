"""A request that the tape does not have, sent on to the real API; its answer goes to the client and onto the tape.

1. It goes through a proxy of our own beside the mock, which records it. What the client gets are that one's bytes.
2. The client's connection is closed after the answer, broken off where the proxy's was.
3. What does not come whole is not put onto the tape, and neither is what asks to try again (429, 5xx, our proxy's own
   502 and 504 among them): trying again then reaches the API.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...core.headers import unpack
from ...net.relay import Relay, request
from ...service.recorded import Recorded
from ...wire import http1
from ..asked import Asked
from ..live import Live
from ..performance import CLOSE, RESET, Performance
from ..play import perform
from ..reply import Chunk, Reply, encode

if TYPE_CHECKING:
    from ..call import Call

OURS = (b"x-mock-",)  # lines that are meant for the mock
AGAIN = 429
LIMIT = 64 * 1024 * 1024  # of an answer that is kept in memory


class Through(Live):
    """See the module. `add`: puts an exchange onto the tape."""

    def __init__(self, where: tuple[str, int], asked: Asked, add: Callable[[Recorded], None]) -> None:
        self._where = where
        self._asked = asked
        self._add = add
        self._call: Call | None = None
        self._relay: Relay | None = None
        self._collected: Collected | None = None

    def start(self, call: Call) -> None:
        """See `Live`."""
        host, port = self._where
        self._call = call
        self._collected = Collected(call.head, self._asked)
        self._relay = Relay(call.connection.transport, self._came, self._ended)
        if not call.connection.writable:
            self._relay.pause()
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._relay.start(host, port, request(call.head, self._asked.body, authority.encode(), OURS))

    def pause(self) -> None:
        """See `Live`."""
        if self._relay is not None:
            self._relay.pause()

    def resume(self) -> None:
        """See `Live`."""
        if self._relay is not None:
            self._relay.resume()

    def cancel(self) -> None:
        """See `Live`."""
        if self._relay is not None:
            self._relay.abort()

    def _came(self, at_ns: int, data: bytes) -> None:
        assert self._collected is not None and self._call is not None
        found = self._collected.feed(at_ns, data)
        self._call.status = self._collected.status
        if found is not None:
            self._take(found)

    def _ended(self, how: str) -> None:
        call, collected = self._call, self._collected
        assert call is not None and collected is not None
        if how == "refused":
            call.play(_unreachable())
            return
        found = collected.close() if how == "closed" else None
        if found is not None:
            self._take(found)
        call.play(Performance((), CLOSE if how == "closed" else RESET, collected.status))

    def _take(self, found: Recorded) -> None:
        if found.status is not None and found.status < 500 and found.status != AGAIN:
            self._add(found)


class Collected:
    """An answer read out of the bytes that go by; an exchange once it is whole. Beyond `LIMIT` bytes it never is."""

    def __init__(self, head: http1.RequestHead, asked: Asked) -> None:
        self._head = head
        self._asked = asked
        self._told: http1.ResponseHead | None = None
        self._reader: http1.BodyReader | None = None
        self._held = b""
        self._head_ns = self._at_ns = self._size = 0
        self._body: list[bytes] = []
        self._chunks: list[tuple[int, int]] = []
        self._over = False

    @property
    def status(self) -> int:
        """The answer's; 0 until it is known."""
        return 0 if self._told is None else self._told.status

    def feed(self, at_ns: int, data: bytes) -> Recorded | None:
        """A piece; the exchange if that was the last one."""
        if self._over:
            return None
        self._at_ns = at_ns
        self._size += len(data)
        if self._size > LIMIT:
            self._give_up()
            return None
        try:
            self._read(data)
        except http1.Malformed:
            self._give_up()
            return None
        return self._recorded() if self._over else None

    def close(self) -> Recorded | None:
        """No more comes: for some bodies that is their end."""
        if self._over or not isinstance(self._reader, http1.CloseReader):
            return None
        self._over = True
        return self._recorded()

    def _read(self, data: bytes) -> None:
        if self._told is None:
            self._held += data
            data = b""
        while self._told is None and (end := self._held.find(b"\r\n\r\n")) >= 0:
            found = http1.parse_response_head(self._held[: end + 2], to_head=self._head.method == b"HEAD")
            self._held = self._held[end + 4 :]
            if found.status >= 200:
                self._told, self._head_ns, self._reader = found, self._at_ns, http1.body_reader(found)
                self._over, data, self._held = self._reader is None, self._held, b""
        if self._reader is not None and data:
            piece, self._over, _ = self._reader.feed(data)
            if piece:
                self._body.append(piece)
                self._chunks.append((self._at_ns, len(piece)))

    def _give_up(self) -> None:
        self._over = True
        self._body.clear()
        self._held = b""

    def _recorded(self) -> Recorded:
        told, asked = self._told, self._asked
        assert told is not None
        headers = unpack(b"\r\n".join(told.lines))
        return Recorded(
            headers.text("x-moonpalace-id") or "", None, asked.method,
            self._head.target.decode("utf-8", "backslashreplace"), asked.headers, asked.body,
            told.status, told.reason.decode("utf-8", "replace"), headers, b"".join(self._body),
            tuple(self._chunks), self._head_ns, self._at_ns,
        )  # fmt: skip


def _unreachable() -> Performance:
    error = {"message": "the proxy that records beside the mock cannot be reached", "type": "moonpalace_mock_error"}
    return perform(Reply(502, (Chunk(encode({"error": error})),)), [0.0])
