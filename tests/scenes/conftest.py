"""What the scenes share: the real program in front of the pretended Kimi, and what must hold for every exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from moonpalace.core.exchange import Exchange, Message
from moonpalace.testing.connect_proxy import ConnectProxy
from moonpalace.testing.kimi_shapes import Reply, kimi_upstream
from moonpalace.testing.program import Program
from moonpalace.testing.upstream import Request, Upstream

KEY = "sk-scene-0123456789abcdefghijklmnopqrstuv"


def side(record: Exchange, name: str) -> Message:
    """One of the four sides with its body, taken from its equal where it is not repeated."""
    message = getattr(record, name)
    assert isinstance(message, Message), f"{name} is missing"
    if message.body is None and message.same_as:
        return side(record, message.same_as)
    return message


def body(record: Exchange, name: str) -> bytes:
    """The kept bytes of one side's body."""
    found = side(record, name).body
    return b"" if found is None else found.data


class Scene:
    """The program, the upstream behind it, and which of its answers have been checked already."""

    key = KEY

    def __init__(self) -> None:
        self.upstream, self.kimi = kimi_upstream()
        self.program = Program(self.upstream.url)
        self.seen = 0

    def close(self) -> None:
        """Ends both."""
        try:
            self.program.close()
        finally:
            self.upstream.close()

    def new(self) -> list[tuple[Request, Reply, Exchange]]:
        """The exchanges since the last call, each with what the upstream saw and said; laws checked on the way."""
        pairs = self.kimi.replies[self.seen :]
        total = len(self.kimi.replies)
        records = sorted(self.program.wait_for_count(total), key=lambda row: row.uid)
        assert len(records) == total
        whole = [self.program.wait_for(row.uid) for row in records[self.seen :]]
        self.seen = total
        for (request, reply), record in zip(pairs, whole, strict=True):
            check(request, reply, record)
        return [(request, reply, record) for (request, reply), record in zip(pairs, whole, strict=True)]


def check(request: Request, reply: Reply, record: Exchange) -> None:
    """The record holds what went over the wire, both ways."""
    told = reply.whole if request.method != "HEAD" else b""
    assert (record.method, record.target) == (request.method, request.target)
    assert body(record, "asked") == request.body
    assert body(record, "sent") == request.body
    if not reply.cut:
        assert (record.state, record.failure) == ("complete", None)
    assert record.status == reply.status
    assert body(record, "told") == told
    assert body(record, "delivered") == told
    assert record.request_id == dict(reply.headers).get("Msh-Request-Id")
    assert record.latency_ns is not None and record.latency_ns > 0


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """One program and one upstream for a module; both keep what they saw."""
    made = Scene()
    yield made
    made.close()


@pytest.fixture
def programs() -> Iterator[Callable[..., Program]]:
    """Starts programs that end with the test; the arguments are those of `Program`."""
    made: list[Program] = []

    def start(endpoint: str | Upstream, *flags: str, **options: object) -> Program:
        url = endpoint if isinstance(endpoint, str) else endpoint.url
        made.append(Program(url, *flags, **options))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for program in made:
        program.close()


@pytest.fixture
def proxies() -> Iterator[Callable[..., ConnectProxy]]:
    """Makes HTTP proxies that end with the test."""
    made: list[ConnectProxy] = []

    def make(*args: Any, **options: Any) -> ConnectProxy:
        made.append(ConnectProxy(*args, **options))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of our own."""
    return trustme.CA()
