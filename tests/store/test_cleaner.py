"""Deleting while others write: what stays reads back byte for byte, and the file becomes smaller."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import moonpalace
from moonpalace.core.errors import StoreError
from moonpalace.store.rows import CONTENT, EXCHANGE, Batch, Progress, RunRow, Story
from moonpalace.store.sqlite import FILE_NAME, SqliteReader, SqliteWriter, cleaner, portions, sweep
from moonpalace.store.sqlite.cleaner import SqliteCleaner

RUN = RunRow("run")
NEEDED = {
    "state": "complete", "method": "POST", "path": "/v1/chat/completions", "query": "", "endpoint": "e", "route": "",
    "peer": "", "reason": "OK", "stream": 0,
}  # fmt: skip


def story(number: int, asked: bytes, told: bytes | None = b"{}", *, at: int | None = None, **values: object) -> Story:
    """An exchange that came at `number` nanoseconds, unless said otherwise."""
    uid = number.to_bytes(16, "big")
    row = {**dict.fromkeys(EXCHANGE), **NEEDED, "uid": uid, "requested_at": number if at is None else at, **values}
    said: dict[str, object] = dict.fromkeys(CONTENT)
    said |= {"asked_start": b"POST / HTTP/1.1", "asked_headers": b"X-Request-Id: %d\r\nHost: h\r\n" % number,
             "asked_body": asked}  # fmt: skip
    if told is not None:
        said |= {"told_start": b"HTTP/1.1 200 OK", "told_body": told, "answer_text": b"text %d of it" % number}
    return Story(uid, tuple(row.values()), tuple(said.values()))


def talk(conversation: int, turns: int) -> bytes:
    """The body of a conversation's request at that turn: it begins like all before it."""
    messages = [
        {"role": "user", "content": f"{conversation}:{turn} " + f"{conversation * 7919 + turn:08x}" * 20}
        for turn in range(turns)
    ]
    return json.dumps({"model": "kimi-k2", "messages": messages}).encode()


class Desk:
    """A writer that remembers where it stands, and what it wrote."""

    def __init__(self, path: Path) -> None:
        self.writer = SqliteWriter(path, busy_ms=10_000)
        self.at = self.writer.begin_run(RUN)
        self.bodies: dict[bytes, tuple[bytes, bytes | None]] = {}

    def write(self, *ended: Story, arrived: tuple[Story, ...] = ()) -> list[int]:
        after = Progress((1, self.at.position[1] + 1), (1, self.at.position[1] + 1))
        ids = self.writer.apply(RUN.uid, Batch(ended=list(ended), arrived=list(arrived)), self.at, after)
        self.at = after
        at, told = CONTENT.index("asked_body"), CONTENT.index("told_body")
        self.bodies |= {each.uid: (each.content[at], each.content[told]) for each in (*ended, *arrived)}
        return ids


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


@pytest.fixture
def desk(path: Path) -> Iterator[Desk]:
    made = Desk(path)
    yield made
    made.writer.close()


def clean(path: Path, before: int, make_room: Callable[[], bool] = lambda: False) -> int:
    """One cleaning up, as a command does it."""
    made = SqliteCleaner(path, make_room)
    try:
        return made.clean(before)
    finally:
        made.close()


def check(path: Path, desk: Desk) -> list[int]:
    """What is there is as it was written, for us and for the plain program. Gives the ids, ascending."""
    reader = SqliteReader(path)
    found = [reader.get(row.id or 0) for row in reader.recent(0)]
    reader.close()
    for each in found:
        assert each is not None and each.asked.body is not None
        asked, told = desk.bodies[bytes.fromhex(each.uid.replace("-", ""))]
        assert each.asked.body.data == asked
        assert (each.told.body.data if each.told and each.told.body else None) == told
        assert b"Host: h" in b"".join(b"%b: %b\n" % line for line in each.asked.headers)
    assert sqlite3(path, "PRAGMA integrity_check") == "ok"
    sizes = [len(desk.bodies[bytes.fromhex(each.uid.replace("-", ""))][0]) for each in found if each]
    assert sqlite3(path, "SELECT coalesce(sum(length(request_body)), 0) FROM moonshot_requests") == str(sum(sizes))
    return sorted(each.id or 0 for each in found if each)


def sqlite3(path: Path, sql: str) -> str:
    """What Debian's program says."""
    done = subprocess.run(["sqlite3", path, sql], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def left(desk: Desk) -> tuple[int, int]:
    """How many nodes and fragments there are."""
    found = desk.writer._db.execute("SELECT (SELECT count(*) FROM nodes), (SELECT count(*) FROM fragments)").fetchone()
    return tuple(found)  # type: ignore[return-value]


def test_what_came_before_goes_and_what_came_then_stays(path: Path, desk: Desk) -> None:
    """Exclusive; tags go along; an id is never given again."""
    desk.write(*(story(number, b"body %d" % number) for number in range(1, 6)))
    desk.writer._db.execute("INSERT INTO tags VALUES (2, 'gone'), (4, 'stays')")
    made = SqliteCleaner(path)
    assert made.count(3) == (5, 2)
    assert made.clean(3) == 2
    assert (made.count(3), made.clean(3)) == ((3, 0), 0)
    made.close()
    assert check(path, desk) == [3, 4, 5]
    assert desk.writer._db.execute("SELECT tag FROM tags").fetchall() == [("stays",)]
    assert clean(path, 100) == 3
    assert left(desk) == (0, 0)
    assert desk.write(story(6, b"body")) == [6]


def test_the_time_counts_and_not_the_id(path: Path, desk: Desk) -> None:
    """F46: a clock that was set back made older exchanges of higher ids."""
    desk.write(story(1, b"a", at=50), story(2, b"b", at=10), story(3, b"c", at=60), story(4, b"d", at=-(2**63)))
    assert clean(path, 50) == 2
    assert check(path, desk) == [1, 3]


@pytest.mark.parametrize("before", [2**63 - 1, -(2**63)])
def test_the_ends_of_time_are_times(path: Path, desk: Desk, before: int) -> None:
    """Everything goes, or nothing."""
    desk.write(story(1, b"a"), story(2, b"b"))
    assert clean(path, before) == (2 if before > 0 else 0)


def test_what_is_in_flight_stays_and_ends_well(path: Path, desk: Desk) -> None:
    """Its librarian still writes into that row."""
    desk.write(story(1, b"a"), arrived=(story(2, talk(1, 3), None, state="in_flight"),))
    assert clean(path, 100) == 1
    assert check(path, desk) == [2]
    assert desk.write(story(2, talk(1, 3), b"the end")) == [2]
    assert check(path, desk) == [2]
    assert clean(path, 100) == 1


@pytest.mark.parametrize("keep", ["the trunk", "a fork", "the first turns"])
def test_forks_of_a_conversation_survive_one_another(path: Path, desk: Desk, keep: str) -> None:
    """They share a beginning: it goes with the last of them."""
    trunk = talk(1, 20)
    messages = json.loads(trunk)["messages"]
    fork = json.dumps({"model": "kimi-k2", "messages": [*messages[:12], {"role": "user", "content": "other way"}]})
    bodies = {"the trunk": trunk, "a fork": fork.encode(), "the first turns": talk(1, 5)}
    stories = [story(n, body, at=200 if name == keep else 1) for n, (name, body) in enumerate(bodies.items(), 1)]
    desk.write(*stories)
    before = left(desk)
    assert clean(path, 100) == 2
    assert check(path, desk) == [list(bodies).index(keep) + 1]
    assert left(desk) < before
    assert clean(path, 300) == 1
    assert left(desk) == (0, 0)


def test_a_writer_does_not_trust_what_it_knew_before_a_sweep(path: Path, desk: Desk) -> None:
    """The same conversation comes again after it was deleted: its messages must be stored again."""
    desk.write(story(1, talk(1, 10)))
    clean(path, 100)
    desk.write(story(2, talk(1, 10)), story(3, talk(1, 11)))
    assert check(path, desk) == [2, 3]


def test_the_file_becomes_smaller(path: Path, desk: Desk) -> None:
    """On disk, for whoever looks with ls; also while a librarian has it open."""
    for start in range(0, 400, 50):
        desk.write(*(story(n, random.Random(n).randbytes(20_000).hex().encode()) for n in range(start, start + 50)))
    made = SqliteCleaner(path)
    full = made.size()
    assert made.clean(380) == 380
    assert made.size() < full / 10
    assert path.stat().st_size == made.size(), "the log is empty"
    made.close()
    assert check(path, desk) == list(range(381, 401))


def test_killed_anywhere_it_leaves_a_sound_file_and_the_next_finishes(path: Path, desk: Desk) -> None:
    """kill -9 at growing distances from the start; small portions, so that there are many steps to be killed in."""
    for start in range(0, 300, 50):
        desk.write(*(story(n, talk(n % 7, n % 30), b"x" * 3000) for n in range(start, start + 50)))
    script = (
        "import sys, pathlib\n"
        "from moonpalace.store.sqlite import cleaner, portions\n"
        "portions.FIRST = portions.MOST = 2\n"
        "made = cleaner.SqliteCleaner(pathlib.Path(sys.argv[1]))\n"
        "step, steps = made._portions.transaction, int(sys.argv[2])\n"
        "def counted():\n"
        "    global steps\n"
        "    steps -= 1\n"
        "    if steps < 0:\n"
        "        import os, signal\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return step()\n"
        "made._portions.transaction = counted\n"
        "made.clean(280)\n"
    )
    codes = []
    for steps in (0, 1, 5, 60, 120, 160, 200, 300, 100_000):
        env = {**os.environ, "PYTHONPATH": str(Path(moonpalace.__file__).parents[1])}
        codes.append(subprocess.run([sys.executable, "-c", script, path, str(steps)], env=env, check=False).returncode)
        check(path, desk)
    assert codes[0] == -signal.SIGKILL and codes[-1] == 0
    assert check(path, desk) == list(range(281, 301))
    live = left(desk)
    desk.writer._db.execute("INSERT OR REPLACE INTO counters (name, value) VALUES ('unswept', 1)")
    clean(path, 280)
    assert left(desk) == live, "nothing was left over"


class Hammer:
    """Writes, a batch at a time: conversations that die and come back, and rows in flight that are replaced."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.number = 0
        self._random = random.Random(5)
        self._open: list[int] = []

    def strike(self) -> None:
        """One batch."""
        chance, ended, arrived = self._random, [], []
        while len(self._open) > 3:
            number = self._open.pop(chance.randrange(len(self._open)))
            ended.append(story(number, talk(chance.randrange(8), chance.randrange(1, 12)), b"end %d" % (number % 5)))
        for _ in range(chance.randrange(1, 4)):
            self.number += 1
            self._open.append(self.number)
            arrived.append(story(self.number, talk(chance.randrange(8), 2), None, state="in_flight"))
        self.desk.write(*ended, arrived=tuple(arrived))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many steps for few rows."""
    monkeypatch.setattr(portions, "FIRST", 4)
    monkeypatch.setattr(portions, "MOST", 5)
    monkeypatch.setattr(sweep, "_SLICE", 5)


def test_what_is_written_between_any_two_steps_is_not_harmed(
    path: Path, desk: Desk, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The heart of it: before each look and each transaction somebody asks again for what is about to be deleted."""
    hammer = Hammer(desk)
    for _ in range(50):
        hammer.strike()
    look, step, swept = sweep.Marks._look_at_next, portions.Portions.transaction, []

    def look_late(self: sweep.Marks, *, walk: bool) -> bool:
        if not walk:  # else the lock is held
            hammer.strike()
        return look(self, walk=walk)

    def step_late(self: portions.Portions) -> object:
        hammer.strike()
        return step(self)

    monkeypatch.setattr(sweep.Marks, "_look_at_next", look_late)
    monkeypatch.setattr(portions.Portions, "transaction", step_late)
    for _ in range(4):
        assert clean(path, hammer.number - 20) > 10
        swept.append(desk.writer._db.execute("SELECT value FROM counters WHERE name = 'sweeps'").fetchone()[0])
        kept = check(path, desk)
        assert kept[-1] == hammer.number
    assert swept == sorted({*swept}) and swept[0] > 0, "each time something was deleted"


def test_with_others_at_it_nothing_that_stays_is_harmed(path: Path, desk: Desk, small: None) -> None:
    """A writer and two that clean up at the same time: ids are given again, so marks of before must not be used."""
    hammer, failures = Hammer(desk), []

    def several(times: int, act: Callable[[], object]) -> None:
        try:
            for _ in range(times):
                act()
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=several, args=(300, hammer.strike)),
        *(threading.Thread(target=several, args=(10, lambda: clean(path, hammer.number - 20))) for _ in range(2)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert failures == []
    clean(path, hammer.number - 20)
    assert check(path, desk)[-1] == hammer.number


def test_what_another_deletes_after_the_marks_were_made_is_still_to_be_swept(
    path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the first to finish says that all is swept, and the prompts that the second deleted stay in the file."""
    desk.write(*(story(number, b"body %d" % number * 99) for number in range(1, 9)))
    made, other = SqliteCleaner(path), SqliteCleaner(path)
    look = sweep.Marks._look_at_nodes

    def delete_late(self: sweep.Marks) -> None:
        look(self)
        other._portions.run([[4, 5, 6, 7]], partial(other._delete, 8))

    monkeypatch.setattr(sweep.Marks, "_look_at_nodes", delete_late)
    assert made.clean(4) == 3
    monkeypatch.undo()
    before = left(desk)
    assert other.clean(8) == 0
    assert left(desk)[1] < before[1]
    made.close()
    other.close()
    assert check(path, desk) == [8]


def test_a_row_whose_pieces_cannot_be_read_stops_the_sweep(path: Path, desk: Desk) -> None:
    """To guess what is alive would be to delete what is."""
    desk.write(story(1, b"a"), story(2, talk(1, 5)))
    desk.writer._db.execute("UPDATE contents SET told_body = '[-1, ' WHERE exchange_id = 2")
    with pytest.raises(StoreError, match="damaged"):
        clean(path, 2)


def test_a_missing_index_of_time_costs_little(path: Path, desk: Desk) -> None:
    """Counting reads every row of the narrow table; the wide one is left alone."""
    desk.write(story(1, b"a"))
    plan = desk.writer._db.execute(f"EXPLAIN QUERY PLAN {cleaner._COUNT}", (5,)).fetchall()
    assert [row[-1] for row in plan] == ["SCAN exchanges"]
