"""The root command in click: loads commands when they are needed, maps errors to exit codes.

1. Our own errors carry their exit code; click's usage errors are 2.
2. An error of ours or click's is `error: sentence` on stderr. Text from outside in it is made safe to show.
3. A fault in the program is one line too; in Python's development mode it is a traceback.
4. `--endpoint` is taken before and after any command, as the earlier program took it; `endpoint` hands it down.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..core.errors import MoonPalaceError, UsageError
from .main import COMMANDS, INTERRUPTED

if TYPE_CHECKING:
    from ..core.exchange import Exchange

NAME = "moonpalace"
CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """The root. Short helps stand in a table, so that showing them imports no command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f".{cmd_name}", __package__).command
        if not any("--endpoint" in param.opts for param in command.params):
            command.params.append(_endpoint_option())
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        items = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
            raise click.UsageError(f"unknown command {args[0]!r}; {remedy}")
        return super().resolve_command(ctx, args)


_ENDPOINT = f"{__name__}.endpoint"


def _keep_endpoint(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is None or ctx.resilient_parsing:
        return
    from ..config_values import BadValue, endpoint

    try:
        ctx.meta[_ENDPOINT] = endpoint(value)
    except BadValue as error:
        raise UsageError(f"--endpoint {error}") from None


def _endpoint_option() -> click.Option:
    return click.Option(
        ["--endpoint"], metavar="URL", expose_value=False, hidden=True, callback=_keep_endpoint,
        help="Base URL of the API.",
    )  # fmt: skip


def endpoint() -> str | None:
    """The `--endpoint` that stands before the command, or after one that has none of its own."""
    url: str | None = click.get_current_context().meta.get(_ENDPOINT)
    return url


def name_endpoint(*exchanges: Exchange) -> None:
    """Rows of old files do not say where they went: a given `--endpoint` is shown for them."""
    url = endpoint()
    for exchange in exchanges:
        exchange.endpoint = exchange.endpoint or url or ""


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"{NAME} version {__version__}")
        ctx.exit()


@click.command(cls=Commands, invoke_without_command=True, context_settings=CONTEXT)
@click.option("-v", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
              help="Show the version.")  # fmt: skip
@click.option("--endpoint", metavar="URL", expose_value=False, hidden=True, callback=_keep_endpoint)
@click.pass_context
def root(ctx: click.Context) -> None:
    """A local debugging proxy that keeps every exchange with an LLM API on record.

    \b
    Start it, then point your program at it:
      moonpalace start
      base_url = "http://127.0.0.1:9988/v1"
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def execute(args: Sequence[str]) -> int:
    """Runs the command line; prints errors; returns the exit code. Raises: BrokenPipeError."""
    try:
        code = root.main(list(args), prog_name=NAME, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except MoonPalaceError as error:
        return fail(str(error), error.exit_code)
    except click.UsageError as error:
        return fail(f"{_sentence(error)}; see {_place(error, args)} --help", error.exit_code)
    except click.ClickException as error:
        return fail(_sentence(error), error.exit_code)
    except click.Abort:
        return INTERRUPTED
    except SystemExit as leaving:
        if type(sys.stdout) is click.utils.PacifyFlushWrapper:  # how click ends on a broken pipe
            raise BrokenPipeError from None
        return leaving.code if isinstance(leaving.code, int) else 0
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    except Exception as error:  # the command's edge: a fault of ours is told in a line that can be reported
        if sys.flags.dev_mode:
            raise
        return fail(f"unexpected {_fault(error)}; python -X dev -m {NAME} shows more", 1)


def fail(sentence: str, code: int) -> int:
    """One line on stderr."""
    sys.stdout.flush()
    say(f"error: {sentence}")
    return code


def say(sentence: str) -> None:
    """A line of talk, on stderr."""
    from ..text import safe

    click.echo(safe.line(sentence), err=True)


def _fault(error: Exception) -> str:
    """What went wrong inside of us, and where."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{where}: {error}"


def _sentence(error: click.ClickException) -> str:
    """Click's message in the form of ours."""
    if isinstance(error, click.NoSuchOption):
        negated = error.option_name.startswith("--no-")
        near = [name for name in error.possibilities or () if negated or not name.startswith("--no-")]
        return f"no such option {error.option_name}" + (f" (did you mean {' or '.join(near)}?)" if near else "")
    plain = " ".join(error.format_message().split()).rstrip(".")
    return plain[:1].lower() + plain[1:]


def _place(error: click.UsageError, args: Sequence[str]) -> str:
    """The command whose help tells more. Why not the error's alone: click's parser does not always name it."""
    if error.ctx is not None and error.ctx.parent is not None:
        return error.ctx.command_path
    return f"{NAME} {args[0]}" if args and args[0] in COMMANDS else NAME
