"""Exchanges with toy transforms: a proxy on a thread, a scripted upstream, real sockets, the record read back.

What is slow or rare in the whole program is here: limits, effects, sessions that fail, answers that end early.
"""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.journal.records import RunStarted
from moonpalace.journal.runs import RunInfo, create_run
from moonpalace.journal.writer import Journal
from moonpalace.librarian.catchup import take_in_dead_runs
from moonpalace.net import bind, listener, loop
from moonpalace.net.gate import Gate
from moonpalace.net.origin import Origin
from moonpalace.proxy import held, own
from moonpalace.proxy.routes import Route, Routes
from moonpalace.proxy.server import Proxy, Settings
from moonpalace.testing import kimi_shapes as kimi
from moonpalace.testing.fault import check_own_answer
from moonpalace.testing.four_sides import body, check_four_sides
from moonpalace.testing.program import open_reader
from moonpalace.testing.rawclient import Answer, RawClient, request
from moonpalace.testing.upstream import (
    Fin,
    Read,
    ReadBody,
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
from moonpalace.transforms import units
from moonpalace.transforms.base import (
    Asked,
    Behind,
    Call,
    Data,
    End,
    Event,
    Head,
    Load,
    Opening,
    Prepare,
    Reply,
    Save,
    Scan,
    Session,
    Unit,
)
from moonpalace.transforms.pipeline import Passage, Pipeline
from moonpalace.transforms.units import SLICE
from moonpalace.wire.redact import Redactor

CLIENT_KEY, KEY = b"sk-client-0123456789abcdefghijkl", b"sk-configured-0123456789abcdefgh"
AUTH = f"Authorization: Bearer {CLIENT_KEY.decode()}"
CHAT, OTHER = "/v1/chat/completions", "/v1/other"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
EVENTS = kimi.chat_events()
WHOLE = b"".join(EVENTS)
STREAM: list[Step] = [Send(SSE), SendChunked(EVENTS)]


class _Toys:
    """A pipeline whose sessions are given."""

    idle = False

    def __init__(self, sessions: list[Session]) -> None:
        self._sessions = sessions

    def open(self, opening: Opening, switches: object = None) -> Passage | None:
        """A passage for a chat, with what was given: it is for one exchange."""
        return Passage(self._sessions) if opening.path.endswith(b"/completions") and opening.method == b"POST" else None


class Here:
    """A proxy on a thread, with these sessions for its chat. `rows` ends it and gives what is on record."""

    def __init__(
        self, home: Path, upstream: Upstream, *sessions: Session, key: bytes | None = None, drain: float = 9.0
    ):
        self.home, self.upstream, self.key = home, upstream, key
        home.mkdir(mode=0o700)
        self._run = create_run(home, RunInfo(run="run", pid=1, endpoint=upstream.url))
        self._toys = cast(Pipeline, _Toys(list(sessions)))
        self._settings = Settings(drain=drain)
        self._sockets = bind.bind("127.0.0.1", 0)
        self.port: int = self._sockets[0].getsockname()[1]
        self.proxy: Proxy
        self._loop: asyncio.AbstractEventLoop
        self.errors: list[object] = []
        self._stop: Future[int] | None = None
        self._serving = threading.Event()
        self._thread = threading.Thread(target=lambda: loop.run(self._main(), loop.loop_factory()[1]), daemon=True)
        self._thread.start()
        assert self._serving.wait(5)

    async def _main(self) -> int:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda _, context: self.errors.append(context))
        journal = Journal(self._run.path, self._started, self._loop)
        origin = Origin("http", self.upstream.host, self.upstream.port, b"", self.upstream.url)
        redactor = Redactor(b"salt", [self.key] if self.key else [])
        routes = Routes(Route(b"", origin, self.key))
        self.proxy = Proxy(routes, Gate(self.port), redactor, journal, self._settings, pipeline=self._toys)
        await self.proxy.serve(self._sockets)
        self._over = asyncio.Event()
        self._serving.set()
        await self._over.wait()
        await self.proxy.drain()
        journal.end()
        await asyncio.to_thread(journal.close)
        return 0

    def _started(self) -> RunStarted:
        return RunStarted("run", time.monotonic_ns(), time.time_ns(), "1", "", self.upstream.url)

    def let_go(self) -> None:
        """The first signal."""
        self._loop.call_soon_threadsafe(self._over.set)

    def rows(self) -> dict[str, Exchange]:
        """What is on record, by path."""
        self.let_go()
        self._thread.join(15)
        assert not self._thread.is_alive() and self.errors == []
        if self._run.lock is not None:
            self._run.lock.release()
        take_in_dead_runs(self.home)
        reader = open_reader(self.home)
        if reader is None:
            return {}
        try:
            found = {row.path: reader.get(row.id) for row in reader.recent(0) if row.id is not None}
        finally:
            reader.close()
        return {path: record for path, record in found.items() if record is not None}

    def close(self) -> None:
        """Ends it, if nothing else did."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self.proxy.hurry)
            self.let_go()
            self._thread.join(5)

    def ask(self, data: bytes = b"{}", *lines: str) -> tuple[Answer, bytes]:
        """A chat: the answer, and the bytes that were sent."""
        with RawClient(self.port) as client:
            asked = request("POST", CHAT, data, AUTH, *lines, host=client.authority)
            return client.send(asked).read_answer("POST"), asked

    def check(self, answer: Answer, asked: bytes, *, early: bool = False) -> Exchange:
        """The record of the one chat, its four sides looked at."""
        record = self.rows()[CHAT]
        told = next(one for one in reversed(self.upstream.requests) if one.path == CHAT)
        check_four_sides(record, asked, told, answer, (CLIENT_KEY, KEY), early=early)
        return record


Make = Callable[..., Here]


@pytest.fixture
def here(tmp_path: Path, upstreams: Callable[..., Upstream]) -> Iterator[Make]:
    """Makes one: the steps of the upstream for a chat, then the sessions; `others` are the steps for other paths."""
    made: list[Here] = []

    def make(steps: Sequence[Step], *sessions: Session, others: Sequence[Step] = (Send(OK),), **more: Any) -> Here:
        def route(asked: Any) -> Sequence[Step]:
            found = steps if asked.path == CHAT else others
            return found if isinstance(found[0], (Read, ReadBody)) else [ReadBody(), *found]

        upstream = upstreams(route=route, heads_only=True)
        made.append(Here(tmp_path / "home", upstream, *sessions, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Edits(Session):
    """Another body for the request."""

    wants_request = True

    def __init__(self, body: bytes = b'{"new":1}') -> None:
        self.body = body

    def prepare(self, asked: Asked) -> Prepare:
        """That."""
        return asked.with_body(self.body).with_line(b"X-Line", b"1")
        yield


class Looks(Session):
    """Looks at the answer by a function."""

    wants_answer = True

    def __init__(self, feed: Callable[[Sequence[Unit]], Sequence[Unit]], *, holds: bool = False) -> None:
        self._feed, self.holds = feed, holds

    def feed(self, units: Sequence[Unit]) -> Sequence[Unit]:
        """What the function gives."""
        return self._feed(units)


class Does(Session):
    """Runs effects; `got` is what was sent back for each."""

    wants_request = True

    def __init__(self, *effects: object) -> None:
        self._effects = effects
        self.got: list[object] = []

    def prepare(self, asked: Asked) -> Prepare:
        """All of them, one after the other."""
        for effect in self._effects:
            self.got.append((yield cast(Any, effect)))
        return asked


# --- requests that are held


def test_the_request_goes_out_as_it_was_made(here: Make) -> None:
    """With its own length, and without the lines that speak of the body that is no more."""
    run = here([Send(OK)], Edits())
    answer, asked = run.ask(b'{"old":"xxxxxxxxxxx"}', "Digest: x", "x-line: 0", "X-Other: 1")
    (told,) = run.upstream.requests
    names = [name for name, _ in told.headers]
    assert names == [b"Host", b"Authorization", b"X-Other", b"Content-Length", b"X-Line"]
    assert (told.body, told.header("x-line")) == (b'{"new":1}', "1")
    assert run.check(answer, asked).state == "complete"


@pytest.mark.parametrize("limit", ["REQUEST_LIMIT", "HELD_LIMIT"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_request_that_is_too_long_to_be_held_goes_as_it_is(
    here: Make, monkeypatch: pytest.MonkeyPatch, chunked: bool, limit: str
) -> None:
    """Without those that wanted it; who only looks at the answer still does. All that wait share a limit, too."""
    monkeypatch.setattr(held, limit, 10_000)
    seen: list[Unit] = []

    def feed(units: Sequence[Unit]) -> Sequence[Unit]:
        seen.extend(units)
        return units

    run = here(STREAM, Edits(), Looks(feed))
    data = b"x" * 25_000
    with RawClient(run.port) as client:
        line = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(data)}"
        client.send(f"POST {CHAT} HTTP/1.1\r\nHost: {client.authority}\r\n{line}\r\n\r\n".encode())
        for at in range(0, len(data), 5000):
            piece = data[at : at + 5000]
            if at == 20_000:  # the proxy has read what is too much, and sends it on: it does not come all at once
                wait_until(lambda: run.upstream.connections)
            client.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            client.send(b"0\r\nX-Sum: 7\r\n\r\n")
        answer = client.read_answer("POST")
    (told,) = run.upstream.requests
    assert (answer.body, told.body, told.trailers) == (WHOLE, data, [(b"X-Sum", b"7")] * chunked)
    assert any(type(unit) is Event for unit in seen)
    record = run.rows()[CHAT]
    assert (record.state, record.flags[:1]) == ("complete", ("not_transformed",))
    assert body(record, "asked") == body(record, "sent") == data


def test_a_body_that_stops_coming_is_refused(here: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was held was never sent."""
    monkeypatch.setattr(listener, "BODY_IDLE_SECONDS", 0.3)
    run = here([Send(OK)], Edits())
    with RawClient(run.port) as client:
        client.send(f"POST {CHAT} HTTP/1.1\r\nHost: {client.authority}\r\nContent-Length: 9\r\n\r\nabc".encode())
        answer = client.read_answer("POST")
    record = run.rows()[CHAT]
    assert record.failure is not None and record.sent is None
    assert (answer.status, record.state, record.failure.stage) == (408, "rejected", "read_request")
    assert record.failure.kind == "timeout" and body(record, "asked") == b"abc"
    assert run.upstream.requests == []


def test_an_empty_chunked_body_is_one_end(here: Make) -> None:
    """A second last chunk would be the beginning of the next request for the upstream."""
    run = here([Send(OK)], Does())
    with RawClient(run.port) as client:
        for _ in range(2):
            head = f"POST {CHAT} HTTP/1.1\r\nHost: {client.authority}\r\nTransfer-Encoding: chunked\r\n\r\n"
            client.send(head.encode() + b"0\r\n\r\n")
            assert client.read_answer("POST").body == b"ok"
    assert [(asked.method, asked.raw_body) for asked in run.upstream.requests] == [("POST", b"0\r\n\r\n")] * 2
    assert len(run.upstream.connections) == 1


# --- effects


def test_effects_are_carried_out_in_order(here: Make) -> None:
    """A table, and calls with the key that the request goes out with."""
    call = Call(b"POST", b"/v1/other", b'{"a":1}')
    toy = Does(Save("t", "a/1", b"one"), Save("t", "a/2", b"two"), Load("t", ("x", "a/2", "a/1")), Scan("t", "a/"),
               call, Save("t", "a/2", b""), Load("t", ("a/2",)), Behind(Call(b"DELETE", b"/v1/behind")))  # fmt: skip
    run = here([Send(OK)], toy, key=KEY)
    _answer, _asked = run.ask()
    wait_until(lambda: len(run.upstream.requests) == 3, "the call that nobody waits for")
    wait_until(lambda: len(run.proxy.flows) == 0, "it is over")
    assert toy.got == [None, None, ("a/2", b"two"), [("a/1", b"one"), ("a/2", b"two")], Reply(200, b"ok"), None, None,
                       None]  # fmt: skip
    by_path = {one.path: one for one in run.upstream.requests}
    assert {one.header("authorization") for one in by_path.values()} == {f"Bearer {KEY.decode()}"}
    assert (by_path[OTHER].method, by_path[OTHER].body) == ("POST", b'{"a":1}')
    rows = run.rows()
    for path in (OTHER, "/v1/behind"):
        assert (rows[path].state, rows[path].peer) == ("complete", "moonpalace")
        assert set(rows[path].flags) == {"own_call", "key_substituted"}
        check_own = body(rows[path], "delivered")
        assert check_own == b"ok"
    assert rows[CHAT].state == "complete"
    assert not [key for key in (KEY, CLIENT_KEY) if key.decode() in repr(rows)]


def test_without_a_key_of_ours_a_call_has_the_clients(here: Make) -> None:
    """It is made on its behalf."""
    toy = Does(Call(b"GET", b"/v1/other"))
    run = here([Send(OK)], toy)
    run.ask()
    assert [one.header("authorization") for one in run.upstream.requests] == [f"Bearer {CLIENT_KEY.decode()}"] * 2
    assert CLIENT_KEY.decode() not in repr(run.rows())


def test_calls_are_waited_for_together(here: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that stalls takes the time of all; the next is not made. The request goes without, as it is."""
    monkeypatch.setattr(held, "WAIT_SECONDS", 0.3)
    toy = Does(Call(b"GET", b"/v1/other"), Call(b"GET", b"/v1/other"), Load("t", ("a",)))
    run = here([Send(OK)], toy, others=[Stall()])
    began = time.monotonic()
    answer, _asked = run.ask()
    assert time.monotonic() - began >= 0.3
    assert (answer.body, toy.got) == (b"ok", [None, None, None])
    assert [one.path for one in run.upstream.requests] == [OTHER, CHAT]
    assert run.upstream.connections[0].done.wait(2)
    rows = run.rows()
    failure = rows[OTHER].failure
    assert failure is not None and (rows[OTHER].state, failure.kind) == ("aborted", "timeout")
    assert "0.3" in failure.message and rows[CHAT].state == "complete"


BAD_REPLIES: dict[str, list[Step]] = {
    "cut": [Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), Fin()],
    "reset": [Reset()],
    "garbage": [Send(b"garbage\r\n\r\n"), Fin()],
    "too-long": [Send(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + b"x" * 200)],
    "too-long-in-pieces": [Send(SSE), SendChunked([b"x" * 50] * 4)],
}


@pytest.mark.parametrize("name", list(BAD_REPLIES))
def test_what_is_no_whole_reply_is_none(here: Make, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A session never has to do with a part."""
    monkeypatch.setattr(own, "_LARGEST", 100)
    toy = Does(Call(b"GET", b"/v1/other"))
    run = here([Send(OK)], toy, others=BAD_REPLIES[name])
    answer, asked = run.ask()
    assert (answer.body, toy.got) == (b"ok", [None])
    assert run.check(answer, asked).state == "complete"


def test_a_client_that_leaves_during_a_call(here: Make) -> None:
    """Its request is not sent; what the call taught is kept."""
    begun, go = threading.Event(), threading.Event()
    toy = Does(Call(b"GET", b"/v1/other"), Save("t", "a", b"1"), Call(b"GET", b"/v1/never"))
    run = here([Send(OK)], toy, others=[Signal(begun), Wait(go), Send(OK)])
    with RawClient(run.port) as client:
        client.send(request("POST", CHAT, b"{}", host=client.authority))
        assert begun.wait(5)
        client.reset()
    wait_until(lambda: all(flow.is_own for flow in run.proxy.flows), "its going is seen")
    go.set()
    wait_until(lambda: len(toy.got) == 2, "the session goes on")
    assert toy.got == [Reply(200, b"ok"), None]  # another call is not made any more
    assert run.proxy.keeps.load("t", ("a",)) == ("a", b"1")
    record = run.rows()[CHAT]
    assert record.failure is not None and record.sent is None
    assert (record.state, record.failure.stage) == ("client_gone", "wait_headers")
    assert [one.path for one in run.upstream.requests] == [OTHER]


def test_calls_of_our_own_do_not_hold_up_the_end(here: Make) -> None:
    """Stopping gives them up at once, those that nobody waits for and those that begin only then too."""
    begun = threading.Event()
    toy = Does(Call(b"GET", b"/v1/other"), Behind(Call(b"GET", b"/v1/other")))
    run = here([Send(OK)], toy, others=[Signal(begun), Stall()], drain=5.0)
    with RawClient(run.port) as client:
        client.send(request("POST", CHAT, b"{}", host=client.authority))
        assert begun.wait(5)
        began = time.monotonic()
        run.let_go()
        assert client.read_answer("POST").body == b"ok"
    rows = run.rows()
    assert time.monotonic() - began < 3
    assert rows[CHAT].state == "complete"


# --- sessions that fail


class _Raises(Session):
    wants_request = wants_answer = True

    def __init__(self, *, at_once: bool) -> None:
        self._at_once = at_once

    def prepare(self, asked: Asked) -> Prepare:
        if not self._at_once:
            yield Load("t", ("a",))
        raise RecursionError


@pytest.mark.parametrize("at_once", [True, False])
def test_a_session_that_fails_with_the_request_is_left_out(here: Make, at_once: bool) -> None:
    """The others do their part."""
    run = here(STREAM, _Raises(at_once=at_once), Edits())
    answer, asked = run.ask()
    assert (answer.body, run.upstream.requests[0].body) == (WHOLE, b'{"new":1}')
    assert run.check(answer, asked).flags == ("transform_failed",)


def _fails_at(what: type[Unit]) -> Callable[[Sequence[Unit]], Sequence[Unit]]:
    def feed(units: Sequence[Unit]) -> Sequence[Unit]:
        if any(type(unit) is what for unit in units):
            raise MemoryError
        return units

    return feed


@pytest.mark.parametrize("what", [Head, Event, End])
def test_a_session_that_fails_with_the_answer_lets_it_through(here: Make, what: type[Unit]) -> None:
    """The traffic is unharmed, whenever it fails."""
    run = here(STREAM, Looks(_fails_at(what)))
    answer, asked = run.ask()
    assert (answer.body, answer.ended) == (WHOLE, "clean")
    record = run.check(answer, asked)
    assert (record.state, record.failure, record.flags) == ("complete", None, ("transform_failed",))


def _keeps_back(what: type[Unit]) -> Callable[[Sequence[Unit]], Sequence[Unit]]:
    fails = _fails_at(what)
    return lambda units: fails(units)[:0]


@pytest.mark.parametrize("what", [Head, Event, End])
def test_a_session_that_fails_with_what_it_kept_back_is_a_502(here: Make, what: type[Unit]) -> None:
    """What it held is lost: the client is told so, and what the API told is on record."""
    steps = STREAM if what is End else [Send(SSE), SendChunked(EVENTS[:3], end=False), Stall()]
    run = here(steps, Looks(_keeps_back(what), holds=True))
    answer, asked = run.ask()
    assert answer.status == 502
    check_own_answer(answer, "decode")
    record = run.check(answer, asked, early=True)
    assert record.failure is not None and record.flags[:1] == ("transform_failed",)
    assert (record.state, record.status, record.failure.kind) == ("truncated", 200, "error")


def _only_heads(units: Sequence[Unit]) -> Sequence[Unit]:
    return [unit for unit in units if isinstance(unit, Head)]


@pytest.mark.parametrize(("feed", "status"), [(lambda units: [], 502), (_only_heads, 200)], ids=["all", "all-but-head"])
@pytest.mark.parametrize("steps", [STREAM, [Send(OK)], [Send(SSE), SendChunked(EVENTS[:3], end=False), Fin()]],
                         ids=["stream", "whole", "cut"])  # fmt: skip
def test_a_session_that_swallows_the_answer_is_no_hang(
    here: Make, feed: Callable[[Sequence[Unit]], Sequence[Unit]], status: int, steps: list[Step]
) -> None:
    """The client is told, or sees the connection break: nobody takes nothing for an answer."""
    run = here(steps, Looks(feed))
    answer, asked = run.ask()
    assert answer.status == status
    if status == 502:
        check_own_answer(answer, "read_body")
    else:
        assert answer.ended in ("eof", "reset") and answer.body == b""
    record = run.check(answer, asked)
    assert record.failure is not None and record.state == "truncated"


# --- answers that end early, or are others


def _ends_after(count: int) -> Callable[[Sequence[Unit]], Sequence[Unit]]:
    """The first `count` events, then one of our own, then the end."""
    seen = [0]

    def feed(units: Sequence[Unit]) -> Sequence[Unit]:
        out: list[Unit] = []
        for unit in units:
            out.append(unit)
            seen[0] += isinstance(unit, Event)
            if seen[0] == count:
                return [*out, Event(b"data: [DONE]\n\n"), End()]
        return out

    return feed


def _by_length(data: bytes) -> bytes:
    return UNTIL_CLOSE[:-2] + b"Content-Length: %d\r\n\r\n" % len(data) + data


EARLY: dict[str, list[Step]] = {
    "chunked": [Send(SSE), SendChunked(EVENTS[:4], end=False), Stall()],
    "until-close": [Send(UNTIL_CLOSE + b"".join(EVENTS[:4])), Stall()],
    "whole-in-one-read": [Send(SSE + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in EVENTS) + b"0\r\n\r\n")],
}


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("name", list(EARLY))
def test_an_early_end_lets_the_upstream_go(here: Make, name: str, version: str) -> None:
    """The client has an answer that ends in order; the record has what was told until then."""
    run = here(EARLY[name], Looks(_ends_after(3)))
    with RawClient(run.port) as client:
        asked = request("POST", CHAT, b"{}", host=client.authority).replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1)
        answer = client.send(asked).read_answer("POST")
        assert (answer.body, answer.ended) == (b"".join(EVENTS[:3]) + EVENTS[-1], "clean")
        assert run.upstream.connections[0].done.wait(2) or name == "whole-in-one-read"
        if version == "1.1":
            assert client.ask("GET", OTHER).body == b"ok"
    record = run.check(answer, asked, early=True)
    assert (record.state, record.failure) == ("complete", None)
    assert body(record, "told").startswith(b"".join(EVENTS[:3]))


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_stream_by_its_length_may_end_early(here: Make, version: str) -> None:
    """Its length does not hold for what the client gets."""
    run = here([Send(_by_length(WHOLE))], Looks(_ends_after(3)))
    with RawClient(run.port, limit=2.0) as client:
        asked = request("POST", CHAT, b"{}", host=client.authority).replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1)
        answer = client.send(asked).read_answer("POST")
    assert (answer.body, answer.ended) == (b"".join(EVENTS[:3]) + EVENTS[-1], "clean")
    run.check(answer, asked, early=True)


def test_a_broken_stream_without_its_length_is_no_clean_end_for_http10(here: Make) -> None:
    """Where the end of the connection is the end of the body, only a reset says that it is not whole."""
    coded = gzip.compress(WHOLE, mtime=0)[:-60]
    steps = [Send(UNTIL_CLOSE[:-2] + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded) + coded)]
    run = here(steps, Looks(lambda units: units))
    with RawClient(run.port) as client:
        asked = request("POST", CHAT, b"{}", host=client.authority).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        answer = client.send(asked).read_answer("POST")
    assert answer.ended == "reset"


def _other(units: Sequence[Unit]) -> Sequence[Unit]:
    """One answer in place of a stream, at its end."""
    out: list[Unit] = []
    for unit in units:
        if isinstance(unit, Head):
            told.append(unit)
        elif isinstance(unit, End):
            head = Head(told.pop().told, status=429, length=5, drop=frozenset((b"x-a",)), add=(b"X-B: 2",))
            out += [head, Data(b"hello"), unit]
    return out


told: list[Head] = []


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_another_answer_has_its_own_head(here: Make, framing: str, version: str) -> None:
    """Status, lines and length are the session's; the connection goes on, whatever the API's framing was."""
    lines = b"X-A: 1\r\nX-C: 3\r\n\r\n"
    first = (SSE if framing == "chunked" else UNTIL_CLOSE)[:-2] + lines
    run = here([Send(first), SendChunked(EVENTS) if framing == "chunked" else Send(WHOLE), Fin()], Looks(_other))
    with RawClient(run.port) as client:
        asked = request("POST", CHAT, b"{}", host=client.authority).replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1)
        answer = client.send(asked).read_answer("POST")
        assert (answer.status, answer.reason, answer.body) == (429, "Too Many Requests", b"hello")
        names = {name for name, _ in answer.headers}
        assert {b"X-B", b"X-C", b"Content-Length"} <= names and not {b"X-A", b"Transfer-Encoding"} & names
        assert (answer.header("connection") == "close") is (version == "1.0")
        if version == "1.1":
            assert client.ask("GET", OTHER).body == b"ok"
    assert run.check(answer, asked).state == "complete"


@pytest.mark.parametrize("same", [True, False], ids=["as-told", "changed"])
def test_trailers_go_with_the_body_that_they_speak_of(here: Make, same: bool) -> None:
    """Where one byte of it is another they are left out; on record they are told either way."""

    def feed(units: Sequence[Unit]) -> Sequence[Unit]:
        return [Event(b": more\n\n"), *units] if not same and type(units[-1]) is Event else units

    trailers = [(b"X-Sum", b"7")]
    run = here([Send(SSE), SendChunked(EVENTS, trailers=trailers)], Looks(feed))
    answer, asked = run.ask()
    assert answer.ended == "clean" and answer.trailers == (trailers if same else [])
    record = run.check(answer, asked)
    assert record.told is not None and record.told.trailers.lines == tuple(trailers)
    assert record.delivered is not None and (record.delivered.same_as == "told") is same


@pytest.mark.parametrize("at", [0, 3, 7])
def test_the_record_knows_from_where_on_the_client_got_something_else(here: Make, at: int) -> None:
    """Up to there it is kept once."""
    seen = [0]

    def feed(units: Sequence[Unit]) -> Sequence[Unit]:
        out: list[Unit] = []
        for unit in units:
            if isinstance(unit, Event):
                if seen[0] == at:
                    out.append(Event(b": here\n\n"))
                seen[0] += 1
            out.append(unit)
        return out

    run = here([Send(SSE), *(SendChunked([one], end=False) for one in EVENTS), SendChunked([])], Looks(feed))
    answer, asked = run.ask()
    assert answer.body == b"".join([*EVENTS[:at], b": here\n\n", *EVENTS[at:]])
    record = run.check(answer, asked)
    assert (body(record, "told"), body(record, "delivered")) == (WHOLE, answer.body)


def test_an_answer_before_the_request_was_whole(here: Make) -> None:
    """A request that nobody holds: the answer goes through the sessions at once."""
    begun = threading.Event()
    run = here([ReadBody(), Send(OK)], Looks(lambda units: units))
    run.upstream._route = lambda asked: [Send(OK), Signal(begun), Stall()]
    with RawClient(run.port) as client:
        client.send(f"POST {CHAT} HTTP/1.1\r\nHost: {client.authority}\r\nContent-Length: 9\r\n\r\nabc".encode())
        answer = client.read_answer("POST")
    assert begun.wait(5) and (answer.body, answer.header("connection")) == (b"ok", "close")
    record = run.rows()[CHAT]
    assert (record.state, "early_response" in record.flags) == ("complete", True)


def test_a_reused_connection_that_breaks_off_is_named(here: Make) -> None:
    """As without transforms, the head of the answer being there or not."""
    run = here([Send(SSE), SendChunked(EVENTS[:2], end=False), Fin()], Looks(lambda units: units))
    with RawClient(run.port) as client:
        assert client.ask("GET", OTHER).body == b"ok"
        answer = client.ask("POST", CHAT, b"{}")
    assert answer.ended == "eof" and len(run.upstream.connections) == 1
    assert "reused_conn" in run.rows()[CHAT].flags


# --- the whole answer is out before the stream's end


def _at_the_mark(units: Sequence[Unit]) -> Sequence[Unit]:
    """The whole answer once the mark is there, the end with the stream's end."""
    out: list[Unit] = []
    for unit in units:
        if isinstance(unit, Head):
            told.append(unit)
        elif isinstance(unit, Event) and unit.data == b"[DONE]":
            out += [Head(told.pop().told, length=5), Data(b"hello")]
        elif not isinstance(unit, Event):
            out.append(unit)
    return out


def test_who_has_the_whole_answer_may_leave(here: Make) -> None:
    """It was delivered whole, though the upstream's stream has not ended."""
    run = here([Send(SSE), SendChunked(EVENTS, end=False), Stall()], Looks(_at_the_mark))
    answer, asked = run.ask()
    assert (answer.body, answer.ended) == (b"hello", "clean")
    wait_until(lambda: not run.proxy.flows, "it is over")
    assert run.check(answer, asked).state == "complete"


def test_who_has_the_whole_answer_may_ask_again(here: Make) -> None:
    """On the same connection, at once."""
    run = here([Send(SSE), SendChunked(EVENTS, end=False), Stall()], Looks(_at_the_mark))
    with RawClient(run.port, limit=1.0) as client:
        assert client.ask("POST", CHAT, b"{}").body == b"hello"
        assert client.ask("GET", OTHER).body == b"ok"


# --- few bytes that become many


FIRST = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
LONG = (b": " + b"x" * 1021 + b"\n") * 40_960  # 40 MiB, more than any buffer on the way takes
PACKED = gzip.compress(LONG, mtime=0)
CHUNKED = FIRST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(PACKED), PACKED)
BOMBS: dict[str, list[Step]] = {
    "chunked": [Send(CHUNKED + b"0\r\n\r\n")],
    "length": [Send(FIRST + b"Content-Length: %d\r\n\r\n%b" % (len(PACKED), PACKED))],
    "until-close": [Send(FIRST + b"\r\n" + PACKED), Fin()],
    "broken": [Send(CHUNKED + b"zz\r\n")],
    "cut": [Send(CHUNKED), Fin()],
}


class Counts(Session):
    """Lets all through; `sizes` are those of the slices. The slice number `cuts` is the last."""

    wants_answer = True

    def __init__(self, cuts: int = -1) -> None:
        self.sizes: list[int] = []
        self._cuts = cuts

    def feed(self, units: Sequence[Unit]) -> Sequence[Unit]:
        """All, or an end."""
        self.sizes.append(sum(len(unit.raw) for unit in units if isinstance(unit, Event)))
        return [*units, End()] if len(self.sizes) == self._cuts else units


def _begin(run: Here, client: RawClient, looks: Counts) -> None:
    """A chat whose client takes no more than the buffers on the way do."""
    client.send(request("POST", CHAT, b"{}", host=client.authority))
    wait_until(lambda: any(not flow._client.writable for flow in run.proxy.flows), "the client is full")
    assert sum(looks.sizes) < len(LONG)


@pytest.mark.parametrize("name", list(BOMBS))
def test_few_bytes_that_become_many_come_in_slices(here: Make, name: str) -> None:
    """A client that is full gets none and holds nobody up; how the answer ended is known after its last slice."""
    looks = Counts()
    run = here(BOMBS[name], looks)
    with RawClient(run.port, limit=20) as client:
        _begin(run, client, looks)
        with RawClient(run.port) as other:
            assert other.ask("GET", OTHER).body == b"ok"
        assert sum(looks.sizes) < len(LONG)
        answer = client.read_answer("POST")
        assert answer.body == LONG and answer.header("content-encoding") is None
        if name in ("chunked", "length"):
            assert answer.ended == "clean" and client.ask("GET", OTHER).body == b"ok"
    assert max(looks.sizes) <= SLICE
    record = run.rows()[CHAT]
    whole = name not in ("broken", "cut")
    assert (answer.ended == "clean", record.state) == (whole, "complete" if whole else "truncated")
    assert whole or (record.failure is not None and record.failure.stage == "read_body")


def test_an_end_between_slices_is_one(here: Make) -> None:
    """What is pending is not looked at any more."""
    looks = Counts(cuts=3)
    run = here([Send(CHUNKED), Stall()], looks)
    with RawClient(run.port) as client:
        answer = client.ask("POST", CHAT, b"{}")
        assert (answer.ended, answer.body) == ("clean", LONG[: sum(looks.sizes)])
        assert client.ask("GET", OTHER).body == b"ok"
    assert run.upstream.connections[0].done.wait(2)
    assert run.rows()[CHAT].state == "complete" and len(looks.sizes) == 3


@pytest.mark.parametrize("how", ["gone", "stopped"])
def test_nothing_goes_on_after_an_exchange_that_ended_between_slices(here: Make, how: str) -> None:
    """Its client left, or the proxy stops."""
    looks = Counts()
    run = here(BOMBS["chunked"], looks)
    with RawClient(run.port) as client:
        _begin(run, client, looks)
        if how == "gone":
            client.reset()
        else:
            (flow,) = run.proxy.flows
            run._loop.call_soon_threadsafe(flow.abort)
        wait_until(lambda: not run.proxy.flows, "it is over")
    assert run.rows()[CHAT].state == ("client_gone" if how == "gone" else "aborted")
    assert sum(looks.sizes) < len(LONG)


def test_what_is_pending_behind_a_whole_answer_does_not_hold_up_the_next(
    here: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time that the stream's end is waited for holds for its slices too."""
    monkeypatch.setattr(units, "SLICE", 100)
    counts = Counts()
    run = here([Send(_coded(WHOLE + LONG))], Looks(_at_the_mark), counts)
    with RawClient(run.port) as client:
        assert client.ask("POST", CHAT, b"{}").body == b"hello"
        assert client.ask("GET", OTHER).body == b"ok"
    assert run.rows()[CHAT].state == "complete" and sum(counts.sizes) < len(LONG)


def _coded(body: bytes) -> bytes:
    packed = gzip.compress(body, mtime=0)
    return FIRST + b"Content-Length: %d\r\n\r\n%b" % (len(packed), packed)


# --- codings that are none


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("framing", ["chunked", "length"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_plain_text_under_the_name_of_a_coding_goes_through_as_it_came(
    here: Make, framing: str, version: str, pieces: int
) -> None:
    """Head and bytes are those that a client has without us, which may well be able to read them."""
    parts = [WHOLE] if pieces == 1 else [WHOLE[:1], WHOLE[1:9], WHOLE[9:]]
    length = framing == "length"
    head = FIRST + (b"Content-Length: %d\r\n\r\n" % len(WHOLE) if length else b"Transfer-Encoding: chunked\r\n\r\n")
    body_steps: list[Step] = [Send(part) for part in parts] if length else [SendChunked(parts)]
    run = here([Send(head), *body_steps], Looks(lambda units: units))
    with RawClient(run.port) as client:
        asked = request("POST", CHAT, b"{}", host=client.authority).replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1)
        answer = client.send(asked).read_answer("POST")
    assert (answer.body, answer.ended, answer.header("content-encoding")) == (WHOLE, "clean", "gzip")
    assert answer.header("content-length") == (str(len(WHOLE)) if length else None)
    assert run.check(answer, asked).state == "complete"


def test_what_breaks_off_before_it_could_be_decoded_is_a_502(here: Make) -> None:
    """The client has no head yet."""
    steps = [Send(FIRST + b"Content-Length: 99\r\n\r\n" + PACKED[:10]), Fin()]
    run = here(steps, Looks(lambda units: units))
    answer, asked = run.ask()
    assert answer.status == 502
    assert run.check(answer, asked).state == "truncated"


def test_what_is_too_long_to_be_looked_into_is_on_record(here: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It went through whole."""
    monkeypatch.setattr(units, "LONGEST", 10_000)
    data = b"data: " + b"x" * 3_000_000 + b"\n\n" + WHOLE  # longer than any read
    run = here([Send(SSE), SendChunked([data])], Looks(lambda units: units))
    answer, asked = run.ask()
    assert (answer.body, answer.ended) == (data, "clean")
    assert "not_watched" in run.check(answer, asked).flags
