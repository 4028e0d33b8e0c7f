"""The sockets that are listened on, and whether connections are taken in from them just now.

1. While it is shut, connections are made by the kernel and wait in its queue, unseen; nothing is refused and nothing
   spins. What listens is a copy of the descriptor, so that shutting it leaves the socket as it is.
2. Where a copy cannot be taken in again (Windows), it is never shut.

Why: without a free descriptor, uvloop resets every connection that comes, and asyncio tries again each second.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable

BACKLOG = 4096  # connections that may wait
AT_ONCE = 16  # how many of them asyncio takes in before it looks at anything else
SETTLED = 0.1  # seconds in which what asyncio has taken in becomes a connection


class Door:
    """Bound sockets, and what is made of each connection."""

    def __init__(self, sockets: Iterable[socket.socket], make: Callable[[], asyncio.Protocol]) -> None:
        self._sockets = list(sockets)
        self._make = make
        self._servers: list[asyncio.Server] = []
        self._leaving: list[asyncio.Server] = []
        self._opening: asyncio.Task[None] | None = None
        self._closed = False
        self.is_shut = False

    async def open(self) -> None:
        """Take connections in. Raises: OSError when there is not even a descriptor to listen with."""
        loop = asyncio.get_running_loop()
        for sock in self._sockets:
            listening = sock.dup() if os.name == "posix" else sock
            self._servers.append(await loop.create_server(self._make, sock=listening, backlog=AT_ONCE))
            sock.listen(BACKLOG)

    def shut(self) -> bool:
        """Let new connections wait; whether anything changed by that."""
        if self.is_shut or self._opening is not None or os.name != "posix":
            return False
        self.is_shut = True
        loop = asyncio.get_running_loop()
        if isinstance(loop, asyncio.SelectorEventLoop):
            # A connection on its way through asyncio is lost if its server is closed meanwhile.
            for server in self._servers:
                for sock in server.sockets:
                    loop.remove_reader(sock.fileno())
            self._leaving, self._servers = self._servers, []
            loop.call_later(SETTLED, self._end, self._leaving)
        else:
            self._end_servers()
        return True

    def reopen(self) -> None:
        """Take in what waits."""
        if self.is_shut and not self._closed:
            self.is_shut = False
            self._opening = asyncio.get_running_loop().create_task(self._reopen())

    async def _reopen(self) -> None:
        try:
            await self.open()
        except OSError:  # the next look at the room tries again
            self._end_servers()
            self.is_shut = True
        finally:
            self._opening = None
            if self._closed:
                self._end_servers()

    def close(self) -> None:
        """Refuse new connections from here on."""
        self._closed = True
        self._end(self._leaving)
        self._end_servers()
        for sock in self._sockets:
            sock.close()

    def _end_servers(self) -> None:
        servers, self._servers = self._servers, []
        self._end(servers)

    @staticmethod
    def _end(servers: list[asyncio.Server]) -> None:
        for server in servers:
            server.close()
