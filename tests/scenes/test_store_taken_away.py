"""The store is held by another program (F40), deleted or replaced (F42) while it runs: the traffic does not know of it.

Seen from outside only: requests, commands, what stands on stderr, and Debian's `sqlite3` where it is there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from moonpalace.testing.kimi_shapes import kimi_upstream
from moonpalace.testing.numbered import Follower, NumberedUpstream
from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import RawClient
from moonpalace.testing.upstream import Upstream
from moonpalace.testing.waiting import wait_for_words

SOAK = bool(os.environ.get("MOONPALACE_SOAK"))
HELD_S = 60.0 if SOAK else 2.0
FILE = "moonpalace.sqlite"
BODY = b'{"model":"kimi-k3","messages":[{"role":"user","content":"hi"}]}'
# Holds the file as any other program would: in a process of its own.
HOLD = """
import sys, apsw
db = apsw.Connection(sys.argv[1])
db.set_busy_timeout(20_000)
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
db.execute("ROLLBACK")
"""


@pytest.fixture
def kimi() -> Iterator[Upstream]:
    """The pretended API."""
    upstream, _ = kimi_upstream()
    yield upstream
    upstream.close()


@contextmanager
def held(path: Path) -> Iterator[None]:
    """The file, locked by another process for as long as this lasts."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            yield
        finally:
            holder.stdin.close()


def ask(program: Program, count: int, took: list[float] | None = None) -> list[str]:
    """That many requests, one after another; their ids. `took`: the seconds of each."""
    found = []
    with RawClient(program.port) as client:
        for _ in range(count):
            began = time.monotonic()
            answer = client.ask("POST", "/v1/chat/completions", BODY)
            assert (answer.status, answer.ended) == (200, "clean")
            found.append(str(answer.header("x-moonpalace-id")))
            if took is not None:
                took.append(time.monotonic() - began)
    return found


def listed(program: Program) -> list[str]:
    """The ids of `list`, in the order of arrival; a row for each, once."""
    rows = program.records()
    assert {row["state"] for row in rows} <= {"complete"}
    assert len({row["uid"] for row in rows}) == len(rows)
    return [row["uid"] for row in reversed(rows)]


def check_whole(path: Path) -> None:
    """By the plain `sqlite3` program, where there is one."""
    if shutil.which("sqlite3") is None:
        return
    command = ["sqlite3", str(path), "PRAGMA integrity_check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("ok", "")


@pytest.mark.soak
@pytest.mark.timeout(300 if SOAK else 120)
def test_f40_held_by_another_process_it_delays_nothing(programs: Callable[..., Program], kimi: Upstream) -> None:
    """Requests take as long as ever; afterwards all is written, in the order in which it came."""
    program = programs(kimi)
    first = ask(program, 3)
    program.wait_for_count(3)
    took: list[float] = []
    meanwhile: list[str] = []
    with held(program.directory / FILE):
        until = time.monotonic() + HELD_S
        while time.monotonic() < until:
            meanwhile += ask(program, 10, took)
            time.sleep(0.05)  # the pace of the traffic
        wait_for_words(program, "is locked by another program")
    assert sorted(took)[len(took) // 2] < 0.1 and max(took) < 1.0
    wait_for_words(program, "the record is written again")
    last = ask(program, 3)
    assert listed(program) == [*first, *meanwhile, *last]
    assert program.stderr.count("is locked by another program") == 1
    assert program.stop() == 0
    check_whole(program.directory / FILE)


def test_f40_streams_that_run_across_the_lock_are_whole(programs: Callable[..., Program]) -> None:
    """They began before it, ran through it, and end after it."""
    numbered = NumberedUpstream()
    try:
        program = programs(numbered.url)
        followers = [Follower(program.port, f"s{number}", 100_000) for number in range(4)]
        program.wait_for_count_of(lambda row: row.state == "in_flight", 4)
        with held(program.directory / FILE):
            at = [len(follower.raw) for follower in followers]
            short = Follower(program.port, "short", 3)
            assert short.join() and short.ended_at
            wait_for_words(program, "is locked by another program")
        numbered.finish.set()
        assert all(follower.join() and follower.ended_at for follower in followers)
        assert all(len(f.raw) > then for f, then in zip(followers, at, strict=True))
        rows = {row.path: row for row in program.wait_for_count(5)}
        for follower in [*followers, short]:
            record = program.exchange(rows[follower.target].uid)
            assert record is not None and record.told is not None and record.told.body is not None
            assert (record.state, record.told.body.data) == ("complete", follower.answer.body)
    finally:
        numbered.close()


def test_f40_commands_meanwhile_answer_or_say_why(programs: Callable[..., Program], kimi: Upstream) -> None:
    """Who looks now is shown what is there, and told that it is not all; never left waiting."""
    program = programs(kimi)
    first = ask(program, 3)
    program.wait_for_count(3)
    with held(program.directory / FILE):
        ask(program, 5)
        began = time.monotonic()
        done = program.cli("list", "--json", "-n", "0")
        assert time.monotonic() - began < 12
        assert done.returncode in (0, 4)
        assert "behind" in done.stderr or "locked" in done.stderr
        assert "Traceback" not in done.stderr
        if done.returncode == 0:
            assert all(uid in done.stdout for uid in first)
    program.wait_for_count(8)


def test_f40_stopped_while_it_is_held(programs: Callable[..., Program], kimi: Upstream) -> None:
    """It ends all the same; what could not be written waits in the journal for the next command."""
    program = programs(kimi)
    first = ask(program, 3)
    program.wait_for_count(3)
    with held(program.directory / FILE):
        meanwhile = ask(program, 20)
        began = time.monotonic()
        assert program.stop() == 0
        assert time.monotonic() - began < 20
    assert listed(program) == [*first, *meanwhile]
    check_whole(program.directory / FILE)


# --- F42


def delete(directory: Path, aside: Path) -> None:
    for path in directory.glob(f"{FILE}*"):
        path.unlink()


def delete_the_file_alone(directory: Path, aside: Path) -> None:
    (directory / FILE).unlink()


def move_away(directory: Path, aside: Path) -> None:
    for path in directory.glob(f"{FILE}*"):
        path.rename(aside / path.name)


def empty_one_instead(directory: Path, aside: Path) -> None:
    move_away(directory, aside)
    (directory / FILE).touch(0o600)


def older_copy_instead(directory: Path, aside: Path) -> None:
    move_away(directory, aside)
    shutil.copy(aside / "older", directory / FILE)


TAKEN = [delete, delete_the_file_alone, move_away, empty_one_instead, older_copy_instead]


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be taken away there")
@pytest.mark.parametrize("take", TAKEN, ids=[take.__name__ for take in TAKEN])
def test_f42_taken_away_while_it_runs(
    programs: Callable[..., Program], kimi: Upstream, tmp_path: Path, take: Callable[[Path, Path], None]
) -> None:
    """It is noticed and said, the record goes on in the file that is there now, and nothing after it is missing."""
    home, aside = tmp_path / "home", tmp_path / "aside"
    home.mkdir()
    aside.mkdir()
    with Program(kimi.url, home=home) as earlier:
        older = ask(earlier, 2)
        assert earlier.stop() == 0
    shutil.copy(home / ".moonpalace" / FILE, aside / "older")  # nobody has it open now
    program = programs(kimi, home=home)
    gone = ask(program, 3)
    program.wait_for_count(5)
    program.forget_store()
    asking = threading.Event()
    under_way: list[str] = []

    def keep_asking() -> None:
        while not asking.is_set():
            under_way.extend(ask(program, 1))

    thread = threading.Thread(target=keep_asking)
    thread.start()
    take(program.directory, aside)
    wait_for_words(program, "was replaced while it was in use")
    asking.set()
    thread.join()
    after = ask(program, 5)
    wait_for_listed(program, after)
    found = listed(program)
    assert [uid for uid in found if uid in after] == after
    assert set(found) <= {*older, *gone, *under_way, *after}
    if take is older_copy_instead:
        assert found[:2] == older
    missing = [uid for uid in under_way if uid not in found]
    assert missing == under_way[: len(missing)], "what is missing is what was written into the file that is gone"
    assert program.stop() == 0
    check_whole(program.directory / FILE)
    assert "Traceback" not in program.stderr


def wait_for_listed(program: Program, wanted: list[str], limit: float = 20.0) -> None:
    """Until the record has them all. Raises: TimeoutError."""
    until = time.monotonic() + limit
    while True:
        program.forget_store()
        rows = program.recent()
        if set(wanted) <= {row.uid for row in rows} and all(row.state != "in_flight" for row in rows):
            return
        if time.monotonic() > until:
            raise TimeoutError(f"not all are on record\n{program.stderr[-2000:]}")
        time.sleep(0.05)


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be taken away there")
def test_f42_the_whole_directory_is_removed(programs: Callable[..., Program], kimi: Upstream) -> None:
    """`rm -rf ~/.moonpalace` while it runs: the traffic goes on, and the record begins again."""
    program = programs(kimi)
    ask(program, 3)
    program.wait_for_count(3)
    program.forget_store()
    shutil.rmtree(program.directory, ignore_errors=True)
    until = time.monotonic() + 20
    found: list[str] = []
    while True:
        found += ask(program, 1)
        rows = program.recent()
        if rows and rows[0].uid in found and rows[0].state == "complete":
            break
        program.forget_store()
        assert time.monotonic() < until, program.stderr[-2000:]
        time.sleep(0.05)
    last = ask(program, 3)
    wait_for_listed(program, last)
    assert program.process.poll() is None
    assert program.stop() == 0
