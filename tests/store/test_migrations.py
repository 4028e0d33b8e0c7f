"""A file of an earlier version is brought to today's, whole, wherever that is broken off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from first_schema import RUN, everything, write_first, write_fresh, write_second

from moonpalace import app
from moonpalace.config import Config
from moonpalace.core.errors import StoreError
from moonpalace.store.sqlite import FILE_NAME, SqliteReader, SqliteWriter, StoreOutdated
from moonpalace.store.sqlite.connect import VERSION

_ALL = "SELECT * FROM {} ORDER BY 1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fresh") / FILE_NAME
    write_fresh(path)
    return path


def rows(path: Path, sql: str) -> list[Any]:
    db = apsw.Connection(str(path))
    try:
        return db.execute(sql).fetchall()  # type: ignore[return-value]
    finally:
        db.close()


def assert_migrated(path: Path, wanted: Path) -> None:
    assert everything(path) == everything(wanted)
    assert rows(path, "PRAGMA user_version") == [(VERSION,)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("write", [write_first, write_second])
def test_a_migrated_file_is_what_is_written_today(path: Path, wanted: Path, write: Callable[[Path], None]) -> None:
    """Every field of every exchange, and everything a plain program sees."""
    write(path)
    SqliteWriter(path).close()
    assert_migrated(path, wanted)
    for table in ("moonshot_requests", "tags", "exchanges"):
        names = [
            f"CAST({row[1]} AS BLOB)" for row in rows(wanted, f"PRAGMA table_info({table})")
        ]  # it need not be UTF-8
        sql = f"SELECT {', '.join(names)} FROM {table} ORDER BY 1, 2"
        assert rows(path, sql) == rows(wanted, sql), table
    assert len(everything(path)) > 20


@pytest.mark.parametrize("write", [write_first, write_second])
def test_a_migrated_schema_is_the_fresh_one(path: Path, wanted: Path, write: Callable[[Path], None]) -> None:
    """To the letter: later steps find the same tables wherever a file comes from."""
    write(path)
    SqliteWriter(path).close()
    sql = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    assert rows(path, sql) == rows(wanted, sql)


def test_the_texts_that_are_read_are_the_same(path: Path, wanted: Path) -> None:
    """What was merged or decoded then must not differ from what is merged or decoded now."""
    write_first(path)
    SqliteWriter(path).close()
    sql = "SELECT exchange_id, request_text IS NULL, answer_text IS NULL FROM contents ORDER BY 1"
    assert rows(path, sql) == rows(wanted, sql)


def test_a_run_goes_on_where_it_stood(path: Path, wanted: Path) -> None:
    """The position in the journal is part of the file."""
    write_first(path)
    writer = SqliteWriter(path)
    assert writer.begin_run(RUN).position == (1, 10)
    writer.close()


def test_a_newer_file_is_refused_by_both_versions_names(path: Path) -> None:
    """Whoever went back to an older program must know why, and what to do."""
    write_fresh(path)
    rows(path, f"PRAGMA user_version = {VERSION + 1}")
    before = path.stat().st_size
    for opened in (SqliteWriter, SqliteReader):
        with pytest.raises(StoreError, match=rf"newer MoonPalace \(schema {VERSION + 1}, known is {VERSION}\): update"):
            opened(path)
    assert path.stat().st_size == before


@pytest.mark.parametrize(("write", "version"), [(write_first, 1), (write_second, 2)])
def test_a_reader_does_not_migrate_and_says_so(path: Path, write: Callable[[Path], None], version: int) -> None:
    """Who only reads changes nothing."""
    write(path)
    with pytest.raises(StoreOutdated, match=f"schema {version}"):
        SqliteReader(path)
    assert rows(path, "PRAGMA user_version") == [(version,)]


def test_the_first_command_migrates(path: Path, wanted: Path) -> None:
    """`list` after an update, before any `start`."""
    write_first(path)
    record = app.open_record(Config(home=path.parent))
    assert record.reader.newest() == len(everything(wanted))
    record.close()
    assert_migrated(path, wanted)


def child(path: Path, argument: object, code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, str(path), str(argument)], stderr=subprocess.PIPE)


FORKER = """
import os, signal, sys, shutil
import apsw
from pathlib import Path
from moonpalace.store.sqlite import FILE_NAME, SqliteWriter
import moonpalace.store.sqlite.migrations.to_2
pattern, home = sys.argv[1:]
step = 0
while True:
    path = Path(home, str(step), FILE_NAME)
    path.parent.mkdir()
    shutil.copy(pattern, path)
    pid = os.fork()
    if pid == 0:
        left = [step]
        def trace(cursor, sql, bindings):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return True
        apsw.connection_hooks.append(lambda db: setattr(db, "exec_trace", trace))
        SqliteWriter(path)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        step += 1
        continue
    print(step if status == 0 else f"exit {status}")
    break
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_statement_it_loses_nothing(path: Path, tmp_path: Path) -> None:
    """One transaction: before its end the file is the old one, after it the new one."""
    write_first(path, count=5)
    home = tmp_path / "killed"
    home.mkdir()
    done = subprocess.run([sys.executable, "-c", FORKER, str(path), str(home)], capture_output=True, text=True)
    assert done.stdout.strip().isdigit(), done.stdout + done.stderr
    steps = int(done.stdout)
    assert steps > 60
    SqliteWriter(path).close()
    whole = everything(path)
    assert len(whole) == 5
    for step in range(steps):
        killed = home / str(step) / FILE_NAME
        SqliteWriter(killed).close()
        assert everything(killed) == whole, step


@pytest.mark.parametrize("allowed", [0, 1, 5])
def test_a_full_disk_leaves_the_old_file(
    path: Path, wanted: Path, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may have filled the disk itself; what is in it must stay readable for the program of before."""
    write_first(path)
    db = apsw.Connection(str(path))
    pages = db.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[index]
    before = db.execute(_ALL.format("contents")).fetchall()
    db.close()

    def limit(db: apsw.Connection) -> None:
        db.execute(f"PRAGMA max_page_count = {pages + allowed}")

    monkeypatch.setattr(apsw, "connection_hooks", [*apsw.connection_hooks, limit])
    with pytest.raises(StoreError, match="full"):
        SqliteWriter(path)
    monkeypatch.undo()
    assert rows(path, "PRAGMA user_version") == [(1,)]
    assert rows(path, _ALL.format("contents")) == before
    SqliteWriter(path).close()
    assert_migrated(path, wanted)


FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
from moonpalace.core.errors import StoreError
from moonpalace.store.sqlite import SqliteWriter
try:
    SqliteWriter(Path(sys.argv[1]))
except StoreError:
    sys.exit(4)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs limits of a process")
@pytest.mark.parametrize("size", [0, 100, 20_000, 100_000])
def test_a_write_that_fails_leaves_the_old_file(path: Path, wanted: Path, size: int) -> None:
    """The same where the system itself refuses to write, in the log as well."""
    write_first(path)
    with child(path, size, FULL) as process:
        assert process.wait() == 4, process.stderr.read() if process.stderr else b""
    assert rows(path, "PRAGMA user_version") == [(1,)]
    SqliteWriter(path).close()
    assert_migrated(path, wanted)


def test_two_that_migrate_at_once_do_it_once(path: Path, wanted: Path) -> None:
    """`start` and `list` after an update."""
    write_first(path)
    failures: list[BaseException] = []

    def migrate() -> None:
        try:
            SqliteWriter(path, busy_ms=30_000).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert_migrated(path, wanted)


def test_two_processes_that_migrate_at_once_do_it_once(path: Path, wanted: Path) -> None:
    """Processes have locks of their own."""
    write_first(path)
    code = "import sys\nfrom pathlib import Path\nfrom moonpalace.store.sqlite import SqliteWriter\n"
    code += "SqliteWriter(Path(sys.argv[1]), busy_ms=30_000).close()\n"
    children = [child(path, 0, code) for _ in range(3)]
    assert [process.wait() for process in children] == [0, 0, 0]
    for process in children:
        assert process.stderr is not None
        process.stderr.close()
    assert_migrated(path, wanted)


def test_an_empty_file_becomes_ours(path: Path, wanted: Path) -> None:
    """A process may die between making the file and its schema; a page size may be set and nothing else."""
    path.touch()
    SqliteWriter(path).close()
    sql = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    assert rows(path, sql) == rows(wanted, sql)
    assert rows(path, "PRAGMA auto_vacuum") == [(2,)]
