"""A request handed on, and the bytes of its answer handed back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from moonpalace.net.relay import Relay, request
from moonpalace.testing.upstream import Fin, Read, Reset, Send, Signal, Stall, Upstream, Wait
from moonpalace.wire import http1

HEAD = (
    b"POST /v1/a?b=%20 HTTP/1.1\r\nHost: 127.0.0.1:9999\r\nAuthorization: Bearer sk-1\r\n"
    b"Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n"
    b"Expect: 100-continue\r\nx-mock-fault: cut\r\nX-Other: a \r\n"
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ASKED = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
LIMIT = 20.0


class Client:
    """Stands where the client's transport stands: keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.has_some = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.written += data
        self.has_some.set()


class Run:
    """One relay and how it ended."""

    def __init__(self) -> None:
        self.client = Client()
        self.how: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.pieces: list[tuple[int, bytes]] = []
        self.relay = Relay(self.client, self.came, self.how.set_result)

    def came(self, at_ns: int, data: bytes) -> None:
        """Looks on: it is first to know."""
        assert self.client.written == b"".join(piece for _, piece in self.pieces)
        self.pieces.append((at_ns, data))

    async def ended(self) -> str:
        """How it ended. Raises: TimeoutError."""
        return await asyncio.wait_for(self.how, LIMIT)


def test_the_request_is_made_anew_for_its_new_connection() -> None:
    """Its own lines stay as they are; what concerned the old connection, and lines meant for us, do not go on."""
    head = http1.parse_request_head(HEAD)
    assert request(head, b"{}", b"127.0.0.1:1", [b"x-mock-"]) == (
        b"POST /v1/a?b=%20 HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAuthorization: Bearer sk-1\r\nX-Other: a \r\n"
        b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"
    )


def test_a_request_without_a_body_gets_no_length() -> None:
    """A GET with a Content-Length is nothing that clients send."""
    head = http1.parse_request_head(b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert request(head, b"", b"h") == ASKED


def test_the_bytes_come_as_they_are_and_their_times_are_told(upstreams: Callable[..., Upstream]) -> None:
    """Chunked or not, right or wrong: the relay reads none of it."""
    upstream = upstreams([Read(), Send(ANSWER), Fin()])

    async def main() -> None:
        run = Run()
        run.relay.start(upstream.host, upstream.port, ASKED)
        assert await run.ended() == "closed"
        assert run.client.written == b"".join(data for _, data in run.pieces) == ANSWER
        times = [at for at, _ in run.pieces]
        assert times == sorted(times) and times[0] >= 0

    asyncio.run(main())
    assert upstream.requests[0].raw_head == ASKED


def test_a_reset_is_told_apart_from_an_end(upstreams: Callable[..., Upstream]) -> None:
    """The client's connection must be broken off then, too."""
    go_on = threading.Event()
    upstream = upstreams([Read(), Send(ANSWER[:-1]), Wait(go_on), Reset()])

    async def main() -> None:
        run = Run()
        run.relay.start(upstream.host, upstream.port, ASKED)
        await run.client.has_some.wait()
        go_on.set()
        assert await run.ended() == "reset"

    asyncio.run(asyncio.wait_for(main(), LIMIT))


def test_nobody_there_is_told_once(upstreams: Callable[..., Upstream]) -> None:
    """As `refused`."""
    upstream = upstreams([])
    upstream.close()

    async def main() -> None:
        run = Run()
        run.relay.start(upstream.host, upstream.port, ASKED)
        assert await run.ended() == "refused"

    asyncio.run(main())


@pytest.mark.parametrize("early", [True, False], ids=["connecting", "connected"])
def test_after_an_abort_the_server_is_left_and_nothing_is_told(upstreams: Callable[..., Upstream], early: bool) -> None:
    """The client has gone: the real API must not go on writing, and counting, an answer that nobody reads."""
    upstream = upstreams([Read(), Send(ANSWER), Stall()])

    async def main() -> None:
        run = Run()
        run.relay.start(upstream.host, upstream.port, ASKED)
        if not early:
            await run.client.has_some.wait()
        run.relay.abort()
        if not early:
            assert await asyncio.to_thread(upstream.connections[0].done.wait, LIMIT)
        assert not run.how.done()

    asyncio.run(asyncio.wait_for(main(), LIMIT))
    if not early:
        assert upstream.connections[0].ended in ("eof", "reset")


def test_a_client_that_does_not_read_stops_the_server(upstreams: Callable[..., Upstream]) -> None:
    """Nothing piles up here."""
    sending = threading.Event()
    upstream = upstreams([Read(), Signal(sending), Send(ANSWER * 1000), Fin()])

    async def main() -> None:
        run = Run()
        run.relay.pause()
        run.relay.start(upstream.host, upstream.port, ASKED)
        assert await asyncio.to_thread(sending.wait, LIMIT)
        assert run.pieces == []
        run.relay.resume()
        assert await run.ended() == "closed"
        assert run.client.written == ANSWER * 1000

    asyncio.run(asyncio.wait_for(main(), LIMIT))
