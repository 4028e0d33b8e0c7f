"""`moonpalace config`: the settings as `start` would take them, and the place of their file.

1. Flags have no part in it: what is shown is what holds without them.
2. No key is shown, not even a part of one; of proxies only host and port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..core.errors import UsageError
from .flags import Command, switch
from .program import say

if TYPE_CHECKING:
    from ..config import Config
    from ..config_trial import Surroundings
    from ..service.settings import Setting


@click.group("config", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show the settings and where each came from."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command("show", cls=Command)
@switch("--json", help="A JSON object.")
def show(json: bool | None) -> None:
    """Show every setting and where it came from.

    Settings come from the environment, else from config.yaml, else they have their defaults; flags of start go before
    all of these.
    """
    from .. import config, config_trial
    from ..service.settings import as_object, lines
    from . import render
    from .table import cell, table

    found = config.load({})
    settings = _settings(found, config_trial.surroundings())
    if json:
        render.write_json(as_object(settings))
    else:
        rows = [
            [cell(setting.name), [text for line in lines(setting.value) for text in cell(line)], cell(setting.source)]
            for setting in settings
        ]
        click.echo(table(("setting", "value", "from"), rows), nl=False)
    for note in found.notes:
        say(note)


def _settings(found: Config, around: Surroundings) -> list[Setting]:
    from .. import config_values as values
    from ..config_options import OPTIONS
    from ..service.settings import Setting, proxy_shown, shown

    times = (values.duration, values.positive_duration, values.duration_or_none, values.seconds)
    file = str(found.file) if found.file else None
    result = [Setting("home", str(found.home), around.home_source), Setting("file", file, "home")]
    for option in OPTIONS:
        kind = "time" if option.read in times else "size" if option.read is values.size else ""
        kind = "secret" if option.secret else kind
        value = shown(getattr(found.start, option.field), kind)
        result.append(Setting(option.name, "mock" if value == values.MOCK else value, found.sources[option.name]))
    result.append(Setting("log", "stderr", "default"))
    for name, value in around.proxies:
        text = value if name.lower() == "no_proxy" else proxy_shown(value)
        result.append(Setting(name.lower(), text, f"environment {name}"))
    return result


@command.command("path", cls=Command)
def path() -> None:
    """Print the path of the configuration file.

    It is the file that start reads, or where it would look for one.
    """
    from .. import config_trial

    around = config_trial.surroundings()
    if around.home is None:
        raise UsageError(around.home_error)
    found, exists = config_trial.file_to_be(around.home)
    click.echo(found)
    say("note: it exists" if exists else "note: it does not exist; without it the defaults hold")
