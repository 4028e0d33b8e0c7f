"""`moonpalace run -- CMD`: a program behind a proxy of its own, and afterwards what was recorded.

1. Its flags are those of `start` that make sense here; the port is a free one, and only this machine is served.
2. From the first word that is no flag of ours on, everything is the program's: `--` may be left out.
3. The request log would stand among the program's lines: it is shown only with --log.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import click

from ..config_options import OPTIONS
from ..core.errors import UsageError
from . import main
from .flags import Command, Switch, switch
from .program import say
from .start import given_flags, with_flags

_NOT_HERE = {"port", "host", "allow-host"}
_SHOWN = {"drain": "2s"}  # nobody is there any more who would wait for an answer
_FLAGS = tuple(
    replace(option, shown=_SHOWN.get(option.name, option.shown)) for option in OPTIONS if option.name not in _NOT_HERE
)


class RunCommand(Command):
    """Sets a `--` before the program, so that its flags are not looked at."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = self._program_at(args)
        if at < len(args) and args[at] != "--":
            args = [*args[:at], "--", *args[at:]]
        return super().parse_args(ctx, args)

    def _program_at(self, args: list[str]) -> int:
        """Where our flags end."""
        options = [param for param in self.params if isinstance(param, click.Option)]
        valued = {name for param in options if not isinstance(param, Switch) for name in param.opts}
        at = 0
        while at < len(args) and args[at].startswith("-") and args[at] not in ("-", "--"):
            at += 2 if args[at] in valued else 1
        return at


def _refuse(_ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Why by hand: click would offer an option that begins alike."""
    if value is not None:
        raise UsageError(f"run serves this machine alone, on a port that is free; leave {param.opts[-1]} out")


@click.command("run", cls=RunCommand)
@click.option("-p", "--port", hidden=True, expose_value=False, callback=_refuse)
@click.option("--host", hidden=True, expose_value=False, callback=_refuse)
@with_flags(_FLAGS)
@switch("--log", help="Show the request log, among what the program writes.")
@click.argument("program", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD [ARG]...")
def command(program: tuple[str, ...], log: bool | None, **given: Any) -> int:
    """Run a program behind a proxy of its own.

    CMD finds the proxy in OPENAI_BASE_URL, ANTHROPIC_BASE_URL and the like. Its exit code is that of this command;
    126 and 127 say that it could not be started.
    """
    if not program:
        raise UsageError("say what to run: moonpalace run -- CMD")
    if log and given["quiet"]:
        raise UsageError("--log and --quiet exclude one another; give one")
    from .. import config

    flags = {**given_flags(_FLAGS, given), "port": "0", "host": "127.0.0.1", "quiet": not log}
    plain = config.load(flags)
    for note in plain.notes:
        say(note)
    from .. import app

    code: int = app.run(plain, program, _say, main.callers_umask)
    return code


def _say(sentence: str) -> None:
    """Like `say`; a terminal that has hung up meanwhile must not change the exit code."""
    with contextlib.suppress(OSError):
        say(sentence)
