"""`moonpalace export`: one exchange as a case or as a curl command."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Any

import click

from ..core.errors import UsageError
from ..core.exchange import Exchange
from . import which
from .flags import Command, switch
from .program import say

if TYPE_CHECKING:
    from ..wire.curl import Command as CurlCommand


def _complete_output(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    words = [CompletionItem(word) for word in ("stdout", "stderr") if word.startswith(incomplete)]
    return words or [CompletionItem(incomplete, type="file")]


_STREAMS = ("stdout", "stderr", "-")
_A_MOCK = "http://127.0.0.1:9999"


@click.command("export", cls=Command)
@which.options
@click.option("-o", "--output", metavar="WHERE", default="stdout", shell_complete=_complete_output,
              help="stdout, stderr or a file. [default: stdout]")  # fmt: skip
@click.option("--directory", metavar="DIR", shell_complete=which.complete_directory,
              help="Write a file named after the exchange into this directory.")  # fmt: skip
@switch("--good", help="A good case.")
@switch("--bad", help="A bad case.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag for the case; may be given again.")
@switch("--escape-html", help="Write <, > and & as JSON escapes.")
@switch("--curl", help="The request as a curl command for bash. The key stays $MOONSHOT_API_KEY.")
@switch("--force", help="Overwrite a file that is there already.")
def command(
    reference: str | None, local_id: int | None, chatcmpl: str | None, requestid: str | None, **given: Any
) -> None:
    """Export an exchange as a case or as a curl command.

    A case is a JSON object with metadata, request and response, for a report. WHICH is its id in the list, its uid or
    the beginning of it (8 characters or more), the id of its completion, its request id, last, or last~1 for the one
    before.
    """
    if given["good"] and given["bad"]:
        raise UsageError("--good and --bad exclude one another; give one")
    selected = which.find(reference, local_id, chatcmpl, requestid)
    if given["curl"]:
        _export_curl(selected.exchange, given)
    else:
        _export_case(selected.exchange, given)
    which.say_others(selected)


def _export_case(exchange: Exchange, given: dict[str, Any]) -> None:
    from ..service.export import CATEGORIES, case
    from ..service.export_files import Folder, file_of, stem
    from .render import side_notes

    category = next((name for flag, name in CATEGORIES.items() if given[flag]), None)
    data = case(exchange, escape_html=bool(given["escape_html"]), category=category, tags=given["tags"])
    force = bool(given["force"])
    if given["directory"] is not None:
        with Folder(given["directory"]) as folder:
            name = f"{stem(exchange)}.json"
            folder.write(name, data, force=force)
            say(f"exported to {folder.path / name}")
    elif given["output"] in _STREAMS:
        _write(given["output"], data, is_json=True)
    else:
        path = file_of(given["output"])
        if path is None:
            _write_there(given["output"], data, is_json=True)
        else:
            with Folder(path.parent) as folder:
                folder.write(path.name, data, force=force)
            say(f"exported to {path}")
    for note in side_notes(exchange, request=True, answer=True):
        say(note)


def _export_curl(exchange: Exchange, given: dict[str, Any]) -> None:
    from ..config_values import MOCK
    from ..service.export_curl import curl
    from ..service.export_files import Folder, file_of, stem

    if exchange.endpoint == MOCK:
        exchange.endpoint = _A_MOCK
        say(f"note: it went to a mock inside of the proxy; the command asks {_A_MOCK}, where moonpalace mock answers")
    force = bool(given["force"])
    if given["directory"] is not None:
        with Folder(given["directory"]) as folder:
            name = stem(exchange)
            _write_pair(folder, f"{name}.sh", f"{name}.body", curl(exchange, f"{name}.body"), force)
    elif given["output"] in _STREAMS:
        _write(given["output"], curl(exchange).text.encode(), is_json=False)
    elif (path := file_of(given["output"])) is None:
        _write_there(given["output"], curl(exchange).text.encode(), is_json=False)
    else:
        with Folder(path.parent) as folder:
            _write_pair(folder, path.name, f"{path.name}.body", curl(exchange, f"{path.name}.body"), force)


def _write_pair(folder: Any, name: str, body_name: str, made: CurlCommand, force: bool) -> None:
    """The command, and the body beside it if it has one there: neither without the other."""
    if not force:
        folder.check_free(name)
    if made.sidecar is not None:
        folder.write(body_name, made.sidecar, force=force)
    folder.write(name, made.text.encode(), force=force)
    say(f"exported to {folder.path / name}" + (f" and {body_name}" if made.sidecar is not None else ""))


def _write(where: str, data: bytes, *, is_json: bool) -> None:
    """Bytes to a standard stream."""
    stream = sys.stderr if where == "stderr" else sys.stdout
    stream.flush()
    stream.buffer.write(_for(stream, data) if is_json else data)
    stream.buffer.flush()


def _write_there(where: str, data: bytes, *, is_json: bool) -> None:
    """Bytes to what is there and no file."""
    from ..service.export_files import open_there

    with open_there(where) as stream:
        stream.write(_for(stream, data) if is_json else data)


def _for(stream: IO[Any], data: bytes) -> bytes:
    """A JSON document: on a terminal what could steer it is written as JSON's escapes."""
    from ..text import safe

    return safe.json_text(data.decode()).encode() if stream.isatty() else data
