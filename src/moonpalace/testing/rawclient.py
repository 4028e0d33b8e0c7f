"""An HTTP client made of plain sockets: sends exact bytes and says exactly what came back, and how it ended.

1. Nothing is repaired: header lines keep order and case, trailers stay apart, bytes after the end are reported.
2. `ended` is `clean` only when the answer's own framing says that it is whole.
3. Interim (1xx) answers are kept beside the final one.

Source: RFC 9112 sections 6 and 7 for where an answer ends.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

Pairs = list[tuple[bytes, bytes]]
_NO_BODY = (204, 304)


@dataclass(slots=True)
class Answer:
    """One answer. `ended`: clean, eof (before its end), reset, timeout, malformed, or nothing (not one byte came).

    `pieces` are the chunks as framed, or the body as received when it is not chunked. `extra`: bytes after the end.
    """

    version: str = ""
    status: int = 0
    reason: str = ""
    headers: Pairs = field(default_factory=list)
    body: bytes = b""
    pieces: list[bytes] = field(default_factory=list)
    trailers: Pairs = field(default_factory=list)
    framing: str = ""
    ended: str = ""
    raw: bytes = b""
    extra: bytes = b""
    interim: list[tuple[int, Pairs]] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        """The first value of that name, whatever its case."""
        wanted = name.lower().encode()
        return next((v.decode("latin-1") for k, v in self.headers if k.lower() == wanted), None)

    @property
    def whole(self) -> bool:
        """True when the answer ended as its framing says."""
        return self.ended == "clean"


class _Ended(Exception):
    """The peer ended first, in the way that `args[0]` names."""


class _Source:
    """Bytes with a memory, from a function that gives the next ones (empty: the end)."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self.ahead = b""
        self.taken: list[bytes] = []

    def _grow(self) -> None:
        data = self._more()
        if not data:
            raise _Ended("eof")
        self.ahead = self.ahead + data if self.ahead else data

    def take(self, size: int) -> bytes:
        data, self.ahead = self.ahead[:size], self.ahead[size:]
        self.taken.append(data)
        return data

    def line(self) -> bytes:
        while (at := self.ahead.find(b"\r\n")) < 0:
            self._grow()
        return self.take(at + 2)[:-2]

    def some(self, most: int) -> bytes:
        if not self.ahead:
            self._grow()
        return self.take(most)


def read_answer(more: Callable[[], bytes], method: str = "GET", ahead: bytes = b"") -> Answer:
    """Reads one answer to a request of that method from a function that gives the next bytes."""
    source, answer = _Source(more), Answer()
    source.ahead = ahead
    try:
        while not answer.status or 100 <= answer.status < 200:
            if answer.status:
                answer.interim.append((answer.status, answer.headers))
                if answer.status == 101:
                    break
            _read_head(source, answer)
        _read_body(source, answer, method)
        answer.ended = "clean"
    except _Ended as end:
        answer.ended = str(end.args[0]) if source.taken or source.ahead or end.args[0] != "eof" else "nothing"
    except ValueError:
        answer.ended = "malformed"
    answer.body = b"".join(answer.pieces)
    answer.raw, answer.extra = b"".join(source.taken), source.ahead
    return answer


def parse_answer(data: bytes, method: str = "GET") -> Answer:
    """The same for bytes that are all there."""
    parts = iter([data])
    return read_answer(lambda: next(parts, b""), method)


def _read_head(source: _Source, answer: Answer) -> None:
    version, _, rest = source.line().decode("latin-1").partition(" ")
    status, _, answer.reason = rest.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(version)
    answer.version, answer.status, answer.headers = version, int(status), _read_lines(source)


def _read_lines(source: _Source) -> Pairs:
    pairs = []
    while line := source.line():
        name, colon, value = line.partition(b":")
        if not colon:
            raise ValueError(line)
        pairs.append((name, value.strip(b" \t")))
    return pairs


def _read_body(source: _Source, answer: Answer, method: str) -> None:
    length = answer.header("content-length")
    if method == "HEAD" or answer.status in _NO_BODY or answer.status == 101:
        answer.framing = "none"
    elif "chunked" in (answer.header("transfer-encoding") or "").lower():
        answer.framing = "chunked"
        _read_chunks(source, answer)
    elif length is not None:
        answer.framing = "length"
        if not length.isascii() or not length.isdigit():
            raise ValueError(length)
        left = int(length)
        while left:
            answer.pieces.append(source.some(left))
            left -= len(answer.pieces[-1])
    else:
        answer.framing = "close"
        with contextlib.suppress(_Eof):
            _read_rest(source, answer)


class _Eof(Exception):
    """The regular end of an answer that is delimited by the end of the connection."""


def _read_rest(source: _Source, answer: Answer) -> None:
    while True:
        try:
            answer.pieces.append(source.some(1 << 30))
        except _Ended as end:
            if end.args[0] == "eof":
                raise _Eof from end
            raise


def _read_chunks(source: _Source, answer: Answer) -> None:
    while size := _chunk_size(source.line()):
        parts: list[bytes] = []
        try:
            while size:
                parts.append(source.some(size))
                size -= len(parts[-1])
        finally:
            answer.pieces.append(b"".join(parts))
        if source.line():
            raise ValueError("no line end after a chunk")
    answer.trailers = _read_lines(source)


def _chunk_size(line: bytes) -> int:
    digits = line.split(b";")[0].rstrip(b" \t")
    if not digits or digits.strip(b"0123456789abcdefABCDEF"):
        raise ValueError(line[:40])
    return int(digits, 16)


class RawClient:
    """A connection. `arrivals` are (monotonic ns, bytes) of every receipt; a context manager."""

    def __init__(
        self,
        port: int,
        host: str = "127.0.0.1",
        *,
        limit: float = 20.0,
        tls: ssl.SSLContext | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(limit)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname=host)
        self.arrivals: list[tuple[int, int]] = []
        self._ahead = b""

    def send(self, data: bytes) -> RawClient:
        """Sends all of it."""
        self.sock.sendall(data)
        return self

    def ask(self, method: str, target: str, body: bytes = b"", *lines: str, host: str | None = None) -> Answer:
        """Sends a simple request with these header lines besides Host and Content-Length, and reads its answer."""
        return self.send(request(method, target, body, *lines, host=host or self.authority)).read_answer(method)

    @property
    def authority(self) -> str:
        """Host and port of the peer."""
        host, port = self.sock.getpeername()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def receive(self) -> bytes:
        """The next bytes; empty at the end."""
        try:
            data = self.sock.recv(262_144)
        except TimeoutError:
            raise _Ended("timeout") from None
        except OSError:
            raise _Ended("reset") from None
        self.arrivals.append((time.monotonic_ns(), len(data)))
        return data

    def read_until(self, mark: bytes) -> bytes:
        """What has come up to and including `mark`; stays there for `read_answer`. Raises: ConnectionError."""
        while mark not in self._ahead:
            try:
                data = self.receive()
            except _Ended as end:
                raise ConnectionError(f"{end.args[0]} after {self._ahead!r}") from None
            if not data:
                raise ConnectionError(f"eof after {self._ahead!r}")
            self._ahead += data
        return self._ahead[: self._ahead.index(mark) + len(mark)]

    def read_answer(self, method: str = "GET") -> Answer:
        """Reads one whole answer; the bytes after it stay for the next."""
        answer = read_answer(self.receive, method, self._ahead)
        self._ahead = answer.extra
        return answer

    def half_close(self) -> None:
        """Ends our direction (FIN); answers can still come."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Breaks the connection off with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """Closes."""
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def request(method: str, target: str, body: bytes = b"", *lines: str, host: str = "127.0.0.1") -> bytes:
    """The bytes of a request with a Content-Length where there is a body or POST, PUT or PATCH."""
    head = [f"{method} {target} HTTP/1.1", f"Host: {host}", *lines]
    if body or method in ("POST", "PUT", "PATCH"):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body
