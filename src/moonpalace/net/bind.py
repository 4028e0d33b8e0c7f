"""Sockets to listen on: one port on both loopbacks, or on one host.

1. The port is bound before anything is said about it. A taken port names who holds it.
2. 127.0.0.1 comes with [::1] wherever IPv6 exists, on the same port: `localhost` may mean either, and nobody else shall
   answer there (T09).
"""

from __future__ import annotations

import errno
import os
import socket

from ..core.errors import PortTakenError, UsageError
from .peer import listener_of

_TRIES = 20


def bind(host: str, port: int) -> list[socket.socket]:
    """Bound, not yet listening sockets; port 0 picks one. Raises: PortTakenError, UsageError."""
    if host not in ("127.0.0.1", "localhost"):
        return [_bind_one(host, port)]
    for attempt in range(_TRIES):
        first = _bind_one("127.0.0.1", port)
        chosen = first.getsockname()[1]
        try:
            second = _bind_ipv6(chosen)
        except PortTakenError:
            first.close()
            if port or attempt == _TRIES - 1:
                raise
            continue
        return [first] if second is None else [first, second]
    raise AssertionError("unreachable")


def _bind_ipv6(port: int) -> socket.socket | None:
    try:
        return _bind_one("::1", port)
    except UsageError:
        return None  # no IPv6 here


def _bind_one(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, proto)
    except (OSError, ValueError, OverflowError) as error:  # a name that is none may end in any of them
        why = getattr(error, "strerror", None) or "it is no host name"
        raise UsageError(f"cannot listen on {host} ({why}): name an address of this machine with --host") from None
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind(address)
        # Listening at once: two sockets may be bound to one port, only one may listen.
        sock.listen(4096)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise _bind_error(host, port, error) from None
    return sock


def _bind_error(host: str, port: int, error: OSError) -> PortTakenError | UsageError:
    if error.errno in (errno.EADDRINUSE, 10048):
        holder = listener_of(port)
        return PortTakenError(
            f"port {port} on {host} is taken by {holder or 'another program'}: stop it, or choose another with --port"
        )
    if error.errno in (errno.EACCES, 10013):
        return PortTakenError(f"port {port} may not be used by this user: choose one above 1023 with --port")
    return UsageError(f"cannot listen on {host} ({error.strerror}): name an address of this machine with --host")
