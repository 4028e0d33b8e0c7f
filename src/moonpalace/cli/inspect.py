"""`moonpalace inspect`: one exchange, as much of it as asked for."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import click

from ..core.errors import UsageError
from ..core.exchange import Exchange
from .flags import Command, switch
from .program import say

_NAMED = 20


def _complete_columns(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    from .render import PRINTABLE

    done, comma, word = incomplete.rpartition(",")
    return [done + comma + name for name in PRINTABLE if name.startswith(word)]


def _complete_reference(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [word for word in ("last", "last~1") if word.startswith(incomplete)]


@click.command("inspect", cls=Command)
@click.argument("reference", required=False, metavar="[WHICH]", shell_complete=_complete_reference)
@click.option("--id", "local_id", metavar="N", type=int, help="The id in the list.")
@click.option("--chatcmpl", metavar="ID", help="The id of the completion.")
@click.option("--requestid", metavar="ID", help="The Msh-Request-Id.")
@click.option("--print", "columns", metavar="COLUMNS", multiple=True, shell_complete=_complete_columns,
              help="Columns, with commas between: metadata, request_header, request_body, response_header, "
              "response_body, error. [default: metadata]")  # fmt: skip
@switch("--print-request", help="The request as raw HTTP.")
@switch("--print-response", help="The answer as raw HTTP.")
@switch("--merge-event-stream", help="Show a streamed answer as the one object that it adds up to.")
@switch("--json", help="Everything as one JSON object.")
def command(
    reference: str | None, local_id: int | None, chatcmpl: str | None, requestid: str | None, **view: Any
) -> None:
    """Look at one exchange.

    WHICH is its id in the list, its uid or the beginning of it (8 characters or more), the id of its completion, its
    request id, last, or last~1 for the one before.
    """
    asked = _check(view)
    from .. import app, config
    from ..service.select import Wanted, select

    with closing(app.open_record(config.for_reading())) as record:
        for note in record.notes:
            say(note)
        selected = select(record.reader, Wanted(reference, local_id, chatcmpl, requestid))
    _show(selected.exchange, asked, view)
    if selected.others:
        others = ", ".join(map(str, selected.others[:_NAMED])) + (", …" if len(selected.others) > _NAMED else "")
        say(f"note: {len(selected.others) + 1} exchanges match; this is {selected.exchange.id}, the newest; "
            f"the others: {others}")  # fmt: skip


def _check(view: dict[str, Any]) -> list[str]:
    """The columns asked for. Raises: UsageError when views exclude one another or a column is unknown."""
    given = [name for name in ("columns", "print_request", "print_response", "json") if view[name]]
    if len(given) > 1:
        flags = [{"columns": "--print"}.get(name, "--" + name.replace("_", "-")) for name in given]
        raise UsageError(f"{' and '.join(flags)} exclude one another; give one")
    from .render import PRINTABLE

    names = [name.strip() for entry in view["columns"] for name in entry.split(",") if name.strip()]
    for name in names:
        if name not in PRINTABLE:
            raise UsageError(f"--print does not know {name!r}; it knows {', '.join(PRINTABLE)}")
    if view["columns"] and not names:
        raise UsageError(f"--print needs a column; it knows {', '.join(PRINTABLE)}")
    return names or ["metadata"]


def _show(exchange: Exchange, asked: list[str], view: dict[str, Any]) -> None:
    from . import render
    from .table import table

    merge = bool(view["merge_event_stream"])
    if view["json"]:
        from ..service.inspect import detail

        render.write_json(detail(exchange))
    elif view["print_request"]:
        render.write_raw(render.http_request(exchange))
    elif view["print_response"]:
        render.write_raw(render.http_answer(exchange, merge=merge))
    else:
        titles, cells = render.columns(exchange, asked, merge=merge)
        if titles:
            click.echo(table(titles, [cells]), nl=False)
        else:
            say("note: this exchange has no error")
    if not view["json"]:
        for note in _notes(exchange, asked, view):
            say(note)


def _notes(exchange: Exchange, asked: list[str], view: dict[str, Any]) -> list[str]:
    """What the reader must know about what was shown."""
    from ..service.sides import content
    from . import render

    request = view["print_request"] or any(name.startswith("request_") for name in asked)
    answer = view["print_response"] or any(name.startswith("response_") for name in asked)
    notes: list[str] = []
    for shown, name in ((request, render.request_side(exchange)), (answer, render.answer_side(exchange))):
        if not shown:
            continue
        if name == "asked":
            notes.append("note: nothing was sent to the API; this is what the client asked")
        if name == "delivered":
            notes.append("note: the API did not answer; this is what the proxy answered")
        if problem := content(exchange, name).problem:
            notes.append(f"note: the body could not be decoded wholly ({problem})")
        if cut := render.cut_short(exchange, name):
            notes.append(cut)
    return notes
