"""The program where uvloop, fcntl, netlink and /proc are missing, as on Windows.

The whole suite in that shape: `MOONPALACE_TEST_SHAPE=windows pytest -p moonpalace.testing.windows_shape`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import moonpalace
from moonpalace.testing import windows_shape

ROOT = Path(__file__).parents[2]
SOURCE = Path(moonpalace.__file__).parents[1]
QUICK = ["tests/core", "tests/journal", "tests/net", "tests/proxy", "tests/librarian"]

pytestmark = pytest.mark.skipif(windows_shape.ACTIVE, reason="it is in force already")

LOOK = """
import os, signal, socket
from moonpalace.journal import locks, process
from moonpalace.net import loop, peer
assert loop.loop_factory()[0] == "asyncio"
assert locks.fcntl is None
assert process.boot_id() is None and process.start_time(os.getpid()) is None
assert peer.look_up(("127.0.0.1", 1), ("127.0.0.1", 1)) is None and peer.listener_of(80) is None
assert not hasattr(os, "nice") and not hasattr(signal, "SIGHUP")
for look in (open, os.listdir, os.readlink, os.scandir):
    try:
        look("/proc/self")
    except FileNotFoundError:
        continue
    raise AssertionError(look)
print("windows")
"""


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A Python in that shape, or not."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MOONPALACE_", "PYTHON"))}
    env |= {"PYTHONPATH": str(SOURCE), **variables}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=100, check=False
    )


def test_the_shape_takes_away_what_it_says() -> None:
    """A shape that takes nothing away would prove nothing. Programs get it through their path, and hand it on."""
    path = os.pathsep.join([str(windows_shape.CUSTOMIZE), str(SOURCE)])
    again = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', sys.argv[1]]).returncode)"
    for code in (["-c", LOOK], ["-c", again, LOOK]):
        done = run(*code, PYTHONPATH=path)
        assert (done.stdout, done.stderr) == ("windows\n", "")


def test_without_the_variable_nothing_is_taken_away() -> None:
    """The module is part of the package."""
    look = "import sys, moonpalace.testing.windows_shape; print('uvloop' in sys.modules, sys.modules.get('fcntl', 0))"
    done = run("-c", look)
    assert (done.stdout, done.stderr) == ("False 0\n", "")
    assert windows_shape.environment({"A": "b"}) == {"A": "b"}


def test_the_quick_part_of_the_suite_passes_in_that_shape() -> None:
    """Linux first; but nothing of it may be needed."""
    arguments = ["-m", "pytest", "-q", "-x", "-p", "moonpalace.testing.windows_shape", *QUICK]
    done = run(*arguments, MOONPALACE_TEST_SHAPE="windows")
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
