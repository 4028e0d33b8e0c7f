"""`moonpalace start`: the configuration from flags, environment and file; then the proxy until it is stopped.

1. Its flags come from `config_options`; values are read and checked by `config`, for all three sources alike.
2. Defaults in the help are the program's, never those of the file: a key in the file is not shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..config_options import OPTIONS, Option
from .flags import Command, switch
from .program import say


def _flag(option: Option) -> Callable[[Any], Any]:
    if option.name == "id-header":
        return _renamed(switch("--no-id-header", off="--id-header", help=option.help))
    help_text = option.help + (f" [default: {option.shown}]" if option.shown else "")
    if option.later:
        help_text += " (not active in this version yet)"
    if option.switch:
        return _renamed(switch(f"--{option.name}", help=help_text))
    names = [f"-{option.short}"] if option.short else []
    return click.option(
        *names, f"--{option.name}", metavar=option.metavar, multiple=option.many, default=None, help=help_text
    )


def _renamed(decorator: Any) -> Callable[[Any], Any]:
    return lambda function: decorator(function)


def _with_flags(function: Any) -> Any:
    for option in reversed(OPTIONS):
        function = _flag(option)(function)
    return function


@click.command("start", cls=Command)
@_with_flags
def command(**given: Any) -> int:
    """Start the proxy.

    Settings come from the flags, else the environment (MOONPALACE_KEY), else config.yaml in ~/.moonpalace
    (MOONPALACE_HOME names another directory).
    """
    from .. import config

    plain = config.load(_raw(given))
    for note in plain.notes:
        say(note)
    from .. import app  # the whole proxy: not before the settings are known to be good

    code: int = app.start(plain)
    return code


def _raw(given: dict[str, Any]) -> dict[str, object]:
    """The flags that were given, by option name."""
    flags: dict[str, object] = {}
    for option in OPTIONS:
        if option.name == "id-header":
            value = given["no_id_header"]
            value = None if value is None else not value
        else:
            value = given[option.name.replace("-", "_")]
        if value is not None and value != ():
            flags[option.name] = value
    return flags
