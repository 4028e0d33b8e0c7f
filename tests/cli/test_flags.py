"""Switches with and without a value."""

from __future__ import annotations

import click
import pytest

from moonpalace.cli.flags import Command, switch


@click.command("try", cls=Command)
@switch("-q", "--quiet", help="Quiet.")
@click.option("--key")
@click.argument("rest", nargs=-1)
def command(**given: object) -> dict[str, object]:
    """A command to try."""
    return given


@pytest.mark.parametrize(
    ("args", "quiet"),
    [
        ([], None), (["-q"], True), (["--quiet"], True), (["--quiet=true"], True), (["--quiet=1"], True),
        (["--quiet=false"], False), (["--quiet=off"], False), (["--no-quiet"], False), (["--no-quiet=false"], True),
        (["-q=false"], False), (["--quiet", "--quiet=false"], False),
    ],
    ids=str,
)  # fmt: skip
def test_a_switch_takes_the_old_forms(args: list[str], quiet: bool | None) -> None:
    """Not given is None: then the file may speak."""
    assert command.main(args, standalone_mode=False)["quiet"] is quiet


def test_a_switch_does_not_eat_the_next_word() -> None:
    """`inspect --merge-event-stream 13` names an exchange."""
    assert command.main(["--quiet", "13"], standalone_mode=False)["rest"] == ("13",)


@pytest.mark.parametrize("args", [["--", "--quiet=false"], ["--key=--quiet=false"]], ids=str)
def test_what_is_no_switch_is_left_alone(args: list[str]) -> None:
    """After `--`, and inside another option's word."""
    given = command.main(args, standalone_mode=False)
    assert "--quiet=false" in (given["key"], *given["rest"])
    assert given["quiet"] is None


def test_a_word_that_is_no_boolean_is_refused() -> None:
    """Guessing would turn on what was to be turned off."""
    with pytest.raises(click.BadParameter, match="true or false"):
        command.main(["--quiet=perhaps"], standalone_mode=False)


def test_help_shows_the_first_form_only() -> None:
    """The other is for those who look for it."""
    text = command.get_help(click.Context(command))
    assert "-q, --quiet  Quiet." in text
    assert "--no-quiet" not in text
