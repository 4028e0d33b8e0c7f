"""Stopping: running streams end first, nothing captured is lost, and what cannot be told does not stop the traffic."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moonpalace.testing import processes
from moonpalace.testing.kimi_shapes import Kimi, kimi_upstream
from moonpalace.testing.numbered import Follower, NumberedUpstream, content
from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import RawClient, request
from moonpalace.testing.upstream import Fin, Read, Send, Stall, Upstream, Wait
from moonpalace.testing.waiting import wait_until

BODY = b'{"model":"kimi-k3","messages":[]}'
STOPS = [signal.SIGTERM, signal.SIGINT]
ENDLESS = 100_000


@pytest.fixture
def numbered() -> Iterator[NumberedUpstream]:
    """A server whose streams end when the test says so."""
    made = NumberedUpstream()
    yield made
    made.close()


@pytest.fixture
def kimi() -> Iterator[tuple[Upstream, Kimi]]:
    """The pretended API."""
    upstream, made = kimi_upstream()
    yield upstream, made
    upstream.close()


def refuses(port: int) -> bool:
    """Whether nobody listens there any more."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def ask_all(port: int, count: int) -> set[str]:
    """That many requests on four connections; their ids."""
    found: list[str] = []

    def ask() -> None:
        with RawClient(port) as client:
            for _ in range(count // 4):
                answer = client.ask("POST", "/v1/chat/completions", BODY)
                assert answer.status == 200
                found.append(str(answer.header("x-moonpalace-id")))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return set(found)


@pytest.mark.parametrize("number", STOPS, ids=[number.name for number in STOPS])
def test_running_streams_end_in_order(
    programs: Callable[..., Program], numbered: NumberedUpstream, number: signal.Signals
) -> None:
    """A deploy or Ctrl-C must not cut an answer: running ones go on, new connections are refused, idle ones closed."""
    program = programs(numbered.url)
    followers = [Follower(program.port, f"s{n}", ENDLESS) for n in range(10)]
    with RawClient(program.port) as idle:
        assert idle.ask("POST", "/v1/stream/short/2", BODY).whole
        wait_until(lambda: all(len(follower.raw) > 2000 for follower in followers), "the streams run")
        program.process.send_signal(number)
        wait_until(lambda: refuses(program.port), "it refuses new connections")
        assert idle.sock.recv(1) == b""
    at = [len(follower.raw) for follower in followers]
    wait_until(lambda: all(len(f.raw) > then for f, then in zip(followers, at, strict=True)), "the streams go on")
    assert program.process.poll() is None
    numbered.finish.set()
    assert program.process.wait(20) == 0
    assert all(follower.join() and follower.ended_at for follower in followers)
    rows = {row.path: row for row in program.recent()}
    assert {rows[follower.target].state for follower in followers} == {"complete"}
    for follower in followers:
        record = program.exchange(rows[follower.target].uid)
        assert record is not None and record.told is not None and record.told.body is not None
        assert record.told.body.data == follower.answer.body


def test_an_answer_that_begins_while_draining_ends_its_connection(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program]
) -> None:
    """It is given whole, and says that the connection ends, so that the client opens no further request on it."""
    go_on = threading.Event()
    upstream = upstreams([Read(), Wait(go_on), Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Fin()])
    program = programs(upstream)
    with RawClient(program.port) as client:
        client.send(request("POST", "/v1/chat/completions", BODY, host=client.authority))
        upstream.wait_for(requests=1)
        program.process.terminate()
        wait_until(lambda: refuses(program.port), "it refuses new connections")
        go_on.set()
        answer = client.read_answer("POST")
        assert (answer.status, answer.body, answer.ended) == (200, b"ok", "clean")
        assert (answer.header("connection") or "").lower() == "close"
        assert client.sock.recv(1) == b""
    assert program.process.wait(20) == 0
    assert program.wait_for_path("/v1/chat/completions").state == "complete"


def test_what_does_not_end_in_time_is_aborted(programs: Callable[..., Program], numbered: NumberedUpstream) -> None:
    """`--drain` bounds the wait; what was broken off is on record as that, with its bytes."""
    program = programs(numbered.url, "--drain", "300ms")
    follower = Follower(program.port, "endless", ENDLESS)
    wait_until(lambda: len(follower.raw) > 1000, "the stream runs")
    began = time.monotonic()
    assert program.stop(10) == 0
    assert 0.25 < time.monotonic() - began < 5
    assert follower.join()
    assert follower.answer.ended in ("eof", "reset")
    record = program.wait_for_path(follower.target)
    assert (record.state, record.status) == ("aborted", 200)
    assert record.failure is not None and (record.failure.stage, record.failure.kind) == ("read_body", "shutdown")
    assert record.told is not None and record.told.body is not None
    assert len(record.told.body.data) >= len(follower.answer.body)
    assert content("endless", ENDLESS).startswith(record.told.body.data)
    assert "aborted" in program.stderr


def test_a_request_without_an_answer_yet_is_told_that_it_was_stopped(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program]
) -> None:
    """Before the answer's head there still is a way to say why."""
    upstream = upstreams([Read(), Stall()])
    program = programs(upstream, "--drain", "0.2")
    with RawClient(program.port) as client:
        client.send(request("POST", "/v1/chat/completions", BODY, host=client.authority))
        upstream.wait_for(requests=1)
        program.process.terminate()
        answer = client.read_answer("POST")
    assert (answer.status, answer.ended) == (503, "clean")
    assert program.process.wait(10) == 0
    record = program.wait_for_path("/v1/chat/completions")
    assert (record.state, record.status, record.failure and record.failure.stage) == ("aborted", None, "wait_headers")


@pytest.mark.parametrize(
    "pair", [(a, b) for a in STOPS for b in STOPS], ids=lambda pair: f"{pair[0].name} {pair[1].name}"
)
def test_the_second_signal_means_now(
    programs: Callable[..., Program], numbered: NumberedUpstream, pair: tuple[signal.Signals, signal.Signals]
) -> None:
    """Who asks twice does not want to wait for the drain time."""
    program = programs(numbered.url)
    follower = Follower(program.port, "endless", ENDLESS)
    wait_until(lambda: len(follower.raw) > 1000, "the stream runs")
    program.process.send_signal(pair[0])
    wait_until(lambda: "once more" in program.stderr, "it says that it waits")
    program.process.send_signal(pair[1])
    assert program.process.wait(5) == 0
    assert program.wait_for_path(follower.target).state == "aborted"


def test_nothing_is_lost_when_it_is_stopped_at_once(
    programs: Callable[..., Program], kimi: tuple[Upstream, Kimi]
) -> None:
    """300 answers, then SIGTERM without a breath: all 300 are in the store once the process has ended."""
    program = programs(kimi[0])
    found = ask_all(program.port, 300)
    assert program.stop() == 0
    assert {row.uid: row.state for row in program.recent()} == dict.fromkeys(found, "complete")
    assert not list((program.directory / "journal").iterdir())


@pytest.mark.skipif(not processes.available, reason="needs /proc to find the librarian")
@pytest.mark.parametrize(
    "by_command",
    [True, False],
    ids=["the next command", "the store itself"],
)
def test_nothing_is_lost_when_the_librarian_died_just_before(
    programs: Callable[..., Program], kimi: tuple[Upstream, Kimi], by_command: bool
) -> None:
    """Of the two processes the one that takes in is gone: what it left is taken in all the same."""
    program = programs(kimi[0])
    librarian = processes.librarian(program.process.pid)
    found = ask_all(program.port, 300)
    processes.kill(librarian)
    assert program.stop() == 0
    states = {row["uid"]: row["state"] for row in program.records()} if by_command else {}
    states = states or {row.uid: str(row.state) for row in program.recent()}
    assert states == dict.fromkeys(found, "complete")
    assert not list((program.directory / "journal").iterdir())


@pytest.mark.parametrize(
    "at_once",
    [
        False,
        True,
    ],
    ids=["later", "at once"],
)
def test_ctrl_c_of_a_terminal_reaches_both_processes(
    programs: Callable[..., Program], kimi: tuple[Upstream, Kimi], at_once: bool
) -> None:
    """The terminal sends it to the whole group; the librarian must take in the rest all the same."""
    program = programs(kimi[0])
    found = ask_all(program.port, 100)
    if not at_once:
        program.wait_for_count(1)
    os.killpg(program.process.pid, signal.SIGINT)
    assert program.process.wait(20) == 0
    assert {row.uid for row in program.recent()} == found
    assert "Traceback" not in program.stderr


def test_a_hangup_does_not_end_it(programs: Callable[..., Program], kimi: tuple[Upstream, Kimi]) -> None:
    """A terminal window that is closed takes no running work with it."""
    program = programs(kimi[0])
    ask_all(program.port, 4)
    program.wait_for_count(4)
    os.killpg(program.process.pid, signal.SIGHUP)
    found = ask_all(program.port, 4)
    assert found <= {row.uid for row in program.wait_for_count(8)}
    assert program.stop() == 0


@contextlib.contextmanager
def closed_pipe() -> Iterator[int]:
    """A pipe that nobody reads any more."""
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


@contextlib.contextmanager
def full_pipe() -> Iterator[int]:
    """A pipe that nobody reads and that has no room."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"x" * 4096)
    os.set_blocking(write, True)
    yield write
    os.close(write)
    os.close(read)


@contextlib.contextmanager
def full_disk() -> Iterator[int]:
    """Where every write fails."""
    fd = os.open("/dev/full", os.O_WRONLY)
    yield fd
    os.close(fd)


SINKS = {"a closed pipe": closed_pipe, "a full pipe": full_pipe, "a full disk": full_disk}


@pytest.mark.parametrize("sink", SINKS)
def test_a_log_that_nobody_takes_stops_nothing(kimi: tuple[Upstream, Kimi], tmp_path: Path, sink: str) -> None:
    """stderr and stdout can go away or fill up at any time (F38, F59): traffic, record and the end do not care."""
    with SINKS[sink]() as fd, Program(kimi[0].url, home=tmp_path, stdout=fd, stderr=fd) as program:
        found = ask_all(program.port, 200)
        assert len(found) == 200
        assert {row.uid for row in program.wait_for_count(200)} == found
        began = time.monotonic()
        assert program.stop() == 0
        assert time.monotonic() - began < 8


def test_no_stdio_at_all_stops_nothing(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """Started with its three descriptors closed, as some services are: no socket or file may take their place."""
    script = 'exec "$@" <&- >&- 2>&-'
    closing = ["sh", "-c", script, "sh"]
    with Program(kimi[0].url, home=tmp_path, stderr=subprocess.DEVNULL, wrapper=closing) as program:
        found = ask_all(program.port, 40)
        assert {row.uid for row in program.wait_for_count(40)} == found
        assert program.stop() == 0
