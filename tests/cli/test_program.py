"""The root command: what it finds, and how every outcome ends."""

from __future__ import annotations

import pkgutil
from typing import Any

import pytest

import moonpalace.cli
from moonpalace.cli.main import COMMANDS
from moonpalace.core import errors
from moonpalace.core.errors import MoonPalaceError

NOT_COMMANDS = {"complete", "main", "program", "flags", "table", "render", "which", "listed", "demo_words"}


def test_every_module_with_a_command_is_in_the_table() -> None:
    """The table saves the import of all of them; it must not lag behind."""
    modules = {module.name for module in pkgutil.iter_modules(moonpalace.cli.__path__)} - NOT_COMMANDS
    assert modules == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_has_help(palace: Any, name: str) -> None:
    """`--help`, `-h` and `help NAME` say the same."""
    expected = palace("help", name)
    assert expected.code == 0
    assert f"Usage: moonpalace {name}" in expected.out
    assert palace(name, "--help").out == palace(name, "-h").out == expected.out


def test_alone_it_prints_the_help(palace: Any) -> None:
    """And that is no error."""
    found = palace()
    assert (found.code, found.err) == (0, "")
    assert found.out == palace("--help").out == palace("-h").out == palace("help").out
    assert all(f"  {name} " in found.out for name in COMMANDS)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["lst"], "error: unknown command 'lst'; did you mean list?; see moonpalace --help\n"),
        (["list", "--bogus"], "error: no such option --bogus (did you mean --verbose?); see moonpalace list --help\n"),
        (["--bogus"], "error: no such option --bogus; see moonpalace --help\n"),
        (["list", "-n"], "error: option '-n' requires an argument; see moonpalace list --help\n"),
    ],
    ids=str,
)
def test_a_wrong_command_line_is_one_line_and_2(palace: Any, args: list[str], expected: str) -> None:
    """With the place where help is."""
    found = palace(*args)
    assert (found.code, found.out, found.err) == (2, "", expected)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(errors.UsageError, 2), (errors.NotFoundError, 3), (errors.StoreError, 4), (errors.PortTakenError, 69),
     (MoonPalaceError, 1)],
)  # fmt: skip
def test_our_errors_carry_their_code(palace: Any, kind: type[MoonPalaceError], code: int) -> None:
    """One sentence, made safe: it may quote a file, a path, an id."""
    palace.failure = kind("it went\x1b[2J wrong")
    found = palace("list")
    assert (found.code, found.out, found.err) == (code, "", "error: it went\\x1b[2J wrong\n")


@pytest.mark.parametrize(
    ("raised", "code", "err"),
    [
        (PermissionError(13, "Permission denied", "/x"), 1, "error: /x: Permission denied\n"),
        (OSError("odd"), 1, "error: odd\n"),
    ],
    ids=str,
)
def test_the_system_s_errors_are_one_line_too(palace: Any, raised: OSError, code: int, err: str) -> None:
    """A directory that belongs to root is no reason for a traceback."""
    palace.failure = raised
    found = palace("list")
    assert (found.code, found.err) == (code, err)


def test_a_fault_of_ours_is_one_line_that_can_be_reported(palace: Any) -> None:
    """With the place; a traceback is for those who ask for it."""
    palace.failure = ValueError("two\nlines")
    found = palace("list")
    assert (found.code, found.out) == (1, "")
    assert found.err.startswith("error: unexpected ValueError at ")
    assert found.err.endswith(": two\\nlines; python -X dev -m moonpalace shows more\n")


def test_interrupted_is_130(palace: Any) -> None:
    """Also while a command waits for the record."""
    palace.failure = KeyboardInterrupt()
    assert palace("list").code == 130


def test_the_version_beside_a_command_is_shown_too(palace: Any) -> None:
    """Not only alone."""
    assert palace("--version", "list").out == f"moonpalace version {moonpalace.__version__}\n"
