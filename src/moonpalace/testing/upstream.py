"""An API server made of plain sockets that does exactly what a script says, wrong things included.

1. No HTTP library: what goes out is what the script holds, byte for byte; what came in is kept byte for byte.
2. A connection runs a list of steps (`Read`, `Send`, `Reset`, …) or, in route mode, a list for each request.
3. Every connection, every request and every byte sent is on record; `connections` and `requests` are in order.
4. Nothing here waits for a time to pass but `Pause` and `Slow`; the rest waits for an event, with a limit.

Example:
    with Upstream([Read(), Send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi"), Fin()]) as upstream:
        … connect to upstream.url …
        assert upstream.requests[0].target == "/v1/models"

Source: RFC 9112 for the framing of requests.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

LIMIT = 20.0  # seconds until a wait gives up, so that a broken test ends


@dataclass(slots=True)
class Request:
    """One request as it came. `answer` collects the raw bytes sent back before the next request was read."""

    raw_head: bytes
    method: str
    target: str
    version: str
    headers: list[tuple[bytes, bytes]]
    raw_body: bytes = b""
    body: bytes = b""
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    answer: bytearray = field(default_factory=bytearray)
    connection: int = 0

    def header(self, name: str) -> str | None:
        """The first value of that name, whatever its case."""
        wanted = name.lower().encode()
        return next((v.decode("latin-1") for k, v in self.headers if k.lower() == wanted), None)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


class Over(Exception):
    """The peer or the script ended the connection; the rest of the script does not run."""


class Connection:
    """One accepted connection. `ended` says how the peer left: eof, reset, or None while it has not."""

    def __init__(self, upstream: Upstream, sock: socket.socket, number: int) -> None:
        self.upstream = upstream
        self.sock = sock
        self.number = number
        self.requests: list[Request] = []
        self.sent = bytearray()
        self.received = bytearray()
        self.ended: str | None = None
        self.error: str | None = None
        self.done = threading.Event()
        self._ahead = b""

    def receive(self) -> bytes:
        """The next bytes of the peer; empty at its end. Raises: Over after a reset."""
        try:
            data = self.sock.recv(262_144)
        except (ConnectionError, ssl.SSLError) as error:
            self.ended = "reset"
            raise Over from error
        except OSError as error:  # closed by `Upstream.close`, or the limit of waiting
            raise Over from error
        if not data:
            self.ended = "eof"
        self.received += data
        return data

    def until(self, mark: bytes) -> bytes:
        """Bytes up to and including `mark`. Raises: Over when the peer ends before."""
        at = 0
        while (found := self._ahead.find(mark, at)) < 0:
            at = max(0, len(self._ahead) - len(mark))
            data = self.receive()
            if not data:
                raise Over
            self._ahead += data
        end = found + len(mark)
        taken, self._ahead = self._ahead[:end], self._ahead[end:]
        return taken

    def exactly(self, size: int) -> bytes:
        """Just `size` bytes. Raises: Over when the peer ends before; what came is in `received`."""
        parts = [self._ahead[:size]]
        self._ahead = self._ahead[size:]
        missing = size - len(parts[0])
        while missing:
            data = self.receive()
            if not data:
                raise Over
            parts.append(data[:missing])
            self._ahead = data[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def send(self, data: bytes) -> None:
        """Sends all of it. Raises: Over when the peer is gone."""
        self.sent += data
        if self.requests:
            self.requests[-1].answer += data
        try:
            self.sock.sendall(data)
        except OSError as error:
            self.ended = self.ended or "reset"
            raise Over from error

    def read_head(self) -> Request:
        """A request's head; the request is on record from here on."""
        raw = self.until(b"\r\n\r\n")
        first, *lines = raw[:-4].split(b"\r\n")
        method, target, version = (first.decode("latin-1").split(" ", 2) + ["", ""])[:3]
        request = Request(raw, method, target, version, [_pair(line) for line in lines], connection=self.number)
        self.requests.append(request)
        self.upstream.note(request)
        return request

    def read_body(self, request: Request) -> None:
        """The body of `request` by its Content-Length or its chunks."""
        if (request.header("transfer-encoding") or "").lower() == "chunked":
            self._read_chunks(request)
        elif length := int(request.header("content-length") or 0):
            request.raw_body = request.body = self.exactly(length)

    def _read_chunks(self, request: Request) -> None:
        raw, parts = [], []
        while True:
            line = self.until(b"\r\n")
            size = int(line.split(b";")[0], 16)
            raw.append(line)
            if size == 0:
                break
            parts.append(self.exactly(size))
            raw += [parts[-1], self.exactly(2)]
        while (line := self.until(b"\r\n")) != b"\r\n":
            raw.append(line)
            request.trailers.append(_pair(line[:-2]))
        request.raw_body, request.body = b"".join([*raw, b"\r\n"]), b"".join(parts)

    def wait_for_peer(self, limit: float) -> None:
        """Reads on, into the void, until the peer ends the connection, the server closes or the limit is over."""
        until = time.monotonic() + limit
        while self.ended is None and not self.upstream.closing.is_set():
            left = until - time.monotonic()
            if left <= 0:
                raise Over
            if select.select([self.sock], [], [], min(left, 0.1))[0]:
                self.receive()

    def close(self) -> None:
        """Gives the socket back, at once."""
        with contextlib.suppress(OSError):
            self.sock.close()


def _pair(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, value.strip(b" \t")


@dataclass(frozen=True)
class Step:
    """One thing that a connection does."""

    def run(self, connection: Connection) -> None:
        """Does it. Raises: Over when nothing can follow."""
        raise NotImplementedError


@dataclass(frozen=True)
class Read(Step):
    """Reads one whole request."""

    def run(self, connection: Connection) -> None:
        connection.read_body(connection.read_head())


@dataclass(frozen=True)
class ReadHead(Step):
    """Reads a request's head and leaves its body on the wire."""

    def run(self, connection: Connection) -> None:
        connection.read_head()


@dataclass(frozen=True)
class ReadBody(Step):
    """Reads the body of the request whose head was read last."""

    def run(self, connection: Connection) -> None:
        connection.read_body(connection.requests[-1])


@dataclass(frozen=True)
class ReadSome(Step):
    """Reads `size` bytes, whatever they are."""

    size: int

    def run(self, connection: Connection) -> None:
        connection.exactly(self.size)


@dataclass(frozen=True)
class Send(Step):
    """Sends these bytes."""

    data: bytes

    def run(self, connection: Connection) -> None:
        connection.send(self.data)


@dataclass(frozen=True)
class SendChunked(Step):
    """Sends each piece as one chunk in one write. `end`, the last chunk and the trailers, goes with the last piece.

    Why with it: a client that knows the stream's own end mark may leave as soon as it has that.
    """

    pieces: Sequence[bytes]
    end: bool = True
    trailers: Sequence[tuple[bytes, bytes]] = ()

    def run(self, connection: Connection) -> None:
        framed = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in self.pieces]
        if self.end:
            end = b"0\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in self.trailers) + b"\r\n"
            framed[-1:] = [b"".join(framed[-1:]) + end]
        for data in framed:
            connection.send(data)


@dataclass(frozen=True)
class Slow(Step):
    """Sends the bytes in pieces of `size`, `gap` seconds apart."""

    data: bytes
    size: int
    gap: float

    def run(self, connection: Connection) -> None:
        for at in range(0, len(self.data), self.size):
            connection.send(self.data[at : at + self.size])
            if connection.upstream.closing.wait(self.gap):
                raise Over


@dataclass(frozen=True)
class Wait(Step):
    """Waits until the test sets the event."""

    event: threading.Event
    limit: float = LIMIT

    def run(self, connection: Connection) -> None:
        until = time.monotonic() + self.limit
        while not self.event.wait(0.05):
            if connection.upstream.closing.is_set() or time.monotonic() > until:
                raise Over


@dataclass(frozen=True)
class Signal(Step):
    """Sets an event: the test learns that the script came this far."""

    event: threading.Event

    def run(self, connection: Connection) -> None:
        self.event.set()


@dataclass(frozen=True)
class Pause(Step):
    """Does nothing for a while."""

    seconds: float

    def run(self, connection: Connection) -> None:
        if connection.upstream.closing.wait(self.seconds):
            raise Over


@dataclass(frozen=True)
class HalfClose(Step):
    """Ends our direction (FIN) and goes on reading."""

    def run(self, connection: Connection) -> None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_WR)


@dataclass(frozen=True)
class Fin(Step):
    """Ends our direction (FIN) and closes once the peer has closed too, so that no reset follows."""

    limit: float = LIMIT

    def run(self, connection: Connection) -> None:
        HalfClose().run(connection)
        connection.wait_for_peer(self.limit)
        raise Over


@dataclass(frozen=True)
class Close(Step):
    """Closes at once. With unread bytes in the buffer the system answers the peer with a reset."""

    def run(self, connection: Connection) -> None:
        connection.close()
        raise Over


@dataclass(frozen=True)
class Reset(Step):
    """Breaks the connection off with a reset (SO_LINGER of no time)."""

    def run(self, connection: Connection) -> None:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        raise Over


@dataclass(frozen=True)
class Stall(Step):
    """Sends nothing more; ends when the peer goes or the server is closed."""

    limit: float = LIMIT

    def run(self, connection: Connection) -> None:
        connection.wait_for_peer(self.limit)
        raise Over


Route = Callable[[Request], Iterable[Step]]


class Upstream:
    """The server. Listens from construction on; a context manager; `url` is its base URL.

    `script`: the steps of every connection. `scripts`: the first connection's steps, the second's, …, the last
    repeats. `route`: reads requests one after another (answering `Expect` with 100) and runs the steps it returns;
    with `heads_only` it is asked as soon as the head is there and the steps read the body themselves.
    """

    def __init__(
        self,
        script: Sequence[Step] | None = None,
        *,
        scripts: Sequence[Sequence[Step]] | None = None,
        route: Route | None = None,
        heads_only: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._scripts = scripts if scripts is not None else [script or []]
        self._route = route
        self._heads_only = heads_only
        self._tls = tls
        self.connections: list[Connection] = []
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._changed = threading.Condition()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=512)
        self.host, self.port = host, self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def note(self, request: Request) -> None:
        """Puts a request on record."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def wait_for(self, *, requests: int = 0, connections: int = 0, limit: float = LIMIT) -> None:
        """Returns when so many came. Raises: TimeoutError."""
        with self._changed:
            enough = self._changed.wait_for(
                lambda: len(self.requests) >= requests and len(self.connections) >= connections, limit
            )
        if not enough:
            raise TimeoutError(f"{len(self.requests)} requests, {len(self.connections)} connections came")

    def close(self) -> None:
        """Stops listening and ends every connection."""
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(LIMIT)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock, len(self.connections))
            with self._changed:
                self.connections.append(connection)
                self._changed.notify_all()
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            if self._tls is not None:
                connection.sock = self._tls.wrap_socket(connection.sock, server_side=True)
            if self._route is None:
                for step in self._scripts[min(connection.number, len(self._scripts) - 1)]:
                    step.run(connection)
            else:
                self._serve_route(connection, self._route)
        except Over:
            pass
        except (OSError, ValueError) as error:
            connection.error = f"{type(error).__name__}: {error}"
        finally:
            connection.close()
            connection.done.set()

    def _serve_route(self, connection: Connection, route: Route) -> None:
        while True:
            request = connection.read_head()
            if not self._heads_only:
                if request.header("expect"):
                    connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                connection.read_body(request)
            for step in route(request):
                step.run(connection)
            if (request.header("connection") or "").lower() == "close":
                Fin().run(connection)
