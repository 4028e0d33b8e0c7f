"""What runs beside the traffic: the lines on stderr, the event loop's own among them, and the librarian's process.

1. Neither can hold up the traffic: each has a thread of its own.
2. A librarian that dies is started again. One that died before the end is replaced once, so that the record is whole
   when the program is over.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from .librarian.log import message_line

if TYPE_CHECKING:
    import asyncio

MOST_LINES = 10_000  # that wait for a stuck terminal


class Notices:
    """Lines for stderr, written by a thread of their own: a stuck terminal must not stop anything, nor fill the memory.

    What there is no room for is counted, and told when there is room again.
    """

    def __init__(self, *, colour: bool, as_json: bool) -> None:
        self._look = {"colour": colour, "as_json": as_json}
        self._lost = 0
        self._queue: SimpleQueue[str | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
        self._thread.start()

    def say(self, text: str) -> None:
        """One line, in the look of the request log."""
        if self._queue.qsize() >= MOST_LINES or not self._thread.is_alive():
            self._lost += 1
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            self.say(f"{lost} lines could not be shown: nobody took them")
        self._queue.put(message_line(text, datetime.now(UTC), **self._look))

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            try:
                sys.stderr.write(line)
                sys.stderr.flush()
            except (OSError, ValueError):
                return  # nobody is there any more: what is said from now on is dropped

    def close(self) -> None:
        """Say what is left, within a second."""
        self._queue.put(None)
        self._thread.join(1.0)


class Troubles:
    """The event loop's own complaints, such as too many open files: one line each, and not the same again and again."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: dict[str, float] = {}

    def __call__(self, events: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        reason = getattr(error, "strerror", None) or type(error).__name__
        text = f"{context.get('message', 'the event loop met an error')}: {reason}"
        now = time.monotonic()
        if now - self._said.get(text, -60.0) >= 60.0:
            self._said[text] = now
            self._say(text)


class Librarian:
    """The child process that takes the journal in. Its standard input is a pipe: when that ends, it finishes."""

    def __init__(self, arguments: list[str], say: Callable[[str], None]) -> None:
        self._command = [sys.executable, "-m", "moonpalace.librarian.process", *arguments]
        self._say = say
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._watch, name="librarian", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        if hasattr(signal, "pthread_sigmask"):  # a child that only starts must not die of the terminal's Ctrl-C
            names = ("SIGINT", "SIGTERM", "SIGHUP")
            signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, n) for n in names if hasattr(signal, n)})
        pause = 0.1
        while not self._stopping:
            begun = time.monotonic()
            try:
                self._child = child = self._spawn(subprocess.PIPE)
            except (OSError, MemoryError) as error:
                why = getattr(error, "strerror", None) or "no memory"
                self._say(f"the librarian cannot be started ({why}); the journal keeps everything meanwhile")
                time.sleep(5)
                continue
            if self._stopping:
                self._end_input(child)
            code = child.wait()
            if self._stopping:
                return
            pause = 0.1 if time.monotonic() - begun > 10 else min(pause * 2, 5.0)
            self._say(f"the librarian ended (exit {code}) and is started again; traffic and journal are not affected")
            time.sleep(pause)

    def _spawn(self, stdin: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=stdin, stdout=subprocess.DEVNULL)

    @staticmethod
    def _end_input(child: subprocess.Popen[bytes]) -> None:
        try:
            if child.stdin:
                child.stdin.close()
        except OSError:
            pass

    def finish(self, timeout: float, hurried: Callable[[], bool]) -> bool:
        """Let it take in the rest. False when that took too long, or there is a hurry: the next command goes on."""
        self._stopping = True
        until = time.monotonic() + timeout
        child = self._begun(min(until, time.monotonic() + 2.0), hurried)
        code: int | None = 1
        if child is not None:
            self._end_input(child)
            code = self._wait(child, until, hurried)
        if code:  # it died, or never began: a new one, whose input has ended already, takes in the rest
            try:
                code = self._wait(self._spawn(subprocess.DEVNULL), until, hurried)
            except OSError:
                return False
        return code == 0

    def _begun(self, until: float, hurried: Callable[[], bool]) -> subprocess.Popen[bytes] | None:
        """The child, which may be in the making."""
        while self._child is None and self._thread.is_alive() and time.monotonic() < until and not hurried():
            time.sleep(0.005)
        return self._child

    @staticmethod
    def _wait(child: subprocess.Popen[bytes], until: float, hurried: Callable[[], bool]) -> int | None:
        while time.monotonic() < until and not hurried():
            try:
                return child.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        return child.poll()
