"""`moonpalace list`: the newest exchanges as a table or as JSON."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import click

from ..core.errors import UsageError
from .flags import Command, switch
from .program import endpoint, name_endpoint, say
from .which import complete_directory


@click.command("list", cls=Command, context_settings={"allow_extra_args": True})
@click.option("-n", "--n", "limit", metavar="N", type=int, help="How many; 0 for all. [default: 10]")
@switch("-v", "--verbose", help="More columns.")
@switch("--chatonly", help="Chat completions only.")
@switch("--json", help="A JSON array of objects.")
@click.option("-p", "--predicate", metavar="EXPR", multiple=True, help="Filter. (not active in this version yet)")
@click.option("--export", "directory", metavar="DIR", shell_complete=complete_directory,
              help="No list: write each exchange to a file in this directory; all unless -n is given.")  # fmt: skip
@switch("--escape-html", help="With --export: write <, > and & as JSON escapes.")
@switch("--force", help="With --export: overwrite files that are there already.")
def command(
    limit: int | None,
    verbose: bool | None,
    chatonly: bool | None,
    json: bool | None,
    directory: str | None,
    **more: Any,
) -> int:
    """List the newest exchanges, newest first.

    The status column has the status code of the API, an arrow and the one that the client got where that is another.
    Where an exchange failed, it names the stage. A call of the proxy itself is marked `own`.
    """
    _refuse({"predicate": more["predicate"]})
    if extra := click.get_current_context().args:  # the earlier program took them, too
        say(f"note: list takes no arguments; ignored: {' '.join(extra)}")
    if more["force"] and directory is None:
        raise UsageError("--force is for --export; give that, too, or leave it out")
    if directory is not None:
        if verbose or json:
            raise UsageError(f"--export and {'--json' if json else '--verbose'} exclude one another; give one")
        return _export(directory, limit or 0, bool(chatonly), bool(more["escape_html"]), bool(more["force"]))
    from .. import app, config_home
    from ..service import listing
    from . import listed
    from .table import table

    with closing(app.open_record(config_home.for_reading())) as record:
        for note in record.notes:
            say(note)
        found = listing.recent(record.reader, 10 if limit is None else limit, chat_only=bool(chatonly))
    name_endpoint(*found)
    if not found and not json:
        say("note: nothing is on record yet" if not chatonly else "note: no chat completion is on record yet")
    if json:
        from .render import write_json

        write_json([listing.summary(exchange) for exchange in found])
        return 0
    columns = listed.VERBOSE_COLUMNS if verbose else listed.LIST_COLUMNS
    click.echo(table(columns, [listed.row(exchange, columns) for exchange in found]), nl=False)
    return 0


def _export(directory: str, limit: int, chat_only: bool, escape_html: bool, force: bool) -> int:
    """A file for each exchange. Gives the exit code: 1 when one could not be written."""
    from .. import app, config_home
    from ..service.export_all import export_all
    from ..service.export_files import Folder

    failed = False
    with Folder(directory) as folder, closing(app.open_record(config_home.for_reading())) as record:
        for note in record.notes:
            say(note)
        for name, problem in export_all(
            record.reader,
            folder,
            limit=limit,
            chat_only=chat_only,
            escape_html=escape_html,
            force=force,
            endpoint=endpoint() or "",
        ):
            failed = failed or problem is not None
            say(f"exported to {folder.path / name}" if problem is None else f"error: {_why(problem)}")
    return int(failed)


def _why(problem: Exception) -> str:
    return f"{problem.filename}: {problem.strerror}" if isinstance(problem, OSError) else str(problem)


def _refuse(later: dict[str, Any]) -> None:
    """Why an error: a list that left a filter out would look like an answer to it."""
    for name, value in later.items():
        if value:
            raise UsageError(f"--{name.replace('_', '-')} is not active in this version yet; leave it out")
