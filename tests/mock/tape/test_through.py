"""Requests that the tape does not have, sent on and recorded. The upstream stands for the proxy that records."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from moonpalace.mock.asked import Account, Asked
from moonpalace.mock.tape import Tape
from moonpalace.mock.tape import through as module
from moonpalace.mock.tape.through import Collected
from moonpalace.testing.exchanges import headers
from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.rawclient import Answer, RawClient
from moonpalace.testing.upstream import Fin, Read, Reset, Send, SendChunked, Stall, Step, Upstream, Wait
from moonpalace.testing.waiting import wait_until
from moonpalace.wire import http1

KEY = "sk-0123456789abcdefghijklmnop"
EVENTS = [b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n"]
HEAD = b"HTTP/1.1 200 OK\r\nx-moonpalace-id: uid-7\r\nContent-Type: text/x\r\nTransfer-Encoding: chunked\r\n\r\n"
STREAM: list[Step] = [Read(), Send(HEAD), SendChunked(EVENTS), Fin()]
BODY = b'{"stream":true}'


def whole(status: str = "200 OK", body: bytes = b"ok") -> list[Step]:
    """A short answer."""
    return [Read(), Send(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status.encode(), len(body), body)), Fin()]


@pytest.fixture
def mocks(upstreams: Callable[..., Upstream]) -> Callable[..., tuple[Upstream, AbstractContextManager[MockThread]]]:
    """Makes a mock that sends on what it does not have to an upstream of these scripts, one for each connection."""

    def make(*scripts: list[Step]) -> tuple[Upstream, MockThread]:
        upstream = upstreams(scripts=scripts)
        told: list[str] = []
        mock = MockThread(tape=Tape([], through=(upstream.host, upstream.port), tell=told.append))
        mock.told = told
        return upstream, mock

    return make


def ask(mock: MockThread, body: bytes = BODY, *lines: str, target: str = "/v1/chat/completions") -> Answer:
    """One request on a connection of its own."""
    with RawClient(int(mock.root.rpartition(":")[2])) as client:
        return client.ask("POST", target, body, f"Authorization: Bearer {KEY}", *lines)


def test_a_miss_goes_on_and_the_same_request_is_a_hit_then(mocks: Any) -> None:
    """The API is asked once."""
    upstream, mock = mocks(STREAM)
    with mock:
        first = ask(mock, BODY, "X-Mock-Speed: 0", "Connection: keep-alive")
        second = ask(mock, b'{ "stream" : true }')
    assert (first.body, first.pieces, first.ended, first.header("x-moonpalace-id")) == (
        b"".join(EVENTS), EVENTS, "clean", "uid-7",
    )  # fmt: skip
    assert (second.body, second.ended, second.header("x-moonpalace-id")) == (first.body, "clean", None)
    (asked,) = upstream.requests
    assert (asked.target, asked.body) == ("/v1/chat/completions", BODY)
    assert (asked.header("authorization"), asked.header("connection")) == (f"Bearer {KEY}", "close")
    assert asked.header("host") == f"{upstream.host}:{upstream.port}"
    assert asked.header("x-mock-speed") is None
    assert mock.told == ["POST /v1/chat/completions: nothing is recorded; it is sent on to the API and recorded"]


def test_an_upload_goes_on_whole(mocks: Any) -> None:
    """It is not read as it comes: it has to be sent again."""
    upstream, mock = mocks(whole())
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 300_000 + b"\r\n--b--\r\n"
    )
    other = body.replace(b"--b", b"--other")
    with mock:
        kind = "Content-Type: multipart/form-data; boundary="
        assert ask(mock, body, f"{kind}b", target="/v1/files").body == b"ok"
        assert ask(mock, other, f"{kind}other", target="/v1/files").body == b"ok"
    assert [request.body for request in upstream.requests] == [body]


@pytest.mark.parametrize("status", ["429 Too Many Requests", "502 Bad Gateway", "500 Internal Server Error"])
def test_what_asks_to_try_again_is_not_kept(mocks: Any, status: str) -> None:
    """Or trying again would never reach the API."""
    upstream, mock = mocks(whole(status, b"later"), whole())
    with mock:
        assert [ask(mock).body for _ in range(3)] == [b"later", b"ok", b"ok"]
    assert len(upstream.requests) == 2


def test_an_error_that_is_an_answer_is_kept(mocks: Any) -> None:
    """A bad request stays one."""
    upstream, mock = mocks(whole("400 Bad Request", b"no"))
    with mock:
        assert [(found.status, found.body) for found in (ask(mock), ask(mock))] == [(400, b"no")] * 2
    assert len(upstream.requests) == 1


def test_a_reset_breaks_the_client_off_and_is_not_kept(mocks: Any) -> None:
    """Nobody may take it for whole."""
    go_on = threading.Event()
    _, mock = mocks([Read(), Send(HEAD), SendChunked(EVENTS[:1], end=False), Wait(go_on), Reset()], STREAM)
    with mock, RawClient(int(mock.root.rpartition(":")[2])) as client:
        client.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: %b\r\nContent-Length: 15\r\n\r\n" % client.authority.encode()
            + BODY
        )
        client.read_until(EVENTS[0])
        go_on.set()
        torn = client.read_answer("POST")
        assert (torn.body, torn.ended) == (EVENTS[0], "reset")
        assert ask(mock).body == b"".join(EVENTS)


def test_a_client_that_leaves_takes_the_request_back(mocks: Any) -> None:
    """The API must not go on answering nobody."""
    upstream, mock = mocks([Read(), Send(HEAD), Stall()])
    with mock:
        with RawClient(int(mock.root.rpartition(":")[2])) as client:
            client.send(
                b"POST /v1/x HTTP/1.1\r\nHost: %b\r\nContent-Length: 15\r\n\r\n" % client.authority.encode() + BODY
            )
            client.read_until(b"\r\n\r\n")
            client.reset()
        assert upstream.connections[0].done.wait(20)
        assert upstream.connections[0].ended in ("eof", "reset")
        wait_until(lambda: not mock.server.calls)


def test_a_client_that_does_not_read_stops_the_upstream(mocks: Any) -> None:
    """Nothing piles up in the mock; and nothing is lost."""
    size = 40_000_000
    _, mock = mocks([Read(), Send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)), Fin()])
    with mock, RawClient(int(mock.root.rpartition(":")[2])) as client:
        client.send(b"GET /v1/models HTTP/1.1\r\nHost: %b\r\n\r\n" % client.authority.encode())
        wait_until(lambda: any(not call.connection.writable for call in list(mock.server.calls)))
        answer = client.read_answer()
    assert (len(answer.body), answer.ended) == (size, "clean")


def test_a_proxy_that_is_not_there_is_a_502(mocks: Any) -> None:
    """In words, on a connection that goes on."""
    upstream, mock = mocks(STREAM)
    upstream.close()
    with mock:
        found = ask(mock)
    assert (found.status, found.ended) == (502, "clean")
    assert b"cannot be reached" in found.body


def test_stopping_ends_what_is_under_way(mocks: Any) -> None:
    """At once."""
    upstream, mock = mocks([Read(), Send(HEAD), Stall()])
    with mock, RawClient(int(mock.root.rpartition(":")[2])) as client:
        client.send(b"GET /v1/models HTTP/1.1\r\nHost: %b\r\n\r\n" % client.authority.encode())
        client.read_until(b"\r\n\r\n")
        mock.close()
        assert client.read_answer().ended in ("eof", "reset")
    assert upstream.connections[0].done.wait(20)


def asked() -> Asked:
    """A request to go with a recorded answer."""
    return Asked(1, "POST", "/v1/x", (), headers(), BODY, Account("nobody"), 0.0)


RAW = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HEAD + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 40, len(RAW)])
def test_an_answer_is_read_out_of_any_pieces(size: int) -> None:
    """They are those of the network."""
    head = http1.parse_request_head(b"POST /v1/x?a=%20 HTTP/1.1\r\nHost: x\r\n")
    collected = Collected(head, asked())
    *early, found = [collected.feed(at, RAW[at : at + size]) for at in range(0, len(RAW), size)]
    assert found is not None and not any(early)
    assert (found.uid, found.target, found.status, found.told_body) == ("uid-7", "/v1/x?a=%20", 200, b"hello world")
    assert sum(length for _, length in found.chunks) == 11
    assert [at for at, _ in found.chunks] == sorted(at for at, _ in found.chunks)


@pytest.mark.parametrize("raw", [b"", RAW[:-1], RAW[:60], b"SSH-2.0\r\n\r\n", HEAD + b"x\r\n"], ids=range(5))
def test_what_is_no_whole_answer_is_none(raw: bytes) -> None:
    """It is not put onto the tape."""
    head = http1.parse_request_head(b"POST /v1/x HTTP/1.1\r\nHost: x\r\n")
    collected = Collected(head, asked())
    assert (collected.feed(0, raw), collected.close()) == (None, None)


def test_a_body_may_end_with_the_connection() -> None:
    """Then it is whole when that one ends in order."""
    collected = Collected(http1.parse_request_head(b"POST /v1/x HTTP/1.1\r\nHost: x\r\n"), asked())
    assert collected.feed(0, b"HTTP/1.1 200 OK\r\n\r\nabc") is None
    found = collected.close()
    assert found is not None and found.told_body == b"abc"


def test_beyond_the_limit_nothing_is_kept(mocks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes through all the same."""
    monkeypatch.setattr(module, "LIMIT", 60)
    upstream, mock = mocks(whole(body=b"x" * 100))
    with mock:
        assert [ask(mock).body for _ in range(2)] == [b"x" * 100] * 2
    assert len(upstream.requests) == 2
