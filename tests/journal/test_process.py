"""What a process says of itself and leaves behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

resource = pytest.importorskip("resource")


def test_no_core_file_is_left_and_what_is_started_may_want_one() -> None:
    """There are keys in the memory of the proxy; the programs that it starts are not its business."""
    code = (
        "import resource; from moonpalace.journal.process import leave_no_core\n"
        "before = resource.getrlimit(resource.RLIMIT_CORE); leave_no_core()\n"
        "assert resource.getrlimit(resource.RLIMIT_CORE) == (0, before[1])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
