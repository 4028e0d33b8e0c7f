"""Making one connection to an upstream: resolve, race the addresses, through a proxy if need be, TLS.

1. Every address tried is reported, with its time and its error.
2. What fails is a `ConnectFailure` value-carrier: stage, kind, text. Its limit is one for all stages together.
3. Addresses are raced as happy eyeballs do, on any event loop.

Source: RFC 8305; RFC 9110 section 9.3.6 (CONNECT).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from typing import Any

import aiohappyeyeballs

from ..core.exchange import Stage
from ..wire import http1
from .failures import describe
from .origin import Origin
from .upstream import UpstreamConnection

HAPPY_DELAY = 0.25


class ConnectFailure(Exception):
    """No connection: the stage that failed, the kind and the text."""

    def __init__(self, stage: Stage, kind: str, message: str) -> None:
        super().__init__(message)
        self.stage = stage
        self.kind = kind


class _WatchedLoop:
    """The running loop, with each connect noted."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tries: list[tuple[str, int, int, str]]) -> None:
        self._loop = loop
        self._tries = tries

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        begun = time.monotonic_ns()
        name = f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
        error = "given up"
        try:
            await self._loop.sock_connect(sock, address)
            error = ""
        except OSError as problem:
            error = describe(problem)[0]
            raise
        finally:
            self._tries.append((name, begun, time.monotonic_ns() - begun, error))


async def connect(
    origin: Origin, limit: float | None, tries: list[tuple[str, int, int, str]]
) -> tuple[UpstreamConnection, dict[str, Any]]:
    """A fresh connection and what is known of it (`tls` version and cipher). `limit` in seconds.

    Raises: ConnectFailure.
    """
    stage = [Stage.RESOLVE]
    try:
        async with asyncio.timeout(limit):
            return await _connect(origin, tries, stage)
    except TimeoutError as error:
        if error.errno:
            raise ConnectFailure(stage[0], "timeout", _where(origin, stage[0], "timed out")) from None
        raise ConnectFailure(
            stage[0], "timeout", _where(origin, stage[0], f"took longer than {limit:g} s (--connect-timeout)")
        ) from None
    except OSError as error:
        kind, text = describe(error)
        if stage[0] is Stage.CONNECT and tries and kind == "error":
            kind = tries[-1][3] or kind  # happy eyeballs folds several errors into one without a number
        raise ConnectFailure(stage[0], kind, _where(origin, stage[0], text)) from None
    except (ssl.CertificateError, UnicodeError, ValueError) as error:
        raise ConnectFailure(stage[0], "error", _where(origin, stage[0], str(error)[:200])) from None


def _where(origin: Origin, stage: Stage, text: str) -> str:
    target = f"{origin.host}:{origin.port}"
    via = f" through the proxy {origin.proxy.name}" if origin.proxy else ""
    return (
        f"{ {Stage.RESOLVE: 'resolving', Stage.CONNECT: 'connecting to'}.get(stage, 'TLS with') } {target}{via}: {text}"
    )


async def _connect(
    origin: Origin, tries: list[tuple[str, int, int, str]], stage: list[Stage]
) -> tuple[UpstreamConnection, dict[str, Any]]:
    loop = asyncio.get_running_loop()
    host, port = (origin.proxy.host, origin.proxy.port) if origin.proxy else (origin.host, origin.port)
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    stage[0] = Stage.CONNECT
    watched: Any = _WatchedLoop(loop, tries)
    sock = await aiohappyeyeballs.start_connection(
        [(f, t, p, c, a) for f, t, p, c, a in found], happy_eyeballs_delay=HAPPY_DELAY, interleave=1, loop=watched
    )
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return await _dress(loop, origin, sock, stage)
    except BaseException:
        sock.close()
        raise


async def _dress(
    loop: asyncio.AbstractEventLoop, origin: Origin, sock: socket.socket, stage: list[Stage]
) -> tuple[UpstreamConnection, dict[str, Any]]:
    """Proxy and TLS on top of a connected socket."""
    about: dict[str, Any] = {}
    if origin.proxy is None or origin.is_absolute:
        if origin.proxy and origin.proxy.scheme == "https":
            stage[0] = Stage.TLS
            return await _protocol(loop, origin, sock, origin.proxy_tls, origin.proxy.host, about)
        if origin.tls:
            stage[0] = Stage.TLS
        return await _protocol(loop, origin, sock, origin.tls, origin.host, about)
    secure = origin.proxy.scheme == "https"
    if secure:
        stage[0] = Stage.TLS
    tunnel = _Tunnel(origin)
    await loop.create_connection(
        lambda: tunnel,
        sock=sock,
        ssl=origin.proxy_tls if secure else None,
        server_hostname=origin.proxy.host if secure else None,
    )
    stage[0] = Stage.CONNECT
    await tunnel.opened
    stage[0] = Stage.TLS
    connection = UpstreamConnection(origin, None)
    transport = await loop.start_tls(tunnel.transport, connection, origin.tls, server_hostname=origin.host)  # type: ignore[arg-type]
    if transport is None:
        raise ConnectionResetError("the proxy closed the tunnel")
    if connection.transport is None:
        connection.connection_made(transport)
    _note_tls(transport, about)
    return connection, about


async def _protocol(
    loop: asyncio.AbstractEventLoop,
    origin: Origin,
    sock: socket.socket,
    context: ssl.SSLContext | None,
    name: str,
    about: dict[str, Any],
) -> tuple[UpstreamConnection, dict[str, Any]]:
    transport, connection = await loop.create_connection(
        lambda: UpstreamConnection(origin, sock), sock=sock, ssl=context, server_hostname=name if context else None
    )
    if context:
        _note_tls(transport, about)
    return connection, about


def _note_tls(transport: asyncio.BaseTransport, about: dict[str, Any]) -> None:
    tls = transport.get_extra_info("ssl_object")
    if tls is not None:
        about["tls"] = f"{tls.version()} {(tls.cipher() or ('?',))[0]}"


class _Tunnel(asyncio.Protocol):
    """Asks a proxy for a tunnel and waits for its yes."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self.transport: asyncio.Transport = None  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        assert self._origin.proxy is not None
        host = f"[{self._origin.host}]" if ":" in self._origin.host else self._origin.host
        target = f"{host}:{self._origin.port}".encode()
        lines = [http1.raw_line(b"Host", target)]
        if self._origin.proxy.authorization:
            lines.append(http1.raw_line(b"Proxy-Authorization", self._origin.proxy.authorization))
        self.transport.write(http1.head_bytes(b"CONNECT %b HTTP/1.1" % target, b"\r\n".join(lines)))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > http1.REQUEST_HEAD_LIMIT:
                self._fail("the proxy's answer to CONNECT is too long")
            return
        try:
            status = http1.parse_response_head(self._buffer[: end + 2], to_head=True).status
        except http1.Malformed:
            self._fail("the proxy's answer to CONNECT cannot be parsed")
            return
        if 200 <= status < 300:
            if not self.opened.done():
                self.transport.pause_reading()
                self.opened.set_result(None)
        else:
            self._fail(f"the proxy answered CONNECT with status {status}")

    def _fail(self, text: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(OSError(text))
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionResetError("the proxy closed the connection"))
