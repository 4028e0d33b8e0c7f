"""`moonpalace inspect`: one exchange, as much of it as asked for."""

from __future__ import annotations

from typing import Any

import click

from ..core.errors import UsageError
from ..core.exchange import Exchange
from . import which
from .flags import Command, switch
from .program import say

PRINTABLE = ("metadata", "request_header", "request_body", "response_header", "response_body", "error")


def _complete_columns(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    done, comma, word = incomplete.rpartition(",")
    return [done + comma + name for name in PRINTABLE if name.startswith(word)]


@click.command("inspect", cls=Command)
@which.options
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
    plain = asked == ["metadata"] and not any(view[name] for name in ("print_request", "print_response", "json"))
    selected = which.find(reference, local_id, chatcmpl, requestid, whole=not plain)
    if plain:
        _show_metadata(selected.exchange)
        _say_findings(selected.exchange)
    else:
        _show(selected.exchange, asked, view)
    which.say_others(selected)


def _check(view: dict[str, Any]) -> list[str]:
    """The columns asked for. Raises: UsageError when views exclude one another or a column is unknown."""
    given = [name for name in ("columns", "print_request", "print_response", "json") if view[name]]
    if len(given) > 1:
        flags = [{"columns": "--print"}.get(name, "--" + name.replace("_", "-")) for name in given]
        raise UsageError(f"{' and '.join(flags)} exclude one another; give one")
    names = [name.strip() for entry in view["columns"] for name in entry.split(",") if name.strip()]
    for name in names:
        if name not in PRINTABLE:
            raise UsageError(f"--print does not know {name!r}; it knows {', '.join(PRINTABLE)}")
    if view["columns"] and not names:
        raise UsageError(f"--print needs a column; it knows {', '.join(PRINTABLE)}")
    return names or ["metadata"]


def _show_metadata(exchange: Exchange) -> None:
    from .listed import metadata_cell
    from .table import table

    click.echo(table(["metadata"], [[metadata_cell(exchange)]]), nl=False)


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
        if not view["print_request"] and any(not name.startswith("request_") for name in asked):
            _say_findings(exchange)


def _say_findings(exchange: Exchange) -> None:
    """What the rules found, a line each: on stderr, as the metadata has the members that scripts know."""
    for finding in exchange.findings:
        where = f"{finding.rule} at {finding.evidence}" if finding.evidence else finding.rule
        say(f"note: {finding.title} ({where}); {finding.advice}".removesuffix("; "))


def _notes(exchange: Exchange, asked: list[str], view: dict[str, Any]) -> list[str]:
    """What the reader must know about what was shown."""
    from . import render

    request = view["print_request"] or any(name.startswith("request_") for name in asked)
    answer = view["print_response"] or any(name.startswith("response_") for name in asked)
    return render.side_notes(exchange, request=bool(request), answer=bool(answer))
