"""The shape of Windows, on any system: uvloop, fcntl, resource, netlink, /proc, nice and SIGHUP are not there.

1. In force where `MOONPALACE_TEST_SHAPE=windows` is set when this is imported: by pytest through
   `-p moonpalace.testing.windows_shape`. A Python with the folder `CUSTOMIZE` on its path sets and imports it itself.
2. It takes away and adds nothing: paths, sockets and processes stay what they are.
3. Children that inherit the environment inherit the shape. Whoever makes an environment of its own asks `environment`.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

VARIABLE = "MOONPALACE_TEST_SHAPE"
CUSTOMIZE = Path(__file__).parent / "shape"  # holds a `sitecustomize` that imports this module
_MODULES = ("uvloop", "winloop", "fcntl", "resource")
_SOURCE = Path(__file__).parents[2]

# Asked once: a test session cleans its environment of our variables.
ACTIVE = os.environ.get(VARIABLE) == "windows"


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables for a child: as given, and with this shape if it is in force here."""
    made = dict(variables)
    path = made.get("PYTHONPATH") or str(_SOURCE)
    if ACTIVE and str(CUSTOMIZE) not in path.split(os.pathsep):
        made["PYTHONPATH"] = os.pathsep.join([str(CUSTOMIZE), path])
    return made


def apply() -> None:
    """Take everything away, in this process, for good."""
    for name in _MODULES:
        sys.modules[name] = None  # type: ignore[assignment,unused-ignore]
    for module, name in ((socket, "AF_NETLINK"), (os, "nice"), (signal, "SIGHUP")):
        if hasattr(module, name):
            delattr(module, name)
    guarded = _without_proc(builtins.open)
    setattr(builtins, "open", guarded)  # noqa: B010 - not to be taken for a typed assignment
    setattr(io, "open", guarded)  # noqa: B010
    for name in ("open", "listdir", "readlink", "scandir"):
        setattr(os, name, _without_proc(getattr(os, name)))


def _without_proc(call: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(path: Any = ".", *rest: Any, **named: Any) -> Any:
        if not isinstance(path, int):
            plain = os.fspath(path)
            plain = os.fsdecode(plain) if isinstance(plain, bytes) else plain
            if plain == "/proc" or plain.startswith("/proc/"):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), plain)
        return call(path, *rest, **named)

    return guarded


if ACTIVE:
    apply()
    os.environ.update(environment(os.environ))
