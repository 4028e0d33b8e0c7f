"""How a command is told which exchange is meant: the argument and options that `inspect` and `export` share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from .program import name_endpoint, say

if TYPE_CHECKING:
    from ..service.select import Selected

_NAMED = 20


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [word for word in ("last", "last~1") if word.startswith(incomplete)]


def complete_directory(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """The shell's own completion of directories."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator: the command takes `reference`, `local_id`, `chatcmpl` and `requestid`."""
    for option in (
        click.option("--requestid", metavar="ID", help="The Msh-Request-Id."),
        click.option("--chatcmpl", metavar="ID", help="The id of the completion."),
        click.option("--id", "local_id", metavar="N", type=int, help="The id in the list."),
        click.argument("reference", required=False, metavar="[WHICH]", shell_complete=_complete),
    ):
        function = option(function)
    return function


def find(
    reference: str | None, local_id: int | None, chatcmpl: str | None, requestid: str | None, *, whole: bool = True
) -> Selected:
    """The exchange that is meant, from the record; what the record has to say is said. Raises: MoonPalaceError."""
    from .. import app, config_home
    from ..service.select import Wanted, select

    with closing(app.open_record(config_home.for_reading())) as record:
        for note in record.notes:
            say(note)
        selected = select(record.reader, Wanted(reference, local_id, chatcmpl, requestid), whole=whole)
    name_endpoint(selected.exchange)
    return selected


def say_others(selected: Selected) -> None:
    """Which further exchanges match, if there are any."""
    if selected.others:
        others = ", ".join(map(str, selected.others[:_NAMED])) + (", …" if len(selected.others) > _NAMED else "")
        say(f"note: {len(selected.others) + 1} exchanges match; this is {selected.exchange.id}, the newest; "
            f"the others: {others}")  # fmt: skip
