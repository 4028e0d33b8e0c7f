"""The fault matrix, the part about time, size and the client's side: F09, F10, F20, F21, F27, F35, F48 to F51."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.fault import check_own_answer
from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import RawClient, request
from moonpalace.testing.upstream import (
    Close,
    Connection,
    Fin,
    Read,
    ReadBody,
    ReadSome,
    Request,
    Send,
    SendChunked,
    Signal,
    Stall,
    Step,
    Upstream,
    Wait,
)

SOAK = os.environ.get("MOONPALACE_SOAK") == "1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
TARGET = "/v1/chat/completions"
Programs = Callable[..., Program]
Upstreams = Callable[..., Upstream]


def final(program: Program, uid: str | None) -> Exchange:
    """The record of that id once it is final."""
    assert uid is not None
    return program.wait_for(uid)


# Time limits


@pytest.mark.parametrize(
    ("script", "stage", "raw"),
    [
        pytest.param([Read(), Stall()], "wait_headers", None, id="F09-nothing"),
        pytest.param([Read(), Send(b"HTTP/1.1 200 OK\r\nX-"), Stall()], "read_headers", b"X-", id="F10-partial-head"),
        pytest.param(
            [Read(), Send(b"HTTP/1.1 103 Early Hints\r\n\r\n"), Stall()], "wait_headers", None, id="F30-interim-only"
        ),
    ],
)
def test_head_timeout(
    programs: Programs, upstreams: Upstreams, script: list[Step], stage: str, raw: bytes | None
) -> None:
    """With a limit set, waiting for the answer's head ends with 504."""
    program = programs(upstreams(script), "--head-timeout", "500ms")
    with RawClient(program.port) as client:
        answer = client.ask("POST", TARGET, b"{}")
    assert answer.status == 504
    record = final(program, answer.header("x-moonpalace-id"))
    assert record.failure is not None
    assert (record.state, record.status) == ("upstream_error", None)
    assert record.failure.kind == "timeout"
    assert record.failure.stage in (stage, "read_headers" if "103" in repr(script) else stage)
    check_own_answer(answer, record.failure.stage)
    assert raw is None or raw in (record.failure.raw or b"")
    assert record.latency_ns is not None and 0.4e9 < record.latency_ns < 5e9


def test_no_limit_once_the_head_is_here(programs: Programs, upstreams: Upstreams) -> None:
    """The head's limit does not cut a slow stream."""
    go = threading.Event()
    script = [Read(), Send(CHUNKED + b"5\r\nfirst\r\n"), Wait(go), Send(b"4\r\nlast\r\n0\r\n\r\n")]
    program = programs(upstreams(script), "--head-timeout", "200ms")
    with RawClient(program.port) as client:
        client.send(request("POST", TARGET, b"{}", host=client.authority)).read_until(b"first")
        assert not go.wait(0.5)  # longer than the limit
        go.set()
        answer = client.read_answer("POST")
    assert (answer.body, answer.ended) == (b"firstlast", "clean")
    assert final(program, answer.header("x-moonpalace-id")).state == "complete"


# One program for what follows: it must bear all of it


class Echo:
    """Answers by path: a script for each test that registers one."""

    def __init__(self) -> None:
        self.scripts: dict[str, list[Step]] = {}
        self.server = Upstream(route=self._steps, heads_only=True)

    def _steps(self, asked: Request) -> list[Step]:
        return self.scripts.get(asked.path, [ReadBody(), Send(OK)])

    def last(self, path: str) -> Connection:
        """The connection that the last request of that path came by."""
        asked = next(r for r in reversed(self.server.requests) if r.path == path)
        return self.server.connections[asked.connection]


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    """The upstream of the module."""
    made = Echo()
    yield made
    made.server.close()


@pytest.fixture(scope="module")
def program(echo: Echo) -> Iterator[Program]:
    """The program of the module."""
    with Program(echo.server.url) as made:
        yield made


# Connections that are used again


def test_f20_bytes_after_the_end_do_not_reach_the_next_request(echo: Echo, program: Program) -> None:
    """A second answer that nobody asked for must not become the answer of somebody else."""
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    echo.scripts["/v1/f20"] = [ReadBody(), Send(OK + forged)]
    with RawClient(program.port) as client:
        first = client.ask("POST", "/v1/f20", b"{}")
        second = client.ask("POST", "/v1/f20-next", b"{}")
    assert (first.body, second.body) == (b"ok", b"ok")
    assert "extra_bytes" in final(program, first.header("x-moonpalace-id")).flags


def test_f21_a_closed_connection_is_not_used_again(programs: Programs, upstreams: Upstreams) -> None:
    """What the upstream closed while it was idle is seen as closed, and a new connection is made."""
    upstream = upstreams([Read(), Send(OK), Fin()])
    program = programs(upstream)
    with RawClient(program.port) as client:
        for number in range(3):
            assert client.ask("POST", TARGET, b"{}").status == 200
            assert upstream.connections[number].done.wait(5)
    assert len(upstream.requests) == 3


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_f21_nothing_is_sent_twice(programs: Programs, upstreams: Upstreams, method: str) -> None:
    """A reused connection that ends after the request was sent: 502, because the API may have acted on it."""
    upstream = upstreams(scripts=[[Read(), Send(OK), Read(), Close()], [Read(), Send(OK), Fin()]])
    program = programs(upstream)
    with RawClient(program.port) as client:
        assert client.ask("POST", "/v1/first", b"{}").status == 200
        answer = client.ask(method, "/v1/second")
    assert answer.status == 502
    record = final(program, answer.header("x-moonpalace-id"))
    assert record.failure is not None
    assert (record.state, record.failure.stage, record.failure.kind) == ("upstream_error", "wait_headers", "closed")
    assert "reused_conn" in record.flags
    assert [asked.path for asked in upstream.requests] == ["/v1/first", "/v1/second"]


# Size


@pytest.mark.parametrize(
    "size",
    [
        65_535,
        65_536,
        65_537,
        1 << 20,
        pytest.param((64 << 20) + 1, marks=[pytest.mark.soak, pytest.mark.skipif(not SOAK, reason="soak only")]),
    ],
)
def test_f27_one_large_event(echo: Echo, program: Program, size: int) -> None:
    """No line and no event is too long."""
    head = b'data: {"id":"chatcmpl-big","choices":[{"index":0,"delta":{"content":"'
    event = head + b"x" * (size - len(head) - 6) + b'"}}]}\n\n'
    path = f"/v1/f27/{size}"
    echo.scripts[path] = [ReadBody(), Send(CHUNKED), SendChunked([event, b"data: [DONE]\n\n"])]
    with RawClient(program.port) as client:
        answer = client.ask("POST", path, b'{"stream":true}')
    assert (answer.ended, len(answer.body)) == ("clean", len(event) + 14)
    digest = hashlib.sha256(event + b"data: [DONE]\n\n").hexdigest()
    assert hashlib.sha256(answer.body).hexdigest() == digest
    record = program.wait_for(answer.header("x-moonpalace-id") or "", 60)
    assert record.state == "complete"
    assert record.told is not None and record.told.body is not None
    assert record.told.body.length == len(answer.body)
    assert hashlib.sha256(record.told.body.data).hexdigest() == digest or record.told.body.sha256 == digest


@pytest.mark.parametrize("status", [413, 401])
@pytest.mark.parametrize("end", [Fin(), Close()], ids=["fin", "reset"])
def test_f35_early_answer(echo: Echo, program: Program, end: Step, status: int) -> None:
    """An answer before the upload is over reaches the client, though the upstream stops reading."""
    path = f"/v1/f35/{status}/{type(end).__name__}"
    reply = kimi.json_reply({"error": {"message": "too large", "type": "invalid_request_error"}}, status, "No")
    echo.scripts[path] = [ReadSome(100_000), *reply.steps(), end]
    size = (50 if SOAK else 20) << 20
    head = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n\r\n" % (path.encode(), program.port, size)
    with RawClient(program.port) as client:

        def upload() -> None:
            try:
                client.send(head)
                for _ in range(size >> 16):
                    client.send(b"x" * (1 << 16))
            except OSError:
                pass  # the other side has said what it had to say

        sender = threading.Thread(target=upload, daemon=True)
        sender.start()
        answer = client.read_answer("POST")
        sender.join(20)
        assert not sender.is_alive()
    assert (answer.status, answer.body) == (status, reply.body)
    record = final(program, answer.header("x-moonpalace-id"))
    assert (record.state, record.status, record.failure) == ("complete", status, None)
    assert "early_response" in record.flags


def _memory(pid: int) -> int:
    """Resident memory in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_f50_slow_reader_holds_the_upstream_back(echo: Echo, program: Program) -> None:
    """What the client does not take stays with the upstream, not in our memory."""
    piece, count = bytes(range(256)) * 1024, 256  # 64 MiB
    echo.scripts["/v1/f50"] = [ReadBody(), Send(CHUNKED), SendChunked([piece] * count)]
    before = _memory(program.process.pid)
    with RawClient(program.port, receive_buffer=65_536) as client:
        client.send(request("POST", "/v1/f50", b"{}", host=client.authority)).read_until(b"\r\n\r\n")
        connection = echo.last("/v1/f50")
        sent = _settled(lambda: len(connection.sent))
        assert sent < 32 << 20
        assert _memory(program.process.pid) - before < 32 << 20
        answer = client.read_answer("POST")
    assert answer.ended == "clean"
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(piece * count).digest()
    assert final(program, answer.header("x-moonpalace-id")).state == "complete"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_f50_slow_upstream_holds_the_client_back(echo: Echo, program: Program) -> None:
    """The same for an upload."""
    go, begun = threading.Event(), threading.Event()
    echo.scripts["/v1/f50-up"] = [ReadSome(1), Signal(begun), Wait(go), ReadSome((64 << 20) - 1), Send(OK)]
    size, taken = 64 << 20, 0
    before = _memory(program.process.pid)
    with RawClient(program.port) as client:
        line = f"Content-Length: {size}"
        client.send(f"POST /v1/f50-up HTTP/1.1\r\nHost: {client.authority}\r\n{line}\r\n\r\n".encode())
        client.sock.settimeout(0.5)
        piece = bytes(1 << 16)
        try:
            while taken < size:
                taken += client.sock.send(piece[: size - taken])
        except TimeoutError:
            pass
        assert begun.wait(5) and taken < 32 << 20
        assert _memory(program.process.pid) - before < 32 << 20
        go.set()
        client.sock.settimeout(20)
        while taken < size:
            taken += client.sock.send(piece[: size - taken])
        assert client.read_answer("POST").body == b"ok"


def _settled(value: Callable[[], int]) -> int:
    """The value once it has stood still for half a second."""
    until, last, since = time.monotonic() + 20, -1, time.monotonic()
    while time.monotonic() < until:
        now = value()
        if now != last:
            last, since = now, time.monotonic()
        elif now and time.monotonic() - since > 0.5:
            return now
        time.sleep(0.05)
    raise TimeoutError("it does not stand still")


# Clients that leave


LEAVING = ["fin", "reset"]


def leave(client: RawClient, how: str) -> None:
    """Goes, one way or the other."""
    client.close() if how == "fin" else client.reset()


def cancelled(connection: Connection, limit: float = 2.0) -> bool:
    """True when the upstream saw its connection ended in time."""
    return connection.done.wait(limit)


@pytest.mark.parametrize("how", LEAVING)
def test_f48_in_the_head(program: Program, how: str) -> None:
    """A request that never became one is on record all the same."""
    before = len(program.recent(0))
    with RawClient(program.port) as client:
        client.send(b"POST /v1/f48-head HTTP/1.1\r\nHost: 127.0.0.1\r\nConte")
        leave(client, how)
    assert _eventually(lambda: len(program.recent(0)) > before)
    record = program.wait_for(program.recent(1)[0].uid)
    assert record.failure is not None
    assert (record.state, record.failure.stage) == ("client_gone", "read_request")


def _eventually(true: Callable[[], bool], limit: float = 10.0) -> bool:
    until = time.monotonic() + limit
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("how", LEAVING)
def test_f48_in_the_upload(echo: Echo, program: Program, how: str) -> None:
    """The upstream must not take a part of a request for the whole."""
    path, begun = f"/v1/f48-upload-{how}", threading.Event()
    echo.scripts[path] = [ReadSome(500), Signal(begun), Stall()]
    with RawClient(program.port) as client:
        client.send(
            b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 1000\r\n\r\n" % (path.encode(), program.port)
        )
        client.send(b"x" * 500)
        assert begun.wait(5)
        leave(client, how)
    assert cancelled(echo.last(path))
    record = program.wait_for_path(path)
    assert record.failure is not None
    assert (record.state, record.failure.stage, record.status) == ("client_gone", "read_request", None)
    assert record.asked.body is not None and record.asked.body.data == b"x" * 500


@pytest.mark.parametrize("how", LEAVING)
def test_f48_waiting_for_the_head(echo: Echo, program: Program, how: str) -> None:
    """Nobody waits any more: the upstream's work is cancelled."""
    path, begun = f"/v1/f48-wait-{how}", threading.Event()
    echo.scripts[path] = [ReadBody(), Signal(begun), Stall()]
    with RawClient(program.port) as client:
        client.send(request("POST", path, b"{}", host=client.authority))
        assert begun.wait(5)
        leave(client, how)
    assert cancelled(echo.last(path))
    record = program.wait_for_path(path)
    assert record.failure is not None
    assert (record.state, record.failure.stage, record.status) == ("client_gone", "wait_headers", None)


@pytest.mark.parametrize("how", LEAVING)
def test_f48_in_the_stream(echo: Echo, program: Program, how: str) -> None:
    """What came until then is on record, and the upstream is cancelled, though it says nothing more."""
    path = f"/v1/f48-stream-{how}"
    events = kimi.chat_events()[:4]
    echo.scripts[path] = [ReadBody(), Send(CHUNKED), SendChunked(events, end=False), Stall()]
    with RawClient(program.port) as client:
        client.send(request("POST", path, b'{"stream":true}', host=client.authority)).read_until(events[-1])
        leave(client, how)
    assert cancelled(echo.last(path))
    record = program.wait_for_path(path)
    assert record.failure is not None
    assert (record.state, record.failure.stage, record.status) == ("client_gone", "write_client", 200)
    assert record.told is not None and record.told.body is not None
    assert record.told.body.data == b"".join(events)
    assert record.chatcmpl == kimi.CHATCMPL


@pytest.mark.parametrize("how", LEAVING)
def test_f48_after_the_last_byte(echo: Echo, program: Program, how: str) -> None:
    """Whoever has everything may go."""
    path = f"/v1/f48-end-{how}"
    with RawClient(program.port) as client:
        answer = client.ask("POST", path, b"{}")
        leave(client, how)
    assert answer.ended == "clean"
    record = final(program, answer.header("x-moonpalace-id"))
    assert (record.state, record.failure) == ("complete", None)


@pytest.mark.parametrize("moment", ["before-the-answer", "in-the-answer"])
def test_f49_half_close_is_not_leaving(echo: Echo, program: Program, moment: str) -> None:
    """A client that has said all it has to say still listens."""
    path, go = f"/v1/f49-{moment}", threading.Event()
    first, second = kimi.chat_events()[:2]
    waiting: list[Step] = [Wait(go)]
    parts: list[Step] = [SendChunked([first], end=False), *waiting, SendChunked([second])]
    echo.scripts[path] = [ReadBody(), *(waiting if moment == "before-the-answer" else []), Send(CHUNKED), *parts]
    with RawClient(program.port) as client:
        client.send(request("POST", path, b"{}", host=client.authority))
        if moment == "in-the-answer":
            client.read_until(first)
        client.half_close()
        assert not go.wait(0.5)  # long enough for a look at clients that are gone
        go.set()
        answer = client.read_answer("POST")
    assert (answer.ended, answer.body) == ("clean", first + second)
    record = final(program, answer.header("x-moonpalace-id"))
    assert (record.state, record.failure) == ("complete", None)


# Framing on the client's side


def test_f51_pipelined_requests_are_answered_in_order(echo: Echo, program: Program) -> None:
    """Ten requests in one write; the first takes longest."""
    go = threading.Event()
    paths = [f"/v1/f51/{number}" for number in range(10)]
    for path in paths:
        body = json.dumps(path).encode()
        reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        echo.scripts[path] = [ReadBody(), *([Wait(go)] if path == paths[0] else []), Send(reply)]
    with RawClient(program.port) as client:
        methods = ["POST" if number % 2 else "GET" for number in range(10)]
        client.send(
            b"".join(
                request(method, path, b"{}" if method == "POST" else b"", host=client.authority)
                for method, path in zip(methods, paths, strict=True)
            )
        )
        go.set()
        answers = [client.read_answer() for _ in paths]
    assert [json.loads(answer.body) for answer in answers] == paths
    for answer, path in zip(answers, paths, strict=True):
        assert final(program, answer.header("x-moonpalace-id")).path == path


def test_f51_a_thousand_requests_on_one_connection(programs: Programs, upstreams: Upstreams) -> None:
    """One row each, and one upstream connection for all of them."""
    upstream = upstreams([Read(), Send(OK)] * 1000)
    program = programs(upstream)
    with RawClient(program.port) as client:
        for number in range(1000):
            assert client.ask("POST", f"/v1/{number}", b'{"n":%d}' % number).body == b"ok"
    records = program.wait_for_count(1000)
    assert sorted(record.path for record in records) == sorted(f"/v1/{number}" for number in range(1000))
    assert {record.state for record in records} == {"complete"}
    assert len(upstream.connections) == 1


def test_f51_connection_close(echo: Echo, program: Program) -> None:
    """The client's wish is fulfilled, and is not passed on to the upstream."""
    with RawClient(program.port) as client:
        answer = client.ask("POST", "/v1/f51-close", b"{}", "Connection: close")
        assert answer.header("connection") == "close"
        assert client.receive() == b""
    assert echo.server.requests[-1].header("connection") is None


def test_f51_http10(program: Program) -> None:
    """An old client gets an answer that it understands, and the end of the connection."""
    with RawClient(program.port) as client:
        client.send(f"GET /v1/f51-old HTTP/1.0\r\nHost: {client.authority}\r\n\r\n".encode())
        answer = client.read_answer()
        assert (answer.body, answer.header("transfer-encoding")) == (b"ok", None)
        assert client.receive() == b""


@pytest.mark.parametrize("early", [True, False], ids=["upstream-says-continue", "upstream-is-silent"])
def test_f51_expect_continue(echo: Echo, program: Program, early: bool) -> None:
    """A client that waits for 100 gets one, whether the upstream knows it or not."""
    path = f"/v1/f51-expect-{early}"
    start: list[Step] = [Send(b"HTTP/1.1 100 Continue\r\n\r\n")] if early else []
    echo.scripts[path] = [*start, ReadBody(), Send(OK)]
    with RawClient(program.port) as client:
        whole = request("POST", path, b'{"a":1}', "Expect: 100-continue", host=client.authority)
        head, _, body = whole.partition(b"\r\n\r\n")
        client.send(head + b"\r\n\r\n").read_until(b"100 Continue\r\n\r\n")
        answer = client.send(body).read_answer("POST")
    assert ([status for status, _ in answer.interim], answer.body) == ([100], b"ok")
    assert echo.server.requests[-1].body == b'{"a":1}'
    assert final(program, answer.header("x-moonpalace-id")).state == "complete"


def test_f51_expect_refused(echo: Echo, program: Program) -> None:
    """A final answer instead of 100: the client gets it without having sent its body."""
    echo.scripts["/v1/f51-refused"] = [Send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"), Fin()]
    with RawClient(program.port) as client:
        whole = request("POST", "/v1/f51-refused", b"12345", "Expect: 100-continue", host=client.authority)
        client.send(whole.removesuffix(b"12345"))
        answer = client.read_answer("POST")
    assert (answer.status, answer.interim) == (417, [])
    record = final(program, answer.header("x-moonpalace-id"))
    assert (record.state, record.status) == ("complete", 417)


BODIES: dict[str, tuple[bytes, bytes, bytes]] = {
    "chunked": (b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", b"abcde"),
    "chunked-empty": (b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b""),
    "length-zero": (b"Content-Length: 0\r\n", b"", b""),
    "not-json": (b"Content-Length: 4\r\nContent-Type: application/json\r\n", b"\xff{][", b"\xff{]["),
}


@pytest.mark.parametrize("name", list(BODIES))
def test_f53_bodies_are_forwarded_as_sent(echo: Echo, program: Program, name: str) -> None:
    """Any framing of the request, any content."""
    lines, wire, body = BODIES[name]
    path = f"/v1/f53/{name}"
    with RawClient(program.port) as client:
        client.send(
            b"POST %b HTTP/1.1\r\nHost: %b\r\n%b\r\n%b" % (path.encode(), client.authority.encode(), lines, wire)
        )
        answer = client.read_answer("POST")
    asked = echo.server.requests[-1]
    assert (asked.path, asked.body) == (path, body)
    record = final(program, answer.header("x-moonpalace-id"))
    assert (record.asked.body.data if record.asked.body else b"") == body
