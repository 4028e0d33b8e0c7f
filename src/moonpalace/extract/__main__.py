"""`python -m moonpalace.extract PATH NAME`: one file read, the result as one JSON object on standard output.

1. Shape: `{"content": …, "file_type": …, "title": …}`, or `{"error": …}`. Both are answers; the exit code is 0.
2. Standard output belongs to the answer: what a library prints goes nowhere.
3. The limits hold for this process and what it starts; the system enforces them, whatever native code does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from . import extract
from .result import ExtractError


def main(argv: Sequence[str] | None = None) -> int:
    """Read the file named by the arguments. Units: seconds, bytes."""
    parser = argparse.ArgumentParser(prog="python -m moonpalace.extract", description="Reads one file to text.")
    parser.add_argument("path", type=Path)
    parser.add_argument("name")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--memory", type=int, default=0)
    options = parser.parse_args(argv)
    answer = os.fdopen(_own_output(), "wb")
    _limit(options.seconds, options.memory)
    try:
        found = extract(options.path, options.name)
        said = {"content": found.content, "file_type": found.file_type, "title": found.title}
    except ExtractError as error:
        said = {"error": str(error)}
    try:
        data = json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")
    except MemoryError:
        data = b'{"error": "the file needs more memory to be read than there is"}'
    with answer:
        answer.write(data)
    return 0


def _own_output() -> int:
    """A descriptor for the answer; whoever prints to the usual one prints to nowhere from now on."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return kept


def _limit(seconds: float, memory: int) -> None:
    """Units: seconds, bytes; 0 is no limit. Where the system has no such limits, the caller's deadline is left."""
    if seconds and hasattr(signal, "setitimer"):
        # Its default action ends the process, also when its interpreter is held by native code.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    if memory and (most == resource.RLIM_INFINITY or memory < most):
        with contextlib.suppress(OSError, ValueError):  # macOS knows the limit and refuses to set it
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    sys.exit(main())
