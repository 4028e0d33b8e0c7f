"""Calls that the proxy makes by itself: real sockets, a scripted API, the journal read back."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from moonpalace.core.exchange import OWN_PEER
from moonpalace.journal.reader import JournalReader
from moonpalace.journal.records import Arrived, Chunk, Delivered, Ended, Record, RunStarted, Sent, Told
from moonpalace.journal.writer import Journal
from moonpalace.net import loop
from moonpalace.net.gate import Gate
from moonpalace.net.origin import Origin
from moonpalace.proxy import own
from moonpalace.proxy.own import make_call
from moonpalace.proxy.routes import Route, Routes
from moonpalace.proxy.server import Proxy, Settings
from moonpalace.testing.upstream import Fin, Read, Reset, Send, SendChunked, Signal, Slow, Stall, Step, Upstream
from moonpalace.transforms.base import Call, Reply
from moonpalace.wire.http1 import parse_request_head
from moonpalace.wire.redact import Redactor

CLIENT_KEY, KEY = b"sk-client-0123456789abcdefghijkl", b"sk-configured-0123456789abcdefgh"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CALL = Call(b"POST", b"/v1/caching", b'{"model":"k"}')
Upstreams = Callable[..., Upstream]


def asker(*lines: bytes) -> bytes:
    """The head of the request that a call is made for."""
    lines = lines or (b"authorization: Bearer " + CLIENT_KEY, b"Cookie: a=b", b"X-Other: 1")
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: here\r\n" + b"".join(line + b"\r\n" for line in lines)


@dataclass
class Made:
    """A proxy without a listener. `replies`: what was given back; `records`: the journal, once it is over."""

    home: Path
    routes: Routes
    use_key: bool = True
    head: bytes = field(default_factory=asker)
    replies: list[Reply | None] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    errors: list[object] = field(default_factory=list)
    drain_took: float = 0.0

    def run(self, then: Callable[[Made], Awaitable[None]]) -> Made:
        """Do that, stop, and read the journal."""
        loop.run(self._main(then), loop.loop_factory()[1])
        reader = JournalReader(self.home)
        while frames := reader.read():
            self.records += [record for frame in frames for record in frame.records]
        reader.close()
        assert self.errors == []
        return self

    async def _main(self, then: Callable[[Made], Awaitable[None]]) -> int:
        running = asyncio.get_running_loop()
        running.set_exception_handler(lambda _, context: self.errors.append(context))
        journal = Journal(self.home, lambda: RunStarted("run", 1, 2, "1", "", ""), running)
        redactor = Redactor(b"salt", [KEY])
        self.proxy = Proxy(self.routes, Gate(1), redactor, journal, Settings(drain=20.0))
        self.given = asyncio.Event()
        await then(self)
        began = time.monotonic()
        await self.proxy.drain()
        self.drain_took = time.monotonic() - began
        assert not self.proxy.flows
        journal.end()
        await asyncio.to_thread(journal.close)
        return 0

    def call(self, call: Call = CALL, seconds: float = 9.0, route: Route | None = None) -> None:
        """Begin a call."""
        count = len(self.replies)
        head = parse_request_head(self.head)
        route = route or self.routes.pick(call.path)
        make_call(self.proxy, route, head, self.use_key, call, seconds, self._take)
        assert len(self.replies) == count  # never from within

    def _take(self, reply: Reply | None) -> None:
        self.replies.append(reply)
        self.given.set()

    def of(self, *kinds: type[Record]) -> list[Record]:
        """The records of these kinds."""
        return [record for record in self.records if isinstance(record, kinds)]

    @property
    def ended(self) -> Ended:
        """How the one call ended."""
        (found,) = [record for record in self.records if isinstance(record, Ended)]
        return found


async def one(made: Made) -> None:
    """A call, and what came of it."""
    made.call()
    await asyncio.wait_for(made.given.wait(), 15)


def origin(upstream: Upstream, prefix: bytes = b"") -> Origin:
    return Origin("http", upstream.host, upstream.port, prefix, upstream.url)


def made_for(
    home: Path, upstreams: Upstreams, steps: Sequence[Step], key: bytes | None = None, use_key: bool = True
) -> tuple[Made, Upstream]:
    """A proxy for an API with that script."""
    upstream = upstreams([Read(), *steps])
    return Made(home, Routes(Route(b"", origin(upstream), key)), use_key), upstream


# --- replies

REPLIES: dict[str, tuple[list[Step], Reply]] = {
    "at once": ([Send(OK)], Reply(200, b"ok")),
    "in pieces": ([Send(CHUNKED), SendChunked([b"o", b"k"])], Reply(200, b"ok")),
    "by its end": ([Send(b"HTTP/1.1 200 OK\r\n\r\nok"), Fin()], Reply(200, b"ok")),
    "byte by byte": ([Slow(OK, 1, 0.001)], Reply(200, b"ok")),
    "empty": ([Send(b"HTTP/1.1 204 No Content\r\n\r\n")], Reply(204, b"")),
    "encoded": ([Send(OK.replace(b"OK\r\n", b"OK\r\nContent-Encoding: gzip\r\n"))], Reply(200, b"ok", "gzip")),
    "an error": ([Send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")], Reply(404, b"no")),
    "their fault": ([Send(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")], Reply(500, b"")),
    "after an interim one": ([Send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK)], Reply(200, b"ok")),
}


@pytest.mark.parametrize("name", list(REPLIES))
def test_a_reply_is_given_whole(tmp_path: Path, upstreams: Upstreams, name: str) -> None:
    """Whatever its status says; once."""
    steps, wanted = REPLIES[name]
    made, upstream = made_for(tmp_path, upstreams, steps)
    made.run(one)
    assert made.replies == [wanted]
    (asked,) = upstream.requests
    assert (asked.method, asked.target, asked.body) == ("POST", "/v1/caching", CALL.body)
    assert (made.ended.state, made.ended.flags, made.ended.delivered) == ("complete", ("own_call",) + (
        ("close_delimited",) if name == "by its end" else ()), len(wanted.body))  # fmt: skip


NONE: dict[str, tuple[list[Step], str, str]] = {
    "cut": ([Send(OK[:-1]), Fin()], "truncated", "closed"),
    "reset": ([Reset()], "upstream_error", "reset"),
    "no HTTP": ([Send(b"garbage\r\n\r\n"), Fin()], "upstream_error", "protocol"),
    "closed": ([Fin()], "upstream_error", "closed"),
}


@pytest.mark.parametrize("name", list(NONE))
def test_what_is_no_whole_reply_is_none(tmp_path: Path, upstreams: Upstreams, name: str) -> None:
    """The record says why; nobody is answered."""
    steps, state, kind = NONE[name]
    made, _ = made_for(tmp_path, upstreams, steps)
    made.run(one)
    assert made.replies == [None]
    assert (made.ended.state, made.ended.flags) == (state, ("own_call",))
    assert made.ended.kind == kind


@pytest.mark.parametrize("steps", [[Stall()], [Send(OK[:-1]), Stall()]], ids=["silent", "in the body"])
def test_who_takes_too_long_is_given_up(tmp_path: Path, upstreams: Upstreams, steps: list[Step]) -> None:
    """None, once, and the connection is closed: a late reply is nobody's."""
    made, upstream = made_for(tmp_path, upstreams, steps)

    async def late(made: Made) -> None:
        made.call(seconds=0.3)
        await asyncio.wait_for(made.given.wait(), 10)
        await asyncio.to_thread(upstream.connections[0].done.wait, 5)

    made.run(late)
    assert made.replies == [None] and upstream.connections[0].ended is not None
    assert (made.ended.state, made.ended.kind, made.ended.message) == ("aborted", "timeout", "no reply within 0.3 s")


def test_nobody_listens(tmp_path: Path) -> None:
    """None at once; the record says so."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    made = Made(tmp_path, Routes(Route(b"", Origin("http", "127.0.0.1", port, b"", url)))).run(one)
    assert made.replies == [None]
    assert (made.ended.state, made.ended.stage, made.ended.kind) == ("upstream_error", "connect", "refused")


@pytest.mark.parametrize("size", [1000, 1001])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_reply_has_a_limit(
    tmp_path: Path, upstreams: Upstreams, monkeypatch: pytest.MonkeyPatch, size: int, chunked: bool
) -> None:
    """What is longer is none, for it would be in memory; it goes on record all the same."""
    monkeypatch.setattr(own, "_LARGEST", 1000)
    data = b"x" * size
    steps: list[Step] = [Send(CHUNKED), SendChunked([data[:600], data[600:]])]
    if not chunked:
        steps = [Send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + data)]
    made, _ = made_for(tmp_path, upstreams, steps)
    made.run(one)
    assert made.replies == [Reply(200, data) if size == 1000 else None]
    assert (made.ended.state, made.ended.delivered) == ("complete", size)


def test_one_call_after_the_other_has_the_same_connection(tmp_path: Path, upstreams: Upstreams) -> None:
    """It goes back to the pool."""
    upstream = upstreams(route=lambda asked: [Send(OK)])
    made = Made(tmp_path, Routes(Route(b"", origin(upstream))))

    async def two(made: Made) -> None:
        for call in (Call(b"GET", b"/v1/caching/1"), Call(b"DELETE", b"/v1/caching/1")):
            made.given.clear()
            made.call(call)
            await asyncio.wait_for(made.given.wait(), 10)

    made.run(two)
    assert made.replies == [Reply(200, b"ok")] * 2 and len(upstream.connections) == 1
    assert [(one.method, one.body) for one in upstream.requests] == [("GET", b""), ("DELETE", b"")]


# --- what is sent

BODY_LINES = [b"Content-Type", b"Content-Length"]


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_a_call_says_what_it_is(tmp_path: Path, upstreams: Upstreams, body: bytes) -> None:
    """Of the client's lines it has the key alone."""
    made, upstream = made_for(tmp_path, upstreams, [Send(OK)])

    async def then(made: Made) -> None:
        made.call(Call(b"POST", b"/v1/caching", body))
        await asyncio.wait_for(made.given.wait(), 10)

    made.run(then)
    (asked,) = upstream.requests
    names = [b"Host", b"User-Agent", b"Accept", b"Accept-Encoding", b"authorization", *(BODY_LINES if body else [])]
    assert [name for name, _ in asked.headers] == names
    assert (asked.header("host"), asked.header("user-agent")) == (upstream.url[7:], "MoonPalace")
    assert (asked.body, asked.header("accept-encoding")) == (body, "identity")


KEYS = [
    ("the client's", None, True, b"authorization: Bearer " + CLIENT_KEY, {"authorization": b"Bearer " + CLIENT_KEY}),
    ("Anthropic's line", None, True, b"X-Api-Key: " + CLIENT_KEY, {"x-api-key": CLIENT_KEY}),
    ("Azure's line", None, True, b"api-key: " + CLIENT_KEY, {"api-key": CLIENT_KEY}),
    ("the configured one", KEY, True, b"authorization: Bearer " + CLIENT_KEY, {"authorization": b"Bearer " + KEY}),
    ("the configured one for who has none", KEY, True, b"A: b", {"authorization": b"Bearer " + KEY}),
    ("its use is off", KEY, False, b"Authorization: Bearer " + CLIENT_KEY, {"authorization": b"Bearer " + CLIENT_KEY}),
    ("its use is off, and there is none", KEY, False, b"A: b", {}),
    ("none at all", None, True, b"A: b", {}),
]


@pytest.mark.parametrize(("key", "use_key", "line", "wanted"), [row[1:] for row in KEYS], ids=[row[0] for row in KEYS])
def test_a_call_has_the_key_of_its_request(
    tmp_path: Path, upstreams: Upstreams, key: bytes | None, use_key: bool, line: bytes, wanted: dict[str, bytes]
) -> None:
    """What it pays for is the asker's. Neither key is on record: stand-ins are."""
    made, upstream = made_for(tmp_path, upstreams, [Send(OK)], key, use_key=use_key)
    made.head = asker(line)
    made.run(one)
    (asked,) = upstream.requests
    names = ("authorization", "x-api-key", "api-key")
    found = {name: value.encode() for name in names if (value := asked.header(name)) is not None}
    assert found == wanted and not asked.header("a")
    for secret in (KEY, CLIENT_KEY):
        assert not any(secret in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    (sent,) = made.of(Sent)
    assert isinstance(sent, Sent) and (b"[key:" in sent.headers) is bool(wanted)
    substituted = key is not None and use_key
    assert set(made.ended.flags) == {"own_call", *(("key_substituted",) if substituted else ())}


def test_a_call_goes_the_way_of_its_path(tmp_path: Path, upstreams: Upstreams) -> None:
    """In the client's terms: behind the prefix of a route it is the route's API, and the base URL's path is added.

    The configured key stays with the endpoint (T11).
    """
    first, second = upstreams(route=lambda asked: [Send(OK)]), upstreams(route=lambda asked: [Send(OK)])
    there = Route(b"/there", origin(second, b"/base"))
    made = Made(tmp_path, Routes(Route(b"", origin(first, b"/api"), KEY), [there]))

    async def two(made: Made) -> None:
        for path in (b"/there/v1/caching", b"/v1/caching"):
            made.given.clear()
            made.call(Call(b"GET", path))
            await asyncio.wait_for(made.given.wait(), 10)

    made.run(two)
    assert [asked.target for asked in first.requests] == ["/api/v1/caching"]
    assert [asked.target for asked in second.requests] == ["/base/v1/caching"]
    assert second.requests[0].header("authorization") == f"Bearer {CLIENT_KEY.decode()}"
    assert first.requests[0].header("authorization") == f"Bearer {KEY.decode()}"
    assert [record.route for record in made.records if isinstance(record, Arrived)] == ["/there", ""]


# --- the record, and the end


def test_a_call_is_on_record_like_any_exchange(tmp_path: Path, upstreams: Upstreams) -> None:
    """What was asked, sent, told and delivered; who asked is the proxy itself."""
    made, _ = made_for(tmp_path, upstreams, [Send(OK)])
    made.run(one)
    (arrived,) = [record for record in made.records if isinstance(record, Arrived)]
    assert (arrived.peer, arrived.start) == (OWN_PEER, b"POST /v1/caching HTTP/1.1")
    assert [type(record) for record in made.of(Sent, Told, Delivered)] == [Sent, Told, Delivered]
    assert [record.data for record in made.records if isinstance(record, Chunk)] == [CALL.body, b"ok"]
    assert made.ended.uid == arrived.uid


def test_stopping_does_not_wait_for_a_call(tmp_path: Path, upstreams: Upstreams) -> None:
    """It is given up, with None for whoever waits."""
    begun = threading.Event()
    made, _ = made_for(tmp_path, upstreams, [Signal(begun), Stall()])

    async def stalled(made: Made) -> None:
        made.call(seconds=60)
        assert await asyncio.to_thread(begun.wait, 10)

    made.run(stalled)
    assert made.drain_took < 5 and made.replies == [None]
    assert (made.ended.state, made.ended.kind) == ("aborted", "shutdown")
