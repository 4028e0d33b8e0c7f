"""A program in the foreground of our terminal: it gets each signal once, and we outlive it.

1. What the terminal sends (Ctrl-C, Ctrl-\\, a hangup) goes to its whole foreground group: the program has it already.
2. What a process sends to us is passed on, but not what the program itself sent; nor an interrupt of somebody of the
   group, for who stands there sends it to the group.
3. A signal that was ignored when we started stays ignored, by us and by the program (nohup).
4. When the program is over, a signal means hurry.

Source: sigaction(2) for si_code; `sudo(8)`, "Signal handling", has the same rules for the same reason.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, Self

from .core.errors import NoProgramError, NotExecutableError
from .journal.process import leave_no_core

_NAMES = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGBREAK")
_OF_THE_KEYBOARD = ("SIGINT", "SIGQUIT", "SIGBREAK")


class Foreground:
    """While entered, signals are for the program; `hurry` is called for one that comes after its end."""

    def __init__(self, hurry: Callable[[], None]) -> None:
        self._hurry = hurry
        self._before: dict[int, Any] = {}
        self._chld: Any = None
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._over = False

    def __enter__(self) -> Self:
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._on_signal)
        if hasattr(signal, "SIGCHLD"):  # were it ignored, a dead child would leave no exit code, and no signal waiting
            self._chld = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if hasattr(signal, "SIGCHLD"):
            signal.signal(signal.SIGCHLD, self._chld)

    def run(
        self, command: Sequence[str], *, executable: str, env: Mapping[str, str], umask: int, watch: Callable[[], None]
    ) -> int:
        """Run the program to its end; `watch` is called now and then. Gives the exit code. Raises: MoonPalaceError."""
        try:
            child = subprocess.Popen(list(command), executable=executable, env=dict(env), umask=umask)
            leave_no_core()  # ours, and not before the program has its own limit
        except FileNotFoundError:
            raise NoProgramError(
                f"{command[0]} cannot be started: the interpreter that it names is not there"
            ) from None
        except OSError as error:
            raise NotExecutableError(f"{command[0]} cannot be executed ({error.strerror})") from None
        if hasattr(signal, "sigwaitinfo"):
            self._wait_for_signals(child, watch)
        else:
            self._know(child)
        code = child.wait()
        self._over = True
        watch()
        return code if code >= 0 else 128 - code

    def _wait_for_signals(self, child: subprocess.Popen[bytes], watch: Callable[[], None]) -> None:
        """Until the child is over. Blocked signals are fetched one by one, for only so their sender is known."""
        awaited = {*self._before, signal.SIGCHLD}
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
        try:
            # Not before they are blocked: one in between would be taken for the keyboard's.
            self._know(child)
            while child.poll() is None:
                info = signal.sigwaitinfo(awaited)
                if info.si_signo == signal.SIGCHLD:
                    watch()
                elif not _has_it(child.pid, info):
                    child.send_signal(info.si_signo)
            while signal.sigtimedwait(awaited, 0) is not None:
                pass  # it was for the program, like the Ctrl-C that ended it
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _know(self, child: subprocess.Popen[bytes]) -> None:
        """From now on it is there; it gets what came before."""
        self._child = child
        for number in self._early:
            child.send_signal(number)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._over:
            self._hurry()
        elif self._child is None:
            self._early.append(number)
        elif signal.Signals(number).name not in _OF_THE_KEYBOARD:  # where senders are not known
            with contextlib.suppress(OSError):
                self._child.send_signal(number)


def _has_it(pid: int, info: Any) -> bool:
    """Whether the program got that signal as well, or sent it. By the rules 1 and 2."""
    group = _group(pid)
    if group is None or info.si_pid == pid:
        return True
    if group != os.getpgrp():
        return False
    if info.si_code > 0:  # the kernel's
        return True
    return signal.Signals(info.si_signo).name in _OF_THE_KEYBOARD and _group(info.si_pid) == group


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None
