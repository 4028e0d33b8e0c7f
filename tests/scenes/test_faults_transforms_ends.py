"""How it ends with every transform on: stopped or killed while a stream is held back, or a call of our own stalls."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing import processes
from moonpalace.testing.four_sides import body, check_four_sides
from moonpalace.testing.program import Program, every_file
from moonpalace.testing.rawclient import RawClient, request
from moonpalace.testing.upstream import ReadBody, Request, Send, SendChunked, Signal, Stall, Step, Upstream, Wait
from moonpalace.testing.waiting import wait_until

CLIENT_KEY, KEY = b"sk-client-0123456789abcdefghijkl", b"sk-configured-0123456789abcdefgh"
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = kimi.chat_events()
CHAT, CACHING = "/v1/chat/completions", "/v1/caching"


@dataclass
class Api:
    """Answers a chat with the first events, and the rest when `go` is set; a call for a cache never."""

    go: threading.Event = field(default_factory=threading.Event)
    told: threading.Event = field(default_factory=threading.Event)  # the first events are out
    called: threading.Event = field(default_factory=threading.Event)  # a cache was asked for

    def steps(self, asked: Request) -> list[Step]:
        """What a request gets."""
        if asked.path == CACHING:
            return [ReadBody(), Signal(self.called), Stall()]
        first = [Send(SSE), SendChunked(EVENTS[:4], end=False), Signal(self.told)]
        return [ReadBody(), *first, Wait(self.go), SendChunked(EVENTS[4:])]


@dataclass
class Scene:
    """A program, an API, and a chat under way."""

    program: Program
    upstream: Upstream
    api: Api
    client: RawClient
    asked: bytes

    def rows(self) -> dict[str, Exchange]:
        """What is on record at the end, by path."""
        rows = self.program.recent()
        assert len({row.path for row in rows}) == len(rows)
        found = {row.path: self.program.exchange(row.uid) for row in rows}
        for record in found.values():
            assert record is not None
        return {path: record for path, record in found.items() if record is not None}

    def told(self, path: str) -> Request | None:
        """The request of that path as the upstream got it."""
        return next((asked for asked in self.upstream.requests if asked.path == path), None)


Make = Callable[[str], Scene]


@pytest.fixture
def make(upstreams: Callable[..., Upstream], programs: Callable[..., Program], tmp_path: Path) -> Iterator[Make]:
    """Begins a chat with that model and waits until it is well under way."""

    def begin(model: str) -> Scene:
        api = Api()
        upstream = upstreams(route=api.steps, heads_only=True)
        (tmp_path / "key").write_bytes(KEY)
        flags = ("--force-stream", "--detect-repeat", "--auto-cache", "--key-file", str(tmp_path / "key"))
        program = programs(upstream, *flags, home=tmp_path)
        value: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "long " * 2000}]}
        client = RawClient(program.port)
        clients.append(client)
        asked = request("POST", CHAT, json.dumps(value).encode(), f"Authorization: Bearer {CLIENT_KEY.decode()}",
                        host=client.authority)  # fmt: skip
        client.send(asked)
        assert (api.called if model == "moonshot-v1-8k" else api.told).wait(5)
        return Scene(program, upstream, api, client, asked)

    clients: list[RawClient] = []
    yield begin
    for client in clients:
        client.close()


def check_no_key(scene: Scene) -> None:
    """Neither of the two, anywhere."""
    files = list(every_file(scene.program.directory))
    assert files and not [path for path, data in files for key in (KEY, CLIENT_KEY) if key in data]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["sigint", "sigterm"])
def test_a_forced_stream_may_end_when_the_proxy_is_stopped(make: Make, number: signal.Signals) -> None:
    """The first signal waits for it: the client gets its whole answer, and then the end of the connection."""
    scene = make("kimi-k3")
    scene.program.process.send_signal(number)
    wait_until(lambda: "once more" in scene.program.stderr, "it says that it waits")
    scene.api.go.set()
    answer = scene.client.read_answer("POST")
    assert (answer.ended, json.loads(answer.body)) == ("clean", kimi.chat_json())
    assert answer.header("connection") == "close"
    assert scene.program.process.wait(20) == 0
    (record,) = scene.rows().values()
    assert (record.state, record.failure) == ("complete", None)
    check_four_sides(record, scene.asked, scene.told(CHAT), answer, (CLIENT_KEY, KEY))


def test_a_forced_stream_is_broken_off_by_the_second_signal(make: Make) -> None:
    """The client is told so in an answer, for it has none yet; what had come is on record."""
    scene = make("kimi-k3")
    scene.program.process.send_signal(signal.SIGINT)
    wait_until(lambda: "once more" in scene.program.stderr, "it says that it waits")
    scene.program.process.send_signal(signal.SIGINT)
    answer = scene.client.read_answer("POST")
    assert (answer.status, answer.ended) == (503, "clean")
    assert scene.program.process.wait(20) == 0
    scene.program.records()  # takes in what is left
    (record,) = scene.rows().values()
    assert record.failure is not None
    assert (record.state, record.failure.stage, record.failure.kind) == ("aborted", "read_body", "shutdown")
    check_four_sides(record, scene.asked, scene.told(CHAT), answer, (CLIENT_KEY, KEY), early=True)
    assert body(record, "told") == b"".join(EVENTS[:4])
    check_no_key(scene)


def test_a_stalled_call_does_not_hold_up_the_end(make: Make) -> None:
    """It is given up at once; the request that it was for goes out without, and is served to its end."""
    scene = make("moonshot-v1-8k")
    scene.program.process.send_signal(signal.SIGINT)
    scene.api.go.set()
    answer = scene.client.read_answer("POST")
    assert (answer.ended, json.loads(answer.body)) == ("clean", kimi.chat_json())
    assert scene.program.process.wait(20) == 0
    rows = scene.rows()
    own, record = rows.pop(CACHING), rows.pop(CHAT)
    assert not rows and own.failure is not None
    assert (own.state, own.failure.kind) == ("aborted", "shutdown") and "own_call" in own.flags
    assert (record.state, record.failure) == ("complete", None) and "cache_failed" in record.flags
    check_four_sides(record, scene.asked, scene.told(CHAT), answer, (CLIENT_KEY, KEY))
    check_no_key(scene)


def _killed(scene: Scene) -> dict[str, Exchange]:
    processes.kill(scene.program.process.pid)
    answer = scene.client.read_answer("POST")
    assert (answer.status, answer.raw) == (0, b"")  # not one byte that could be taken for an answer
    scene.program.process.wait(10)
    rows = scene.program.records()
    assert {row["state"] for row in rows} == {"interrupted"}
    return scene.rows()


def test_f36_killed_while_a_forced_stream_is_held_back(make: Make) -> None:
    """The client has nothing of the answer, the record has all that came but the last moment."""
    scene = make("kimi-k3")
    wait_until(lambda: EVENTS[3][-80:-2] in _journal(scene.program), "the journal has what came")
    (record,) = _killed(scene).values()
    assert record.failure is not None and record.delivered is None
    assert (record.state, record.failure.stage, record.failure.kind) == ("interrupted", "read_body", "interrupted")
    told = scene.told(CHAT)
    assert told is not None and json.loads(told.body)["stream"] is True
    assert (body(record, "asked"), body(record, "sent")) == (scene.asked.partition(b"\r\n\r\n")[2], told.body)
    assert (record.status, body(record, "told")) == (200, b"".join(EVENTS[:4]))
    check_no_key(scene)


def test_f36_killed_while_a_call_of_ours_stalls(make: Make) -> None:
    """Both are on record: the call, and the request that was not sent yet."""
    scene = make("moonshot-v1-8k")
    parts = (CACHING.encode(), b'"ttl":60', b"reused")  # it came, its body, it went out
    wait_until(lambda: all(part in _journal(scene.program) for part in parts), "the journal has the call")
    rows = _killed(scene)
    own, record = rows.pop(CACHING), rows.pop(CHAT)
    assert not rows and (record.sent, record.told, record.delivered) == (None, None, None)
    assert body(record, "asked") == scene.asked.partition(b"\r\n\r\n")[2]
    told = scene.told(CACHING)
    assert told is not None and body(own, "sent") == told.body and own.peer == "moonpalace"
    check_no_key(scene)


def _journal(program: Program) -> bytes:
    return b"".join([data for path, data in every_file(program.directory / "journal")])
