"""The fault matrix with every transform on: the client's side, the way to the upstream, and calls of our own."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.fault import check_own_answer
from moonpalace.testing.four_sides import body, check_four_sides
from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import Answer, RawClient, request
from moonpalace.testing.upstream import (
    Close,
    Connection,
    Fin,
    Read,
    ReadBody,
    ReadSome,
    Request,
    Reset,
    Send,
    SendChunked,
    Signal,
    Stall,
    Step,
    Upstream,
    Wait,
)
from moonpalace.testing.waiting import wait_until

CLIENT_KEY, KEY = b"sk-client-0123456789abcdefghijkl", b"sk-configured-0123456789abcdefgh"
AUTH = f"Authorization: Bearer {CLIENT_KEY.decode()}"
ON = ("--force-stream", "--detect-repeat", "--auto-cache", "--key")
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EVENTS = kimi.chat_events()
WHOLE: list[Step] = [ReadBody(), Send(SSE), SendChunked(EVENTS)]
ANSWER = kimi.chat_json()
HALVES = ["fin", "reset"]


def asking(stream: bool | None = None, text: str = "hi", model: str = "kimi-k3") -> bytes:
    """A chat request."""
    value: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}]}
    return json.dumps(value if stream is None else {**value, "stream": stream}).encode()


LONG = asking(text="long " * 2000, model="moonshot-v1-8k")  # has a cache of its own made before it


class Stage:
    """The program with every transform on. The upstream answers `/v1/<name>/…` by the script of that name."""

    def __init__(self, folder: Path) -> None:
        (folder / "key").write_bytes(KEY)
        self.scripts: dict[str, list[Step]] = {}
        self.server = Upstream(route=self._steps, heads_only=True)
        self.program = Program(self.server.url, *ON[:3], "--key-file", str(folder / "key"), home=folder)

    def _steps(self, asked: Request) -> list[Step]:
        name, _, rest = asked.path.removeprefix("/v1/").partition("/")
        usual = WHOLE if rest else [ReadBody(), Send(OK)]
        return self.scripts.get(asked.path) or self.scripts.get(name, usual)

    def close(self) -> None:
        """Ends both."""
        self.program.close()
        self.server.close()

    def head(self, name: str, *lines: str) -> bytes:
        """A chat request's head that says nothing of a body."""
        target = f"/v1/{name}/chat/completions"
        first = [f"POST {target} HTTP/1.1", f"Host: 127.0.0.1:{self.program.port}", AUTH, *lines]
        return "\r\n".join([*first, "", ""]).encode()

    def asked(self, name: str, body: bytes, *lines: str) -> bytes:
        """A chat request."""
        return self.head(name, *lines, f"Content-Length: {len(body)}") + body

    def requests(self, name: str) -> list[Request]:
        """What the upstream got under that name."""
        return [asked for asked in self.server.requests if asked.path.startswith(f"/v1/{name}/")]

    def connection(self, name: str) -> Connection:
        """The connection of the last of them."""
        return self.server.connections[self.requests(name)[-1].connection]

    def final(self, answer: Answer) -> Exchange:
        """The record of an answer."""
        return self.program.wait_for(answer.header("x-moonpalace-id") or "")

    def left(self, name: str) -> Exchange:
        """The record of a chat whose client never saw an id."""
        return self.program.wait_for_path(f"/v1/{name}/chat/completions")

    def whole(self, name: str, data: bytes) -> Answer:
        """An exchange that goes well, with its four sides looked at."""
        with RawClient(self.program.port) as client:
            answer = client.send(data).read_answer("POST")
        record = self.final(answer)
        assert (answer.status, answer.ended, record.state) == (200, "clean", "complete")
        check_four_sides(record, data, self.requests(name)[-1], answer, (CLIENT_KEY, KEY))
        return answer

    def ping(self) -> None:
        """A whole exchange of somebody else: what the upstream sent before has been read by then."""
        with RawClient(self.program.port) as client:
            assert client.ask("GET", "/v1/ping").body == b"ok"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One program for what follows: it must bear all of it."""
    made = Stage(tmp_path_factory.mktemp("home"))
    yield made
    made.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Stage]:
    """One that has had no trouble with calls of its own yet: after some it makes none for a while."""
    made = Stage(tmp_path)
    yield made
    made.close()


def leave(client: RawClient, how: str) -> None:
    """Goes, one way or the other."""
    client.close() if how == "fin" else client.reset()


# Clients that leave


@pytest.mark.parametrize("how", HALVES)
def test_f48_in_a_body_that_is_held(stage: Stage, how: str) -> None:
    """The upstream has not heard of it; what came is on record."""
    name = f"f48-held-{how}"
    with RawClient(stage.program.port) as client:
        client.send(stage.head(name, "Content-Length: 1000") + b"x" * 500)
        stage.ping()
        leave(client, how)
    record = stage.left(name)
    assert record.failure is not None and (record.sent, record.told, record.delivered) == (None, None, None)
    assert (record.state, record.failure.stage, record.status) == ("client_gone", "read_request", None)
    assert body(record, "asked") == b"x" * 500
    assert stage.requests(name) == []


@pytest.mark.parametrize("how", HALVES)
def test_f48_waiting_for_the_head_of_a_forced_stream(stage: Stage, how: str) -> None:
    """Nobody waits any more: the upstream's work is cancelled."""
    name, begun = f"f48-wait-{how}", threading.Event()
    stage.scripts[name] = [ReadBody(), Signal(begun), Stall()]
    with RawClient(stage.program.port) as client:
        client.send(stage.asked(name, asking()))
        assert begun.wait(5)
        leave(client, how)
    assert stage.connection(name).done.wait(2)
    record = stage.left(name)
    assert record.failure is not None and "forced_stream" in record.flags
    assert (record.state, record.failure.stage, record.status) == ("client_gone", "wait_headers", None)


@pytest.mark.parametrize("how", HALVES)
def test_f48_in_the_stream_that_is_gathered(stage: Stage, how: str) -> None:
    """What had come is on record though the client got nothing of it; the upstream is let go at once."""
    name, begun = f"f48-gathering-{how}", threading.Event()
    stage.scripts[name] = [ReadBody(), Send(SSE), SendChunked(EVENTS[:4], end=False), Signal(begun), Stall()]
    with RawClient(stage.program.port) as client:
        client.send(stage.asked(name, asking()))
        assert begun.wait(5)
        stage.ping()
        leave(client, how)
    assert stage.connection(name).done.wait(2)
    record = stage.left(name)
    assert record.failure is not None and record.delivered is None
    assert (record.state, record.failure.stage, record.status) == ("client_gone", "read_body", 200)
    assert body(record, "told") == b"".join(EVENTS[:4])


@pytest.mark.parametrize("how", HALVES)
def test_f48_in_the_stream_that_is_watched(stage: Stage, how: str) -> None:
    """As without transforms."""
    name = f"f48-stream-{how}"
    stage.scripts[name] = [ReadBody(), Send(SSE), SendChunked(EVENTS[:4], end=False), Stall()]
    with RawClient(stage.program.port) as client:
        client.send(stage.asked(name, asking(True))).read_until(EVENTS[3])
        leave(client, how)
    assert stage.connection(name).done.wait(2)
    record = stage.left(name)
    assert record.failure is not None
    assert (record.state, record.failure.stage, record.status) == ("client_gone", "write_client", 200)
    assert body(record, "told") == body(record, "delivered") == b"".join(EVENTS[:4])


@pytest.mark.parametrize("how", HALVES)
def test_f48_waiting_for_the_head_during_a_call_of_ours(fresh: Stage, how: str) -> None:
    """Nothing is sent for a client that is gone, and the call ends in order."""
    begun, go = threading.Event(), threading.Event()
    fresh.scripts["/v1/f48/caching"] = [ReadBody(), Signal(begun), Wait(go), Send(OK)]
    with RawClient(fresh.program.port) as client:
        client.send(fresh.asked("f48", LONG))
        assert begun.wait(5)
        leave(client, how)
    record = fresh.left("f48")
    go.set()
    assert record.failure is not None and record.sent is None
    assert (record.state, record.failure.stage, record.status) == ("client_gone", "wait_headers", None)
    own = fresh.program.wait_for_path("/v1/f48/caching")
    assert own.state == "complete" and "own_call" in own.flags
    assert [asked.path for asked in fresh.requests("f48")] == ["/v1/f48/caching"]


@pytest.mark.parametrize("stream", [True, None], ids=["streamed", "unstreamed"])
@pytest.mark.parametrize("moment", ["before-the-answer", "in-the-answer"])
def test_f49_half_close_is_not_leaving(stage: Stage, moment: str, stream: bool | None) -> None:
    """A client that has said all it has to say still listens."""
    name, go, begun = f"f49-{moment}-{stream}", threading.Event(), threading.Event()
    wait: list[Step] = [Signal(begun), Wait(go)]
    first: list[Step] = [SendChunked(EVENTS[:3], end=False)]
    middle = [*wait, Send(SSE), *first] if moment == "before-the-answer" else [Send(SSE), *first, *wait]
    stage.scripts[name] = [ReadBody(), *middle, SendChunked(EVENTS[3:])]
    with RawClient(stage.program.port) as client:
        client.send(stage.asked(name, asking(stream)))
        assert begun.wait(5)
        client.half_close()
        assert not go.wait(0.5)  # long enough for a look at clients that are gone
        go.set()
        answer = client.read_answer("POST")
    assert answer.ended == "clean"
    assert answer.body == b"".join(EVENTS) if stream else json.loads(answer.body) == ANSWER
    assert stage.final(answer).state == "complete"


# Slow readers


def _varied(size: int) -> str:
    return base64.b64encode(random.Random(5).randbytes(size * 3 // 4)).decode()


def test_f50_a_large_merged_answer_waits_for_its_reader(stage: Stage) -> None:
    """It is complete when the client has taken it, and not before."""
    text = _varied(6 << 20)
    parts = [{"index": 0, "delta": {"content": text[at : at + 65_536]}} for at in range(0, len(text), 65_536)]
    head = {"id": "c", "object": "chat.completion.chunk", "model": "kimi-k3"}
    events = [kimi.data_event({**head, "choices": [part]}) for part in parts]
    stage.scripts["f50-merged"] = [ReadBody(), Send(SSE), SendChunked([*events, *EVENTS[-2:]])]
    with RawClient(stage.program.port, receive_buffer=65_536) as client:
        client.send(stage.asked("f50-merged", asking())).read_until(b"\r\n\r\n")
        found: list[Exchange] = []

        def seen() -> bool:
            found[:] = [row for row in stage.program.recent(5) if "f50-merged" in row.path]
            return bool(found)

        wait_until(seen, "word of it is in the record")
        assert found[0].state == "in_flight"
        answer = client.read_answer("POST")
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == text
    record = stage.final(answer)
    assert record.state == "complete"
    assert hashlib.sha256(body(record, "delivered")).digest() == hashlib.sha256(answer.body).digest()


def test_f50_a_slow_reader_of_a_watched_stream_holds_the_upstream_back(stage: Stage) -> None:
    """What the client does not take stays with the upstream."""
    event = kimi.data_event({"id": "c", "choices": [{"index": 0, "delta": {"other": "x" * 65_000}}]})
    count = 600
    stage.scripts["f50"] = [ReadBody(), Send(SSE), SendChunked([event] * count)]
    with RawClient(stage.program.port, receive_buffer=65_536) as client:
        client.send(stage.asked("f50", asking(True))).read_until(b"\r\n\r\n")
        connection = stage.connection("f50")
        last = [-1]

        def stands_still() -> bool:
            before, last[0] = last[0], len(connection.sent)
            time.sleep(0.2)
            return last[0] > 1 << 20 and before == last[0]

        wait_until(stands_still, "the upstream is not held back")
        assert last[0] < len(event) * count // 2
        answer = client.read_answer("POST")
    assert answer.ended == "clean"
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(event * count).digest()


# Framing on the client's side


def test_f51_pipelined_requests_are_answered_in_order(stage: Stage) -> None:
    """Streamed, unstreamed and others in one write; the first takes longest."""
    go = threading.Event()
    stage.scripts["f51-0"] = [ReadBody(), Wait(go), Send(SSE), SendChunked(EVENTS)]
    names = [f"f51-{number}" for number in range(9)]
    with RawClient(stage.program.port) as client:
        plain = request("GET", "/v1/models", host=client.authority)
        client.send(b"".join([stage.asked(name, asking([None, True, False][n % 3])) + plain
                              for n, name in enumerate(names)]))  # fmt: skip
        go.set()
        answers = [client.read_answer("POST") for _ in names for _ in range(2)]
    assert [answer.body for answer in answers[1::2]] == [b"ok"] * len(names)
    for number, answer in enumerate(answers[::2]):
        if number % 3 == 1:
            assert answer.body == b"".join(EVENTS)
        else:
            assert json.loads(answer.body) == ANSWER
        assert stage.final(answer).path == f"/v1/f51-{number}/chat/completions"


def test_f51_http10(stage: Stage) -> None:
    """An old client gets one answer by its length, and the end of the connection."""
    with RawClient(stage.program.port) as client:
        client.send(stage.asked("f51-old", asking()).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        answer = client.read_answer("POST")
        assert (json.loads(answer.body), answer.framing, answer.header("connection")) == (ANSWER, "length", "close")
        assert client.receive() == b""


def test_f51_connection_close(stage: Stage) -> None:
    """The client's wish is fulfilled, and is not passed on to the upstream."""
    with RawClient(stage.program.port) as client:
        answer = client.send(stage.asked("f51-close", asking(), "Connection: close")).read_answer("POST")
        assert (json.loads(answer.body), answer.header("connection")) == (ANSWER, "close")
        assert client.receive() == b""
    assert stage.requests("f51-close")[-1].header("connection") is None


@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE"])
def test_f51_other_methods_go_through(stage: Stage, method: str) -> None:
    """Only a POST is a chat."""
    stage.scripts[f"f51-{method}"] = [
        Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + b"ok" * (method != "HEAD"))
    ]
    with RawClient(stage.program.port) as client:
        answer = client.ask(method, f"/v1/f51-{method}/chat/completions")
    assert (answer.status, answer.body, answer.ended) == (200, b"" if method == "HEAD" else b"ok", "clean")
    assert stage.final(answer).flags == ("key_substituted",)


@pytest.mark.parametrize("patient", [True, False], ids=["waits", "does-not-wait"])
def test_f51_expect_continue(stage: Stage, patient: bool) -> None:
    """A request that is held has its 100 from us if it waits; the upstream, which gets it whole, is asked for none."""
    name, data = f"f51-expect-{patient}", asking()
    head = stage.head(name, "Expect: 100-continue", f"Content-Length: {len(data)}")
    with RawClient(stage.program.port) as client:
        if patient:
            client.send(head).read_until(b"100 Continue\r\n\r\n")
        answer = client.send(data if patient else head + data).read_answer("POST")
    assert len(answer.interim) <= 1 and json.loads(answer.body) == ANSWER
    assert stage.requests(name)[-1].header("expect") is None
    assert body(stage.final(answer), "asked") == data


def test_f53_a_chunked_body_goes_out_as_what_was_made_of_it(stage: Stage) -> None:
    """By its length; extensions and trailers belong to the body that is no more."""
    data = asking()
    wire = b"5;a=b\r\n" + data[:5] + b"\r\n%x\r\n" % (len(data) - 5) + data[5:] + b"\r\n0\r\nX-Sum: 7\r\n\r\n"
    with RawClient(stage.program.port) as client:
        client.send(stage.head("f53", "Transfer-Encoding: chunked", "Trailer: X-Sum", "Content-MD5: abc=") + wire)
        answer = client.read_answer("POST")
    assert json.loads(answer.body) == ANSWER
    sent, record = stage.requests("f53")[-1], stage.final(answer)
    names = [name.lower() for name, _ in sent.headers]
    assert not {b"transfer-encoding", b"trailer", b"content-md5"} & set(names) and sent.trailers == []
    assert sent.header("content-length") == str(len(sent.body))
    assert (body(record, "asked"), record.asked.trailers.lines) == (data, ((b"X-Sum", b"7"),))
    assert body(record, "sent") == sent.body


UNTOUCHED: dict[str, tuple[bytes, bytes, bytes]] = {
    "chunked": (b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 7\r\n\r\n", b"abcde"),
    "chunked-empty": (b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b""),
    "length-zero": (b"Content-Length: 0\r\n", b"", b""),
    "no-length": (b"", b"", b""),
    "not-json": (b"Content-Length: 4\r\nContent-Type: application/json\r\n", b"\xff{][", b"\xff{]["),
    "gzip": (b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(gzip.compress(asking(), mtime=0)),
             gzip.compress(asking(), mtime=0), gzip.compress(asking(), mtime=0)),
}  # fmt: skip


@pytest.mark.parametrize("name", list(UNTOUCHED))
def test_f53_what_is_no_chat_is_forwarded_as_sent(stage: Stage, name: str) -> None:
    """Any framing of the request, any content; and the connection to the upstream is in order after it."""
    lines, wire, data = UNTOUCHED[name]
    with RawClient(stage.program.port) as client:
        client.send(stage.head(f"f53-{name}")[:-2] + lines + b"\r\n" + wire)
        answer = client.read_answer("POST")
        again = client.send(stage.asked(f"f53-{name}", asking())).read_answer("POST")
    assert (answer.body, json.loads(again.body)) == (b"".join(EVENTS), ANSWER)
    first, second = stage.requests(f"f53-{name}")
    assert (first.body, first.connection) == (data, second.connection)
    record = stage.final(answer)
    assert body(record, "asked") == body(record, "sent") == data
    assert "not_transformed" in record.flags and "forced_stream" not in record.flags


BAD_BODIES = {"size": b"zz\r\n", "no-crlf": b"5\r\nhelloXX", "negative": b"-1\r\n", "bare-lf": b"5\nhello\n"}


@pytest.mark.parametrize("name", list(BAD_BODIES))
def test_f52_a_malformed_chunk_in_a_held_body(stage: Stage, name: str) -> None:
    """Refused; the upstream has not heard of it."""
    with RawClient(stage.program.port) as client:
        client.send(stage.head(f"f52-{name}", "Transfer-Encoding: chunked") + b"4\r\ngood\r\n" + BAD_BODIES[name])
        answer = client.read_answer("POST")
    record = stage.final(answer)
    assert record.failure is not None and record.sent is None
    assert (answer.status, record.state, record.failure.stage) == (400, "rejected", "read_request")
    assert body(record, "asked").startswith(b"good")
    assert body(record, "delivered") == answer.body
    assert stage.requests(f"f52-{name}") == []


def test_a_switch_for_one_request(stage: Stage) -> None:
    """Whoever turns everything off is served as if there were no transforms."""
    off = [f"X-MoonPalace-{name}: off" for name in ("Force-Stream", "Detect-Repeat", "Auto-Cache", "Key")]
    answer = stage.whole("switch", stage.asked("switch", asking(), *off))
    assert answer.body == b"".join(EVENTS)
    assert stage.final(answer).flags == ()


# What the upstream does early, and connections that are used again


@pytest.mark.parametrize("stream", [True, None], ids=["streamed", "unstreamed"])
@pytest.mark.parametrize("end", [Fin(), Close()], ids=["fin", "reset"])
def test_f35_early_answer(stage: Stage, end: Step, stream: bool | None) -> None:
    """The request is held, and then too long for the upstream: its answer reaches the client all the same."""
    name = f"f35-{type(end).__name__}-{stream}"
    reply = kimi.json_reply({"error": {"message": "too large", "type": "invalid_request_error"}}, 413, "No")
    stage.scripts[name] = [ReadSome(100_000), *reply.steps(), end]
    data = asking(stream, text="x" * (12 << 20))
    with RawClient(stage.program.port) as client:
        answer = client.send(stage.asked(name, data)).read_answer("POST")
    assert (answer.status, answer.body) == (413, reply.body)
    record = stage.final(answer)
    assert (record.state, record.status, record.failure) == ("complete", 413, None)


def test_f30_a_hundred_continue_that_nobody_asked_for(stage: Stage) -> None:
    """It is passed on, as without transforms, and the answer after it is merged."""
    stage.scripts["f30"] = [Send(b"HTTP/1.1 100 Continue\r\n\r\n"), ReadBody(), Send(SSE), SendChunked(EVENTS)]
    answer = stage.whole("f30", stage.asked("f30", asking()))
    assert ([status for status, _ in answer.interim], json.loads(answer.body)) == ([100], ANSWER)


def _loop() -> list[bytes]:
    text = {"choices": [{"index": 0, "delta": {"content": "ab " * 100}}]}
    return [EVENTS[0], kimi.data_event({**json.loads(EVENTS[1][6:]), **text})]


@pytest.mark.parametrize("stream", [True, None], ids=["streamed", "unstreamed"])
def test_a_cut_lets_the_upstream_go_and_keeps_the_client(stage: Stage, stream: bool | None) -> None:
    """The next request of the same client goes out on another connection, and sees nothing of the stream before."""
    name = f"cut-{stream}"
    stage.scripts[name] = [ReadBody(), Send(SSE), SendChunked(_loop(), end=False), Stall()]
    with RawClient(stage.program.port) as client:
        answer = client.send(stage.asked(name, asking(stream))).read_answer("POST")
        assert answer.ended == "clean" and b'"finish_reason":"length"' in answer.body
        assert stage.connection(name).done.wait(2)
        after = client.send(stage.asked(f"after-{name}", asking())).read_answer("POST")
    assert json.loads(after.body) == ANSWER
    assert stage.requests(name)[-1].connection != stage.requests(f"after-{name}")[-1].connection
    record = stage.final(answer)
    assert record.state == "complete" and "repeat_cut" in record.flags
    assert body(record, "told") == b"".join(_loop())


def test_an_error_in_the_stream_lets_the_upstream_go_and_keeps_the_client(stage: Stage) -> None:
    """The same for the answer that an error event becomes."""
    error = kimi.data_event({"error": {"message": "busy", "type": "engine_overloaded_error"}})
    stage.scripts["error"] = [ReadBody(), Send(SSE), SendChunked([*EVENTS[:2], error], end=False), Stall()]
    with RawClient(stage.program.port) as client:
        answer = client.send(stage.asked("error", asking())).read_answer("POST")
        assert (answer.status, json.loads(answer.body)["error"]["message"]) == (429, "busy")
        assert stage.connection("error").done.wait(2)
        assert client.send(stage.asked("after-error", asking())).read_answer("POST").status == 200
    assert stage.final(answer).state == "complete"


def test_f20_bytes_after_the_end_do_not_reach_the_next_request(stage: Stage) -> None:
    """A second answer that nobody asked for must not become the answer of somebody else."""
    forged = b"0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    stage.scripts["f20"] = [ReadBody(), Send(SSE), SendChunked(EVENTS[:-1], end=False),
                            Send(b"%x\r\n%b\r\n" % (len(EVENTS[-1]), EVENTS[-1]) + forged)]  # fmt: skip
    with RawClient(stage.program.port) as client:
        first = client.send(stage.asked("f20", asking())).read_answer("POST")
        second = client.send(stage.asked("f20-next", asking())).read_answer("POST")
    assert json.loads(first.body) == json.loads(second.body) == ANSWER
    assert "extra_bytes" in stage.final(first).flags
    assert stage.requests("f20")[-1].connection != stage.requests("f20-next")[-1].connection


@pytest.mark.parametrize("stream", [True, None], ids=["streamed", "unstreamed"])
def test_f21_nothing_is_sent_twice(stage: Stage, stream: bool | None) -> None:
    """A reused connection that ends after the request was sent: 502, because the API may have acted on it."""
    name = f"f21-{stream}"
    stage.scripts[name] = [ReadBody(), Close()]
    with RawClient(stage.program.port) as client:
        assert client.send(stage.asked(f"first-{name}", asking(stream))).read_answer("POST").status == 200
        answer = client.send(stage.asked(name, asking(stream))).read_answer("POST")
    assert answer.status == 502
    record = stage.final(answer)
    assert record.failure is not None and "reused_conn" in record.flags
    assert (record.state, record.failure.stage, record.failure.kind) == ("upstream_error", "wait_headers", "closed")
    assert len(stage.requests(name)) == 1


# Connecting


def _refused() -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


CONNECTS: dict[str, tuple[Callable[[], str], int, str, tuple[str, ...]]] = {
    "F01-refused": (_refused, 502, "connect", ("refused",)),
    "F02-no-such-name": (lambda: "http://nosuchhost.invalid", 502, "resolve", ("not_found", "resolver", "timeout")),
}


def _asks_twice(program: Program, status: int, stage: str, kinds: tuple[str, ...]) -> None:
    """With and without a call of ours before it, streamed and not."""
    for number, data in enumerate([asking(), asking(True), LONG]):
        with RawClient(program.port) as client:
            answer = client.ask("POST", f"/v1/c{number}/chat/completions", data, AUTH)
        assert answer.status in (status, 504 if stage == "resolve" else status)
        check_own_answer(answer, stage)
        record = program.wait_for(answer.header("x-moonpalace-id") or "")
        assert record.failure is not None and record.failure.kind in kinds
        assert (record.state, record.failure.stage, record.status) == ("upstream_error", stage, None)
        assert (record.sent, body(record, "asked"), body(record, "delivered")) == (None, data, answer.body)
    own = program.wait_for_path("/v1/c2/caching")
    assert own.failure is not None and "own_call" in own.flags and own.failure.stage == stage
    assert CLIENT_KEY.decode() not in repr(own)
    assert len(program.wait_for_count(4)) == 4


@pytest.mark.parametrize("name", list(CONNECTS))
def test_connecting_fails(programs: Callable[..., Program], name: str) -> None:
    """The client is told once, in time, whatever calls of ours failed before; all is on record."""
    endpoint, status, stage, kinds = CONNECTS[name]
    program = programs(endpoint(), *ON[:3], "--connect-timeout", "5s")
    _asks_twice(program, status, stage, kinds)


def test_f04_connecting_takes_too_long(programs: Callable[..., Program]) -> None:
    """A server whose queue is full lets connections hang."""
    waiting: list[socket.socket] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        try:
            for _ in range(4):
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(listener.getsockname())
            program = programs(f"http://127.0.0.1:{listener.getsockname()[1]}", *ON[:3], "--connect-timeout", "300ms")
            _asks_twice(program, 504, "connect", ("timeout",))
        finally:
            for sock in waiting:
                sock.close()


@pytest.mark.parametrize("end", [Reset(), Fin()], ids=["reset", "fin"])
def test_f07_accepted_and_ended(
    programs: Callable[..., Program], upstreams: Callable[..., Upstream], end: Step
) -> None:
    """Each connection is ended before anything is read: the call of ours fails, and so does the request."""
    program = programs(upstreams([end]), *ON[:3])
    with RawClient(program.port) as client:
        answer = client.ask("POST", "/v1/chat/completions", LONG, AUTH)
    assert answer.status == 502
    record = program.wait_for(answer.header("x-moonpalace-id") or "")
    assert record.state == "upstream_error" and record.failure is not None
    assert record.failure.stage in ("connect", "send", "wait_headers")
    assert program.wait_for_path("/v1/caching").state in ("upstream_error", "aborted")


@pytest.mark.parametrize("stream", [True, None], ids=["streamed", "unstreamed"])
def test_f09_head_timeout(
    programs: Callable[..., Program], upstreams: Callable[..., Upstream], stream: bool | None
) -> None:
    """The limit begins when the request is out, however long it was held; once the head is there it cuts nothing."""
    go = threading.Event()
    upstream = upstreams(scripts=[[Read(), Send(SSE), SendChunked(EVENTS[:3], end=False), Wait(go),
                                   SendChunked(EVENTS[3:]), Read(), Stall()], [Read(), Stall()]])  # fmt: skip
    program = programs(upstream, *ON[:3], "--head-timeout", "1s")
    with RawClient(program.port) as client:
        client.send(request("POST", "/v1/chat/completions", asking(stream), AUTH, host=client.authority))
        assert not go.wait(1.3)  # longer than the limit
        go.set()
        assert client.read_answer("POST").status == 200
        answer = client.ask("POST", "/v1/chat/completions", asking(stream), AUTH)
    assert answer.status == 504
    check_own_answer(answer, "wait_headers")


# Calls of our own


BAD_CALLS: dict[str, list[Step]] = {
    "closed": [Close()],
    "reset": [Reset()],
    "garbage": [ReadBody(), Send(b"\x00\xff garbage\r\n\r\n"), Fin()],
    "bad-chunk": [ReadBody(), Send(SSE + b"5\r\n{\"id\"\r\nzz\r\n"), Fin()],
    "short": [ReadBody(), Send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"), Fin()],
    "not-json": [ReadBody(), Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html>...")],
    "bad-code": [ReadBody(), Send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}")],
    "empty": [ReadBody(), Send(b"HTTP/1.1 204 No Content\r\n\r\n")],
    "error": [ReadBody(), Send(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")],
    "flood": [ReadBody(), Send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)],
}  # fmt: skip


@pytest.mark.parametrize("name", list(BAD_CALLS))
def test_a_call_of_ours_fails(fresh: Stage, name: str) -> None:
    """The request goes as it is; both are on record, each as what it was."""
    fresh.scripts["/v1/chat/caching"] = BAD_CALLS[name]
    assert json.loads(fresh.whole("chat", fresh.asked("chat", LONG)).body) == ANSWER
    own = fresh.program.wait_for_path("/v1/chat/caching")
    assert own.state != "in_flight" and {"own_call", "key_substituted"} <= set(own.flags)
    assert (own.peer, KEY.decode() in repr(own)) == ("moonpalace", False)
    (asked,) = [one for one in fresh.requests("chat") if one.path.endswith("/caching")]
    if name not in ("closed", "reset"):
        assert body(own, "asked") == body(own, "sent") == asked.body


def test_a_call_of_ours_stalls(fresh: Stage) -> None:
    """The request is out within two seconds, and the stalled connection is given up."""
    fresh.scripts["/v1/chat/caching"] = [ReadBody(), Stall()]
    fresh.whole("chat", fresh.asked("chat", LONG))
    call, chat = fresh.requests("chat")
    assert fresh.server.connections[call.connection].done.wait(2)
    own = fresh.program.wait_for_path("/v1/chat/caching")
    assert own.failure is not None and "own_call" in own.flags
    assert (own.state, own.failure.kind) == ("aborted", "timeout")
    assert own.latency_ns is not None and own.latency_ns < 2.2e9
    assert json.loads(chat.body)["stream"] is True
