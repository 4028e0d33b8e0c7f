"""Streams of numbered chunks: what was sent can be told from its name, and when it arrived is on record.

1. `/v1/stream/<name>/<count>` answers with `count` chunks, `gap` seconds apart; `finish` ends all of them in order.
2. Every chunk can be made again from the stream's name and its number, so a kept part can be compared with it.
3. A `Follower` reads one answer on its own thread and notes when which byte came.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from .rawclient import Answer, parse_answer, request
from .upstream import Connection, Over, Request, Step, Upstream

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZE = 64


def chunk(name: str, number: int) -> bytes:
    """The chunk of that number, an event of 64 bytes."""
    return f"data: {name} {number:06d} ".encode().ljust(SIZE - 2, b".") + b"\n\n"


def content(name: str, count: int) -> bytes:
    """The first `count` chunks."""
    return b"".join(chunk(name, number) for number in range(count))


@dataclass(frozen=True)
class Ticks(Step):
    """Sends the chunks of a stream until there are `count`, or `finish` is set; then the end."""

    name: str
    count: int
    gap: float
    finish: threading.Event

    def run(self, connection: Connection) -> None:
        connection.send(HEAD)
        for number in range(self.count):
            if number and self.finish.wait(self.gap):
                break
            if connection.upstream.closing.is_set():
                raise Over
            connection.send(b"%x\r\n%b\r\n" % (SIZE, chunk(self.name, number)))
        connection.send(b"0\r\n\r\n")


class NumberedUpstream:
    """The server. `seen_at`: when the request for a target was read, monotonic ns."""

    def __init__(self, gap: float = 0.005) -> None:
        self.gap = gap
        self.finish = threading.Event()
        self.seen_at: dict[str, int] = {}
        self.server = Upstream(route=self._steps)
        self.url = self.server.url

    def _steps(self, asked: Request) -> list[Step]:
        self.seen_at[asked.target] = time.monotonic_ns()
        *_, name, count = asked.path.split("/")
        return [Ticks(name, int(count), self.gap, self.finish)]

    def close(self) -> None:
        """Ends it."""
        self.finish.set()
        self.server.close()


class Follower:
    """One request and its answer, read on a thread of its own. `raw` and `arrivals` (ns, length so far) grow."""

    def __init__(self, port: int, name: str, count: int, prefix: str = "/v1") -> None:
        self.name, self.count = name, count
        self.target = f"{prefix}/stream/{name}/{count}"
        self.raw = bytearray()
        self.arrivals: list[tuple[int, int]] = []
        self.ended_at: int | None = None  # only of an answer that ended as it should
        self._port = port
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 20) as sock:
            body = b'{"model":"kimi-k3","stream":true}'
            sock.sendall(request("POST", self.target, body, host=f"127.0.0.1:{self._port}"))
            while data := sock.recv(65_536):
                now = time.monotonic_ns()
                self.raw += data
                self.arrivals.append((now, len(self.raw)))
                if self.raw.endswith(b"\r\n0\r\n\r\n"):
                    self.ended_at = now
                    return

    def join(self, limit: float = 20.0) -> bool:
        """Whether it is over within the limit."""
        self._thread.join(limit)
        return not self._thread.is_alive()

    @property
    def answer(self) -> Answer:
        """What came, all of it."""
        return parse_answer(bytes(self.raw), "POST")

    def body_until(self, at_ns: int) -> bytes:
        """The body's bytes that had come by that time."""
        length = max((length for when, length in self.arrivals if when <= at_ns), default=0)
        return parse_answer(bytes(self.raw[:length]), "POST").body if length else b""


class Load:
    """Keeps `width` requests going on a port, one after another on each thread: long streams and short answers.

    `quiet`: long streams only, so that nothing begins or ends beside them.
    """

    def __init__(self, port: int, name: str, width: int, longest: int = 100_000, *, quiet: bool = False) -> None:
        self.followers: list[Follower] = []
        self._port, self._name, self._longest, self._quiet = port, name, longest, quiet
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[n], daemon=True) for n in range(width)]
        for thread in self._threads:
            thread.start()

    def _counts(self, worker: int) -> Iterator[int]:
        if not self._quiet:
            yield 3 + worker
        while True:
            yield self._longest if worker % 2 or self._quiet else 1 + worker * 3

    def _run(self, worker: int) -> None:
        for number, count in enumerate(self._counts(worker)):
            if self._stopping.is_set():
                return
            follower = Follower(self._port, f"{self._name}-{worker}-{number}", count)
            self.followers.append(follower)
            follower.join()
            if follower.ended_at is None:
                return

    def stop(self) -> None:
        """No more requests; returns when the running ones are over."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(20)
