"""The command `moonpalace`: finds the command, runs it, turns every outcome into an exit code.

1. Start-up is light: this module needs nothing but the standard library, the program needs click, a command's module
   is imported when that command runs. `--version` alone needs neither.
2. Data on stdout, talk on stderr. An error is one line, `error: …`, never a traceback.
3. To add a command: a module in this package with a click command named `command`, and its line in `COMMANDS`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing's own name for it would import typing, a fifth of what Python's start takes
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "start": "Start the proxy.",
    "run": "Run a program behind a proxy of its own.",
    "mock": "Run a Kimi API on this machine.",
    "demo": "See it work: a conversation, recorded; no network, no key.",
    "list": "List the newest exchanges.",
    "inspect": "Look at one exchange.",
    "export": "Export an exchange as a case or as a curl command.",
    "cleanup": "Delete old exchanges and give the space back.",
    "config": "Show the settings and where each came from.",
    "doctor": "Check what MoonPalace needs to work.",
    "completion": "Print the completion script for a shell.",
    "help": "Help about a command or a topic.",
}
INTERRUPTED = 130
callers_umask = -1  # what a program that we start shall have; -1: the one that is


def main() -> None:
    """The entry point of the installed command."""
    global callers_umask
    import os

    callers_umask = os.umask(0o077)  # what we make is the user's own, and not less than that
    code = run(sys.argv[1:])
    try:
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass  # nobody is there to read it
    os._exit(code)  # all is closed and flushed: taking the interpreter apart would take a tenth of the time of a list


def run(args: Sequence[str]) -> int:
    """Runs the command line and returns its exit code."""
    _fill_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that cannot show a character gets an escape, not an error
            stream.reconfigure(errors="backslashreplace")
    try:
        if list(args) in (["--version"], ["-v"]):
            from .. import __version__

            sys.stdout.write(f"moonpalace version {__version__}\n")
            code = 0
        else:
            from .program import execute

            code = execute(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _abandon_stdout()
        return 0  # the reader has seen enough: `moonpalace list | head -1` is no failure
    except KeyboardInterrupt:
        return INTERRUPTED


def _fill_standard_streams() -> None:
    """Started with standard streams closed: point them at nothing, so that no file or socket gets their numbers."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    import os

    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest free descriptor is taken, so in this order each stream gets its own number.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open for good
            if getattr(sys, name).fileno() == number:
                os.set_inheritable(number, True)


def _abandon_stdout() -> None:
    """Point stdout at nothing, or the interpreter would complain at exit that it cannot flush."""
    import os

    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = None
