"""A file read in a child process, so that whatever it does to the reader happens there.

1. Whatever happens ends as text or as `ExtractError`: a crash of native code, an endless loop, memory without end.
2. The child gets a deadline and a limit of address space, no standard input, an environment of a few harmless
   variables (no key is in it), and a folder for temporary files that is removed with it.
3. It is a session of its own: when its time is over, or the caller is cancelled, it is killed with all it started.
   Should we be killed ourselves, its own alarm ends it.
4. How many run at once is the caller's matter.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

import msgspec

from .result import MAX_TEXT, Extracted, ExtractError

# Where programs and libraries are, and what Windows needs to start any. `HOME` is where a user's own packages are.
_KEPT = (
    "PATH", "HOME", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "TESSDATA_PREFIX", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA",
    "LOCALAPPDATA", "WINDIR",
)  # fmt: skip
# Each thread of a native library takes tens of megabytes of address space, on a machine of many cores gigabytes.
_FEW_THREADS = {"OMP_NUM_THREADS": "2", "OMP_THREAD_LIMIT": "2", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_MOST_ANSWER = 6 * MAX_TEXT + 2**16  # JSON makes six bytes of one at most
_SPARE = 5.0  # seconds that the child's own alarm comes after our deadline


class _Answer(msgspec.Struct):
    content: str = ""
    file_type: str = ""
    title: str = ""
    error: str = ""


async def extract_apart(path: Path, filename: str, *, seconds: float = 120.0, memory: int = 2 * 2**30) -> Extracted:
    """As `extract`, in a child process. Raises: ExtractError. Units: seconds of real time, bytes of address space."""
    with tempfile.TemporaryDirectory(prefix="moonpalace-", ignore_cleanup_errors=True) as folder:
        options = ["--seconds", str(seconds + _SPARE), "--memory", str(memory)]
        whole = os.path.join(os.getcwd(), path)  # the child runs elsewhere
        command = [sys.executable, "-P", "-m", __package__, *options, "--", whole, filename]
        try:
            child = await asyncio.create_subprocess_exec(
                *command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, cwd=folder, env=_environment(folder),
                start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise ExtractError(f"the reader of files cannot be started: {error}") from error
        try:
            async with asyncio.timeout(seconds):
                data = await _answer_of(child)
                code = await child.wait()
        except TimeoutError as error:
            raise ExtractError(f"reading the file took longer than {seconds:g} seconds") from error
        finally:
            await _end(child)
    return _understood(data, code)


def _environment(folder: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if "PYTHONPATH" in kept:  # may name folders relative to ours
        kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, kept["PYTHONPATH"].split(os.pathsep)))
    return {
        **kept,
        **_FEW_THREADS,
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder),
    }


async def _answer_of(child: Process) -> bytes:
    """All that it says. Raises: ExtractError when that is more than any text may be."""
    assert child.stdout is not None
    data = bytearray()
    while piece := await child.stdout.read(2**18):
        data += piece
        if len(data) > _MOST_ANSWER:
            raise ExtractError("the reader of the file said too much")
    return bytes(data)


async def _end(child: Process) -> None:
    """Kill it with all it started, and see it gone. A cancellation waits for that."""
    _kill(child)
    cancelled: asyncio.CancelledError | None = None
    while child.returncode is None:
        try:
            await child.wait()
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        raise cancelled


def _kill(child: Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        elif child.returncode is None:
            child.kill()


def _understood(data: bytes, code: int) -> Extracted:
    if code == 0:
        with contextlib.suppress(msgspec.MsgspecError):
            answer = msgspec.json.decode(data, type=_Answer)
            if answer.error:
                raise ExtractError(answer.error)
            return Extracted(answer.content, answer.file_type, answer.title)
    raise ExtractError("the reader of the file crashed, or needed more memory than it may have")
