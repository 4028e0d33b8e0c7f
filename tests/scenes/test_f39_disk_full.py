"""F39: the disk is full. The record can be read, cleaning up makes room, and the record goes on by itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moonpalace.store.rows import CONTENT, EXCHANGE, Batch, Progress, RunRow, Story
from moonpalace.store.sqlite import FILE_NAME, SqliteReader, SqliteWriter, ballast
from moonpalace.store.sqlite.cleaner import SqliteCleaner
from moonpalace.store.sqlite.connect import StoreFull
from moonpalace.testing.journals import JournalBuilder, Script
from moonpalace.testing.kimi_shapes import kimi_upstream
from moonpalace.testing.program import Program, clean_environment
from moonpalace.testing.rawclient import RawClient

MIB = 1 << 20
NEEDED = {"method": "POST", "path": "/v1", "query": "", "endpoint": "e", "route": "", "peer": "", "reason": "OK"}
Disk = Callable[[str], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Makes a file system of a size, in memory."""
    home = tmp_path / "disk"
    home.mkdir()

    def mount(size: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", home]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("may not mount")
        return home

    yield mount
    subprocess.run(["umount", "-l", home], capture_output=True, check=False)


def take_all(path: Path) -> None:
    """A file that takes what is free, to the last byte."""
    assert os.path.ismount(path.parent), "never on a real disk"
    with path.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def write(path: Path, count: int, *, leave_open: list[SqliteWriter] | None = None) -> dict[int, bytes]:
    """A record of that many exchanges of 20 KB, or as many as the disk holds, the n-th at n; bodies by id."""
    writer = SqliteWriter(path)
    at, bodies = writer.begin_run(RunRow("run")), {}
    for number in range(1, count + 1):
        uid, body = os.urandom(16), os.urandom(10_000).hex().encode()
        row = {
            **dict.fromkeys(EXCHANGE),
            **NEEDED,
            "uid": uid,
            "state": "complete",
            "requested_at": number,
            "stream": 0,
        }
        said = {**dict.fromkeys(CONTENT), "asked_start": b"POST /v1 HTTP/1.1", "asked_body": body}
        after = Progress((1, number), (1, number))
        story = Story(uid, tuple(row.values()), tuple(said.values()))
        try:
            bodies[writer.apply("run", Batch(ended=[story]), at, after)[0]] = body
        except StoreFull:
            break
        at = after
        if leave_open is None:
            writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    writer.close() if leave_open is None else leave_open.append(writer)
    return bodies


def check(path: Path, bodies: dict[int, bytes]) -> None:
    """Just these are there, byte for byte, and the file is sound."""
    reader = SqliteReader(path)
    found = [reader.get(row.id or 0) for row in reader.recent(0)]
    reader.close()
    assert {e.id: e.asked.body.data for e in found if e and e.asked.body} == bodies
    done = subprocess.run(["sqlite3", path, "PRAGMA integrity_check"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ok"


@pytest.mark.parametrize("log", ["folded", "read", "grown"])
def test_the_ballast_is_enough_to_make_room(disk: Disk, log: str) -> None:
    """Not a byte is free. `read`: somebody has the file open; `grown`: it was the log that filled the disk."""
    home = disk("24m")
    path = home / FILE_NAME
    assert ballast.make(home, plenty=0)
    writers: list[SqliteWriter] = []
    bodies = write(path, 2000 if log == "grown" else 200, leave_open=writers if log == "grown" else None)
    keep = max(bodies) - 10
    holder = SqliteReader(path) if log == "read" else None
    take_all(home / "filler")
    assert shutil.disk_usage(home).free == 0
    made = SqliteCleaner(path, lambda: ballast.give(home))
    assert made.clean(keep) == keep - 1
    made.close()
    for each in (holder, *writers):
        if each:
            each.close()
    assert shutil.disk_usage(home).free > 3 * MIB
    check(path, {number: body for number, body in bodies.items() if number >= keep})


def test_with_little_room_left_the_log_is_worked_in_early(disk: Disk) -> None:
    """Else it would hold tens of megabytes that have no place in the file, just when there is room for none."""
    path = disk("64m") / FILE_NAME
    writers: list[SqliteWriter] = []
    write(path, 100, leave_open=writers)
    pages, size = (writers[0]._db.pragma(name) for name in ("page_count", "page_size"))
    assert pages * size - path.stat().st_size < MIB
    writers[0].close()


def test_without_ballast_it_says_so_and_harms_nothing(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a small disk there is none. The sentence names the disk."""
    monkeypatch.setattr("moonpalace.store.sqlite.portions.PATIENCE", 0.1)
    home = disk("8m")
    path = home / FILE_NAME
    bodies = write(path, 50)
    take_all(home / "filler")
    with pytest.raises(StoreFull, match="the disk is full"):
        SqliteCleaner(path, lambda: ballast.give(home)).clean(50)
    (home / "filler").unlink()
    check(path, bodies)
    made = SqliteCleaner(path)
    assert made.clean(50) == 49
    made.close()


def test_somebody_who_takes_what_comes_free_does_not_keep_it_from_going_on(disk: Disk) -> None:
    """A proxy's journal has waited for the room: it takes every bit of it, at every step."""
    home = disk("24m")
    path = home / FILE_NAME
    bodies = write(path, 200)
    ballast.make(home, plenty=0)
    take_all(home / "filler")
    made = SqliteCleaner(path, lambda: ballast.give(home))
    step = made._portions.run

    def greedy(slices: object, act: Callable[[list[int]], Callable[[], None]]) -> None:
        def act_and_lose(ids: list[int]) -> Callable[[], None]:
            committed = act(ids)

            def both() -> None:
                committed()
                take_all(home / "filler")

            return both

        step(slices, act_and_lose)  # type: ignore[arg-type]

    made._portions.run = greedy  # type: ignore[method-assign]
    assert made.clean(151) == 150
    made.close()
    check(path, {number: body for number, body in bodies.items() if number > 150})


def test_the_whole_program_on_a_full_disk(disk: Disk) -> None:
    """List works, cleanup works, what waited is written, and the record goes on; nobody starts anything again."""
    home = disk("110m")
    upstream, _ = kimi_upstream()
    try:
        with Program(upstream.url, home=home) as program:
            first = ask(program, 60, 100_000)
            program.wait_for_count(60)
            assert ballast.held(program.directory) == ballast.SIZE
            take_all(home / "filler")
            waiting = ask(program, 5, 100_000)
            listed = program.cli("list", "--json", "-n", "0")
            assert (listed.returncode, len(json.loads(listed.stdout))) == (0, 60)
            assert program.cli("inspect", first[0], "--json").returncode == 0
            done = program.cli("cleanup", "--before", "0d", "--json")
            assert done.returncode == 0, done.stderr
            said = json.loads(done.stdout)
            assert (said["deleted"], said["given_back_bytes"] > 4 * MIB) == (60, True)
            last = ask(program, 3, 1000)
            rows = program.wait_for_count(8)
            assert {row.uid for row in rows} == {*waiting, *last}
            assert {(row.state, row.flags) for row in rows} == {("complete", ())}
            assert program.stderr.count("the journal cannot be written") == 1
            assert ballast.held(program.directory) == ballast.SIZE
            assert program.stop() == 0
    finally:
        upstream.close()


def command(home: Path, line: str) -> subprocess.CompletedProcess[str]:
    """A command where no proxy runs."""
    words = [sys.executable, "-m", "moonpalace", *line.split(), "--json"]
    return subprocess.run(words, env=clean_environment(home), capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("line", "count"), [("list -n0", 20), ("inspect last", 1)])
def test_without_a_proxy_the_record_can_be_read(disk: Disk, line: str, count: int) -> None:
    """There is no room for the shared memory that a reader wants."""
    home = disk("24m")
    (home / ".moonpalace").mkdir(mode=0o700)
    write(home / ".moonpalace" / FILE_NAME, 20)
    take_all(home / "filler")
    done = command(home, line)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count('"uid"') == count


def test_what_a_dead_run_left_waits_for_room(disk: Disk) -> None:
    """It cannot be taken in now. That is said, and hinders neither looking nor cleaning up; afterwards it is there."""
    home = disk("24m")
    directory = home / ".moonpalace"
    directory.mkdir(mode=0o700)
    write(directory / FILE_NAME, 100)
    assert ballast.make(directory, plenty=0)
    journal = JournalBuilder(directory)
    journal.exchange(Script(1))
    journal.end(1)
    take_all(home / "filler")
    done = command(home, "list -n0")
    assert (done.returncode, done.stdout.count('"uid"')) == (0, 100)
    assert "the disk is full" in done.stderr
    done = command(home, "cleanup --before 1970-01-03")
    assert (done.returncode, json.loads(done.stdout)["deleted"]) == (0, 100)
    assert "the disk is full" in done.stderr
    done = command(home, "list -n0")
    assert (done.returncode, done.stdout.count('"uid"'), done.stderr) == (0, 1, "")


def ask(program: Program, count: int, size: int) -> list[str]:
    """That many requests with bodies of that size; their ids."""
    found = []
    with RawClient(program.port) as client:
        for _ in range(count):
            text = os.urandom(size // 2).hex()
            body = json.dumps({"model": "kimi-k3", "messages": [{"role": "user", "content": text}]}).encode()
            answer = client.ask("POST", "/v1/chat/completions", body)
            assert (answer.status, answer.ended) == (200, "clean")
            found.append(str(answer.header("x-moonpalace-id")))
    return found
