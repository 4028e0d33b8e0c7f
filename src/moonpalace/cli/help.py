"""`moonpalace help`: the help of a command, or a topic."""

from __future__ import annotations

from typing import Any

import click

from ..core.errors import UsageError
from .main import COMMANDS

EXIT_CODES = """Exit codes:

    0  done; also when the reader of a pipe left early
    1  problems were found, or the command failed in another way
    2  a command, option, file or value that cannot be used
    3  no exchange matches
    4  the record cannot be read or written
   69  the port to listen on is taken
  126  the program of run cannot be executed
  127  there is no such program for run
  130  interrupted (Ctrl-C)

run ends with the exit code of its program; 128 and the number of the signal that killed it.
"""
ENVIRONMENT = """Environment:

  MOONPALACE_HOME  directory of the record and of config.yaml; else .moonpalace in HOME
  MOONPALACE_KEY   API key, unless --key or --key-file is given
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY
                   proxy to the API
  NO_COLOR         no colour in the log
"""
TOPICS = {"exit-codes": EXIT_CODES, "environment": ENVIRONMENT}


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in (*COMMANDS, *TOPICS) if name.startswith(incomplete)]


@click.command("help")
@click.argument("subject", required=False, metavar="[COMMAND|exit-codes|environment]", shell_complete=_complete)
@click.pass_context
def command(ctx: click.Context, subject: str | None) -> None:
    """Help about a command, or about exit-codes or environment."""
    from .program import CONTEXT, root

    parent = ctx.parent or ctx
    if subject is None:
        click.echo(root.get_help(parent))
    elif subject in TOPICS:
        click.echo(TOPICS[subject], nl=False)
    else:
        click.echo(_help_of(root, parent, subject, CONTEXT))


def _help_of(group: click.Group, parent: click.Context, subject: str, settings: dict[str, Any]) -> str:
    found = group.get_command(parent, subject)
    if found is None:
        raise UsageError(f"there is no help about {subject!r}; there is about {', '.join((*COMMANDS, *TOPICS))}")
    return found.get_help(click.Context(found, info_name=subject, parent=parent, **settings))
