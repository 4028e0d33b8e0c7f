"""The machine itself: what runs here, and what time it believes it is."""

from __future__ import annotations

import platform
import time

from ... import __version__
from ...store.sqlite import checkup
from ..diagnosis import Result, Subject, ok, warn

_EARLIEST = 1_704_067_200  # 2024-01-01: older than this program


def versions(_subject: Subject) -> Result:
    """What a report of a fault should begin with."""
    system = f"{platform.system()} {platform.machine()}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return ok(f"MoonPalace {__version__}, {python}, SQLite {checkup.library_version()}, {system}")


def clock(subject: Subject) -> Result:
    """A clock before the certificates' time makes every TLS connection fail."""
    shown = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(subject.now))
    if subject.now < _EARLIEST:
        return warn(f"the clock says {shown}, so no certificate will be valid", "set the clock of this machine")
    return ok(shown)
