"""How it ends, and what does not end it: killed in mid-stream (F36), stopped at any moment (F37), left alone (F38)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.testing import processes
from moonpalace.testing.numbered import Follower, NumberedUpstream, content
from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import Answer, RawClient, request
from moonpalace.testing.upstream import Connection, Over, Step, Upstream
from moonpalace.testing.waiting import wait_until

SOAK = bool(os.environ.get("MOONPALACE_SOAK"))
SEED = 20_261_120
BLOCK = bytes(range(256)) * 64  # 16 KiB
SIZE = len(BLOCK) * 100_000
LOST_NS, LOST_BYTES = 250_000_000, 65_536  # what may be missing after a kill
LONG = 100_000


@pytest.fixture
def numbered() -> Iterator[NumberedUpstream]:
    """Streams that end when the test says so."""
    made = NumberedUpstream()
    yield made
    made.close()


# --- F36


@dataclass(frozen=True)
class Pour(Step):
    """Sends block after block without an end, in that framing."""

    framing: str

    def run(self, connection: Connection) -> None:
        lines = {
            "chunked": "Transfer-Encoding: chunked\r\n", "length": f"Content-Length: {SIZE}\r\n", "close": "",
        }  # fmt: skip
        connection.send(f"HTTP/1.1 200 OK\r\n{lines[self.framing]}\r\n".encode())
        while not connection.upstream.closing.wait(0.004):
            connection.send(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK) if self.framing == "chunked" else BLOCK)
        raise Over


@dataclass(frozen=True)
class Take(Step):
    """Reads what comes and says nothing."""

    taken: list[tuple[int, int]]  # (monotonic ns, bytes so far)

    def run(self, connection: Connection) -> None:
        total = len(connection.received)
        while data := connection.sock.recv(65_536):
            total += len(data)
            self.taken.append((time.monotonic_ns(), total))
        raise Over


@dataclass
class Reading:
    """A client that reads one answer on a thread of its own."""

    client: RawClient
    answer: Answer = field(default_factory=Answer)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        self.answer = self.client.read_answer("POST")


def until(arrivals: list[tuple[int, int]], at_ns: int) -> int:
    """The bytes that had come by then."""
    return sum(size for when, size in arrivals if when <= at_ns)


def kept(record: Exchange, side: str) -> bytes:
    """What is on record of that body."""
    message = getattr(record, side)
    return message.body.data if message is not None and message.body is not None else b""


def is_pattern(data: bytes) -> bool:
    """Whether these are the first bytes of blocks one after another."""
    return (BLOCK * (len(data) // len(BLOCK) + 1)).startswith(data)


@pytest.mark.parametrize("by", ["the next start", "the next command"])
@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
def test_f36_a_kill_in_mid_answer(
    upstreams: Callable[..., Upstream], programs: Callable[..., Program], tmp_path: Path, framing: str, by: str
) -> None:
    """The client is cut off and cannot take its part for the whole; on record is all but the last moment."""
    upstream = upstreams(route=lambda asked: [Pour(framing)])
    program = programs(upstream, home=tmp_path)
    with RawClient(program.port) as client:
        client.send(request("POST", "/v1/chat/completions", b"{}", host=client.authority))
        reading = Reading(client)
        wait_until(lambda: until(client.arrivals, 1 << 62) > 60 * len(BLOCK), "it pours")
        killed_at = time.monotonic_ns()
        processes.kill(program.process.pid)
        reading.thread.join(10)
        answer, had = reading.answer, until(client.arrivals, killed_at - LOST_NS) - 1000
    assert (answer.status, answer.ended) == (200, answer.ended if answer.ended in ("eof", "reset") else "cut off")
    program.process.wait(10)
    looker = programs(upstream, home=tmp_path) if by == "the next start" else program
    if looker is program:
        assert [row["state"] for row in program.records()] == ["interrupted"]
    record = looker.wait_for(str(answer.header("x-moonpalace-id")))
    assert (record.state, record.status, record.latency_ns) == ("interrupted", 200, None)
    assert record.failure is not None and (record.failure.stage, record.failure.kind) == ("read_body", "interrupted")
    told = kept(record, "told")
    assert is_pattern(told) and is_pattern(answer.body)
    assert len(told) >= min(had, len(answer.body) - LOST_BYTES)
    assert len(looker.recent()) == 1


def test_f36_a_kill_in_mid_upload(upstreams: Callable[..., Upstream], programs: Callable[..., Program]) -> None:
    """The other direction: the client's connection breaks, the beginning of its request is on record."""
    taken: list[tuple[int, int]] = []
    program = programs(upstreams(route=lambda asked: [Take(taken)], heads_only=True))
    with RawClient(program.port) as client:
        head = request("POST", "/v1/files", b"", host=client.authority)
        client.send(head.replace(b"Content-Length: 0", b"Content-Length: %d" % SIZE))
        with pytest.raises(OSError):
            for number in range(SIZE // len(BLOCK)):
                client.send(BLOCK)
                time.sleep(0.002)  # the pace of the upload
                if number == 100:
                    killed_at = time.monotonic_ns()
                    processes.kill(program.process.pid)
    program.process.wait(10)
    assert [row["state"] for row in program.records()] == ["interrupted"]
    (row,) = program.recent()
    record = program.wait_for(row.uid)
    asked = kept(record, "asked")
    had = max((size for when, size in taken if when <= killed_at - LOST_NS), default=0)
    assert is_pattern(asked)
    assert len(asked) >= min(had, taken[-1][1] - LOST_BYTES)


# --- F37


def stop_at_random(program: Program, chance: random.Random, *, twice: bool) -> float:
    """SIGTERM or SIGINT after a random while, in some rounds two of them. Gives the seconds that the end took."""
    time.sleep(chance.uniform(0.05, 0.4))
    began = time.monotonic()
    program.process.send_signal(chance.choice([signal.SIGTERM, signal.SIGINT]))
    if twice:
        time.sleep(chance.uniform(0.05, 0.2))
        program.process.send_signal(chance.choice([signal.SIGTERM, signal.SIGINT]))
    assert program.process.wait(20) == 0, program.stderr
    return time.monotonic() - began


def check_stream(follower: Follower, record: Exchange) -> None:
    """What the client saw and what is on record fit."""
    told = kept(record, "told")
    body = follower.answer.body
    assert content(follower.name, len(told) // 64 + 1).startswith(told)
    if follower.ended_at is not None and follower.answer.status == 200:
        assert (record.state, told) == ("complete", body)
        return
    assert record.state == "aborted"
    assert record.failure is not None and record.failure.kind == "shutdown"
    if record.status is None:
        assert follower.answer.status in (0, 503)
    else:
        assert follower.answer.ended in ("eof", "reset")
        assert len(told) >= len(body)


@pytest.mark.soak
@pytest.mark.timeout(600 if SOAK else 120)
@pytest.mark.parametrize("number", range(20 if SOAK else 4))
def test_f37_stopped_at_any_moment(programs: Callable[..., Program], number: int) -> None:
    """Streams of all lengths; each ends whole or is broken off, and is on record as just that. Nobody is forgotten."""
    chance = random.Random(SEED + number)
    numbered = NumberedUpstream(gap=0.004)
    try:
        program = programs(numbered.url, "--drain", "400ms" if number % 2 else "10s")
        lengths = [chance.choice([1, 5, 20, 60, 120, LONG if number % 2 else 150]) for _ in range(100 if SOAK else 20)]
        followers = [Follower(program.port, f"s{n}", length) for n, length in enumerate(lengths)]
        twice = number % 4 in (2, 3)
        took = stop_at_random(program, chance, twice=twice)
        assert took < (6 if number % 2 or twice else 15)
        assert all(follower.join() for follower in followers)
        if twice:
            program.records()  # the second signal waits for no librarian: the next command takes in the rest
        rows = {row.path: row for row in program.recent()}
        assert len(rows) == len(program.recent())
        assert not list((program.directory / "journal").iterdir())
        for follower in followers:
            if follower.target in rows:
                record = program.exchange(rows[follower.target].uid)
                assert record is not None
                check_stream(follower, record)
            else:
                assert not follower.raw, "it was answered, so it is on record"
        if number % 4 == 0:
            assert {row.state for row in rows.values()} == {"complete"}
    finally:
        numbered.close()


def test_f37_new_connections_are_refused_while_streams_run_on(
    programs: Callable[..., Program], numbered: NumberedUpstream
) -> None:
    """Also those that come at once, one after another, as clients that try again do."""
    program = programs(numbered.url)
    follower = Follower(program.port, "running", LONG)
    wait_until(lambda: len(follower.raw) > 1000, "the stream runs")
    program.process.terminate()
    wait_until(lambda: "once more" in program.stderr, "it says that it waits")
    late = [Follower(program.port, f"late{number}", 3) for number in range(20)]
    assert all(one.join() for one in late)
    assert [bytes(one.raw) for one in late] == [b""] * 20
    numbered.finish.set()
    assert program.process.wait(20) == 0
    assert follower.join() and follower.ended_at
    assert [(row.path, row.state) for row in program.recent()] == [(follower.target, "complete")]


# --- F38


def check_goes_on(program: Program, follower: Follower, numbered: NumberedUpstream, others: int = 0) -> None:
    """The stream that ran goes on to its end, new ones are served, all is on record, and it ends in order."""
    at = len(follower.raw)
    wait_until(lambda: len(follower.raw) > at + 500, "the stream goes on")
    fresh = [Follower(program.port, f"fresh{number}", 3) for number in range(5)]
    assert all(one.join() and one.ended_at for one in fresh)
    numbered.finish.set()
    assert follower.join() and follower.ended_at
    rows = {row.path: row for row in program.wait_for_count(6 + others)}
    for one in [follower, *fresh]:
        record = program.exchange(rows[one.target].uid)
        assert record is not None
        assert (record.state, kept(record, "told")) == ("complete", one.answer.body)
        assert "clock_jump" not in record.flags
    assert program.process.poll() is None
    assert program.stop() == 0


@pytest.mark.parametrize("name", ["SIGHUP", "SIGPIPE", "SIGCONT", "SIGWINCH", "SIGURG"])
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there are no such signals")
def test_f38_signals_that_end_nothing(programs: Callable[..., Program], numbered: NumberedUpstream, name: str) -> None:
    """To both processes, in mid-stream, again and again."""
    program = programs(numbered.url)
    follower = Follower(program.port, "running", LONG)
    wait_until(lambda: len(follower.raw) > 1000, "the stream runs")
    for _ in range(5):
        os.killpg(program.process.pid, getattr(signal, name))
    check_goes_on(program, follower, numbered)


@pytest.mark.soak
@pytest.mark.skipif(not processes.available, reason="needs /proc to find the librarian")
@pytest.mark.parametrize("who", ["both", "proxy", "librarian"])
def test_f38_stopped_and_continued(programs: Callable[..., Program], numbered: NumberedUpstream, who: str) -> None:
    """Ctrl-Z, a debugger, a frozen container: what comes meanwhile waits, and nothing is lost or cut."""
    program = programs(numbered.url)
    follower = Follower(program.port, "running", LONG)
    wait_until(lambda: len(follower.raw) > 1000, "the stream runs")
    librarian = processes.librarian(program.process.pid)
    stopped = {"both": [program.process.pid, librarian], "proxy": [program.process.pid], "librarian": [librarian]}[who]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        meanwhile = [Follower(program.port, f"meanwhile{number}", 3) for number in range(5)]
        time.sleep(30 if SOAK else 1.3)  # it is about the time that passes, more than a second of it
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert all(one.join() and one.ended_at for one in meanwhile)
    check_goes_on(program, follower, numbered, others=5)


def test_f38_the_reader_of_the_log_goes_away(programs: Callable[..., Program], numbered: NumberedUpstream) -> None:
    """`moonpalace start 2>&1 | head`: what is written then goes nowhere, and that is all."""
    theirs, ours = os.pipe()
    program = programs(numbered.url, stdout=ours, stderr=ours)
    os.close(ours)
    follower = Follower(program.port, "running", LONG)
    wait_until(lambda: len(follower.raw) > 1000, "the stream runs")
    assert b"base_url" in os.read(theirs, 4096)
    os.close(theirs)
    before = [Follower(program.port, f"before{number}", 3) for number in range(5)]
    assert all(one.join() and one.ended_at for one in before)
    check_goes_on(program, follower, numbered, others=5)


# Makes the terminal on stderr its own, as a shell in a new window does.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such terminal")
def test_f38_the_terminal_is_closed(programs: Callable[..., Program], numbered: NumberedUpstream) -> None:
    """The window is gone: SIGHUP for both processes, and every write to it fails."""
    ours, theirs = os.openpty()
    program = programs(numbered.url, stdout=theirs, stderr=theirs, wrapper=[sys.executable, "-c", _TAKE_TERMINAL])
    os.close(theirs)
    follower = Follower(program.port, "running", LONG)
    wait_until(lambda: len(follower.raw) > 1000, "the stream runs")
    done = subprocess.run(["ps", "-o", "tty=", "-p", str(program.process.pid)], capture_output=True, check=False)
    assert done.returncode or b"pts" in done.stdout, "it has no terminal that could be closed"
    os.close(ours)
    before = [Follower(program.port, f"before{number}", 3) for number in range(5)]
    assert all(one.join() and one.ended_at for one in before)
    check_goes_on(program, follower, numbered, others=5)
