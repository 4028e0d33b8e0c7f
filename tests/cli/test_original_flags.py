"""The whole command line of the earlier program: who upgrades keeps their scripts.

Source: the table of commands and flags of its version 0.12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click
import pytest

from moonpalace.cli.main import COMMANDS
from moonpalace.cli.program import root
from moonpalace.config_options import BY_NAME
from moonpalace.testing.exchanges import chat


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. `value`: a sample, empty for a switch; `later`: accepted, and said to be not active yet."""

    command: str
    name: str
    short: str = ""
    value: str = ""
    later: bool = False
    repeats: bool = False


FLAGS = (
    Flag("start", "port", "p", "9988"),
    Flag("start", "key", "k", "sk-1"),
    Flag("start", "detect-repeat"),
    Flag("start", "repeat-threshold", value="0.5"),
    Flag("start", "repeat-min-length", value="100"),
    Flag("start", "force-stream"),
    Flag("start", "auto-cache"),
    Flag("start", "cache-min-bytes", value="4096"),
    Flag("start", "cache-ttl", value="60"),
    Flag("start", "cache-cleanup", value="86400"),
    Flag("list", "n", "n", "5"),
    Flag("list", "verbose", "v"),
    Flag("list", "chatonly"),
    Flag("list", "predicate", "p", "status == 200", later=True, repeats=True),
    Flag("list", "export", value="."),
    Flag("list", "escape-html"),
    Flag("inspect", "id", value="1"),
    Flag("inspect", "chatcmpl", value="chatcmpl-1"),
    Flag("inspect", "requestid", value="r-1"),
    Flag("inspect", "print", value="metadata,request_body", repeats=True),
    Flag("inspect", "print-request"),
    Flag("inspect", "print-response"),
    Flag("inspect", "merge-event-stream"),
    Flag("export", "id", value="1"),
    Flag("export", "chatcmpl", value="chatcmpl-1"),
    Flag("export", "requestid", value="r-1"),
    Flag("export", "output", "o", "stderr"),
    Flag("export", "directory", value="."),
    Flag("export", "escape-html"),
    Flag("export", "good"),
    Flag("export", "bad"),
    Flag("export", "tag", value="a,b", repeats=True),
    Flag("export", "curl"),
    Flag("cleanup", "before", value="2024-07-01"),
)
ALL = ("start", "list", "inspect", "export", "cleanup", "completion", "help")


def forms(flag: Flag) -> Iterator[list[str]]:
    """Every way in which the earlier program took it."""
    long, short = f"--{flag.name}", f"-{flag.short}"
    if not flag.value:
        yield from ([long], [f"{long}=true"], [f"{long}=false"])
        if flag.short:
            yield from ([short], [f"{short}=true"])
        return
    yield from ([long, flag.value], [f"{long}={flag.value}"])
    if flag.short:
        yield from ([short, flag.value], [f"{short}{flag.value}"], [f"{short}={flag.value}"])
    if flag.repeats:
        yield [long, flag.value, long, flag.value]


CASES = [(flag, form) for flag in FLAGS for form in forms(flag)]


def parsed(args: list[str]) -> dict[str, Any]:
    """What click makes of a command line. Raises: ClickException."""
    name, command, rest = root.resolve_command(root.make_context("moonpalace", []), args)
    assert command is not None
    return command.make_context(name, rest).params


@pytest.mark.parametrize("name", ALL)
def test_every_command_is_there(palace: Any, name: str) -> None:
    """By its name, with its help."""
    assert name in COMMANDS
    assert palace("help", name).code == 0


@pytest.mark.parametrize(("flag", "form"), CASES, ids=[f"{flag.command} {' '.join(form)}" for flag, form in CASES])
def test_every_flag_is_accepted_in_every_form(flag: Flag, form: list[str]) -> None:
    """`--flag=value`, `--flag value`, `-f value`, `-fvalue`, `-f=value`, `--switch`, `--switch=false`."""
    plain = parsed([flag.command])
    given = parsed([flag.command, *form])
    changed = {name for name in given if given[name] != plain[name]}
    assert len(changed) == 1
    value = given[changed.pop()]
    if not flag.value:
        assert value is not form[0].endswith("=false")
    elif flag.repeats:
        assert value == (flag.value,) * (len(form) // 2 if len(form) > 2 else 1)
    else:
        assert str(value) == flag.value


@pytest.mark.parametrize("flag", [flag for flag in FLAGS if flag.later], ids=lambda flag: f"{flag.command} {flag.name}")
def test_what_comes_later_says_so(palace: Any, flag: Flag) -> None:
    """An error where the answer would be a wrong one; the help says it, too."""
    found = palace(flag.command, f"--{flag.name}", *([flag.value] if flag.value else []))
    assert flag.name in found.err
    assert "not active in this version yet" in found.err
    assert found.code == 2
    help_text = " ".join(palace(flag.command, "--help").out.partition(f"--{flag.name}")[2].split())
    assert "(not active in this version yet)" in help_text.partition(" --")[0]


@pytest.mark.parametrize("flag", [flag for flag in FLAGS if flag.command == "start"], ids=lambda flag: flag.name)
def test_flags_of_start_reach_the_configuration(palace: Any, flag: Flag) -> None:
    """With the value that was given, also the smallest and the largest that there were."""
    palace("start", f"--{flag.name}", *([flag.value] if flag.value else []))
    option = BY_NAME[flag.name]
    value = getattr(palace.started[0].start, option.field)
    assert value == (option.read(flag.value) if flag.value else True)


def test_the_port_may_be_any(palace: Any) -> None:
    """It ended at 32767."""
    palace("start", "-p", "40000")
    assert palace.started[0].start.port == 40_000


def test_the_version_is_told_by_both_flags(palace: Any) -> None:
    """In its old form."""
    assert palace("--version").out == palace("-v").out
    assert palace("-v").out.startswith("moonpalace version ")


@pytest.mark.parametrize("name", ALL)
def test_the_endpoint_is_taken_before_and_after_each_command(name: str) -> None:
    """It was a global flag."""
    words = {"completion": ["bash"]}.get(name, [])
    command = root.get_command(click.Context(root), name)
    assert command is not None
    for args in (["--endpoint", "x.test"], ["--endpoint=x.test"]):
        context = root.make_context("moonpalace", [*args, name, *words])
        assert list(context.meta.values())[-1] == "https://x.test"
        assert command.make_context(name, [*args, *words]).params.get("endpoint") in (None, "x.test")


def test_for_start_it_is_its_endpoint(palace: Any) -> None:
    """The one after the command wins."""
    palace("--endpoint", "a.test", "start")
    palace("start", "--endpoint", "b.test")
    palace("--endpoint", "a.test", "start", "--endpoint", "b.test")
    assert [config.start.endpoint for config in palace.started] == [
        "https://a.test", "https://b.test", "https://b.test",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "args", [["--endpoint", "a.test", "list", "-v"], ["list", "-v", "--endpoint=a.test"]], ids=["before", "after"]
)
def test_for_the_list_it_is_shown_where_a_row_has_none(palace: Any, args: list[str]) -> None:
    """Rows of old files; those that have one keep it."""
    palace.holds(chat(1, endpoint="", path="/v1/one"), chat(2, endpoint="https://b.test", path="/v1/two"))
    out = palace(*args).out
    assert "https://a.test/v1/one" in out
    assert "https://b.test/v1/two" in out


def test_for_inspect_too(palace: Any) -> None:
    """In the request's line."""
    palace.holds(chat(1, endpoint="", path="/v1/one"))
    assert "https://a.test/v1/one" in palace("inspect", "1", "--endpoint", "a.test", "--print-request").out


def test_a_wrong_endpoint_is_named(palace: Any) -> None:
    """Wherever it stands."""
    for args in (["--endpoint", "ftp://x", "list"], ["list", "--endpoint", "ftp://x"], ["start", "--endpoint=ftp://x"]):
        found = palace(*args)
        assert found.code == 2
        assert "--endpoint must be" in found.err


def test_further_words_after_list_are_ignored_and_said(palace: Any) -> None:
    """It took them in silence."""
    found = palace("list", "extra", "args")
    assert found.code == 0
    assert found.err.startswith("note: list takes no arguments; ignored: extra args\n")
    assert found.out == palace("list").out


@pytest.mark.parametrize("name", ["start", "cleanup"])
def test_further_words_are_refused_where_something_would_happen(palace: Any, name: str) -> None:
    """A word that was meant as a flag must not delete, or start, something else."""
    found = palace(name, "extra")
    assert (found.code, palace.started) == (2, [])
    assert "extra" in found.err
