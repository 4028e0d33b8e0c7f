"""A program: takes a file of the original over again and again, killed at each of its steps in turn, and goes on.

1. A step is a statement that SQLite is given or a call that opens, links, renames or removes a file. The n-th is
   reached, and before it is done the process is killed.
2. After each kill the original is there, byte for byte, under one of its names; after the next opening the record is
   whole and the folder is tidy. Where that does not hold, a line says so.
3. With a stride only each so manieth step is tried, from the one given on. With `twice` the one that goes on is
   killed as well, at its fifth, and a third one finishes.

Usage: killed_takeovers.py FILE FOLDER START STRIDE [twice]. Prints what failed, then how many steps there are.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import apsw

from moonpalace.store.sqlite import FILE_NAME, SqliteReader, SqliteWriter, original
from moonpalace.wire import completion, readable  # noqa: F401 - so that no child has to import them

EVENTS = {"open", "os.link", "os.rename", "os.remove", "os.chmod"}
KEPT = "moonpalace.original.sqlite"


def kill_at(number: int) -> None:
    """From now on this process counts its steps."""
    seen = 0

    def step(*_: Any) -> bool:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def watch(connection: apsw.Connection) -> None:
        connection.exec_trace = step

    sys.addaudithook(lambda event, _: step() and None if event in EVENTS else None)
    apsw.connection_hooks.append(watch)


def opened(path: Path, number: int) -> bool:
    """Open the record for writing in a process of its own; False if that was killed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            if number:
                kill_at(number)
            SqliteWriter(path, busy_ms=5000).close()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return False
    if os.waitstatus_to_exitcode(status):
        print("an opening failed after", number, flush=True)
    return True


def digest(path: Path) -> str:
    """Of nothing if there is no such file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def dump(path: Path) -> list[str]:
    """Every exchange, whole."""
    reader = SqliteReader(path)
    try:
        return [repr(reader.get(row.id or 0)) for row in reader.recent(0)]
    finally:
        reader.close()


def check(folder: Path, number: int, before: str, twice: bool, expected: list[str]) -> bool:
    """Kill one at that step, and look; False when it ended before."""
    path = folder / FILE_NAME
    if opened(path, number):
        return False
    if before not in (digest(path), digest(path.with_name(KEPT))):
        print("no original after", number)
    if twice:
        opened(path, 5)
    opened(path, 0)
    names = {each.name for each in folder.iterdir()}
    # Of a lock that nobody holds an empty file may be left, no more.
    if names - {"moonpalace.importing.lock"} != {KEPT, FILE_NAME}:
        print("left over after", number, names)
    if digest(path.with_name(KEPT)) != before:
        print("another original after", number)
    if dump(path) != expected:
        print("another record after", number)
    return True


def main() -> None:
    """See above."""
    source, folder, start, stride = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    original._BATCH_ROWS = 1
    before = digest(source)
    whole = folder / "whole"
    whole.mkdir()
    shutil.copyfile(source, whole / FILE_NAME)
    opened(whole / FILE_NAME, 0)
    expected = dump(whole / FILE_NAME)
    number = start
    while True:
        place = folder / str(number)
        place.mkdir()
        shutil.copyfile(source, place / FILE_NAME)
        if not check(place, number, before, "twice" in sys.argv, expected):
            break
        shutil.rmtree(place)
        number += stride
    print("steps", number, "rows", len(expected))


if __name__ == "__main__":
    main()
