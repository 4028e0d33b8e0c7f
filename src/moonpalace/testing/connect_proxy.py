"""A small HTTP proxy of plain sockets: leads any name to one loopback port, by CONNECT or by absolute targets.

1. No name is resolved: whatever the client asks for, the bytes go to `to_port`.
2. Every head it got is kept in `heads`.

Source: RFC 9110 section 9.3.6 (CONNECT), RFC 9112 section 3.2.2 (absolute-form).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from types import TracebackType
from typing import Self


class ConnectProxy:
    """Listens from construction on. `answer`: what CONNECT gets instead of a tunnel. `tls`: speaks TLS itself."""

    def __init__(self, to_port: int, *, answer: bytes | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._to_port = to_port
        self._answer = answer
        self._tls = tls
        self.heads: list[bytes] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """What belongs into HTTPS_PROXY."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stops listening and ends every tunnel."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

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
            threading.Thread(target=self._serve, args=[sock], daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(sock.close)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                stack.callback(sock.close)
            head = b""
            while b"\r\n\r\n" not in head:
                data = sock.recv(65_536)
                if not data:
                    return
                head += data
            self.heads.append(head)
            tunnel = head.startswith(b"CONNECT ")
            if tunnel and self._answer is not None:
                sock.sendall(self._answer)
                return
            behind = stack.enter_context(socket.create_connection(("127.0.0.1", self._to_port)))
            self._sockets += [sock, behind]
            if tunnel:
                sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                behind.sendall(head)
            back = threading.Thread(target=_pump, args=[behind, sock], daemon=True)
            back.start()
            _pump(sock, behind)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
