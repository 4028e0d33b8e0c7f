"""Size: large bodies, bombs and crowds of connections cost neither memory nor anybody else's time.

Memory is the traffic process's own; the usual run takes smaller bodies than the soak.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import brotli
import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.testing import processes
from moonpalace.testing.numbered import Follower, NumberedUpstream, content
from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import RawClient, request
from moonpalace.testing.upstream import Connection, Request, Send, Step, Upstream

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from backports import zstd

pytestmark = pytest.mark.skipif(not processes.available, reason="needs /proc to measure")

SOAK = bool(os.environ.get("MOONPALACE_SOAK"))
MIB = 1 << 20
LARGE = 100 * MIB if SOAK else 20 * MIB
GROWTH = 64 * MIB if SOAK else 32 * MIB
BLOCK = bytes(range(256)) * 256  # 64 KiB
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


class Peak:
    """The most memory that a process took, looked at all the time; a context manager."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.before = self.most = processes.memory(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._done.wait(0.005):
            self.most = max(self.most, processes.memory(self._pid))

    @property
    def growth(self) -> int:
        """Bytes."""
        return self.most - self.before

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


@dataclass(frozen=True)
class Swallow(Step):
    """Reads the body of the request slowly at first, and answers with its length and digest."""

    start: threading.Event

    def run(self, connection: Connection) -> None:
        asked = connection.requests[-1]
        self.start.wait(10)
        digest, left = hashlib.sha256(), int(asked.header("content-length") or 0)
        while left:
            piece = connection.exactly(min(left, 65_536))
            connection.received.clear()
            digest.update(piece)
            left -= len(piece)
        body = digest.hexdigest().encode()
        connection.send(HEAD % len(body) + body)


@dataclass(frozen=True)
class Pour(Step):
    """Sends that many bytes without keeping them."""

    size: int

    def run(self, connection: Connection) -> None:
        connection.send(HEAD % self.size)
        for _ in range(self.size // len(BLOCK)):
            connection.sock.sendall(BLOCK)


def digest_of(size: int) -> str:
    """SHA-256 of that many bytes of blocks."""
    digest = hashlib.sha256()
    for _ in range(size // len(BLOCK)):
        digest.update(BLOCK)
    return digest.hexdigest()


def settle(program: Program) -> None:
    """One small exchange, so that what is made at the first use is made."""
    with RawClient(program.port) as client:
        client.ask("GET", "/warm")


@pytest.mark.soak
def test_a_large_upload_to_a_slow_upstream_does_not_sit_in_memory(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program]
) -> None:
    """Back-pressure: while the upstream does not read, the client cannot write."""
    start = threading.Event()
    upstream = upstreams(route=lambda asked: [Swallow(start)], heads_only=True)
    program = programs(upstream)
    start.set()
    settle(program)
    start.clear()
    sent = [0]

    def send(client: RawClient) -> None:
        for _ in range(LARGE // len(BLOCK)):
            client.send(BLOCK)
            sent[0] += len(BLOCK)

    with RawClient(program.port) as client, Peak(program.process.pid) as peak:
        head = request("POST", "/v1/files", b"", host=client.authority)
        client.send(head.replace(b"Content-Length: 0", b"Content-Length: %d" % LARGE))
        thread = threading.Thread(target=send, args=[client], daemon=True)
        thread.start()
        stalled = wait_until_still(lambda: sent[0])
        assert stalled < min(LARGE, 16 * MIB), f"{stalled} bytes went into a proxy whose upstream reads nothing"
        start.set()
        answer = client.read_answer("POST")
        thread.join(20)
    assert answer.body.decode() == digest_of(LARGE)
    assert peak.growth < GROWTH, peak.growth / MIB
    record = program.wait_for(str(answer.header("x-moonpalace-id")))
    assert (record.state, check_kept(record, "asked", LARGE)) == ("complete", None)


@pytest.mark.soak
def test_a_large_download_to_a_slow_reader_does_not_sit_in_memory(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program]
) -> None:
    """The other direction: while the client does not read, the upstream cannot write."""
    upstream = upstreams(route=lambda asked: [Pour(LARGE if asked.target == "/large" else 0)])
    program = programs(upstream)
    settle(program)
    with RawClient(program.port, receive_buffer=65_536) as client, Peak(program.process.pid) as peak:
        client.send(request("GET", "/large", host=client.authority))
        upstream.wait_for(requests=2)
        uid_line = client.read_until(b"\r\n\r\n")
        time.sleep(0.3)  # the slow reader reads nothing for a while; the proxy could fill its memory now
        digest, left = hashlib.sha256(), LARGE
        ahead = client._ahead[len(uid_line) :]
        digest.update(ahead)
        left -= len(ahead)
        while left and (data := client.sock.recv(65_536)):
            digest.update(data)
            left -= len(data)
    assert (left, digest.hexdigest()) == (0, digest_of(LARGE))
    assert peak.growth < GROWTH, peak.growth / MIB
    record = program.wait_for_path("/large")
    assert (record.state, check_kept(record, "told", LARGE)) == ("complete", None)


def wait_until_still(value: Callable[[], int], limit: float = 15.0) -> int:
    """The value once it has not moved for a third of a second."""
    until = time.monotonic() + limit
    last, since = value(), time.monotonic()
    while time.monotonic() < until:
        time.sleep(0.02)
        if value() != last:
            last, since = value(), time.monotonic()
        elif time.monotonic() - since > 0.33:
            return last
    raise TimeoutError("it never stood still")


def check_kept(record: Exchange, side: str, size: int, limit: int = 64 * MIB) -> None:
    """What is kept of a body made of blocks: whole within the limit, else head, tail, length and digest."""
    message = getattr(record, side)
    assert message is not None and message.body is not None
    body = message.body
    assert body.length == size
    whole = BLOCK * (size // len(BLOCK))
    if size <= limit:
        assert body.data == whole
        return
    assert body.data == whole[:limit]
    assert body.tail and whole.endswith(body.tail)
    assert body.sha256 == digest_of(size)


@pytest.mark.parametrize("over", [-1, 0, 1], ids=["just below", "just at", "over"])
def test_a_body_over_the_limit_keeps_head_tail_length_and_digest(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program], over: int
) -> None:
    """Both directions, both framings; what went over the wire is whole all the same."""
    size = MIB + over * len(BLOCK)
    data = BLOCK * (size // len(BLOCK))

    def route(asked: Request) -> list[Step]:
        return [Send(HEAD % len(data) + data)]

    upstream = upstreams(route=route)
    program = programs(upstream, "--body-limit", "1MiB")
    with RawClient(program.port) as client:
        answer = client.ask("POST", "/v1/files", data)
    assert (answer.body, upstream.requests[0].body) == (data, data)
    record = program.wait_for(str(answer.header("x-moonpalace-id")))
    assert record.state == "complete"
    check_kept(record, "asked", size, MIB)
    check_kept(record, "told", size, MIB)


def test_a_body_far_over_the_limit(upstreams: Callable[..., Upstream], programs: Callable[..., Program]) -> None:
    """In many pieces; `inspect` says what is missing instead of showing a part as the whole."""
    size = 5 * MIB
    program = programs(upstreams(route=lambda asked: [Pour(size)]), "--body-limit", "1MiB")
    with RawClient(program.port) as client:
        answer = client.ask("GET", "/v1/files/x/content")
    assert len(answer.body) == size
    uid = str(answer.header("x-moonpalace-id"))
    check_kept(program.wait_for(uid), "told", size, MIB)
    shown = program.inspect(uid)["told"]
    assert (shown["length"], shown["sha256"]) == (size, digest_of(size))
    assert len(base64.b64decode(shown["body"]["base64"])) == MIB


def pump(compressor: object, finish: str, size: int) -> bytes:
    """`size` zero bytes, compressed in pieces."""
    block = bytes(4 * MIB)
    compress = getattr(compressor, "compress", None) or compressor.process  # type: ignore[attr-defined]
    parts = [compress(block) for _ in range(size // len(block))]
    return b"".join([*parts, getattr(compressor, finish)()])


def raw_deflate(size: int) -> bytes:
    return pump(zlib.compressobj(9, wbits=-15), "flush", size)


def zlib_deflate(size: int) -> bytes:
    return pump(zlib.compressobj(9), "flush", size)


def gzipped(size: int) -> bytes:
    return pump(zlib.compressobj(9, wbits=31), "flush", size)


def brotlied(size: int) -> bytes:
    return pump(brotli.Compressor(quality=1), "finish", size)


def zstandard(size: int) -> bytes:
    return pump(zstd.ZstdCompressor(), "flush", size)


GIB = 1024 * MIB
SIZE = GIB if SOAK else 256 * MIB
BOMBS: list[tuple[str, str, Callable[[], bytes]]] = [
    ("gzip", "gzip", lambda: gzipped(SIZE)),
    ("x-gzip", "x-gzip", lambda: gzipped(SIZE)),
    ("deflate", "deflate", lambda: zlib_deflate(SIZE)),
    ("raw deflate", "deflate", lambda: raw_deflate(SIZE)),
    ("br", "br", lambda: brotlied(SIZE)),
    ("zstd", "zstd", lambda: zstandard(SIZE)),
    ("gzip in gzip", "gzip, gzip", lambda: gzip.compress(gzipped(SIZE))),
    ("gzip five times", "gzip, gzip, gzip, gzip, gzip", lambda: five_times(gzipped(SIZE))),
    ("gzip in br", "gzip, br", lambda: brotli.compress(gzipped(SIZE), quality=1)),
    ("br in gzip", "br, gzip", lambda: gzip.compress(brotlied(SIZE))),
    ("gzip in members", "gzip", lambda: gzipped(64 * MIB) * 16),
    ("zstd in frames", "zstd", lambda: zstandard(64 * MIB) * 16),
]


def five_times(data: bytes) -> bytes:
    """Four more layers."""
    for _ in range(4):
        data = gzip.compress(data)
    return data


@pytest.fixture
def numbered() -> Iterator[NumberedUpstream]:
    """For the stream that goes on beside."""
    made = NumberedUpstream(gap=0.01)
    yield made
    made.close()


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_bombs_are_passed_on_and_not_set_off(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program], numbered: NumberedUpstream
) -> None:
    """A few kilobytes that become a gigabyte: the bytes go through as they are, nothing unpacks them whole (T16)."""
    bombs = {name: (encoding, make()) for name, encoding, make in BOMBS}

    def route(asked: Request) -> list[Step]:
        encoding, data = bombs[asked.header("x-bomb") or ""]
        lines = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {encoding}\r\n"
        return [Send(f"{lines}Content-Length: {len(data)}\r\n\r\n".encode() + data)]

    program = programs(upstreams(route=route), "--route", f"/numbered={numbered.url}")
    librarian = processes.librarian(program.process.pid)
    beside = Follower(program.port, "beside", 100_000, prefix="/numbered")
    with Peak(program.process.pid) as traffic, Peak(librarian) as behind, RawClient(program.port) as client:
        for name, (_, data) in bombs.items():
            answer = client.ask("POST", "/v1/chat/completions", b'{"model":"kimi-k3"}', f"X-Bomb: {name}")
            assert (answer.status, answer.body == data) == (200, True), name
        rows = program.wait_for_count_of(lambda row: row.state == "complete", len(bombs), 120)
    numbered.finish.set()
    assert beside.join() and beside.ended_at
    assert beside.answer.body == content("beside", len(beside.answer.body) // 64)
    assert traffic.growth < 96 * MIB, traffic.growth / MIB
    assert behind.growth < 96 * MIB, behind.growth / MIB
    assert processes.is_running(librarian)
    told = {"decode_bomb", "decode_failed", "not_looked_into"}
    assert [row.flags for row in rows if not told & set(row.flags)] == []


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_of_the_client_is_passed_on_too(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program], encoding: str
) -> None:
    """Requests can be compressed as well."""
    data = gzipped(128 * MIB) if encoding == "gzip" else zstandard(128 * MIB)
    upstream = upstreams(route=lambda asked: [Send(HEAD % 2 + b"ok")])
    program = programs(upstream)
    librarian = processes.librarian(program.process.pid)
    with Peak(program.process.pid) as traffic, Peak(librarian) as behind, RawClient(program.port) as client:
        answer = client.ask("POST", "/v1/chat/completions", data, f"Content-Encoding: {encoding}")
        record = program.wait_for(str(answer.header("x-moonpalace-id")))
    assert (record.state, upstream.requests[0].body == data) == ("complete", True)
    assert traffic.growth < 96 * MIB and behind.growth < 96 * MIB


def test_a_crowd_that_says_nothing_disturbs_nobody(
    numbered: NumberedUpstream, programs: Callable[..., Program]
) -> None:
    """200 idle connections and 100 heads that come a byte at a time: others are answered at once, all are let go."""
    program = programs(numbered.url)
    with RawClient(program.port) as client:
        client.ask("POST", "/v1/stream/first/1")
    before = processes.descriptors(program.process.pid)
    beside = Follower(program.port, "beside", 100_000)
    idle = [socket.create_connection(("127.0.0.1", program.port)) for _ in range(200)]
    slow = [socket.create_connection(("127.0.0.1", program.port)) for _ in range(100)]
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
    took = []
    for number in range(30):
        for sock in slow:
            sock.send(head[number : number + 1])
        began = time.monotonic()
        with RawClient(program.port) as client:
            assert client.ask("POST", f"/v1/stream/s{number}/1").status == 200
        took.append(time.monotonic() - began)
    assert sorted(took)[15] < 0.1
    for sock in [*idle, *slow]:
        sock.close()
    numbered.finish.set()
    assert beside.join() and beside.ended_at
    rows = program.wait_for_count(132)
    states = sorted(row.state for row in rows)
    assert (states.count("complete"), states.count("client_gone"), len(rows)) == (32, 100, 132)
    until = time.monotonic() + 10
    while processes.descriptors(program.process.pid) > before + 3 and time.monotonic() < until:
        time.sleep(0.02)
    assert processes.descriptors(program.process.pid) <= before + 3


def test_many_connections_at_once_are_all_served(numbered: NumberedUpstream, programs: Callable[..., Program]) -> None:
    """F57: a burst of connects fits into the backlog; each has its row."""
    program = programs(numbered.url)
    socks = [socket.create_connection(("127.0.0.1", program.port), 20) for _ in range(300)]
    for number, sock in enumerate(socks):
        sock.sendall(request("POST", f"/v1/stream/b{number}/1", host=f"127.0.0.1:{program.port}"))
    for sock in socks:
        data = b""
        while not data.endswith(b"\r\n0\r\n\r\n"):
            piece = sock.recv(65_536)
            assert piece
            data += piece
        sock.close()
    rows = program.wait_for_count(300)
    assert (len(rows), {row.state for row in rows}) == (300, {"complete"})


def test_without_descriptors_it_waits_and_recovers(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program]
) -> None:
    """F47: what runs goes on, what is new waits or fails alone, and afterwards all is as before."""
    resource = pytest.importorskip("resource")
    upstream = upstreams(route=lambda asked: [Send(HEAD % 2 + b"ok")])
    program = programs(upstream)
    pid = program.process.pid
    with RawClient(program.port) as kept:
        assert kept.ask("GET", "/before").status == 200
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (processes.descriptors(pid) + 4, hard))
        crowd = [socket.create_connection(("127.0.0.1", program.port)) for _ in range(40)]
        for number in range(20):
            assert kept.ask("GET", f"/meanwhile/{number}").status == 200
        for sock in crowd:
            sock.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    until = time.monotonic() + 10
    while True:
        try:
            with RawClient(program.port, limit=1) as client:
                if client.ask("GET", "/after").status == 200:
                    break
        except OSError:
            pass
        assert time.monotonic() < until, program.stderr[-2000:]
    rows = {row.path: row.state for row in program.wait_for_count(22)}
    assert rows["/after"] == "complete"
    assert {rows[f"/meanwhile/{number}"] for number in range(20)} == {"complete"}
