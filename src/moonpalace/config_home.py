"""Where the record and `config.yaml` lie: MOONPALACE_HOME, else `.moonpalace` in the user's home.

1. A directory that cannot be looked into is refused with one sentence that names the remedies (F43).
2. Who keeps nothing (--no-store among the flags) needs none: one that cannot be used is left alone, and that is said.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from .core.errors import UsageError

HOME_VARIABLE = "MOONPALACE_HOME"
_OR_NOTHING = "or start with --no-store to keep nothing"
NOWHERE = Path(os.devnull)


class Place:
    """All that the commands which look at the record need to know. Apart from `Config`, for they must start at once."""

    __slots__ = ("home",)

    def __init__(self, home: Path) -> None:
        self.home = home


def for_reading(environ: Mapping[str, str] | None = None) -> Place:
    """Where the record is, the file unread: a broken one must not hide what was recorded. Raises: UsageError."""
    return Place(home_directory(os.environ if environ is None else environ))


def home_path(env: Mapping[str, str]) -> Path:
    """Where the directory is to be, whatever is there now. Raises: UsageError."""
    if own := env.get(HOME_VARIABLE):
        return Path(os.path.abspath(own))
    if user := env.get("HOME"):
        return Path(os.path.abspath(user)) / ".moonpalace"
    if os.name == "nt":
        return Path.home() / ".moonpalace"
    raise UsageError(
        f"HOME is not set, so there is no place for the record; set HOME or {HOME_VARIABLE}, {_OR_NOTHING}"
    )


def home_directory(env: Mapping[str, str]) -> Path:
    """The directory; it may not be there yet. Raises: UsageError."""
    home = home_path(env)
    try:
        mode = os.stat(home).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return home
    except OSError as error:
        raise _refusal(home, error) from None
    if not stat.S_ISDIR(mode):
        raise UsageError(f"{home} is not a directory; move that file away or set {HOME_VARIABLE}, {_OR_NOTHING}")
    return home


def home_and_file(env: Mapping[str, str], *, keeps: bool, notes: list[str]) -> tuple[Path, Path | None]:
    """The directory, and the configuration file in it. `keeps`: a record is wanted. Raises: UsageError."""
    try:
        home = home_directory(env)
        try:
            from .config_file import find

            return home, find(home)
        except OSError as error:
            raise _refusal(home, error) from None
    except UsageError as error:
        if keeps:
            raise
        reason = str(error).partition(";")[0]
        notes.append(f"note: {reason}; going on without a configuration file, since nothing is kept (--no-store)")
        return NOWHERE, None


def _refusal(home: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{home} cannot be looked into ({error.strerror}); give yourself the permission, or set {HOME_VARIABLE} to "
        f"another directory, {_OR_NOTHING}"
    )
