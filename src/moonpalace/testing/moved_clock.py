"""A wall clock that a test moves while programs run: `time.time` and `time.time_ns` are so far from the true ones.

1. In force where the variable `MOVED_CLOCK` names the file with the offset, in processes whose path begins with
   `CUSTOMIZE`: a Python there imports this at its start. `environment` gives both for a `Program`.
2. The offset is read at every look, from memory that the processes share: a move counts at once, for all of them.
3. The monotonic clock stays as it is, as when somebody sets the clock of a real machine.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path

from . import windows_shape

VARIABLE = "MOVED_CLOCK"
CUSTOMIZE = Path(__file__).parent / "clock"  # holds a `sitecustomize` that imports this module
_SOURCE = Path(__file__).parents[2]
_OFFSET = struct.Struct("q")


class MovedClock:
    """The clock, from the test's side. `offset_s` may be set at any time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.offset_s = 0.0

    @property
    def offset_s(self) -> float:
        """Seconds ahead of the true clock."""
        found: int = _OFFSET.unpack(self._file.read_bytes())[0]
        return found / 1e9

    @offset_s.setter
    def offset_s(self, value: float) -> None:
        with self._file.open("r+b" if self._file.exists() else "w+b", buffering=0) as file:
            file.write(_OFFSET.pack(round(value * 1e9)))

    @property
    def environment(self) -> dict[str, str]:
        """The variables that put a program under this clock."""
        path = os.pathsep.join([str(CUSTOMIZE), str(_SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {VARIABLE: str(self._file), "PYTHONPATH": path}


def _move(file: str) -> None:
    with open(file, "rb") as opened:
        shared = mmap.mmap(opened.fileno(), _OFFSET.size, access=mmap.ACCESS_READ)
    true_ns = time.time_ns

    def time_ns() -> int:
        offset: int = _OFFSET.unpack_from(shared)[0]
        return true_ns() + offset

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


if VARIABLE in os.environ:
    _move(os.environ[VARIABLE])
    if str(windows_shape.CUSTOMIZE) in os.environ.get("PYTHONPATH", "").split(os.pathsep) and not windows_shape.ACTIVE:
        windows_shape.apply()  # its own `sitecustomize` stands behind ours, so it is not read
