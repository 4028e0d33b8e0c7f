"""Killing at any moment: what was on its way more than 100 ms ago is on record, once, as far as it had come."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from moonpalace import app
from moonpalace.config import Config
from moonpalace.journal import runs
from moonpalace.service import listing
from moonpalace.store.sqlite import FILE_NAME
from moonpalace.store.sqlite.connect import open_reader
from moonpalace.testing import processes
from moonpalace.testing.numbered import Follower, Load, NumberedUpstream, content
from moonpalace.testing.program import Program

pytestmark = pytest.mark.skipif(not processes.available, reason="needs /proc to find the librarian")

SOAK = bool(os.environ.get("MOONPALACE_SOAK"))
ROUNDS = 200 if SOAK else 20
SEED = 20_261_120
GRACE = 100_000_000  # ns
KINDS = ("proxy", "librarian", "both")
FINAL = {"complete", "interrupted", "truncated", "client_gone"}


@pytest.fixture
def upstream() -> Iterator[NumberedUpstream]:
    """The server behind all rounds."""
    made = NumberedUpstream()
    yield made
    made.close()


@pytest.mark.soak
@pytest.mark.timeout(1200 if SOAK else 120)
def test_nothing_older_than_100_ms_is_lost(tmp_path: Path, upstream: NumberedUpstream) -> None:
    """Must hold at any moment, so the moments are random (seeded), and all rounds share one directory."""
    chance = random.Random(SEED)
    known: Counter[str] = Counter()
    for number in range(ROUNDS):
        kind = KINDS[number % len(KINDS)]
        quiet = number % 4 >= 2
        delay = chance.uniform(0.2, 0.6)
        followers, killed_at, program = one_round(tmp_path, upstream, f"r{number}", kind, delay, quiet)
        everything = look(program, at_once=number % 2 == 1)
        rows = [row for row in everything if row["path"].startswith(f"/v1/stream/r{number}-")]
        try:
            check_rows(rows, followers, upstream, killed_at, proxy_died=kind != "librarian")
            check_bodies(program, rows, followers, killed_at)
            assert integrity(program.directory) == "ok"
        except AssertionError as error:
            raise AssertionError(f"round {number} ({kind}): {error}\nstderr:\n{program.stderr[-3000:]}") from error
        finally:
            program.close()
        known.update(row["path"] for row in rows)
    assert Counter(row["path"] for row in everything) == known, "what came later changed what was there"
    assert not runs.list_runs(tmp_path / ".moonpalace")


def test_a_command_waits_for_the_librarian_of_a_dead_proxy(tmp_path: Path, upstream: NumberedUpstream) -> None:
    """The librarian outlives its proxy until all is taken in. Who asks meanwhile must not be shown half of it."""
    program = Program(upstream.url, home=tmp_path)
    librarian = processes.librarian(program.process.pid)
    first = Follower(program.port, "first", 1)
    assert first.join() and program.wait_for_count(1)
    os.kill(librarian, signal.SIGSTOP)
    try:
        followers = [Follower(program.port, f"late-{number}", 2) for number in range(30)]
        assert all(follower.join() and follower.ended_at for follower in followers)
        time.sleep(0.1)
        processes.kill(program.process.pid)
        program.process.wait(10)
        threading.Timer(0.4, os.kill, [librarian, signal.SIGCONT]).start()
        rows = look(program, at_once=True)
        assert {row["state"] for row in rows} == {"complete"}
        assert {row["path"] for row in rows} == {follower.target for follower in [first, *followers]}
    finally:
        if processes.is_running(librarian):
            os.kill(librarian, signal.SIGCONT)
        program.close()


def look(program: Program, *, at_once: bool) -> list[dict[str, Any]]:
    """What the next command shows. `at_once`: without the third of a second in which a new process starts."""
    if not at_once:
        return program.records()
    record = app.open_record(Config(program.directory))
    try:
        return [listing.summary(exchange) for exchange in listing.recent(record.reader, 0)]
    finally:
        record.close()


def one_round(
    home: Path, upstream: NumberedUpstream, name: str, kind: str, delay: float, quiet: bool
) -> tuple[list[Follower], int, Program]:
    """Load, a kill of that kind after `delay`, and the end of it all. Gives the streams and the moment of the kill."""
    upstream.finish.clear()
    program = Program(upstream.url, home=home)
    librarian = processes.librarian(program.process.pid)
    load = Load(program.port, name, 6, quiet=quiet)
    time.sleep(delay)
    killed_at = time.monotonic_ns()
    if kind != "librarian":
        processes.kill(program.process.pid)
    if kind != "proxy":
        processes.kill(librarian)
    if kind == "librarian":
        time.sleep(0.05)  # some traffic while nobody takes it in
        upstream.finish.set()
        load.stop()
        assert program.stop() == 0
    else:
        program.process.wait(10)
        upstream.finish.set()
        load.stop()
    return list(load.followers), killed_at, program


def check_rows(
    rows: list[dict[str, Any]],
    followers: list[Follower],
    upstream: NumberedUpstream,
    killed_at: int,
    *,
    proxy_died: bool,
) -> None:
    """Each exchange once, the old ones all there, each in the state that fits."""
    found = Counter(row["path"] for row in rows)
    assert not [path for path, count in found.items() if count > 1], "an exchange stands there twice"
    states = {row["path"]: row["state"] for row in rows}
    assert set(states.values()) <= FINAL, Counter(states.values())
    for follower in followers:
        seen_at = upstream.seen_at.get(follower.target)
        limit = killed_at - GRACE if proxy_died else 1 << 63
        if seen_at is not None and seen_at < limit:
            assert follower.target in states, f"{follower.target} is missing, {(killed_at - seen_at) / 1e6:.0f} ms old"
        state = states.get(follower.target)
        if follower.ended_at is not None and follower.ended_at < limit:
            assert state == "complete", (follower.target, state)
        elif follower.ended_at is None and state is not None:
            assert (proxy_died, state) == (True, "interrupted"), (follower.target, state)
    first = min((upstream.seen_at.get(follower.target, killed_at) for follower in followers), default=killed_at)
    if proxy_died and killed_at - first > 2 * GRACE:
        assert "interrupted" in states.values()


def check_bodies(program: Program, rows: list[dict[str, Any]], followers: list[Follower], killed_at: int) -> None:
    """What is kept of an answer is its beginning, and at least what the client had 100 ms before the kill."""
    by_target = {follower.target: follower for follower in followers}
    for row in rows:
        record = program.exchange(row["uid"])
        assert record is not None
        follower = by_target[record.path]
        kept = record.told.body.data if record.told is not None and record.told.body is not None else b""
        sent = content(follower.name, len(kept) // 64 + 1)
        assert sent.startswith(kept), f"{record.path}: kept bytes differ from what was sent"
        had = follower.body_until(killed_at - GRACE)
        if row["state"] == "complete":
            had = follower.answer.body
        assert len(kept) >= len(had), f"{record.path}: {len(had) - len(kept)} bytes older than 100 ms are missing"


def integrity(directory: Path) -> str:
    """What SQLite says of the file."""
    db = open_reader(directory / FILE_NAME)
    try:
        return str(db.pragma("integrity_check"))
    finally:
        db.close()
