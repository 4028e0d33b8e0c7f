"""One request under way, over real sockets: its body, its answer in its time, and nothing left when it is over."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from moonpalace.mock.asked import Asked
from moonpalace.mock.call import AT_ONCE, SOON
from moonpalace.mock.reply import Chunk, Reply, encode
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
FEW = "Authorization: Bearer sk-tier0"
Function = Callable[[World, Asked], Any]


class Scene(MockThread):
    """A mock with a function more, and its clients."""

    @property
    def port(self) -> int:
        return int(self.root.rpartition(":")[2])

    def client(self, **options: Any) -> RawClient:
        return RawClient(self.port, **options)

    def serve(self, function: Function) -> None:
        """As `GET /v1/x`."""
        self.call(self.api.router._add, [Route("GET", "/v1/x", function, auth=False)])

    def chat(self, *lines: str, **fields: Any) -> Answer:
        """One answer, on a connection of its own."""
        with self.client() as client:
            return client.ask("POST", CHAT, encode(HELLO | fields), *(lines or (KEY,)))

    def wait_idle(self) -> None:
        """Nothing is under way, nobody connected."""
        wait_until(lambda: not self.server.calls and not self.server.connections)


@pytest.fixture
def scenes() -> Iterator[Callable[..., Scene]]:
    """Makes mocks; the arguments are those of `MockSettings`."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Scene(MockSettings(**settings)))


@pytest.fixture(scope="module")
def shared() -> Iterator[Scene]:
    """One for all tests that leave nothing behind."""
    with Scene() as scene:
        yield scene


def whole(answer: Answer) -> Any:
    """The JSON of an answer that came whole."""
    assert (answer.status, answer.ended) == (200, "clean")
    return decode(answer.body)


# --- the body


def framed(data: bytes, size: int) -> bytes:
    """Chunks of that size."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join([b"%x;x=y\r\n%b\r\n" % (len(part), part) for part in parts]) + b"0\r\nX-Trailer: t\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_chunked_body_is_read(shared: Scene, size: int) -> None:
    """Whatever the chunks; what follows it is the next request."""
    head = f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1:{shared.port}\r\n{KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with shared.client() as client:
        client.send((head.encode() + framed(BODY, size)) * 2)
        assert [whole(client.read_answer("POST"))["object"] for _ in range(2)] == ["chat.completion"] * 2


@pytest.mark.parametrize("size", [1, 50])
def test_a_body_may_come_in_pieces(shared: Scene, size: int) -> None:
    """Bytes are what counts, not packets."""
    data = request("POST", CHAT, BODY, KEY, host=f"127.0.0.1:{shared.port}")
    with shared.client() as client:
        for at in range(0, len(data), size):
            client.send(data[at : at + size])
        assert whole(client.read_answer("POST"))["object"] == "chat.completion"


def test_who_asks_first_is_told_to_go_on(shared: Scene) -> None:
    """`Expect: 100-continue`, as curl sends it before a larger body; and not where the body came along."""
    head, _, body = request("POST", CHAT, BODY, KEY, "Expect: 100-continue", host=f"127.0.0.1:{shared.port}").partition(
        b"\r\n\r\n"
    )
    with shared.client() as client:
        client.send(head + b"\r\n\r\n")
        assert client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(body)
        answer = client.read_answer("POST")
        assert [status for status, _ in answer.interim] == [100]
        assert whole(answer)["object"] == "chat.completion"
        answer = client.send(head + b"\r\n\r\n" + body).read_answer("POST")
        assert answer.interim == [] and answer.status == 200


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_beyond_the_limit_is_refused_and_not_kept(scenes: Callable[..., Scene], framing: str) -> None:
    """All of it is read, so that the client gets to read why; the connection goes on."""
    mock = scenes()
    mock.server.body_limit = 10_000
    kept: list[int] = []
    data = encode(HELLO | {"x": "y" * 300_000})
    with mock.client() as client:
        for body in (data, BODY, data):
            if framing == "length":
                answer = client.ask("POST", CHAT, body, KEY)
            else:
                head = request("GET", CHAT, b"", KEY, "Transfer-Encoding: chunked", host=client.authority)
                answer = client.send(head.replace(b"GET", b"POST", 1) + framed(body, 5_000)).read_answer("POST")
            kept.append(answer.status)
            if answer.status != 200:
                message = decode(answer.body)["error"]["message"]
                assert message == "Invalid request: request body is longer than 10000 bytes"
    assert kept == [400, 200, 400]
    wait_until(lambda: len(mock.seen) == 3)
    assert [len(seen.body) for seen in mock.seen] == [0, len(BODY), 0]


def test_a_body_that_cannot_be_read_ends_the_connection(shared: Scene) -> None:
    """With the reason; nobody knows where the next request would begin."""
    head = request("GET", CHAT, b"", KEY, "Transfer-Encoding: chunked", host=f"127.0.0.1:{shared.port}")
    with shared.client() as client:
        client.send(head.replace(b"GET", b"POST", 1) + b'5\r\n{"a":\r\nnonsense\r\n' + head)
        answer = client.read_answer("POST")
        assert (answer.status, decode(answer.body)["error"]["type"]) == (400, "moonpalace_mock_error")
        assert client.read_answer("POST").ended == "nothing"
    shared.wait_idle()


def test_a_client_that_leaves_inside_its_request_is_forgotten(shared: Scene) -> None:
    """Nothing was asked, so nothing is seen."""
    before = len(shared.seen)
    with shared.client() as client:
        client.send(request("POST", CHAT, BODY, KEY, host=client.authority)[:-5])
        wait_until(lambda: shared.server.calls)
        client.close()
        shared.wait_idle()
    assert len(shared.seen) == before


# --- the answer


def test_an_answer_leaves_in_its_time(scenes: Callable[..., Scene]) -> None:
    """Nothing before it is due."""
    mock = scenes(speed=1.0)
    chunks = tuple([Chunk(b"%d\n" % at, 0, 0.05) for at in range(3)])
    mock.serve(lambda world, asked: Reply(200, chunks, "text/plain", streamed=True))
    with mock.client() as client:
        began = time.monotonic_ns()
        client.send(request("GET", "/v1/x", host=client.authority))
        due = []
        for at in range(3):
            client.read_until(b"%d\n" % at)
            due.append((client.arrivals[-1][0] - began) / 1e9 > 0.05 * (at + 1) - 2 * SOON)
        assert due == [True] * 3
        assert client.read_answer().body == b"0\n1\n2\n"


def test_without_waiting_all_goes_out_in_one_turn(shared: Scene) -> None:
    """And still chunk by chunk."""
    with shared.client() as client:
        answer = client.ask("POST", CHAT, encode(HELLO | {"stream": True}), KEY)
    assert answer.pieces[-1] == b"data: [DONE]\n\n" and len(answer.pieces) > 5
    assert all(piece.startswith(b"data: {") for piece in answer.pieces[:-1])


def test_an_answer_of_many_steps_lets_others_have_their_turn(scenes: Callable[..., Scene]) -> None:
    """Byte by byte a long answer would hold everybody up for seconds; it is whole all the same."""
    scene = scenes()
    count = 20 * AT_ONCE
    turns: list[int] = []

    def many(world: World, asked: Asked) -> Reply:
        chunks = tuple([Chunk(b"%06d" % number) for number in range(count)])
        loop = asyncio.get_running_loop()
        loop.call_soon(note, loop)
        return Reply(200, chunks, streamed=True)

    def note(loop: asyncio.AbstractEventLoop) -> None:
        turns.append(len(scene.server.calls))
        if scene.server.calls:
            loop.call_soon(note, loop)

    scene.serve(many)
    with scene.client() as client:
        answer = client.ask("GET", "/v1/x")
    assert answer.body == b"".join([b"%06d" % number for number in range(count)])
    wait_until(lambda: turns and turns[-1] == 0)
    assert len(turns) >= 20


def test_a_client_that_leaves_stops_the_timers(scenes: Callable[..., Scene]) -> None:
    """Nobody waits for an answer that nobody reads."""
    mock = scenes(speed=1.0, ttft=3600.0)
    with mock.client() as client:
        client.send(request("POST", CHAT, BODY, KEY, host=client.authority))
        wait_until(lambda: mock.server.calls and all(call._timer for call in list(mock.server.calls)))
        (call,) = list(mock.server.calls)
        client.reset()
        mock.wait_idle()
    assert call._timer is None and call.over
    wait_until(lambda: mock.seen)
    assert (mock.seen[0].status, mock.seen[0].ended is not None) == (200, True)


def test_what_is_due_later_waits_for_a_slow_reader_too(scenes: Callable[..., Scene]) -> None:
    """Its timer is stopped while the client does not read, and set again when it does."""
    mock = scenes(speed=1.0, ttft=3600.0)
    with mock.client() as client:
        client.send(request("POST", CHAT, BODY, KEY, host=client.authority))
        wait_until(lambda: mock.server.calls and all(call._timer for call in list(mock.server.calls)))
        (call,) = list(mock.server.calls)
        mock.call(call.client_full)
        assert call._timer is None
        mock.call(call.client_ready)
        assert call._timer is not None and not call.over


@pytest.mark.parametrize("fault", ["stall", "stall:0", "slow_head:3600", "stall:2,seconds=3600"])
@pytest.mark.parametrize("leave", ["reset", "close"])
def test_a_client_that_leaves_gives_its_place_back(shared: Scene, leave: str, fault: str) -> None:
    """The place within the rate limits, in the middle of a stream."""
    key = f"{FEW}-{leave}"
    with shared.client() as client:
        body = encode(HELLO | {"stream": True})
        client.send(request("POST", CHAT, body, key, f"x-mock-fault: {fault}", host=client.authority))
        wait_until(lambda: any(call.status for call in list(shared.server.calls)))
        gauges = shared.api.world.account("tier0").state["gauges"]
        assert gauges._flight.count == 1
        assert b"max concurrency: 1" in shared.chat(key).body
        getattr(client, leave)()
        shared.wait_idle()
        assert gauges._flight.count == 0
    shared.call(shared.api.world.account("tier0").state.clear)


ENDINGS = {
    "reset": ("reset", b""), "close": ("nothing", b""), "cut:0": ("reset", b""), "cut": ("reset", b"half"),
    "close_early:0": ("clean", b""), "garbage": ("malformed", b""),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "expected"), ENDINGS.items(), ids=ENDINGS)
def test_connections_end_as_the_fault_says(shared: Scene, fault: str, expected: tuple[str, bytes]) -> None:
    """As a client meets it on its socket; nothing stays behind, and the next one is answered."""
    ended, part = expected
    with shared.client() as client:
        answer = client.ask("POST", CHAT, BODY, KEY, f"x-mock-fault: {fault}")
        assert (answer.ended, bool(answer.body)) == (ended, bool(part))
    shared.wait_idle()
    assert shared.chat().status == 200


def test_a_slow_reader_is_waited_for(scenes: Callable[..., Scene]) -> None:
    """What is due stays in the script, not in the memory of the socket; nothing is lost."""
    mock = scenes()
    parts = [b"%06d" % at + b"x" * 65_000 for at in range(300)]
    over = threading.Event()
    mock.serve(lambda world, asked: Reply(200, tuple(map(Chunk, parts)), streamed=True, done=over.set))
    with mock.client(receive_buffer=4096) as client:
        client.send(request("GET", "/v1/x", host=client.authority))
        wait_until(lambda: any(not call.connection.writable for call in list(mock.server.calls)))
        (call,) = list(mock.server.calls)
        assert 0 < call._place < len(parts) and not over.is_set()
        assert mock.call(call.connection.transport.get_write_buffer_size) < 1_000_000
        answer = client.read_answer()
    assert answer.ended == "clean" and answer.body == b"".join(parts)
    wait_until(over.is_set)
    mock.wait_idle()


def test_a_slow_reader_that_leaves_is_forgotten(scenes: Callable[..., Scene]) -> None:
    """In the middle of waiting for it."""
    mock = scenes()
    over = threading.Event()
    mock.serve(lambda world, asked: Reply(200, (Chunk(bytes(1_000_000)),) * 30, streamed=True, done=over.set))
    with mock.client(receive_buffer=4096) as client:
        client.send(request("GET", "/v1/x", host=client.authority))
        wait_until(lambda: any(not call.connection.writable for call in list(mock.server.calls)))
        client.reset()
    wait_until(over.is_set)
    mock.wait_idle()


def test_who_has_sent_all_may_still_listen(shared: Scene) -> None:
    """The end of sending is not the end of reading."""
    with shared.client() as client:
        client.send(request("POST", CHAT, BODY, KEY, host=client.authority))
        client.half_close()
        assert whole(client.read_answer("POST"))["object"] == "chat.completion"
        assert client.read_answer().ended == "nothing"
    shared.wait_idle()


def test_a_client_that_leaves_takes_back_what_is_being_made(scenes: Callable[..., Scene]) -> None:
    """An answer that waits for something else is given up."""
    mock = scenes()
    began, ended = threading.Event(), threading.Event()

    async def slowly(world: World, asked: Asked) -> Reply:
        began.set()
        try:
            await mock_loop.create_future()
            return Reply(200, ())
        finally:
            ended.set()

    mock_loop = mock.server.loop
    mock.serve(slowly)
    with mock.client() as client:
        client.send(request("GET", "/v1/x", host=client.authority))
        wait_until(began.is_set)
        client.reset()
        wait_until(ended.is_set)
    mock.wait_idle()


def test_answers_of_connections_that_end_are_not_lost_among_many(shared: Scene) -> None:
    """With much to do writes wait for the end of the turn; a connection is not closed before them."""
    gate = threading.Event()
    with ExitStack() as stack:
        clients = [stack.enter_context(shared.client()) for _ in range(20)]
        wait_until(lambda: len(shared.server.connections) == len(clients))
        shared.server.loop.call_soon_threadsafe(gate.wait, 20)
        try:
            for client in clients:
                first = request("GET", "/v1/models", b"", KEY, host=client.authority)
                client.send(first + request("GET", "/v1/models", b"", KEY, "Connection: close", host=client.authority))
        finally:
            gate.set()
        for client in clients:
            assert [client.read_answer().ended for _ in range(2)] == ["clean", "clean"]
            assert client.read_answer().ended == "nothing"
    shared.wait_idle()
