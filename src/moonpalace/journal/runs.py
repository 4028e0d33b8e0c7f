"""The runs on disk: one folder for each traffic process, `<home>/journal/<run uid>/`.

1. A run is alive while its traffic process holds `run.lock`. It takes the lock before it writes `run.json`, and a
   folder is a run only with a `run.json` or a segment: nobody meets a run that is not locked yet.
2. Folders are 0700 and files 0600 under any umask.
3. A damaged `run.json` loses nothing: the folder's name and its segments are enough.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..core.errors import UsageError
from .locks import FileLock, is_held


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What `run.json` says: who writes this journal."""

    run: str
    pid: int = 0
    started_at: int | None = None
    boot_id: str | None = None
    wall_ns: int = 0
    version: str = ""
    base_url: str = ""
    endpoint: str = ""
    port: int = 0


OPEN_FILES_STAY = os.name == "nt"  # a file that is open cannot be removed


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder and what is known of it. `lock` is there in the process that made the run."""

    path: Path
    info: RunInfo
    lock: FileLock | None = None


def folder(home: Path) -> Path:
    """Where the runs of that home are."""
    return home / "journal"


def create_run(home: Path, info: RunInfo) -> Run:
    """Make the folder, with its lock held by this process. Raises: UsageError."""
    path = folder(home) / info.run
    lock = FileLock(path / "run.lock")
    try:
        private_folder(folder(home))
        path.mkdir(mode=0o700)
        os.chmod(path, 0o700)
        if not lock.try_acquire():
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        write_private(path / "run.json", json.dumps(asdict(info)).encode())
    except OSError as error:
        lock.release()
        _remove_folder(path)
        raise UsageError(
            f"the journal cannot be begun in {folder(home)} ({error.strerror}): free space, mend that "
            "folder, or start with --no-store to keep nothing"
        ) from None
    return Run(path, info, lock)


def private_folder(path: Path) -> None:
    """Make a folder that is its owner's alone, and its parents."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        os.chmod(path, 0o700)


def write_private(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, mode 0600."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)
    os.replace(beside, path)


def list_runs(home: Path) -> list[Run]:
    """The runs on disk, oldest first (their names are in the order of time)."""
    try:
        names = sorted(os.listdir(folder(home)))
    except OSError:
        return []
    paths = [folder(home) / name for name in names if not name.startswith(".")]
    return [open_run(path) for path in paths if (path / "run.json").exists() or segments(path)]


def open_run(path: Path) -> Run:
    """The run of that folder; with an unreadable `run.json` only its name is known."""
    try:
        info = _info((path / "run.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        info = RunInfo(run=path.name)
    return Run(path, info if info.run == path.name else replace(info, run=path.name))


def _info(data: bytes) -> RunInfo:
    """What the file says. Raises: ValueError."""
    known: dict[str, Any] = json.loads(data)
    if type(known) is not dict or type(known.get("run")) is not str:
        raise ValueError("no run is named")
    found = {each.name: known[each.name] for each in fields(RunInfo) if each.name in known}
    likes = {**asdict(RunInfo(run="")), "started_at": 0, "boot_id": ""}
    unknown = ("started_at", "boot_id")
    if any(type(value) is not type(likes[n]) and not (value is None and n in unknown) for n, value in found.items()):
        raise ValueError("a value is of another type")
    return RunInfo(**found)


def is_alive(run: Run) -> bool:
    """Whether the traffic process of the run lives."""
    return is_held(run.path / "run.lock")


def remove(run: Run) -> None:
    """Take the folder away. What cannot be removed now (open files on Windows) stays for the next attempt."""
    _remove_folder(run.path)


def _remove_folder(path: Path) -> None:
    import shutil  # not before it is needed: looking at the record must start at once

    shutil.rmtree(path, ignore_errors=True)


def segments(path: Path) -> list[int]:
    """The numbers of the segments in that folder, ascending."""
    try:
        names = os.listdir(path)
    except OSError:
        return []
    return sorted(int(name[:-4]) for name in names if name.endswith(".seg") and name[:-4].isdigit())


def segment_path(path: Path, number: int) -> Path:
    return path / f"{number:08d}.seg"


def end(path: Path) -> tuple[int, int]:
    """The position just past the last byte written so far."""
    numbers = segments(path)
    if not numbers:
        return (0, 0)
    try:
        return numbers[-1], segment_path(path, numbers[-1]).stat().st_size
    except OSError:
        return numbers[-1], 0
