"""Whatever a file does to its reader ends as text or as the error, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import documents
import pytest

from moonpalace.extract import ExtractError, extract
from moonpalace.extract.apart import extract_apart
from moonpalace.testing import processes, windows_shape

linux = pytest.mark.skipif(not processes.available or windows_shape.ACTIVE, reason="looks at /proc")
WAIT = 20.0


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A file that is never read to its end: a pipe to which nobody writes."""
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


async def until(look: Callable[[], object]) -> None:
    """Waits for a condition. Raises: TimeoutError."""
    async with asyncio.timeout(WAIT):
        while not look():  # noqa: ASYNC110 - what another process does sets no event
            await asyncio.sleep(0.005)


def readers(path: Path) -> list[int]:
    """The children of this process that read the file."""
    found = []
    for pid in processes.children(os.getpid()):
        with contextlib.suppress(OSError):
            if str(path).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


async def reader(path: Path) -> int:
    """The one that reads the file, once it is there."""
    seen: list[int] = []
    await until(lambda: seen.extend(readers(path)) or seen)
    return seen[0]


def environment_of(pid: int) -> bytes:
    """As that process got it."""
    return Path(f"/proc/{pid}/environ").read_bytes()


def ended(work: Awaitable[object]) -> str:
    """The reason with which it ends."""

    async def wait() -> None:
        await work

    with pytest.raises(ExtractError) as raised:
        asyncio.run(wait())
    return str(raised.value)


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """What is left of the folders for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield lambda: os.listdir(folder)


@pytest.mark.parametrize("name", ["a.docx", "a.epub", "a.html"])
def test_it_gives_what_reading_here_gives(
    name: str, keep: Callable[[bytes], Path], left: Callable[[], list[str]]
) -> None:
    """The other process changes nothing."""
    path = keep(documents.DOCUMENTS[name]())
    assert extract(path, name) == asyncio.run(extract_apart(path, name))
    assert left() == []


def test_a_relative_path_and_an_odd_name_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child runs in another folder; a name may look like an option, or be no UTF-8."""
    monkeypatch.chdir(tmp_path)
    Path("--help").write_text("text", encoding="utf-8")
    for name in ("--seconds", "a\udcff.md", "月.txt", ""):
        assert asyncio.run(extract_apart(Path("--help"), name)).content == "text"


def test_a_name_that_no_process_can_be_given_is_the_error(keep: Callable[[bytes], Path]) -> None:
    """Arguments end at a NUL."""
    assert "cannot be started" in ended(extract_apart(keep(b"x"), "a\0.txt"))


def test_several_run_at_once(keep: Callable[[bytes], Path]) -> None:
    """How many is the caller's matter."""

    async def work() -> list[str]:
        path = keep(b"text")
        return [each.content for each in await asyncio.gather(*(extract_apart(path, "a.txt") for _ in range(4)))]

    assert asyncio.run(work()) == ["text"] * 4


@linux
def test_the_deadline_ends_it(endless: Path, left: Callable[[], list[str]]) -> None:
    """And its process with it."""
    assert ended(extract_apart(endless, "a.txt", seconds=0.2)) == "reading the file took longer than 0.2 seconds"
    assert (readers(endless), left()) == ([], [])


@linux
def test_a_killed_child_is_the_error(endless: Path) -> None:
    """As when the system ran out of memory, or native code crashed."""

    async def work() -> None:
        task = asyncio.create_task(extract_apart(endless, "a.txt"))
        processes.kill(await reader(endless))
        await task

    assert ended(work()) == "the reader of the file crashed, or needed more memory than it may have"


@linux
def test_a_cancelled_caller_leaves_no_process(endless: Path, left: Callable[[], list[str]]) -> None:
    """A client that hangs up ends the work."""

    async def work() -> int:
        task = asyncio.create_task(extract_apart(endless, "a.txt"))
        pid = await reader(endless)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    assert not processes.is_running(asyncio.run(work()))
    assert left() == []


@linux
def test_what_the_child_started_is_killed_too(
    keep: Callable[[bytes], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that reads old documents may hang as well."""
    program, started = tmp_path / "bin" / "antiword", tmp_path / "started"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho $$ > {started}.part\nmv {started}.part {started}\nsleep 1000\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    async def work() -> None:
        task = asyncio.create_task(extract_apart(keep(documents.doc(version=0x65)), "a.doc"))
        await until(started.exists)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(work())
    assert processes.wait_until_gone(int(started.read_text()))


@linux
def test_no_secret_of_our_environment_is_in_its(endless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there cannot be taken by a hostile file."""
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-secret")

    async def work() -> bytes:
        task = asyncio.create_task(extract_apart(endless, "a.txt"))
        environment = environment_of(await reader(endless))
        task.cancel()
        await asyncio.wait([task])
        return environment

    environment = asyncio.run(work())
    assert b"PATH=" in environment
    assert b"MOONSHOT" not in environment and b"sk-secret" not in environment


@linux
def test_a_sheet_of_all_cells_crashes_only_its_reader(keep: Callable[[bytes], Path]) -> None:
    """Two cells in opposite corners: the native reader wants a hundred gigabytes, and aborts."""
    pytest.importorskip("python_calamine", reason="moonpalace[files] is missing")
    reason = ended(extract_apart(keep(documents.xlsx("XFD1048576")), "a.xlsx"))
    assert reason == "the reader of the file crashed, or needed more memory than it may have"


def test_too_much_text_is_told(tmp_path: Path) -> None:
    """A log of more than can be put in front of any model."""
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        for _ in range(51):
            file.write(b"a line of a log\n" * 2**16)
    assert ended(extract_apart(path, "a.log")) == "the file holds more than 50 MB of text"


def test_text_that_just_fits_comes_whole(tmp_path: Path) -> None:
    """Through the pipe, with what JSON makes of it."""
    path = tmp_path / "a.log"
    path.write_bytes("\x1b月\n".encode() * (10 * 2**20))
    assert len(asyncio.run(extract_apart(path, "a.log")).content) == 30 * 2**20


def test_it_runs_on_the_other_loop(keep: Callable[[bytes], Path]) -> None:
    """The one that the program runs on."""
    uvloop = pytest.importorskip("uvloop")
    assert uvloop.run(extract_apart(keep(b"text"), "a.txt")).content == "text"
