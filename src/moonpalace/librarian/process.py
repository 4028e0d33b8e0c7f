"""The librarian's process: takes the journal of its run in while the traffic goes on, at low priority.

1. It ends when its standard input does (the traffic process is gone, or asks for it) and the journal is taken in.
   Signals for the terminal's whole group do not end it: what the traffic process still has to say comes first.
2. Whatever fails is told once and tried again: the journal waits on disk. Only one librarian takes a run in.
   A database that is damaged is moved aside and a new one begun: see `damage`.
3. The log never holds up the taking in.
4. With `--forget` the home directory is a passing one: it is removed at the end, also when the traffic process died.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ..core.errors import StoreError
from ..journal import runs
from ..journal.locks import FileLock
from ..journal.process import leave_no_core
from ..store.rows import Story
from ..store.sqlite import FILE_NAME, SqliteWriter, StoreBusy, StoreDamaged, ballast
from ..store.sqlite.rows import from_tuples
from . import log
from .catchup import discard, take_in_dead_runs
from .clean import cleaner
from .damage import TOLD, set_aside
from .pace import Pace, journal_size
from .sink import Sink
from .taker import Taker

POLL = 0.03  # seconds between looks at a journal that has nothing new
_BUSY = 0.05
_RETRY = (0.1, 0.5, 3.0)
_LOOK_FOR_DEAD = 10.0
_CERTAIN = 3  # times that the database was found damaged, so that nobody needs to look again
_GRACE = 2.0  # for a traffic process that closed our input to be gone


class Stop(Protocol):
    """Set when the librarian shall finish."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float) -> bool: ...


class Log(Protocol):
    """Takes entries: a sentence, or what a step took in. Never waits."""

    def offer(self, entries: Sequence[Any], /) -> None: ...


class _Librarian:
    def __init__(self, home: Path, run_uid: str, stop: Stop, log: Log) -> None:
        self._home = home
        self._run = runs.open_run(runs.folder(home) / run_uid)
        self._lock = FileLock(self._run.path / "take.lock")
        self._stop = stop
        self._log = log
        self._store: SqliteWriter | None = None
        self._taker: Taker | None = None
        self._told = ""  # the last trouble told, so that each is told once
        self._failures = 0
        self._damages = 0  # how often it was found damaged since it was last in order
        self._pace = Pace(time.monotonic, lambda: journal_size(self._run.path))
        self._next_look = 0.0
        self._asked_at: float | None = None

    def run(self) -> None:
        """Until asked to end, and done."""
        try:
            while True:
                try:
                    if not self._run.path.is_dir():
                        if self._wait_for_folder():
                            return
                        continue
                    if self._round():
                        return
                    self._failures = self._damages = 0
                except StoreBusy as error:
                    self._tell(f"{error}; the journal keeps everything meanwhile")
                    time.sleep(_BUSY)
                    if self._gives_up():
                        return
                except Exception as error:  # the librarian's loop: told, and tried again
                    self._drop()
                    trouble = f"the record cannot be written: {str(error) or type(error).__name__}"
                    if isinstance(error, StoreDamaged):
                        trouble = self._set_aside(trouble)
                        if not trouble:
                            continue
                    self._tell(f"{trouble}; the journal keeps everything meanwhile")
                    if self._gives_up():
                        return
                    time.sleep(_BUSY if self._stop.is_set() else _RETRY[min(self._failures, len(_RETRY) - 1)])
                    self._failures += 1
        finally:
            self._drop()
            self._lock.release()

    def _gives_up(self) -> bool:
        """Whether we were asked to end a while ago and still cannot write: the journal keeps the rest."""
        if not self._stop.is_set():
            return False
        self._asked_at = self._asked_at or time.monotonic()
        return time.monotonic() - self._asked_at > _GRACE

    def _wait_for_folder(self) -> bool:
        """The folder was taken away. The traffic process makes a new one with its next records; True: it will not."""
        self._drop()
        self._lock.release()
        return self._stop.wait(0.25)

    def _round(self) -> bool:
        """One look at the journal; True when everything is done."""
        if not self._lock.held and not self._lock.try_acquire():
            time.sleep(_BUSY)  # another librarian of this run is still ending
            return False
        now = time.monotonic()
        if now >= self._next_look and not self._stop.is_set():
            self._next_look = now + _LOOK_FOR_DEAD
            self._take_in_the_dead()
        taker = self._ready()
        begun = time.monotonic()
        taken = taker.step()
        for text in taker.troubles:
            self._log.offer([text])
        if taken is not None:
            if taken:
                self._log.offer(taken)
            self._recovered()
            rest = self._pace.rest(time.monotonic() - begun)
            if rest:
                self._stop.wait(rest)
            return False
        if self._stop.is_set():
            return self._finish(taker)
        self._stop.wait(POLL)
        return False

    def _ready(self) -> Taker:
        if self._store is not None:
            self._store.look()
        else:
            self._store = SqliteWriter(self._home / FILE_NAME, tell=lambda text: self._log.offer([text]))
        if self._taker is None:
            self._taker = Taker(self._run, self._store, cleaner(self._home))
        return self._taker

    def _set_aside(self, trouble: str) -> str:
        """Move the database aside if it is damaged indeed. What is to be told: nothing when there is a new one."""
        self._damages += 1
        try:
            moved = set_aside(self._home, certain=self._damages >= _CERTAIN)
        except (StoreError, OSError) as error:
            return f"the database is damaged and cannot be moved aside: {error}"
        if moved is None:
            return trouble
        self._log.offer([TOLD.format(name=moved.name)])
        self._told = ""
        return ""

    def _take_in_the_dead(self) -> None:
        taken = take_in_dead_runs(self._home, tell=lambda text: self._log.offer([text]))
        if taken:
            self._log.offer([f"{taken} exchanges of a run that had died were taken in"])

    def _finish(self, taker: Taker) -> bool:
        """The journal is taken in and we were asked to end: what is left to do once the traffic process is gone."""
        now = time.monotonic()
        self._asked_at = self._asked_at or now
        if not taker.run_ended and runs.is_alive(self._run):
            if now - self._asked_at < _GRACE:
                time.sleep(POLL)
                return False
            return True  # it lives on without us: the next librarian or command goes on
        # A last look, after its death: what it wrote before is there now.
        taken = taker.step()
        if taken is not None:
            self._log.offer(taken)
            return False
        self._log.offer(taker.finish())
        self._drop()
        discard(self._run, self._lock)
        return True

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self._log.offer([text])

    def _recovered(self) -> None:
        if self._told:
            self._told = ""
            self._log.offer(["the record is written again"])

    def _drop(self) -> None:
        for each in (self._taker, self._store):
            if each is not None:
                with contextlib.suppress(Exception):
                    each.close()
        self._taker = self._store = None


def run_librarian(home: Path, run_uid: str, *, stop: Stop, log: Log) -> None:
    """Take the run's journal in until `stop` is set and all of it is stored."""
    _Librarian(home, run_uid, stop, log).run()


def renderer(kind: str, colour: bool) -> Callable[[Any], str]:
    """Makes the text of a log entry: kind `text`, `json`, or `off` (sentences only)."""
    as_json = kind == "json"

    def render(entry: Any) -> str:
        if isinstance(entry, str):
            return log.message_line(entry, datetime.now().astimezone(), colour=colour, as_json=as_json)
        if kind == "off":
            return ""
        local_id, story = entry
        exchange = _exchange(local_id, story)
        return log.json_line(exchange) if as_json else log.text_block(exchange, colour=colour)

    return render


def _exchange(local_id: int, story: Story) -> Any:
    found = from_tuples(story.exchange, story.content)
    found.id = local_id
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """The hidden command that the traffic process starts."""
    parser = argparse.ArgumentParser(prog="moonpalace librarian", description="Takes a run's journal into the store.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--log", choices=("text", "json", "off"), default="text")
    parser.add_argument("--colour", action="store_true")
    parser.add_argument("--forget", action="store_true")
    options = parser.parse_args(argv)
    _settle()
    stop = threading.Event()
    threading.Thread(target=_watch_input, args=(stop,), name="input", daemon=True).start()
    if not options.forget:
        ballast.make(options.home)
    sink = Sink(_write_error, renderer(options.log, options.colour))
    entries: Log = sink if options.log != "off" else _Sentences(sink)
    try:
        run_librarian(options.home, options.run, stop=stop, log=entries)
    finally:
        sink.close()
    if options.forget and not runs.is_alive(runs.open_run(runs.folder(options.home) / options.run)):
        shutil.rmtree(options.home, ignore_errors=True)
    # A log that is blocked must not keep the process: its thread may still be in a write.
    sys.stdout.flush()
    os._exit(0)


class _Sentences:
    """Passes on sentences only: nobody reads the rest, so nobody makes it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def offer(self, entries: Sequence[Any], /) -> None:
        if entries and isinstance(entries[0], str):
            self._sink.offer(entries)


def _settle() -> None:
    """No core file, low priority, deaf to the terminal's signals, and no search for garbage in what is not garbage."""
    leave_no_core()
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(10)
    if hasattr(os, "SCHED_BATCH"):
        # A batch process does not push another one off its processor when it wakes up.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    os.umask(0o077)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _write_error(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(2, view) :]


def _watch_input(stop: threading.Event) -> None:
    """Set `stop` when the pipe from the traffic process is closed."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    stop.set()


if __name__ == "__main__":
    main()
