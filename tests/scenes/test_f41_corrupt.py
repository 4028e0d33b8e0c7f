"""F41: the database is damaged under a running program, or was before. The traffic never notices."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from moonpalace.core.exchange import Exchange
from moonpalace.store.sqlite import FILE_NAME
from moonpalace.testing import processes
from moonpalace.testing.kimi_shapes import kimi_upstream
from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import RawClient
from moonpalace.testing.upstream import Upstream
from moonpalace.testing.waiting import wait_for_words

BODY = b'{"model":"kimi-k3","messages":[{"role":"user","content":"%b"}]}'
soak = pytest.mark.skipif(not os.environ.get("MOONPALACE_SOAK"), reason="soak only")
DAMAGED = "the database was damaged; it is kept as"


@pytest.fixture
def api() -> Iterator[Upstream]:
    """The pretended API."""
    upstream, _ = kimi_upstream()
    yield upstream
    upstream.close()


def ask(program: Program, count: int) -> dict[str, bytes]:
    """That many requests, each unlike the others; what was asked, by id."""
    found = {}
    with RawClient(program.port) as client:
        for number in range(count):
            body = BODY % (b"%d " % number * random.Random(number).choice([3, 300, 2000]))
            answer = client.ask("POST", "/v1/chat/completions", body)
            assert (answer.status, answer.ended) == (200, "clean")
            found[str(answer.header("x-moonpalace-id"))] = body
    return found


class Load:
    """Somebody who asks all the time."""

    def __init__(self, program: Program) -> None:
        self.asked: dict[str, bytes] = {}
        self._program = program
        self._end = threading.Event()
        self.failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._end.is_set():
                self.asked |= ask(self._program, 3)
        except BaseException as error:
            self.failed = error

    def stop(self) -> dict[str, bytes]:
        self._end.set()
        self._thread.join(20)
        assert self.failed is None
        return self.asked


def damage(path: Path, how: str) -> None:
    """What a bad disk, a bad backup or a bad idea does to the file."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        if how == "header":
            file.write(b"\xff" * 100)
        elif how == "cut":
            file.truncate(size * 2 // 3)
        elif how == "empty":
            file.truncate(0)
        elif how == "garbage":
            file.truncate(0)
            file.write(b"this is no database " * 1000)
        else:
            file.seek(8192 * 4)
            file.write(random.Random(5).randbytes(8192 * 3))


def asked_body(record: Exchange) -> bytes:
    assert record.asked.body is not None
    return record.asked.body.data


def integrity(path: Path) -> object:
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        return db.execute("PRAGMA integrity_check").fetchall()


def put_aside(program: Program) -> list[str]:
    return sorted(each.name for each in program.directory.glob("*.corrupt-*") if each.name[-4:] not in ("-wal", "-shm"))


def settle(program: Program) -> None:
    """Everything is in the main file, so that damage to that is damage."""
    with closing(apsw.Connection(str(program.directory / FILE_NAME))) as db:
        db.pragma("wal_checkpoint", "TRUNCATE")


@pytest.mark.parametrize(
    "how",
    ["header", *(pytest.param(how, marks=[soak, pytest.mark.soak]) for how in ("cut", "garbage", "pages"))],
)
def test_the_database_is_damaged_while_traffic_runs(programs: Callable[..., Program], api: Upstream, how: str) -> None:
    """The client sees nothing, a new file is begun, and each exchange is there in the end."""
    program = programs(api)
    asked = ask(program, 40)
    program.wait_for_count(40)
    program.forget_store()
    settle(program)
    load = Load(program)
    damage(program.directory / FILE_NAME, how)
    wait_for_words(program, DAMAGED)
    time_of_new = len(load.asked)
    while len(load.asked) < time_of_new + 5:
        assert load.failed is None
        time.sleep(0.01)
    asked |= load.stop()
    (name,) = put_aside(program)
    assert (
        f"{DAMAGED} {name}, a new one was begun; `moonpalace doctor --recover` saves what can be read" in program.stderr
    )
    done = program.cli("doctor", "--recover")
    assert done.returncode == 0 or how != "header", done.stderr
    rows = {row.uid: program.wait_for(row.uid) for row in program.wait_for_count(len(asked))}
    assert {uid: asked_body(row) for uid, row in rows.items()} == asked
    assert {(row.state, row.flags) for row in rows.values()} == {("complete", ())}
    assert len({row.id for row in rows.values()}) == len(rows)
    assert integrity(program.directory / FILE_NAME) == [("ok",)]
    assert program.stop() == 0


def test_the_database_is_emptied_while_it_is_in_use(programs: Callable[..., Program], api: Upstream) -> None:
    """`> moonpalace.sqlite` in a shell: what the librarian has in memory hides that nothing is left of it."""
    program = programs(api)
    asked = ask(program, 20)
    program.wait_for_count(20)
    program.forget_store()
    settle(program)
    damage(program.directory / FILE_NAME, "empty")
    asked |= ask(program, 20)
    wait_for_words(program, "was emptied while it was in use")
    wait_for_words(program, "the record is written again")
    rows = {row.uid: program.wait_for(row.uid) for row in program.wait_for_count(40)}
    assert {uid: asked_body(row) for uid, row in rows.items()} == asked
    assert integrity(program.directory / FILE_NAME) == [("ok",)]


@pytest.mark.parametrize("how", ["header", "cut", "empty", "garbage", "pages"])
def test_the_database_was_damaged_before(tmp_path: Path, api: Upstream, how: str) -> None:
    """The program starts all the same; commands that read say what is the matter, and move nothing."""
    path = tmp_path / ".moonpalace" / FILE_NAME
    with Program(api.url, home=tmp_path) as program:
        before = ask(program, 20)
        program.wait_for_count(20)
        program.forget_store()
        assert program.stop() == 0
        damage(path, how)
        if how in ("header", "garbage"):
            listed = program.cli("list")
            assert (listed.returncode, "doctor --recover" in listed.stderr) == (4, True)
            assert put_aside(program) == []
    with Program(api.url, home=tmp_path) as program:
        after = ask(program, 5)
        if how == "empty":  # that is as good as a new file
            assert {row.uid for row in program.wait_for_count(5)} == set(after)
            return
        done = program.cli("doctor", "--recover")
        assert "exchanges found in" in done.stderr, done.stderr
        if how != "pages":  # depends on what stood there
            assert done.returncode == (0 if how == "header" else 1), done.stderr
        have = {row.uid: program.wait_for(row.uid) for row in program.wait_for_count(5)}
        assert set(after) <= set(have)
        whole = {uid for uid, row in have.items() if "salvaged" not in row.flags}
        assert {uid: asked_body(have[uid]) for uid in whole} == {uid: {**before, **after}[uid] for uid in whole}
        if how == "header":
            assert whole == set(before) | set(after)
        again = program.cli("doctor", "--recover")
        assert (again.returncode, "nothing to recover" in again.stderr) == (0, True)
        assert all(name.endswith(".recovered") for name in put_aside(program))


def test_recovering_while_the_proxy_runs_moves_the_file_itself(programs: Callable[..., Program], api: Upstream) -> None:
    """The librarian has not met the damage yet: it finds another file and takes its journal in anew."""
    program = programs(api)
    asked = ask(program, 20)
    program.wait_for_count(20)
    program.forget_store()
    settle(program)
    damage(program.directory / FILE_NAME, "header")
    done = program.cli("doctor", "--recover")
    assert done.returncode == 0, done.stderr
    asked |= ask(program, 5)
    rows = {row.uid: program.wait_for(row.uid) for row in program.wait_for_count(25)}
    assert {uid: asked_body(row) for uid, row in rows.items()} == asked
    assert len(put_aside(program)) == 1


@pytest.mark.skipif(not processes.available, reason="needs /proc to find the librarian")
def test_of_two_librarians_one_moves_and_the_other_notices(tmp_path: Path, api: Upstream) -> None:
    """Both find the damage at once: they are new, and have nothing of the file in memory."""
    with Program(api.url, home=tmp_path) as one, Program(api.url, home=tmp_path) as other:
        asked = ask(one, 10) | ask(other, 10)
        one.wait_for_count(20)
        one.forget_store()
        settle(one)
        damage(one.directory / FILE_NAME, "header")
        for program in (one, other):
            processes.kill(processes.librarian(program.process.pid))
        asked |= ask(one, 10) | ask(other, 10)
        rows = {row.uid: one.wait_for(row.uid) for row in one.wait_for_count(40)}
        assert {uid: asked_body(row) for uid, row in rows.items()} == asked
        assert len(put_aside(one)) == 1
        assert (one.stderr + other.stderr).count(DAMAGED) == 1
