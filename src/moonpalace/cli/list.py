"""`moonpalace list`: the newest exchanges as a table or as JSON."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import click

from ..core.errors import UsageError
from .flags import Command, switch
from .program import say


@click.command("list", cls=Command)
@click.option("-n", "--n", "limit", metavar="N", type=int, default=10, help="How many; 0 for all. [default: 10]")
@switch("-v", "--verbose", help="More columns.")
@switch("--chatonly", help="Chat completions only.")
@switch("--json", help="A JSON array of objects.")
@click.option("-p", "--predicate", metavar="EXPR", multiple=True, help="Filter. (not active in this version yet)")
@click.option("--export", metavar="DIR", help="Write the exchanges to files. (not active in this version yet)")
@switch("--escape-html", help="Escape <, > and & in exports. (not active in this version yet)")
def command(limit: int, verbose: bool | None, chatonly: bool | None, json: bool | None, **later: Any) -> None:
    """List the newest exchanges, newest first.

    The status column has the status code of the API. Where an exchange failed, it names the stage.
    """
    _refuse(later)
    from .. import app, config
    from ..service import listing
    from . import render
    from .table import table

    with closing(app.open_record(config.for_reading())) as record:
        for note in record.notes:
            say(note)
        found = listing.recent(record.reader, limit, chat_only=bool(chatonly))
    if json:
        render.write_json([listing.summary(exchange) for exchange in found])
        return
    columns = render.VERBOSE_COLUMNS if verbose else render.LIST_COLUMNS
    click.echo(table(columns, [render.row(exchange, columns) for exchange in found]), nl=False)


def _refuse(later: dict[str, Any]) -> None:
    """Why an error: a list that left a filter out would look like an answer to it."""
    for name, value in later.items():
        if value:
            raise UsageError(f"--{name.replace('_', '-')} is not active in this version yet; leave it out")
