"""The settings as `start` would read them, and who else can read the keys in their files."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from ..diagnosis import Result, Subject, fail, ok, warn


def settings(subject: Subject) -> Result:
    """An error brings file, line and what is wrong there."""
    if subject.error:
        return fail(subject.error, "mend that; what follows goes by the defaults")
    wide = [path for path in subject.key_files if _is_wide(path)]
    if wide:
        paths = " ".join(shlex.quote(str(path)) for path in wide)
        return warn(f"other users may read the key in {' and '.join(map(str, wide))}", f"run: chmod 600 {paths}")
    return ok(f"{subject.file} can be read" if subject.file else "no configuration file: the defaults hold")


def _is_wide(path: Path) -> bool:
    if os.name != "posix":
        return False
    mode = path.stat().st_mode
    return stat.S_ISREG(mode) and bool(mode & 0o077)
