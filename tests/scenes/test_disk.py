"""The disk: full, read-only, somebody else's, or not there. The traffic goes on, and what was lost is told."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moonpalace.store.sqlite import FILE_NAME
from moonpalace.store.sqlite.connect import open_reader
from moonpalace.testing.kimi_shapes import Kimi, kimi_upstream
from moonpalace.testing.program import UNSET, Program, clean_environment, run_start
from moonpalace.testing.rawclient import RawClient
from moonpalace.testing.upstream import Upstream
from moonpalace.testing.waiting import wait_for_words

resource = pytest.importorskip("resource")
BODY = b'{"model":"kimi-k3","messages":[]}'
MIB = 1 << 20


@pytest.fixture
def kimi() -> Iterator[tuple[Upstream, Kimi]]:
    """The pretended API."""
    upstream, made = kimi_upstream()
    yield upstream, made
    upstream.close()


def ask(program: Program, count: int, body: bytes = BODY) -> list[str]:
    """That many requests; their ids."""
    found = []
    with RawClient(program.port) as client:
        for _ in range(count):
            answer = client.ask("POST", "/v1/chat/completions", body)
            assert (answer.status, answer.ended) == (200, "clean")
            found.append(str(answer.header("x-moonpalace-id")))
    return found


def lost_records(program: Program) -> int:
    """What the store says of the runs."""
    db = open_reader(program.directory / FILE_NAME)
    try:
        found = db.execute("SELECT sum(lost_records) FROM runs").fetchone()
        return int(found[0])
    finally:
        db.close()


def limit_file_size(program: Program, size: int) -> None:
    """From now on no file of the traffic process may be longer; -1: any may."""
    prlimit = getattr(resource, "prlimit", None)
    if prlimit is None:
        pytest.skip("needs prlimit")
    prlimit(program.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_journal_that_cannot_grow_holds_up_nothing_and_loses_nothing(
    programs: Callable[..., Program], kimi: tuple[Upstream, Kimi]
) -> None:
    """A file-size limit stands in for the full disk. What came meanwhile waits in memory and is written afterwards."""
    program = programs(kimi[0])
    first = ask(program, 5)
    program.wait_for_count(5)
    limit_file_size(program, 0)
    meanwhile = ask(program, 50)
    wait_for_words(program, "the journal cannot be written")
    assert {row.uid for row in program.recent()} == set(first)
    limit_file_size(program, -1)
    wait_for_words(program, "the journal can be written again")
    after = ask(program, 5)
    rows = program.wait_for_count(60)
    assert {row.uid for row in rows} == {*first, *meanwhile, *after}
    assert {row.state for row in rows} == {"complete"}
    assert [row.uid for row in rows if "lost_records" in row.flags] == []
    assert program.stderr.count("the journal cannot be written") == 1


def test_more_than_memory_holds_is_dropped_counted_and_told(
    programs: Callable[..., Program], kimi: tuple[Upstream, Kimi]
) -> None:
    """The ring keeps the newest 64 MiB. What is over that is gone, but never silently."""
    program = programs(kimi[0])
    first = ask(program, 1)
    program.wait_for_count(1)
    limit_file_size(program, 0)
    big = b'{"model":"kimi-k3","messages":[{"role":"user","content":"%b"}]}' % (b"x" * MIB)
    meanwhile = ask(program, 90, big)
    wait_for_words(program, "the journal cannot be written")
    limit_file_size(program, -1)
    wait_for_words(program, "the journal can be written again", 20)
    last = ask(program, 1)[0]
    assert program.wait_for(last).flags == ()
    rows = {row.uid: row for row in program.recent()}
    flagged = {uid for uid, row in rows.items() if "lost_records" in row.flags}
    gone = {*first, *meanwhile} - set(rows)
    assert rows[meanwhile[-1]].state == "complete"
    assert 0 < len(flagged | gone) < 45
    newest = meanwhile[-40:]
    assert not (flagged | gone) & set(newest), "the newest are what is kept"
    assert lost_records(program) > 0
    wait_for_words(program, "records (")
    assert program.stop() == 0


def test_stopping_on_a_full_disk_says_that_the_record_is_not_whole(
    programs: Callable[..., Program], kimi: tuple[Upstream, Kimi]
) -> None:
    """It must end within seconds, and must not claim that all is well."""
    program = programs(kimi[0])
    ask(program, 1)
    program.wait_for_count(1)
    limit_file_size(program, 0)
    ask(program, 3)
    wait_for_words(program, "the journal cannot be written")
    began = time.monotonic()
    program.stop(30)
    assert time.monotonic() - began < 15
    wait_for_words(program, "not everything could be written", 1)


def test_a_real_full_file_system(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """Both processes meet it here: the journal and the store lie on 8 MiB of memory disk, nearly all of it taken."""
    home = tmp_path / "small"
    home.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", home], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("may not mount")
    try:
        with Program(kimi[0].url, home=home) as program:
            first = ask(program, 3)
            program.wait_for_count(3)
            ballast = home / "ballast"
            fill(ballast)
            meanwhile = ask(program, 100)
            wait_for_words(program, "cannot be written")
            more = ask(program, 20)
            ballast.unlink()
            wait_for_words(program, "the journal can be written again")
            last = ask(program, 3)
            rows = program.wait_for_count(126)
            assert {row.uid for row in rows} == {*first, *meanwhile, *more, *last}
            assert {(row.state, row.flags) for row in rows} == {("complete", ())}
            assert program.stop() == 0
    finally:
        subprocess.run(["umount", "-l", home], check=False)


def test_a_start_on_a_full_file_system_is_refused_in_one_line(tmp_path: Path) -> None:
    """Whoever starts it is there to read the line; nothing half made stays behind."""
    home = tmp_path / "full"
    home.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", home], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("may not mount")
    try:
        fill(home / "ballast")
        started = run_start(home, "--port", "0", "--endpoint", "http://127.0.0.1:9")
        assert (started.returncode, "No space left" in one_line(started)) == (2, True)
        assert [path for path in (home / ".moonpalace").rglob("*") if path.is_file()] == []
        assert list((home / ".moonpalace" / "journal").iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", home], check=False)


def fill(path: Path) -> None:
    """Takes all the room that there is."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """What it said: one line, no traceback, nothing on stdout."""
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def home_is_a_file(user: Path) -> dict[str, str]:
    (user / ".moonpalace").write_text("x")
    return {}


def home_is_a_link(user: Path) -> dict[str, str]:
    (user / "elsewhere").mkdir()
    (user / ".moonpalace").symlink_to(user / "elsewhere")
    return {}


def home_is_a_link_to_nothing(user: Path) -> dict[str, str]:
    (user / ".moonpalace").symlink_to(user / "nowhere")
    return {}


def home_under_a_file(user: Path) -> dict[str, str]:
    (user / "file").write_text("x")
    return {"MOONPALACE_HOME": str(user / "file" / "below")}


def home_unset(user: Path) -> dict[str, str]:
    return {"HOME": UNSET}


def home_empty(user: Path) -> dict[str, str]:
    return {"HOME": ""}


def home_does_not_exist_and_cannot(user: Path) -> dict[str, str]:
    return {"HOME": "/proc/nobody"}


def salt_is_a_link(user: Path) -> dict[str, str]:
    (user / ".moonpalace").mkdir(mode=0o700)
    (user / "target").write_bytes(b"x" * 32)
    (user / ".moonpalace" / "salt").symlink_to(user / "target")
    return {}


def journal_is_a_file(user: Path) -> dict[str, str]:
    (user / ".moonpalace").mkdir(mode=0o700)
    (user / ".moonpalace" / "journal").write_text("x")
    return {}


BAD_HOMES: list[tuple[Callable[[Path], dict[str, str]], str]] = [
    (home_is_a_file, "not a directory"),
    (home_is_a_link, "symbolic link"),
    (home_is_a_link_to_nothing, ".moonpalace"),
    (home_under_a_file, "below"),
    (home_unset, "HOME is not set"),
    (home_empty, "HOME is not set"),
    (home_does_not_exist_and_cannot, "/proc/nobody"),
    (salt_is_a_link, "salt"),
    (journal_is_a_file, "journal"),
]


@pytest.mark.parametrize("case", BAD_HOMES, ids=[case[0].__name__ for case in BAD_HOMES])
def test_a_home_that_will_not_do_is_refused_in_one_line(
    tmp_path: Path, case: tuple[Callable[[Path], dict[str, str]], str]
) -> None:
    """Before the port is served; always with the exit code of a setting that cannot be used."""
    make, words = case
    done = run_start(tmp_path, "--port", "0", "--endpoint", "http://127.0.0.1:9", env=make(tmp_path))
    assert done.returncode == 2, done.stderr
    assert words in one_line(done)


def test_a_read_only_home_is_refused_in_one_line(tmp_path: Path) -> None:
    """Root may write anywhere, so the file system itself is made read-only for it."""
    home = tmp_path / "home"
    home.mkdir()
    if os.getuid() == 0:
        mounts = [["mount", "-t", "tmpfs", "tmpfs", home], ["mount", "-o", "remount,ro", home]]
        if any(subprocess.run(mount, capture_output=True, check=False).returncode for mount in mounts):
            pytest.skip("may not mount")
    else:
        home.chmod(0o500)
    try:
        done = run_start(home, "--port", "0", "--endpoint", "http://127.0.0.1:9")
        assert (done.returncode, ".moonpalace" in one_line(done)) == (2, True)
    finally:
        if os.getuid() == 0:
            subprocess.run(["umount", "-l", home], check=False)
        else:
            home.chmod(0o700)


@pytest.mark.parametrize("umask", [0o000, 0o777], ids=["umask 000", "umask 777"])
def test_everything_under_home_is_private(kimi: tuple[Upstream, Kimi], tmp_path: Path, umask: int) -> None:
    """Prompts are nobody else's business, whatever the umask (T08); and one that takes all away hinders nothing."""
    with Program(kimi[0].url, home=tmp_path, umask=umask) as program:
        ask(program, 3)
        program.wait_for_count(3)
        look(program.directory)
        done = subprocess.run(
            ["sh", "-c", f"umask {umask:03o}; exec \"$@\"", "sh", os.sys.executable, "-m", "moonpalace", "list"],  # type: ignore[attr-defined]
            env=clean_environment(tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        program.stop()
        look(program.directory)


def look(directory: Path) -> None:
    """Every folder 0700, every file 0600, each one ours, and no link."""
    for path in [directory, *directory.rglob("*")]:
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        wanted = 0o700 if stat.S_ISDIR(found.st_mode) else 0o600
        assert (path.name, oct(stat.S_IMODE(found.st_mode))) == (path.name, oct(wanted))


def test_an_open_directory_of_before_is_tightened_once_and_told(kimi: tuple[Upstream, Kimi], tmp_path: Path) -> None:
    """The original program left it open to others."""
    directory = tmp_path / ".moonpalace"
    directory.mkdir()
    directory.chmod(0o755)
    (directory / "config.yaml").write_text("")
    with Program(kimi[0].url, home=tmp_path) as program:
        wait_for_words(program, "private to you now")
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    with Program(kimi[0].url, home=tmp_path) as program:
        ask(program, 1)
        program.stop()
        assert "private to you now" not in program.stderr


def test_a_store_that_is_removed_while_it_runs_is_made_again(
    programs: Callable[..., Program], kimi: tuple[Upstream, Kimi]
) -> None:
    """F42: the traffic does not know of it; the record begins again."""
    program = programs(kimi[0])
    ask(program, 3)
    program.wait_for_count(3)
    for path in program.directory.glob(f"{FILE_NAME}*"):
        path.unlink()
    program.forget_store()
    found = ask(program, 3)
    assert set(found) <= {row.uid for row in program.wait_for_count(3)}


def test_a_store_that_another_program_holds_delays_nothing(
    programs: Callable[..., Program], kimi: tuple[Upstream, Kimi]
) -> None:
    """F40: the journal waits for it; afterwards everything is there."""
    from moonpalace.store.sqlite.connect import open_writer

    program = programs(kimi[0])
    ask(program, 3)
    program.wait_for_count(3)
    db = open_writer(program.directory / FILE_NAME, 5000)
    db.execute("BEGIN EXCLUSIVE")
    try:
        found = ask(program, 100)
        wait_for_words(program, "is locked by another program")
    finally:
        db.execute("ROLLBACK")
        db.close()
    assert set(found) <= {row.uid for row in program.wait_for_count(103)}
    wait_for_words(program, "the record is written again")


@pytest.mark.parametrize("start", [b"no database at all " * 500, b"SQLite format 3\0" + b"\xff" * 8176])
def test_a_store_that_is_no_database_hinders_nothing(kimi: tuple[Upstream, Kimi], tmp_path: Path, start: bytes) -> None:
    """F41: the traffic goes on, the file is moved aside as it is, and the record is made anew."""
    directory = tmp_path / ".moonpalace"
    directory.mkdir(mode=0o700)
    path = directory / FILE_NAME
    path.write_bytes(start)
    with Program(kimi[0].url, home=tmp_path) as program:
        found = ask(program, 20)
        wait_for_words(program, "a new one was begun")
        assert {row.uid for row in program.wait_for_count(20)} == set(found)
        (aside,) = directory.glob("moonpalace.sqlite.corrupt-*")
        assert aside.read_bytes() == start, "somebody may want to save what is in it"
        assert program.stop() == 0
