"""The journal's writer: on real files, with a disk that refuses, stalls and comes back."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moonpalace.journal import records, runs, writer
from moonpalace.journal.reader import JournalReader
from moonpalace.journal.records import Chunk, Ended, Lost, Record, RunEnded, RunStarted
from moonpalace.journal.writer import Journal

UID = b"u" * 16


class Timers:
    """Holds what an event loop would call later."""

    def __init__(self) -> None:
        self.due: list[tuple[float, Callable[[], object]]] = []

    def call_later(self, delay: float, callback: Callable[[], object]) -> None:
        self.due.append((delay, callback))

    def fire(self) -> None:
        due, self.due = self.due, []
        for _, callback in due:
            callback()


class Disk:
    """Stands in for `os.write` of the module: gives `plan` what it may, and counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.real = os.write
        self.error: BaseException | None = None
        self.room: int | None = None  # bytes that still fit
        self.step: int | None = None  # bytes taken at once
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()
        monkeypatch.setattr(writer.os, "write", self.write)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        if not self.gate.is_set():
            self.waiting.set()
            self.gate.wait(30)
        if self.error is not None:
            raise self.error
        size = len(data) if self.step is None else min(self.step, len(data))
        if self.room is not None:
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            size = min(size, self.room)
            self.room -= size
        return self.real(fd, data[:size])


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    monkeypatch.setattr(writer, "RETRY", 0.01)
    made = Disk(monkeypatch)
    yield made
    made.gate.set()


class Bench:
    """A journal in a folder, and what it said."""

    def __init__(self, folder: Path, ring: int = writer.RING) -> None:
        self.folder = folder
        self.timers = Timers()
        self.said: list[str] = []
        self.starts = 0
        self.journal = Journal(folder, self.started, self.timers, self.said.append, ring)
        self.sent: list[Record] = []

    def started(self) -> RunStarted:
        self.starts += 1
        return RunStarted("run", 1, 2, "v", "http://x", "https://y")

    def send(self, count: int = 1, data: bytes = b"body") -> list[Record]:
        """Frames of one record each."""
        made: list[Record] = [Chunk(len(self.sent) + number, 0, 1, len(data), data) for number in range(count)]
        for record in made:
            self.journal.add(record)
            self.journal.flush()
        self.sent += made
        return made

    def read(self) -> list[Record]:
        """What is in the journal, without the opening of each segment; damage is a failure."""
        reader = JournalReader(self.folder)
        found: list[Record] = []
        while frames := reader.read():
            for each in frames:
                found += each.records
        reader.close()
        assert reader.damaged == 0 and reader.unknown == 0
        return found

    def until(self, holds: Callable[[], bool]) -> None:
        """Looks again and again."""
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline, (self.said, len(self.read()))
            time.sleep(0.001)

    @property
    def appender(self) -> writer._Appender:
        return self.journal._file


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "home" / "journal" / "run")
    yield made
    made.journal.close(5)


def test_after_its_end_a_journal_may_be_closed_by_any_thread(bench: Bench, disk: Disk) -> None:
    """The event loop has flushes of its own on their way: two at once would write twice what both have in hand, or
    after the end. So the last one is where all others are, and what waits for the disk touches no record."""
    flushed: list[int] = []
    bench.journal.before_flush = lambda: flushed.append(threading.get_ident())
    wanted = bench.send(3)
    disk.gate.clear()
    last = RunEnded(1, 2, 3)
    bench.journal.add(last)
    bench.journal.end()  # returns, though the disk stalls
    closed: list[bool] = []
    closer = threading.Thread(target=lambda: closed.append(bench.journal.close()))
    closer.start()
    bench.timers.fire()  # the flush that `add` had asked for
    bench.journal.end()
    disk.gate.set()
    closer.join(10)
    assert closed == [True]
    assert bodies(bench.read()) == [*wanted, last]
    assert set(flushed) == {threading.get_ident()}


def bodies(found: list[Record]) -> list[Record]:
    return [record for record in found if not isinstance(record, RunStarted)]


def test_what_goes_in_comes_out(bench: Bench) -> None:
    """In order, whole, behind the opening of the segment."""
    bench.send(20)
    bench.journal.add(RunEnded(1, 2, 3))
    assert bench.journal.close()
    found = bench.read()
    assert isinstance(found[0], RunStarted)
    assert found[1:] == [*bench.sent, RunEnded(1, 2, 3)]
    assert bench.said == []


def test_records_leave_in_groups_and_ends_leave_soon(bench: Bench) -> None:
    """One timer for a group; an end does not wait for it."""
    bench.journal.add(Chunk(1, 0, 1, 1, b"a"))
    bench.journal.add(Chunk(1, 0, 2, 1, b"b"))
    assert [delay for delay, _ in bench.timers.due] == [writer.GROUP]
    bench.journal.add(Ended(1, 1, UID, 1, b"", "complete", 0), now=True)
    bench.journal.add(Ended(2, 1, UID, 1, b"", "complete", 0), now=True)
    assert [delay for delay, _ in bench.timers.due] == [writer.GROUP, writer.AT_ONCE]
    bench.timers.fire()
    bench.timers.fire()
    bench.journal.add(Chunk(3, 0, 1, 1, b"a"))
    assert [delay for delay, _ in bench.timers.due] == [writer.GROUP]


def test_much_body_leaves_without_waiting(bench: Bench) -> None:
    """What is collected is bounded by bytes, not only by time."""
    bench.journal.add(Chunk(1, 0, 1, 1, b"a"), size=writer.PENDING + 1)
    bench.until(lambda: len(bench.read()) == 2)


@pytest.mark.skipif(os.name != "posix", reason="modes are posix")
def test_files_and_folders_are_private_under_any_umask(tmp_path: Path) -> None:
    """The folder may have been taken away with all above it, and is made again."""
    before = os.umask(0)
    try:
        made = Bench(tmp_path / "home" / "journal" / "run")
        made.send()
        assert made.journal.close()
    finally:
        os.umask(before)
    for path in [tmp_path / "home", tmp_path / "home" / "journal", made.folder]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE(runs.segment_path(made.folder, 1).stat().st_mode) == 0o600


def test_segments_follow_one_another(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each opens with the start of the run, so that each can be read alone."""
    monkeypatch.setattr(writer, "SEGMENT", 200)
    for _ in range(10):
        bench.send(1, b"x" * 150)
        bench.until(lambda: len(bodies(bench.read())) == len(bench.sent))
    assert bench.journal.close()
    numbers = runs.segments(bench.folder)
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 3
    assert bench.starts == len(numbers)
    for number in numbers:
        payload = runs.segment_path(bench.folder, number).read_bytes()[12:]
        assert isinstance(records.decode(payload[: int.from_bytes(_length(bench, number), "little")])[0], RunStarted)
    assert bodies(bench.read()) == bench.sent


def _length(bench: Bench, number: int) -> bytes:
    return runs.segment_path(bench.folder, number).read_bytes()[4:8]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_deleted_file_is_noticed_and_begun_anew(bench: Bench, what: str) -> None:
    """Somebody cleans up while we run."""
    bench.send()
    bench.until(lambda: len(bodies(bench.read())) == 1)
    if what == "file":
        runs.segment_path(bench.folder, 1).unlink()
    else:
        shutil.rmtree(bench.folder.parent)
    bench.appender._look_again = 0.0
    later = bench.send(2)
    assert bench.journal.close()
    assert bodies(bench.read()) == later
    assert isinstance(bench.read()[0], RunStarted)


@pytest.mark.parametrize("room", [0, 1, 5, 11, 12, 13, 40, 70, 100, 150])
def test_a_full_disk_leaves_no_half_frame_and_loses_nothing(tmp_path: Path, disk: Disk, room: int) -> None:
    """Wherever the space ends, even in the opening record: what was begun is cut away, the rest waits."""
    disk.room = room
    bench = Bench(tmp_path / "run")
    bench.send(5)
    bench.until(lambda: bool(bench.said))
    assert "No space left" in bench.said[0]
    found = bench.read()
    assert bodies(found) == bench.sent[: len(bodies(found))]
    disk.room = None
    assert bench.journal.close()
    assert bodies(bench.read()) == bench.sent
    assert isinstance(bench.read()[0], RunStarted)
    assert len(bench.said) == 2 and "again" in bench.said[1]


@pytest.mark.parametrize("step", [1, 7, 100])
def test_a_disk_that_takes_little_at_once_gets_it_all(tmp_path: Path, disk: Disk, step: int) -> None:
    """A short write is no error."""
    disk.step = step
    bench = Bench(tmp_path / "run")
    bench.send(5)
    assert bench.journal.close()
    assert bodies(bench.read()) == bench.sent
    assert bench.said == []


def test_what_does_not_fit_in_the_ring_is_counted_and_named(tmp_path: Path, disk: Disk) -> None:
    """The newest stay; the record says exactly what it lacks, before what came after it."""
    disk.error = OSError(errno.EIO, "Input/output error")
    bench = Bench(tmp_path / "run", ring=10_000)
    bench.send(100, b"x" * 1000)
    bench.until(lambda: bool(bench.said))
    payload = len(records.encode([bench.sent[50]]))
    disk.error = None
    bench.until(lambda: any(isinstance(record, Lost) for record in bench.read()))
    assert bench.journal.close() is False
    found = bodies(bench.read())
    lost = [record for record in found if isinstance(record, Lost)]
    kept = found[len(lost) :]
    assert sum(record.records for record in lost) + len(kept) == 100
    assert sorted(seq for record in lost for seq in record.seqs) == list(range(100 - len(kept)))
    assert sum(record.size for record in lost) == sum(len(records.encode([r])) for r in bench.sent[: 100 - len(kept)])
    assert kept == bench.sent[-len(kept) :]
    assert len(kept) * payload <= 10_000 + payload
    assert {record.reason for record in lost} <= {"Input/output error", "the disk was too slow"}


def test_memory_is_bounded_while_the_disk_blocks(tmp_path: Path, disk: Disk) -> None:
    """A write that does not return: the traffic goes on, and what waits does not grow past the ring."""
    disk.gate.clear()
    ring = 1 << 20
    bench = Bench(tmp_path / "run", ring=ring)
    bench.send(1)
    assert disk.waiting.wait(10)
    begun = time.monotonic()
    bench.send(4000, b"x" * 1000)
    assert time.monotonic() - begun < 5
    assert sum(map(len, bench.appender._queue)) == bench.appender._waiting <= ring
    disk.gate.set()
    bench.journal.close()
    found = bodies(bench.read())
    lost = next(record for record in found if isinstance(record, Lost))
    assert lost.reason == "the disk was too slow"
    assert lost.records + len(found) - 1 == 4001


def test_what_is_being_written_is_bounded_too(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the thread holds in its hand counts as memory as well."""
    monkeypatch.setattr(writer, "AT_A_TIME", 10_000)
    disk.gate.clear()
    bench = Bench(tmp_path / "run")
    bench.send(1)
    assert disk.waiting.wait(10)
    bench.send(1000, b"x" * 1000)
    queued = len(bench.appender._queue)
    disk.waiting.clear()
    payloads, _ = bench.appender._take()
    assert sum(map(len, payloads)) <= 12_000
    assert len(bench.appender._queue) == queued - len(payloads)
    bench.appender._give_back(payloads, False)
    disk.gate.set()
    assert bench.journal.close()
    assert bodies(bench.read()) == bench.sent


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("odd"), ValueError(), OSError()], ids=lambda error: type(error).__name__
)
def test_no_error_ends_the_thread(tmp_path: Path, disk: Disk, error: Exception) -> None:
    """Nobody else writes; without the thread the record would end in silence."""
    disk.error = error
    bench = Bench(tmp_path / "run")
    bench.send(3)
    bench.until(lambda: bool(bench.said))
    assert bench.journal._thread.is_alive()
    disk.error = None
    assert bench.journal.close()
    assert bodies(bench.read()) == bench.sent


def test_nobody_to_tell_is_no_reason_to_stop(tmp_path: Path, disk: Disk) -> None:
    """The terminal may be gone as well."""

    def broken(text: str) -> None:
        raise BrokenPipeError

    disk.error = OSError(errno.EIO, "Input/output error")
    bench = Bench(tmp_path / "run")
    bench.appender._trouble = broken
    bench.send(3)
    bench.until(lambda: bool(bench.appender._failing))
    disk.error = None
    assert bench.journal.close()
    assert bodies(bench.read()) == bench.sent


def test_a_start_that_cannot_be_described_is_tried_again(tmp_path: Path, disk: Disk) -> None:
    """The opening record comes from elsewhere, and may fail there."""
    calls = []

    def started() -> RunStarted:
        calls.append(1)
        if len(calls) < 3:
            raise RuntimeError("not yet")
        return RunStarted("run", 1, 2, "v", "b", "e")

    bench = Bench(tmp_path / "run")
    bench.appender._started = started
    bench.send(2)
    bench.until(lambda: len(bodies(bench.read())) == 2)
    assert bench.journal.close()
    assert isinstance(bench.read()[0], RunStarted)


def test_closing_while_the_disk_fails_gives_up_and_says_so(tmp_path: Path, disk: Disk) -> None:
    """The program must end; and must not say that all is well."""
    disk.error = OSError(errno.EIO, "Input/output error")
    bench = Bench(tmp_path / "run")
    bench.send(3)
    assert bench.journal.close(10) is False
    assert not bench.journal._thread.is_alive()
    assert bench.appender.dropped == 3


def test_closing_while_the_disk_blocks_waits_no_longer_than_asked(tmp_path: Path, disk: Disk) -> None:
    """A dead network disk must not keep the program."""
    disk.gate.clear()
    bench = Bench(tmp_path / "run")
    bench.send(1)
    assert disk.waiting.wait(10)
    assert bench.journal.close(0.05) is False


def test_a_disk_that_takes_nothing_is_full(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that gives 0 for ever must not spin for ever."""
    monkeypatch.setattr(writer.os, "write", lambda fd, data: 0)
    bench = Bench(tmp_path / "run")
    bench.send(1)
    bench.until(lambda: bool(bench.said))
    monkeypatch.setattr(writer.os, "write", disk.write)
    assert bench.journal.close()
    assert bodies(bench.read()) == bench.sent


def test_a_folder_that_cannot_be_made_is_waited_for(tmp_path: Path, disk: Disk) -> None:
    """A file where the folder should be."""
    (tmp_path / "journal").touch()
    bench = Bench(tmp_path / "journal" / "run")
    bench.send(2)
    bench.until(lambda: bool(bench.said))
    (tmp_path / "journal").unlink()
    assert bench.journal.close()
    assert bodies(bench.read()) == bench.sent


def test_a_file_that_is_there_already_is_never_written_over(tmp_path: Path, disk: Disk) -> None:
    """The next number is tried."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "00000001.seg").write_bytes(b"")
    bench = Bench(folder)
    bench.send(1)
    assert bench.journal.close()
    assert (folder / "00000001.seg").read_bytes() == b""
    assert bodies(bench.read()) == bench.sent


def test_f47_without_a_descriptor_for_the_next_segment_the_old_one_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for it and nothing is lost; when there is one again, the next segment begins."""
    real, refused = os.open, [0]

    def no_descriptor(*args: object, **options: object) -> int:
        refused[0] += 1
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(writer, "SEGMENT", 1000)
    bench.send(5, b"x" * 300)
    bench.until(lambda: len(bodies(bench.read())) == 5)
    segments = len(runs.segments(bench.folder))
    with monkeypatch.context() as patch:
        patch.setattr(writer.os, "open", no_descriptor)
        bench.send(10, b"x" * 300)
        bench.until(lambda: refused[0] > 0 and not bench.appender._queue)
    assert writer.os.open is real
    bench.until(lambda: len(bodies(bench.read())) == 15)
    assert (len(runs.segments(bench.folder)), bench.said) == (segments, [])
    bench.send(5, b"x" * 300)
    bench.until(lambda: len(bodies(bench.read())) == 20)
    assert len(runs.segments(bench.folder)) > segments
    assert bodies(bench.read()) == bench.sent
    assert bench.journal.close()


def test_f47_what_cannot_be_encoded_for_want_of_memory_waits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, in order; nothing of it is dropped."""
    with monkeypatch.context() as patch:
        patch.setattr(writer.records, "encode", no_memory)
        bench.send(3)
        assert [delay for delay, _ in bench.timers.due if delay == writer.RETRY] == [writer.RETRY]
        bench.timers.fire()
        bench.send(2)
    assert bodies(bench.read()) == []
    bench.timers.fire()
    bench.until(lambda: bodies(bench.read()) == bench.sent)
    bench.send(1)
    assert bench.journal.close()
    assert bodies(bench.read()) == bench.sent


def no_memory(batch: object) -> bytes:
    raise MemoryError


def test_f47_what_waits_for_memory_too_long_is_counted_and_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is memory itself: past a bound it is dropped, never silently."""
    monkeypatch.setattr(writer, "TOO_MUCH", 1000)
    with monkeypatch.context() as patch:
        patch.setattr(writer.records, "encode", no_memory)
        for number in range(9):
            bench.journal.add(Chunk(number, 0, 1, 300, b"x" * 300), size=300)
            bench.journal.flush()
    bench.journal.add(Chunk(9, 0, 1, 4, b"last"), size=4)
    assert not bench.journal.close()
    found = bodies(bench.read())
    lost = [record for record in found if isinstance(record, Lost)]
    assert [(record.records, record.size, sorted(record.seqs)) for record in lost] == [(8, 2400, list(range(8)))]
    assert [record.seq for record in found if isinstance(record, Chunk)] == [8, 9]


def test_f47_a_loop_without_memory_for_a_timer_does_not_end_the_flushing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that failed to be set must not be taken for one that is on its way."""

    def refuse(delay: float, callback: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(bench.timers, "call_later", refuse)
        for now in (True, False):
            with pytest.raises(MemoryError):
                bench.journal.add(Ended(1, 1, UID, 1, b"", "complete", 0), now=now)
    bench.journal.add(Ended(2, 1, UID, 1, b"", "complete", 0), now=True)
    bench.timers.fire()
    bench.until(lambda: len(bodies(bench.read())) == 3)


@pytest.mark.skipif(sys.platform != "linux", reason="measures through /proc")
def test_f47_encoding_without_memory_raises(tmp_path: Path) -> None:
    """A real limit, for what stands in for it elsewhere ends the process: see `records.encode`."""
    pytest.importorskip("resource")
    script = """
import resource
from moonpalace.journal import records
batch = [records.Chunk(1, 0, 1, 100_000, b"x" * 100_000)] * 200
whole = records.encode(batch)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (4 << 20), resource.RLIM_INFINITY))
for _ in range(3):
    try:
        records.encode(batch)
        print("encoded")
    except MemoryError:
        print("raised")
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(records.encode(batch) == whole and records.decode(whole) == batch)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["raised"] * 3 + ["True"]), done.stderr
