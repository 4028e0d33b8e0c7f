"""The mock's side of its sockets: who is let in, connections and their requests, uploads, going away and stopping."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from moonpalace.mock.asked import Asked
from moonpalace.mock.reply import Reply, encode
from moonpalace.mock.routes import Route
from moonpalace.mock.setup import MockSettings
from moonpalace.mock.world import World
from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.rawclient import Answer, RawClient, request
from moonpalace.testing.waiting import wait_until
from moonpalace.wire.lenient import decode

CHAT = "/v1/chat/completions"
HELLO = {"model": "kimi-k3", "messages": [{"role": "user", "content": "你好"}]}
BODY = encode(HELLO)
KEY = "Authorization: Bearer sk-mock"
OURS = "moonpalace_mock_error"
IN_SHAPE = os.environ.get("MOONPALACE_TEST_SHAPE") == "windows"


class Scene(MockThread):
    """A mock and its clients."""

    @property
    def port(self) -> int:
        return int(self.root.rpartition(":")[2])

    def client(self) -> RawClient:
        return RawClient(self.port)

    def ask(self, method: str, target: str, body: bytes = b"", *lines: str) -> Answer:
        """One answer, on a connection of its own."""
        with self.client() as client:
            return client.ask(method, target, body, *(lines or (KEY,)))

    @property
    def refuses(self) -> bool:
        """Whether the kernel refuses connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 20).close()
        except ConnectionRefusedError:
            return True
        return False


@pytest.fixture
def scenes() -> Iterator[Callable[..., Scene]]:
    """Makes mocks; a fault of ours is answered as a user would see it."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Scene(MockSettings(**settings), raise_faults=False))


@pytest.fixture(scope="module")
def shared() -> Iterator[Scene]:
    """One for all tests that leave nothing behind."""
    with Scene() as scene:
        yield scene


# --- connections


def test_requests_follow_each_other_on_one_connection(shared: Scene) -> None:
    """Whole, streamed, refused, a HEAD: each ends where it says."""
    with shared.client() as client:
        local = client.sock.getsockname()
        answers = [
            client.ask("POST", CHAT, BODY, KEY),
            client.ask("POST", CHAT, encode(HELLO | {"stream": True}), KEY),
            client.ask("POST", CHAT, b"nonsense", KEY),
            client.ask("HEAD", "/v1/models", b"", KEY),
            client.ask("POST", CHAT, BODY),
            client.ask("GET", "/v1/models", b"", KEY),
        ]
        assert client.sock.getsockname() == local
    assert [(answer.status, answer.ended) for answer in answers] == [
        (200, "clean"), (200, "clean"), (400, "clean"), (404, "clean"), (401, "clean"), (200, "clean"),
    ]  # fmt: skip
    assert [answer.extra for answer in answers] == [b""] * 6


def test_requests_sent_together_are_answered_in_order(shared: Scene) -> None:
    """One after the other, whatever they are."""
    with shared.client() as client:
        host = client.authority
        targets = ["/v1/models", "/v1/models/kimi-k3", "/v1/nothing", "/v1/users/me/balance"]
        data = b"".join([request("GET", target, b"", KEY, host=host) for target in targets])
        client.send(data + request("POST", CHAT, encode(HELLO | {"stream": True}), KEY, host=host) + data)
        bodies = [client.read_answer().body for _ in range(9)]
    assert bodies[:4] == bodies[5:]
    assert bodies[4].endswith(b"data: [DONE]\n\n")
    assert [b'"list"' in bodies[0], b'"root":"kimi-k3"' in bodies[1], b"method not" in bodies[2], b"cash" in bodies[3]]


@pytest.mark.parametrize("line", ["Connection: close", "Connection: Close, X"])
def test_a_client_may_want_one_answer_only(shared: Scene, line: str) -> None:
    """Then the connection ends behind it."""
    with shared.client() as client:
        assert client.ask("POST", CHAT, BODY, KEY, line).ended == "clean"
        assert client.read_answer().ended == "nothing"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /v1/models\r\n\r\n", 400),
        (b"GET /v1/models HTTP/1.1\r\nHost x\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        (b"GET /v1/models HTTP/1.1\r\nX: " + b"x" * 400_000, 431),
        (b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    ],
    ids=["words", "no version", "no colon", "tls", "too long", "two lengths"],
)
def test_bytes_that_are_no_request_get_an_answer_and_the_end(shared: Scene, raw: bytes, status: int) -> None:
    """It says that it is ours, and what is wrong."""
    with shared.client() as client:
        answer = client.send(raw).read_answer()
        assert (answer.status, decode(answer.body)["error"]["type"]) == (status, OURS)
        assert client.read_answer().ended in ("nothing", "reset")
    wait_until(lambda: not shared.server.connections)


def test_requests_are_numbered_and_seen_without_their_keys(scenes: Callable[..., Scene]) -> None:
    """As they are answered; a look at the record must not show a secret."""
    mock = scenes()
    secrets = ["Authorization: Bearer sk-secret", "x-api-key: sk-secret", "Cookie: a=sk-secret", "X-Other: shown"]
    mock.ask("POST", CHAT, BODY, *secrets)
    mock.ask("GET", "/v1/models?a=1")
    wait_until(lambda: len(mock.seen) == 2)
    first, second = mock.seen
    assert (first.number, first.method, first.target, first.body, first.status) == (1, "POST", CHAT, BODY, 200)
    assert (second.number, second.target, second.body) == (2, "/v1/models?a=1", b"")
    assert first.headers.text("x-other") == "shown" and "sk-secret" not in repr(first)
    assert first.ended is not None and first.at <= first.ended <= second.at
    assert mock.server.served == 2


# --- who is let in

PAGE = (403, OURS)
GATED: dict[str, tuple[tuple[str, ...], int]] = {
    "ours": (("Host: 127.0.0.1:{port}",), 200),
    "localhost": (("Host: LOCALHOST:{port}",), 200),
    "none": ((), 400),
    "two": (("Host: 127.0.0.1:{port}", "Host: 127.0.0.1:{port}"), 400),
    "another": (("Host: api.moonshot.cn",), 421),
    "another port": (("Host: 127.0.0.1:1",), 421),
    "a page": (("Host: 127.0.0.1:{port}", "Origin: https://example.com"), 403),
    "a sandbox": (("Host: 127.0.0.1:{port}", "Origin: null"), 403),
    "cross-site": (("Host: 127.0.0.1:{port}", "Sec-Fetch-Site: cross-site"), 403),
    "same-origin": (("Host: 127.0.0.1:{port}", "Sec-Fetch-Site: same-origin"), 200),
    "navigation": (("Host: 127.0.0.1:{port}", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate"), 403),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("lines", "status"), GATED.values(), ids=GATED)
def test_the_gate_is_the_proxys(shared: Scene, lines: tuple[str, ...], status: int, method: str) -> None:
    """No web page and no other host name reads what may be a real record; a HEAD has no body here either."""
    head = "\r\n".join([f"{method} /v1/models HTTP/1.1", *lines, KEY, "", ""]).format(port=shared.port)
    with shared.client() as client:
        answer = client.send(head.encode()).read_answer(method)
        found = 404 if method == "HEAD" and status == 200 else status
        assert (answer.status, answer.ended, answer.extra) == (found, "clean", b"")
        if method == "GET" and status != 200:
            assert decode(answer.body)["error"]["type"] == OURS
        again = client.ask("GET", "/v1/models", b"", KEY)  # nothing was left of a body
        assert (again.status, again.ended) == (200, "clean")


def test_who_is_not_let_in_is_not_told_to_go_on(shared: Scene) -> None:
    """`100 Continue` would make it send what nobody reads."""
    lines = f"POST {CHAT} HTTP/1.1\r\nHost: evil.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with shared.client() as client:
        answer = client.send(lines.encode()).read_answer("POST")
    assert (answer.status, answer.interim) == (421, [])


@pytest.mark.skipif(IN_SHAPE, reason="asks the kernel about a peer")
def test_with_a_guard_only_this_user_is_answered(scenes: Callable[..., Scene]) -> None:
    """A record is nobody else's on this machine."""
    mock = scenes()
    mock.server._guard = True
    assert mock.ask("GET", "/v1/models").status == 200
    if os.getuid() != 0:
        pytest.skip("only root can be somebody else")
    code = (
        "import encodings.idna, os, socket, sys\n"  # while the interpreter's files can be read
        "os.setgid(65534); os.setuid(65534)\n"
        "client = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 20)\n"
        "client.sendall(sys.stdin.buffer.read())\n"
        "sys.stdout.buffer.write(client.recv(100_000))\n"
    )
    sent = request("GET", "/v1/models", b"", KEY, host=f"127.0.0.1:{mock.port}")
    command = [sys.executable, "-c", code, str(mock.port)]
    done = subprocess.run(command, input=sent, capture_output=True, check=True, timeout=60)
    assert done.stdout.startswith(b"HTTP/1.1 403 ") and b"another user" in done.stdout


# --- faults of ours


@pytest.mark.parametrize("late", [False, True])
def test_a_fault_of_ours_is_answered_and_the_connection_goes_on(scenes: Callable[..., Scene], late: bool) -> None:
    """In the API's form, and told to the developer."""
    mock = scenes()

    def broken(world: World, asked: Asked) -> Reply:
        raise LookupError("no such thing")

    async def broken_later(world: World, asked: Asked) -> Reply:
        raise LookupError("no such thing")

    route = Route("GET", "/v1/x", broken_later if late else broken, auth=False)
    mock.call(mock.api.router._add, [route])
    with mock.client() as client:
        answer = client.ask("GET", "/v1/x")
        assert (answer.status, decode(answer.body)["error"]["type"]) == (500, "unexpected_output")
        assert client.ask("GET", "/v1/models", b"", KEY).status == 200
    assert mock.told == ["unexpected LookupError for GET /v1/x: no such thing"]
    wait_until(lambda: not mock.server.calls)


def test_nonsense_for_a_fault_is_a_400(shared: Scene) -> None:
    """Over the wire too."""
    answer = shared.ask("POST", CHAT, BODY, KEY, "x-mock-fault: 429=5")
    assert (answer.status, answer.ended) == (400, "clean")
    assert b"x-mock-fault: '429=5' is no fault" in answer.body


# --- uploads

FORM = "Content-Type: multipart/form-data; boundary=b"


def form(data: bytes, purpose: str = "file-extract") -> bytes:
    """A file and its purpose."""
    return (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n%b\r\n--b\r\nContent-Disposition: form-data; '
        b'name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n%b\r\n--b--\r\n' % (purpose.encode(), data)
    )


def kept(mock: Scene) -> list[Path]:
    """The files that lie in the mock's folder."""
    return sorted(path for path in mock.api.world.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("size", [1, 100, 100_000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_upload_is_read_as_it_comes(shared: Scene, size: int, framing: str) -> None:
    """Byte by byte or at once; what it holds can be fetched again."""
    body = form("你好, file\r\n--b\r\r".encode())
    with shared.client() as client:
        if framing == "length":
            data = request("POST", "/v1/files", body, KEY, FORM, host=client.authority)
        else:
            head = request("GET", "/v1/files", b"", KEY, FORM, "Transfer-Encoding: chunked", host=client.authority)
            data = head.replace(b"GET", b"POST", 1)
            data += b"".join([b"%x\r\n%b\r\n" % (len(body[at : at + size]), body[at : at + size])
                              for at in range(0, len(body), size)]) + b"0\r\n\r\n"  # fmt: skip
        for at in range(0, len(data), size):
            client.send(data[at : at + size])
        answer = client.read_answer("POST")
        assert answer.status == 200, answer.body
        found = decode(answer.body)
        assert found["bytes"] == len("你好, file\r\n--b\r\r".encode())
        assert client.ask("DELETE", f"/v1/files/{found['id']}", b"", KEY).status == 200
    wait_until(lambda: not kept(shared))


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (form(b"x")[:-4], FORM, b"ends before its last boundary"),
        (b"nonsense", FORM, b"multipart body is broken"),
        (form(b"x"), "Content-Type: application/json", b"isn't multipart/form-data"),
        (form(b"x"), "Content-Type: multipart/form-data", b"isn't multipart/form-data"),
        (form(b"x"), "X: y", b"isn't multipart/form-data"),
    ],
    ids=["not whole", "nonsense", "json", "no boundary", "no type"],
)
def test_what_is_no_upload_is_refused_and_leaves_nothing(shared: Scene, body: bytes, kind: str, words: bytes) -> None:
    """In words; the connection goes on."""
    with shared.client() as client:
        answer = client.ask("POST", "/v1/files", body, KEY, kind)
        assert answer.status == 400 and words in answer.body
        assert client.ask("POST", "/v1/files", b"", KEY, kind).status == 400
        assert client.ask("GET", "/v1/models", b"", KEY).status == 200
    wait_until(lambda: not kept(shared))


def test_a_client_that_leaves_inside_an_upload_leaves_nothing(shared: Scene) -> None:
    """Not a file that nobody knows."""
    with shared.client() as client:
        data = request("POST", "/v1/files", form(bytes(300_000)), KEY, FORM, host=client.authority)
        client.send(data[:-1000])
        wait_until(lambda: kept(shared))
        client.reset()
        wait_until(lambda: not shared.server.calls)
    wait_until(lambda: not kept(shared))


@pytest.mark.parametrize("size", [20_000, 1_000_000])
def test_a_disk_that_takes_nothing_is_an_answer(shared: Scene, size: int) -> None:
    """And nothing is left of the file, nor of the request; the next upload may find room."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with shared.client() as client:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # what is longer is refused, as on a full disk
        try:
            answer = client.ask("POST", "/v1/files", form(bytes(size)), KEY, FORM)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert answer.status == 400
        assert b"the upload cannot be kept (File too large)" in answer.body
        wait_until(lambda: not kept(shared) and not shared.server.calls)
        answer = client.ask("POST", "/v1/files", form(b"some text"), KEY, FORM)
        assert answer.status == 200
        assert client.ask("DELETE", f"/v1/files/{decode(answer.body)['id']}", b"", KEY).status == 200


# --- away and back


def test_a_fault_makes_the_kernel_refuse_for_a_while(scenes: Callable[..., Scene]) -> None:
    """As if nobody were there; who is connected is served on, and then everybody again, on the same port."""
    mock = scenes()
    with mock.client() as client, mock.client() as other:
        assert client.ask("GET", "/v1/models", b"", KEY).status == 200
        assert other.ask("GET", "/v1/models", b"", KEY, "x-mock-fault: refuse:0.3").ended == "reset"
        assert client.ask("GET", "/v1/models", b"", KEY).status == 200
    wait_until(lambda: not mock.refuses)
    assert mock.ask("GET", "/v1/models").status == 200


def test_going_away_and_coming_back_is_exact(scenes: Callable[..., Scene]) -> None:
    """As often as one likes."""
    mock = scenes()
    for _ in range(3):
        asyncio.run_coroutine_threadsafe(mock.server.leave(), mock.server.loop).result(20)
        assert mock.refuses
        asyncio.run_coroutine_threadsafe(mock.server.come_back(), mock.server.loop).result(20)
        assert mock.ask("GET", "/v1/models").status == 200


@pytest.mark.skipif(IN_SHAPE or sys.platform != "linux", reason="others may listen on a bound port on Linux only")
def test_it_waits_for_its_port_if_somebody_took_it(scenes: Callable[..., Scene]) -> None:
    """A port that is bound and not listened on is anybody's; the developer is told once."""
    mock = scenes()
    asyncio.run_coroutine_threadsafe(mock.server.leave(), mock.server.loop).result(20)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", mock.port))
        other.listen()
        back = asyncio.run_coroutine_threadsafe(mock.server._return(), mock.server.loop)
        wait_until(lambda: mock.told)
    back.result(20)
    assert mock.ask("GET", "/v1/models").status == 200
    assert mock.told == ["the port cannot be listened on again yet (Address already in use); trying on"]


def test_an_idle_connection_is_closed_in_time(scenes: Callable[..., Scene]) -> None:
    """By its deadline, which is here moved into the past."""
    mock = scenes()
    with mock.client() as client:
        assert client.ask("GET", "/v1/models", b"", KEY).status == 200
        (connection,) = list(mock.server.connections)
        mock.call(setattr, connection, "deadline", 0.0)
        assert client.read_answer().ended in ("nothing", "reset")
    wait_until(lambda: not mock.server.connections)


@pytest.mark.skipif(IN_SHAPE, reason="asks the kernel about a peer")
def test_who_stopped_sending_and_then_left_is_noticed(scenes: Callable[..., Scene]) -> None:
    """On the wire both look the same: the kernel knows."""
    mock = scenes()
    with mock.client() as client:
        client.send(request("GET", "/v1/models", b"", KEY, "x-mock-fault: stall", host=client.authority))
        client.half_close()
        client.read_until(b'"data"')
        wait_until(lambda: any(connection.half_closed for connection in list(mock.server.connections)))
        assert len(mock.server.calls) == 1
    wait_until(lambda: not mock.server.calls and not mock.server.connections)


def test_it_stops_while_it_is_away(scenes: Callable[..., Scene]) -> None:
    """Nothing waits for its return."""
    mock = scenes()
    assert mock.ask("GET", "/v1/models", b"", KEY, "x-mock-fault: refuse:3600").ended == "reset"
    wait_until(lambda: mock.refuses)
    mock.close()
    assert mock.refuses


def test_stopping_breaks_running_answers_off(scenes: Callable[..., Scene]) -> None:
    """A stream, one that has not begun, an idle connection, half a request: all end at once."""
    mock = scenes(speed=1.0, ttft=3600.0)
    with ExitStack() as stack:
        stalled, waiting, idle, begun = [stack.enter_context(mock.client()) for _ in range(4)]
        host = idle.authority
        stalled.send(request("GET", "/v1/models", b"", KEY, "x-mock-fault: stall", host=host))
        stalled.read_until(b'"data"')
        waiting.send(request("POST", CHAT, BODY, KEY, host=host))
        assert idle.ask("GET", "/v1/models", b"", KEY).status == 200
        begun.send(b"POST /v1/files HTTP/1.1\r\n")
        wait_until(lambda: len(mock.server.calls) == 2 and len(mock.server.connections) == 4)
        mock.close()
        assert stalled.read_answer().ended in ("reset", "eof")
        assert waiting.read_answer().ended in ("reset", "nothing")
        assert idle.read_answer().ended in ("reset", "nothing")
        assert begun.read_answer().ended in ("reset", "nothing")
    assert not mock.server.calls and not mock.faults


def test_many_may_come_at_once(scenes: Callable[..., Scene]) -> None:
    """They wait in the kernel's queue until they are taken in: here while nobody takes any."""
    most = Path("/proc/sys/net/core/somaxconn")
    if not most.exists() or int(most.read_text(encoding="ascii")) < 300:
        pytest.skip("the system keeps no such queue")
    mock, gate = scenes(), threading.Event()
    with ExitStack() as stack:
        mock.server.loop.call_soon_threadsafe(gate.wait, 20)
        try:
            clients = [stack.enter_context(RawClient(mock.port, limit=5.0)) for _ in range(300)]
        finally:
            gate.set()
        for client in clients:
            client.send(request("GET", "/v1/models", b"", KEY, "Connection: close", host=client.authority))
        assert {client.read_answer().ended for client in clients} == {"clean"}
