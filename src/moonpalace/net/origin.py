"""Where requests go: an upstream's scheme, host and port, its way there, and its idle connections.

1. An origin is fixed at start; nothing in a request can move it (T11).
2. A pooled connection is checked before it is used again: one that has something to read, or is closed, is dropped.
"""

from __future__ import annotations

import ssl
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .upstream import UpstreamConnection

IDLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ProxyServer:
    """An HTTP proxy on the way. `authorization` is the value of a `Proxy-Authorization` line, if it wants one."""

    scheme: str
    host: str
    port: int
    authorization: bytes | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """How it is named in the record and the log: no credentials."""
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(slots=True, eq=False)
class Origin:
    """One upstream. `prefix` is the path of its base URL, put before every target."""

    scheme: str
    host: str
    port: int
    prefix: bytes
    base_url: str
    proxy: ProxyServer | None = None
    tls: ssl.SSLContext | None = None
    proxy_tls: ssl.SSLContext | None = None
    idle: deque[UpstreamConnection] = field(default_factory=deque)

    @property
    def host_line(self) -> bytes:
        """The value of the `Host` line."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        default = {"http": 80, "https": 443}[self.scheme]
        return (name if self.port == default else f"{name}:{self.port}").encode(
            "idna" if not name.isascii() else "ascii"
        )

    @property
    def is_absolute(self) -> bool:
        """Whether requests name the whole URL: plain HTTP through a proxy."""
        return self.proxy is not None and self.scheme == "http"

    def take(self, now: float) -> UpstreamConnection | None:
        """An idle connection that is fit for use."""
        while self.idle:
            connection = self.idle.pop()
            if now - connection.idle_since < IDLE_SECONDS and connection.is_fit():
                return connection
            connection.abort()
        return None

    def drop_old(self, now: float) -> None:
        """Close what was idle for too long."""
        while self.idle and now - self.idle[0].idle_since >= IDLE_SECONDS:
            self.idle.popleft().abort()

    def close(self) -> None:
        """Close all idle connections."""
        while self.idle:
            self.idle.pop().abort()


def parse_base_url(url: str) -> tuple[str, str, int, bytes]:
    """(scheme, host, port, path prefix) of a base URL that `config` has accepted."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/").encode()
