"""`moonpalace start`: the configuration from flags, environment and file; then the proxy until it is stopped.

1. Its flags come from `config_options`; values are read and checked by `config`, for all three sources alike.
2. Defaults in the help are the program's, never those of the file: a key in the file is not shown.
3. `run` has flags of the same table: `with_flags` and `given_flags` are for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from ..config_options import NEGATED, OPTIONS, Option
from .flags import Command, switch
from .program import endpoint, say

_NEGATIVE = {name: flag for flag, name in NEGATED.items()}


def _flag(option: Option) -> Callable[[Any], Any]:
    if option.name in _NEGATIVE:
        return _renamed(switch(f"--{_NEGATIVE[option.name]}", off=f"--{option.name}", help=option.help))
    help_text = option.help + (f" [default: {option.shown}]" if option.shown else "")
    if option.switch:
        return _renamed(switch(f"--{option.name}", help=help_text))
    names = [f"-{option.short}"] if option.short else []
    return click.option(
        *names, f"--{option.name}", metavar=option.metavar, multiple=option.many, default=None, help=help_text
    )


def _renamed(decorator: Any) -> Callable[[Any], Any]:
    return lambda function: decorator(function)


def with_flags(options: Iterable[Option]) -> Callable[[Any], Any]:
    """A decorator that gives a command the flags of these options."""

    def decorate(function: Any) -> Any:
        for option in reversed(list(options)):
            function = _flag(option)(function)
        return function

    return decorate


@click.command("start", cls=Command)
@with_flags(OPTIONS)
def command(**given: Any) -> int:
    """Start the proxy.

    Settings come from the flags, else the environment (MOONPALACE_KEY), else config.yaml in ~/.moonpalace
    (MOONPALACE_HOME names another directory).
    """
    from .. import config

    plain = config.load(given_flags(OPTIONS, given))
    for note in plain.notes:
        say(note)
    from .. import app  # the whole proxy: not before the settings are known to be good

    code: int = app.start(plain)
    return code


def given_flags(options: Iterable[Option], given: dict[str, Any]) -> dict[str, object]:
    """The flags that were given, by option name; an endpoint given to the root command counts."""
    flags: dict[str, object] = {}
    for option in options:
        negative = _NEGATIVE.get(option.name)
        value = given[(negative or option.name).replace("-", "_")]
        if negative and value is not None:
            value = not value
        if value is not None and value != ():
            flags[option.name] = value
    if (url := endpoint()) is not None:
        flags.setdefault("endpoint", url)
    return flags
