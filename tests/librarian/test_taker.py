"""Laws of taking in: wherever it is interrupted and however the journal is cut, the store ends up the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.journal import runs
from moonpalace.journal.records import Lost, Record, RunEnded
from moonpalace.librarian import catchup, taker
from moonpalace.librarian.catchup import take_in_dead_runs, wait_until_current
from moonpalace.librarian.taker import Taker
from moonpalace.store.sqlite import FILE_NAME, SqliteReader, SqliteWriter, StoreBusy
from moonpalace.testing.journals import STREAM, JournalBuilder, Script, frame

COUNT = 12


def scripts(builder: JournalBuilder) -> list[Script]:
    """Small and streamed ones, one refused, one that never ends."""
    found = [
        Script(number, told_headers=STREAM if number % 3 else [], chunks=[b"data: {}\n\n"] * (number % 4))
        for number in range(1, COUNT + 1)
    ]
    found[4].ended = False
    found[6].status, found[6].state, found[6].failure = b"", "upstream_error", ("connect", "refused", "no")
    for script in found:
        script.uid = builder.uids()
    return found


def woven(builder: JournalBuilder) -> list[list[Record]]:
    """The records of all scripts, running beside each other, in frames of any size. Always the same."""
    chance = random.Random(7)
    waiting = [script.records() for script in scripts(builder)]
    flat: list[Record] = []
    while any(waiting):
        number = min(chance.randrange(len(waiting)), chance.randrange(len(waiting)))
        if waiting[number]:
            flat.append(waiting[number].pop(0))
    flat.append(RunEnded(1, 1, COUNT))
    frames = []
    while flat:
        size = chance.randrange(1, 6)
        frames.append(flat[:size])
        flat = flat[size:]
    return frames


def write(home: Path, *, segments: int = 3, name: str = "a-run") -> JournalBuilder:
    builder = JournalBuilder(home, name=name)
    builder.uids = _numbers()
    frames = woven(builder)
    for number, records in enumerate(frames):
        builder.add(*records)
        if segments > 1 and number % (len(frames) // segments + 1) == len(frames) // segments:
            builder.next_segment()
    return builder


def _numbers() -> Any:
    state = iter(range(1, 10_000))
    return lambda: next(state).to_bytes(16, "big")


def contents(home: Path) -> list[Exchange]:
    """All exchanges whole, in the order of their uids, without their local ids."""
    db = apsw.Connection(str(home / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    assert db.pragma("integrity_check") == "ok"
    db.close()
    reader = SqliteReader(home / FILE_NAME)
    whole = [reader.get(x.id or 0) for x in reader.recent(0)]
    reader.close()
    found = sorted([x for x in whole if x is not None], key=lambda x: x.uid)
    for x in found:
        x.id = None
    return found


@pytest.fixture
def wanted(tmp_path: Path) -> list[Exchange]:
    home = tmp_path / "undisturbed"
    write(home)
    assert take_in_dead_runs(home) == COUNT
    found = contents(home)
    assert [x.state for x in found].count("interrupted") == 1
    assert len(found) == COUNT
    return found


def test_a_dead_run_is_taken_in_once_and_its_folder_goes(tmp_path: Path) -> None:
    """What the next command does after a crash."""
    write(tmp_path)
    assert take_in_dead_runs(tmp_path) == COUNT
    assert runs.list_runs(tmp_path) == []
    assert take_in_dead_runs(tmp_path) == 0


def test_nothing_is_made_where_nothing_was_recorded(tmp_path: Path) -> None:
    """Looking must leave no traces."""
    assert take_in_dead_runs(tmp_path) == 0
    assert wait_until_current(tmp_path)
    assert list(tmp_path.iterdir()) == []


class Cut(BaseException):
    """The process dies here."""


def steps(action: Callable[[Callable[[], None]], None]) -> Iterator[int]:
    """Do it again and again, dying at the n-th step, for every n until it gets through."""
    for limit in range(10_000):
        left = limit

        def die_at_last() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Cut

        try:
            action(die_at_last)
        except Cut:
            yield limit
            continue
        return


def test_dying_at_any_step_loses_and_doubles_nothing(
    tmp_path: Path, wanted: list[Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement, each removal of a segment, each read may be the last: the next one goes on from there."""
    monkeypatch.setattr(taker, "STEP", 300)
    monkeypatch.setattr(taker, "CATCH_UP", 600)
    home = tmp_path / "disturbed"
    write(home)
    real_execute, real_many = SqliteWriter._move, SqliteWriter._insert_all
    real_clear, real_discard = Taker._clear, catchup.discard

    def attempt(tick: Callable[[], None]) -> None:
        def before_and_after(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any) -> Any:
                tick()
                result = real(*args)
                tick()
                return result

            return call

        monkeypatch.setattr(SqliteWriter, "_move", before_and_after(real_execute))
        monkeypatch.setattr(SqliteWriter, "_insert_all", before_and_after(real_many))
        monkeypatch.setattr(Taker, "_clear", before_and_after(real_clear))
        monkeypatch.setattr(catchup, "discard", before_and_after(real_discard))
        take_in_dead_runs(home)

    deaths = sum(1 for _ in steps(attempt))
    assert deaths > 30
    assert contents(home) == wanted
    assert runs.list_runs(home) == []


@pytest.mark.parametrize("step", [1, 100, 777, 100_000])
def test_any_step_size_gives_the_same_store(
    tmp_path: Path, wanted: list[Exchange], monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """A busy librarian sees the journal in large pieces, an idle one record by record."""
    monkeypatch.setattr(taker, "STEP", step)
    monkeypatch.setattr(taker, "CATCH_UP", step)
    home = tmp_path / "other"
    write(home, segments=1)
    take_in_dead_runs(home)
    assert contents(home) == wanted


@pytest.mark.parametrize("seed", range(5))
def test_a_journal_growing_by_any_pieces_gives_the_same_store(
    tmp_path: Path, wanted: list[Exchange], seed: int
) -> None:
    """Frames are seen half written, and takers come and go meanwhile."""
    chance = random.Random(seed)
    home = tmp_path / "growing"
    builder = JournalBuilder(home, name="a-run")
    builder.uids = _numbers()
    data = b"".join(frame(records) for records in woven(builder))
    store = SqliteWriter(home / FILE_NAME)
    one = Taker(runs.open_run(builder.path), store)
    while data:
        cut = chance.randrange(1, 400)
        builder.write(data[:cut])
        data = data[cut:]
        while one.step() is not None:
            pass
        if chance.random() < 0.2:
            one.close()
            one = Taker(runs.open_run(builder.path), store)
    one.finish()
    one.close()
    store.close()
    assert contents(home) == wanted


def test_a_locked_store_only_delays(tmp_path: Path) -> None:
    """F40: the batch is kept, and goes in when the lock is gone."""
    builder = write(tmp_path)
    store = SqliteWriter(tmp_path / FILE_NAME, busy_ms=1)
    one = Taker(runs.open_run(builder.path), store)
    other = apsw.Connection(str(tmp_path / FILE_NAME))
    other.execute("BEGIN EXCLUSIVE")
    for _ in range(3):
        with pytest.raises(StoreBusy):
            one.step()
    other.execute("ROLLBACK")
    other.close()
    while one.step() is not None:
        pass
    one.close()
    store.close()
    assert len(contents(tmp_path)) == COUNT


def test_a_segment_stays_as_long_as_something_in_it_is_open(tmp_path: Path) -> None:
    """After a crash the open exchange is put together again from its beginning."""
    builder = JournalBuilder(tmp_path, living=True)
    first = Script(1, ended=False, uid=builder.uids())
    builder.add(*first.records())
    for number in (2, 3):
        builder.next_segment()
        builder.exchange(Script(number))
    store = SqliteWriter(tmp_path / FILE_NAME)
    one = Taker(runs.open_run(builder.path), store)
    while one.step() is not None:
        pass
    assert runs.segments(builder.path) == [1, 2, 3]
    first.ended = True
    builder.add(first.records()[-1])
    while one.step() is not None:
        pass
    assert runs.segments(builder.path) == [3]
    one.close()
    store.close()
    builder.die()


def test_two_runs_are_taken_into_one_store_side_by_side(tmp_path: Path) -> None:
    """F44: two proxies on one directory."""
    builders = [JournalBuilder(tmp_path, name=name) for name in ("a", "b")]
    stores = [SqliteWriter(tmp_path / FILE_NAME) for _ in builders]
    takers = [Taker(runs.open_run(each.path), store) for each, store in zip(builders, stores, strict=True)]
    for number in range(1, 30):
        for which, each in enumerate(builders):
            each.exchange(Script(number, uid=bytes([which, number]) * 8))
            takers[which].step()
    for one, store in zip(takers, stores, strict=True):
        while one.step() is not None:
            pass
        one.close()
        store.close()
    assert len(contents(tmp_path)) == 58


def test_rows_in_flight_of_a_run_without_a_folder_become_interrupted(tmp_path: Path) -> None:
    """Somebody removed the journal; the rows must not seem to run for ever."""
    builder = JournalBuilder(tmp_path)
    builder.exchange(Script(1, ended=False))
    store = SqliteWriter(tmp_path / FILE_NAME)
    one = Taker(runs.open_run(builder.path), store)
    one.step()
    one.close()
    store.close()
    assert [x.state for x in contents(tmp_path)] == ["in_flight"]
    runs.remove(builder.run)
    take_in_dead_runs(tmp_path)
    assert [x.state for x in contents(tmp_path)] == ["interrupted"]


def test_what_the_journal_had_to_drop_is_told_and_counted_once(tmp_path: Path) -> None:
    """F39: never silent, and not doubled by a second look."""
    builder = JournalBuilder(tmp_path)
    builder.exchange(Script(1, ended=False))
    builder.add(Lost(1, 7, 700, (1,), "No space left on device"))
    store = SqliteWriter(tmp_path / FILE_NAME)
    for expected in (1, 0):
        one = Taker(runs.open_run(builder.path), store)
        while one.step() is not None:
            pass
        assert len(one.troubles) == expected
        one.close()
    store.close()
    told: list[str] = []
    take_in_dead_runs(tmp_path, tell=told.append)
    assert told == []
    db = apsw.Connection(str(tmp_path / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    assert db.execute("SELECT lost_records, lost_bytes FROM runs").fetchall() == [(7, 700)]
    db.close()
    assert "lost_records" in contents(tmp_path)[0].flags


def test_a_living_run_is_left_alone(tmp_path: Path) -> None:
    """Only a dead run's rows become interrupted."""
    builder = JournalBuilder(tmp_path, living=True)
    builder.exchange(Script(1, ended=False))
    assert take_in_dead_runs(tmp_path) == 0
    assert len(runs.list_runs(tmp_path)) == 1
    assert not wait_until_current(tmp_path, timeout=0.01)
    builder.die()


def test_a_run_that_somebody_else_takes_in_is_left_to_him(tmp_path: Path) -> None:
    """Two commands after one crash."""
    from moonpalace.journal.locks import FileLock

    builder = write(tmp_path)
    lock = FileLock(builder.path / "take.lock")
    assert lock.try_acquire()
    assert take_in_dead_runs(tmp_path) == 0
    lock.release()
    assert take_in_dead_runs(tmp_path) == COUNT
