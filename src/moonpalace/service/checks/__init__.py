"""What `doctor` looks at on this machine, in the order of the report. What needs sockets is added by `app_doctor`."""

from __future__ import annotations

from collections.abc import Callable

from ..diagnosis import Result, Subject
from .database import database, moved_aside
from .machine import clock, versions
from .places import ballast, file_system, home, space
from .record import journal
from .settings import settings

CHECKS: tuple[tuple[str, Callable[[Subject], Result | None]], ...] = (
    ("versions", versions),
    ("clock", clock),
    ("home", home),
    ("file system", file_system),
    ("space", space),
    ("ballast", ballast),
    ("settings", settings),
    ("database", database),
    ("moved aside", moved_aside),
    ("journal", journal),
)
