"""A stream reaches the client piece by piece, each at the moment it arrives."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.rawclient import RawClient, parse_answer, request
from moonpalace.testing.upstream import Pause, Read, ReadHead, ReadSome, Send, SendChunked, Signal, Step, Upstream, Wait

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
EVENTS = [
    kimi.data_event({"id": kimi.CHATCMPL, "choices": [{"index": 0, "delta": {"content": str(n)}}]}) for n in range(10)
]


def chunked(piece: bytes) -> bytes:
    """One chunk."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def exactly(data: bytes) -> bytes:
    """The bytes as they are."""
    return data


FRAMINGS: list[tuple[str, bytes, Callable[[bytes], bytes], bytes]] = [
    ("chunked", b"Transfer-Encoding: chunked\r\n", chunked, b"0\r\n\r\n"),
    ("length", b"Content-Length: %d\r\n" % sum(map(len, EVENTS)), exactly, b""),
    ("close", b"", exactly, b""),
]


@pytest.mark.parametrize("framing", FRAMINGS, ids=[row[0] for row in FRAMINGS])
def test_each_event_arrives_before_the_next_is_sent(
    upstreams: Callable[..., Upstream],
    programs: Callable[..., Any],
    framing: tuple[str, bytes, Callable[[bytes], bytes], bytes],
) -> None:
    """The upstream sends an event only after the client has confirmed the one before: nothing may be held back."""
    _, lines, frame, end = framing
    confirmed = [threading.Event() for _ in range(len(EVENTS) + 1)]
    script: list[Step] = [Read(), Send(HEAD + lines + b"\r\n"), Wait(confirmed[0])]
    for event, seen in zip(EVENTS, confirmed[1:], strict=True):
        script += [Send(frame(event)), Wait(seen)]
    program = programs(upstreams([*script, Send(end)]))
    with RawClient(program.port) as client:
        client.send(request("POST", "/v1/chat/completions", b'{"stream":true}', host=client.authority))
        client.read_until(b"\r\n\r\n")
        confirmed[0].set()
        for event, seen in zip(EVENTS, confirmed[1:], strict=True):
            client.read_until(event)
            seen.set()
        answer = client.read_answer("POST")
    assert (answer.ended, answer.body) == ("clean", b"".join(EVENTS))
    record = program.wait_for(answer.header("x-moonpalace-id"))
    assert record.state == "complete"
    assert record.told.body.data == b"".join(EVENTS)
    assert sum(event.size for event in record.timeline if event.name == "told_chunk") == len(answer.body)


def test_an_upload_reaches_the_upstream_piece_by_piece(
    upstreams: Callable[..., Upstream], programs: Callable[..., Any]
) -> None:
    """The other direction is not collected either: the upstream has a piece before the client sends the next."""
    signals = [threading.Event() for _ in range(3)]
    reading: list[Step] = [ReadHead()]
    for signal in signals:
        reading += [ReadSome(1000), Signal(signal)]
    program = programs(upstreams([*reading, Send(HEAD + b"Content-Length: 2\r\n\r\nok")]))
    with RawClient(program.port) as client:
        client.send(
            request("POST", "/v1/files", b"", "Content-Length: 3000", host=client.authority).replace(
                b"Content-Length: 0\r\n", b""
            )
        )
        for signal in signals:
            client.send(b"x" * 1000)
            assert signal.wait(10)
        assert client.read_answer("POST").body == b"ok"


def test_events_keep_their_distance(upstreams: Callable[..., Upstream], programs: Callable[..., Any]) -> None:
    """Ten events 100 ms apart arrive 100 ms apart; bounds are wide, because machines are busy."""
    gap = 0.1
    script: list[Step] = [Read(), Send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")]
    for event in EVENTS:
        script += [Pause(gap), Send(chunked(event))]
    program = programs(upstreams([*script, Send(b"0\r\n\r\n")]))
    arrivals = []
    with RawClient(program.port) as client:
        client.send(request("POST", "/v1/chat/completions", b'{"stream":true}', host=client.authority))
        for event in EVENTS:
            client.read_until(event)
            arrivals.append(time.monotonic())
        answer = client.read_answer("POST")
    gaps = [after - before for before, after in itertools.pairwise(arrivals)]
    assert min(gaps) > gap * 0.3 and max(gaps) < gap * 4
    assert 0.8 * gap * 9 < arrivals[-1] - arrivals[0] < 3 * gap * 9
    record = program.wait_for(answer.header("x-moonpalace-id"))
    told = [event.at_ns / 1e9 for event in record.timeline if event.name == "told_chunk"]
    assert 0.8 * gap * 9 < told[-1] - told[0] < 3 * gap * 9
    assert record.ttft_ns is not None and record.ttft_ns / 1e9 > 0.8 * gap


def test_gzipped_events_arrive_at_once_and_unchanged(
    upstreams: Callable[..., Upstream], programs: Callable[..., Any]
) -> None:
    """A compressed stream passes compressed; each flushed piece at once."""
    reply = kimi.gzipped(kimi.event_reply(EVENTS))
    assert reply.pieces is not None
    seen = [threading.Event() for _ in reply.pieces]
    script: list[Step] = [Read(), Send(reply.head())]
    for piece, event in zip(reply.pieces, seen, strict=True):
        script += [SendChunked([piece], end=False), Wait(event)]
    upstream = upstreams([*script, Send(b"0\r\n\r\n")])
    program = programs(upstream)
    with RawClient(program.port) as client:
        client.send(request("POST", "/v1/chat/completions", b'{"stream":true}', host=client.authority))
        for piece, event in zip(reply.pieces, seen, strict=True):
            client.read_until(piece)
            event.set()
        answer = client.read_answer("POST")
    assert answer.body == reply.whole == parse_answer(bytes(upstream.requests[0].answer)).body
    assert program.wait_for(answer.header("x-moonpalace-id")).chatcmpl == kimi.CHATCMPL
