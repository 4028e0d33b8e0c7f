"""Few descriptors, little memory (F47): who cannot be served is told so, nobody spins, and afterwards all is as before.

1. Limits are real ones of the system, set at the start or changed while it runs.
2. After each: every answer that a client got is on record once, the process lives, its descriptors are given back.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.testing import processes
from moonpalace.testing.numbered import Follower, NumberedUpstream, content
from moonpalace.testing.program import Program, clean_environment
from moonpalace.testing.rawclient import Answer, RawClient, request
from moonpalace.testing.upstream import Request, Send, Step, Upstream, Wait
from moonpalace.testing.waiting import wait_until

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(not processes.available, reason="needs /proc to measure")

SOAK = bool(os.environ.get("MOONPALACE_SOAK"))
MIB = 1 << 20
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
FEW = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"]
LOOPS = {"the usual loop": "", "asyncio's own": 'import sys; sys.modules["uvloop"] = None'}


class Held:
    """An upstream whose answers to `/slow/…` wait for `go`."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.server = Upstream(route=self._steps)

    def _steps(self, asked: Request) -> list[Step]:
        return [Wait(self.go), Send(OK)] if asked.path.startswith("/slow") else [Send(OK)]


@pytest.fixture
def held() -> Iterator[Held]:
    """The server behind."""
    made = Held()
    yield made
    made.go.set()
    made.server.close()


@pytest.fixture
def numbered() -> Iterator[NumberedUpstream]:
    """For streams."""
    made = NumberedUpstream()
    yield made
    made.close()


def limit(pid: int, kind: int, size: int) -> None:
    """The soft limit of a running process; -1: as much as it may."""
    hard = resource.prlimit(pid, kind)[1]
    resource.prlimit(pid, kind, (hard if size < 0 else size, hard))


class Crowd:
    """So many clients at once, each with one request on a connection of its own."""

    def __init__(self, port: int, name: str, count: int, body: bytes = b"{}") -> None:
        self.answers: list[Answer | OSError] = []
        self._threads = [
            threading.Thread(target=self._ask, args=[port, f"/{name}/{n}", body], daemon=True) for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, port: int, target: str, body: bytes) -> None:
        try:
            with RawClient(port, limit=60) as client:
                self.answers.append(client.ask("POST", target, body))
        except OSError as error:
            self.answers.append(error)

    def join(self) -> list[Answer]:
        """All answers. A client that got none is a failure."""
        for thread in self._threads:
            thread.join(60)
        assert len(self.answers) == len(self._threads)
        broken = [each for each in self.answers if isinstance(each, OSError) or each.ended != "clean"]
        assert broken == []
        return [each for each in self.answers if isinstance(each, Answer)]


def check_refusal(answer: Answer) -> None:
    """Our own 503: the API's shape, and no word of what is inside."""
    error = json.loads(answer.body)["error"]
    assert (answer.status, set(error)) == (503, {"message", "type", "code", "param"})
    assert error["message"] and "Error" not in error["message"]
    assert error["type"] in ("accept", "connect")


def check_recorded(answers: list[Answer], rows: list[Exchange]) -> None:
    """Each answer is on record once, served or refused."""
    by_uid = {row.uid: row for row in rows}
    assert len(by_uid) == len(rows)
    for answer in answers:
        row = by_uid[str(answer.header("x-moonpalace-id"))]
        if answer.status == 200:
            assert (row.state, row.status) == ("complete", 200)
        else:
            check_refusal(answer)
            assert row.failure is not None
            assert (row.state, row.failure.kind) == ("rejected", "resource")
            assert row.failure.stage in ("accept", "connect")


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_f47_more_connections_than_descriptors(
    programs: Callable[..., Program], held: Held, tmp_path: Path, loop: str
) -> None:
    """Some are served, the others are told 503 or wait their turn; nobody is reset, and nothing spins meanwhile."""
    (tmp_path / "sitecustomize.py").write_text(loop)
    path = os.pathsep.join([str(tmp_path), clean_environment(tmp_path)["PYTHONPATH"]])
    program = programs(held.server, wrapper=FEW, env={"PYTHONPATH": path})
    pid = program.process.pid
    with RawClient(program.port) as client:
        assert client.ask("GET", "/before").status == 200
    program.wait_for_count(1)
    before = processes.descriptors(pid)
    crowd = Crowd(program.port, "slow", 100)
    wait_until(lambda: len(crowd.answers) > 40, "some are refused")
    busy = processes.busy_seconds(pid)
    time.sleep(1.0)  # what is measured is what it does in this time
    assert processes.busy_seconds(pid) - busy < 0.3
    assert processes.descriptors(pid) <= 64
    held.go.set()
    answers = crowd.join()
    counts = Counter(answer.status for answer in answers)
    assert set(counts) == {200, 503} and counts[200] >= 3
    rows = program.wait_for_count(101)
    assert len(rows) == 101
    check_recorded(answers, rows)
    with RawClient(program.port) as client:
        assert client.ask("POST", "/after", b"{}").status == 200
    wait_until(lambda: processes.descriptors(pid) <= before + 30, "idle connections to the upstream stay, no more")
    assert program.stop() == 0
    assert "Traceback" not in program.stderr


def test_f47_connections_that_say_nothing_give_way(programs: Callable[..., Program], held: Held) -> None:
    """They hold all places; who has something to ask must not wait until they are tired of it."""
    program = programs(held.server, wrapper=FEW)
    pid = program.process.pid
    idle = [socket.create_connection(("127.0.0.1", program.port), 10) for _ in range(90)]
    try:
        wait_until(lambda: "new connections wait" in program.stderr, "it is full")
        with RawClient(program.port, limit=15) as client:
            client.send(request("POST", "/asked", b"{}", host=client.authority))
            answer = client.read_answer("POST")
        assert answer.whole and answer.status in (200, 503)
    finally:
        for sock in idle:
            sock.close()
    with RawClient(program.port) as client:
        again = client.ask("POST", "/again", b"{}")
    assert again.status == 200
    check_recorded([answer, again], program.wait_for_count(2))
    wait_until(lambda: processes.descriptors(pid) < 26, "all are given back")
    assert program.stderr.count("new connections wait") == 1


def test_f47_no_descriptor_for_the_upstream(programs: Callable[..., Program], held: Held) -> None:
    """The limit is lowered while it runs. What it has goes on; what needs one more is refused by us, not by the API."""
    program = programs(held.server)
    pid = program.process.pid
    with RawClient(program.port) as first, RawClient(program.port) as second:
        for client in (first, second):
            assert client.ask("GET", "/before").status == 200
        first.send(request("POST", "/slow/held", b"{}", host=first.authority))
        held.server.wait_for(requests=3)
        limit(pid, resource.RLIMIT_NOFILE, 3)  # there are no gaps below
        answer = second.ask("POST", "/meanwhile", b"{}")
        check_refusal(answer)
        held.go.set()
        answers = [answer, first.read_answer("POST")]
        limit(pid, resource.RLIMIT_NOFILE, -1)
        wait_until(lambda: serves(program), "it serves again")
    assert answers[1].status == 200
    rows = program.wait_for_count(5)
    check_recorded(answers, rows)
    assert program.stop() == 0


def serves(program: Program, target: str = "/look") -> bool:
    """Whether a new client is answered."""
    try:
        with RawClient(program.port, limit=5) as client:
            return client.ask("POST", target, b"{}").status == 200
    except OSError:
        return False


@pytest.mark.soak
def test_f47_streams_come_and_go_with_few_descriptors(
    programs: Callable[..., Program], numbered: NumberedUpstream
) -> None:
    """Round after round more than there is room for; in the end there is as much room as at the beginning."""
    program = programs(numbered.url, wrapper=FEW)
    pid = program.process.pid
    baseline = processes.descriptors(pid)
    followers: list[Follower] = []
    for turn in range(30 if SOAK else 3):
        fresh = [Follower(program.port, f"t{turn}-{n}", 20) for n in range(40)]
        assert all(follower.join(60) for follower in fresh)
        followers += fresh
    answers = [follower.answer for follower in followers]
    rows = program.wait_for_count(len(followers))
    assert len(rows) == len(followers)
    check_recorded(answers, rows)
    for follower, answer in zip(followers, answers, strict=True):
        assert answer.status == 503 or answer.body == content(follower.name, 20)
    assert sum(answer.status == 200 for answer in answers) >= 30
    assert serves(program, "/v1/stream/after/1")
    assert processes.descriptors(pid) <= baseline + 30
    assert program.stop() == 0


def refuses_for_memory(program: Program) -> bool:
    """Whether it says that it has no memory."""
    with RawClient(program.port, limit=10) as client:
        return "memory" in client.ask("GET", "/look").body.decode()


def test_f47_without_memory_it_says_so_and_what_runs_goes_on(
    programs: Callable[..., Program], numbered: NumberedUpstream
) -> None:
    """4 MiB of addresses are left. New requests are told 503, a stream runs on; with memory again all is served."""
    program = programs(numbered.url)
    pid = program.process.pid
    stream = Follower(program.port, "stream", 100_000)
    wait_until(lambda: len(stream.raw) > 1000, "the stream runs")
    limit(pid, resource.RLIMIT_AS, processes.addresses(pid) + 4 * MIB)
    wait_until(lambda: refuses_for_memory(program), "it says so")
    answers = Crowd(program.port, "v1/stream/big/1", 20, b"x" * MIB).join()
    assert {answer.status for answer in answers} == {503}
    at = len(stream.raw)
    wait_until(lambda: len(stream.raw) > at + 1000, "the stream goes on")
    limit(pid, resource.RLIMIT_AS, -1)
    wait_until(lambda: serves(program, "/v1/stream/after/1"), "it serves again")
    numbered.finish.set()
    assert stream.join() and stream.ended_at
    record = program.wait_for_path(stream.target)
    assert record.told is not None and record.told.body is not None
    assert (record.state, record.told.body.data) == ("complete", stream.answer.body)
    check_recorded(answers, program.wait_for_count(22))
    assert program.stop() == 0
    assert "Traceback" not in program.stderr


@pytest.mark.soak
@pytest.mark.parametrize("spare", [8, 24])
def test_f47_large_bodies_under_a_memory_limit(programs: Callable[..., Program], held: Held, spare: int) -> None:
    """20 uploads of 4 MiB at once: each one whole or told 503, all on record, and the process lives."""
    program = programs(held.server)
    assert serves(program)
    pid = program.process.pid
    limit(pid, resource.RLIMIT_AS, processes.addresses(pid) + spare * MIB)
    time.sleep(0.3)  # it looks at its limits four times a second
    body = b'{"x":"%b"}' % (b"x" * 4 * MIB)
    answers = []
    for _ in range(20 if SOAK else 1):
        answers += Crowd(program.port, "upload", 20, body).join()
    assert program.process.poll() is None
    limit(pid, resource.RLIMIT_AS, -1)
    wait_until(lambda: serves(program), "it serves again")
    rows = [row for row in program.wait_for_count(len(answers) + 2, 60) if row.path != "/look"]
    assert len(rows) == len(answers)
    check_recorded(answers, rows)
    served = [str(answer.header("x-moonpalace-id")) for answer in answers if answer.status == 200]
    for uid in served[:3]:
        record = program.wait_for(uid)
        assert record.asked is not None and record.asked.body is not None
        assert record.asked.body.data == body
    assert program.stop() == 0


def test_f47_more_memory_is_lost_at_one_blow_than_there_is(programs: Callable[..., Program], held: Held) -> None:
    """Nothing at all is left, and it had no time to see it: clients may be cut off, but the process lives."""
    program = programs(held.server)
    pid = program.process.pid
    assert serves(program)
    limit(pid, resource.RLIMIT_AS, processes.addresses(pid))
    crowd = Crowd(program.port, "upload", 20, b"x" * MIB)
    wait_until(lambda: len(crowd.answers) == 20, "all came to an end")
    limit(pid, resource.RLIMIT_AS, -1)
    wait_until(lambda: serves(program), "it serves again")
    told = [each for each in crowd.answers if isinstance(each, Answer) and each.status]
    check_recorded(told, program.wait_for_count(len(told) + 2))
    assert program.stop() == 0
    rows = program.recent()
    assert {row.state for row in rows} <= {"complete", "rejected", "aborted"}
    assert {row.failure.kind for row in rows if row.failure is not None} <= {"resource"}


LIMITS = {"memory": resource.RLIMIT_AS, "descriptors": resource.RLIMIT_NOFILE}


@pytest.mark.parametrize("lifted", [True, False], ids=["lifted", "stopped under it"])
@pytest.mark.parametrize("kind", LIMITS)
def test_f47_a_librarian_without_means(programs: Callable[..., Program], held: Held, kind: str, lifted: bool) -> None:
    """The traffic knows nothing of it. The record is whole once there are means again, or by the next command."""
    program = programs(held.server)
    assert serves(program)
    program.wait_for_count(1)
    librarian = processes.librarian(program.process.pid)
    limit(librarian, LIMITS[kind], processes.addresses(librarian) if kind == "memory" else 3)
    body = b'{"model":"kimi-k3","messages":[{"role":"user","content":"%b"}]}' % (b"x" * 3 * MIB)
    answers = Crowd(program.port, "v1/chat/completions", 20, body).join()
    assert {answer.status for answer in answers} == {200}
    if lifted:
        if processes.is_running(librarian):
            limit(librarian, LIMITS[kind], -1)
        rows = program.wait_for_count(21)
    else:
        assert program.stop() == 0
        rows = program.wait_for_count(21) if len(program.records()) == 21 else []
    check_recorded(answers, rows)
    uid = str(answers[0].header("x-moonpalace-id"))
    record = program.wait_for(uid)
    assert record.asked is not None and record.asked.body is not None
    assert record.asked.body.data == body
    check_integrity(program)


def check_integrity(program: Program) -> None:
    """By Debian's program."""
    path = program.directory / "moonpalace.sqlite"
    try:
        done = subprocess.run(
            ["sqlite3", path, "pragma integrity_check"], capture_output=True, text=True, check=False, timeout=60
        )
    except FileNotFoundError:
        return
    assert done.stdout.strip() == "ok", done.stderr
