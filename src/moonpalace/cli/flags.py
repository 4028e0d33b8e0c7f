"""Switches as the earlier program took them: `--flag`, `--flag=true`, `--flag=false`.

1. A switch that is not given is None, so that a default from elsewhere can stand.
2. `--no-flag` works too; help shows the first form only.
3. `-n=5` is `-n 5`, as the earlier program read it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


class Switch(click.Option):
    """An option without a value; made by `switch`."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        return record and (", ".join(sorted(self.opts, key=len)), record[1])


def switch(*names: str, help: str, off: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator for a switch. `off` is the long name that turns it off, `--no-…` if not given."""
    long = next(name for name in names if name.startswith("--"))
    pair = f"{long}/{off or '--no-' + long[2:]}"
    shorts = [name for name in names if name != long]
    return click.option(*shorts, pair, cls=Switch, default=None, help=help)


class Command(click.Command):
    """A command whose switches take `=true` and `=false`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        forms = {name: param for param in self.params if isinstance(param, Switch)
                 for name in (*param.opts, *param.secondary_opts)}  # fmt: skip
        end = args.index("--") if "--" in args else len(args)
        shorts = {name for param in self.params if isinstance(param, click.Option) and not isinstance(param, Switch)
                  for name in param.opts if not name.startswith("--")}  # fmt: skip
        plain = [_without_equals(_plain(ctx, arg, forms), shorts) for arg in args[:end]]
        return super().parse_args(ctx, plain + args[end:])


def _without_equals(arg: str, shorts: set[str]) -> str:
    """`-n=5` as `-n5`; any other argument as it is."""
    return arg[:2] + arg[3:] if arg[2:3] == "=" and arg[:2] in shorts else arg


def _plain(ctx: click.Context, arg: str, forms: dict[str, Switch]) -> str:
    """`--flag=false` as `--no-flag`; any other argument as it is."""
    name, mark, value = arg.partition("=")
    if not mark or name not in forms:
        return arg
    from ..config_values import BadValue, boolean  # for this form alone: a command must start at once

    try:
        wanted = boolean(value)
    except BadValue as error:
        raise click.BadParameter(str(error), ctx, forms[name]) from None
    positive = name in forms[name].opts
    chosen = forms[name].opts if positive == wanted else forms[name].secondary_opts
    return max(chosen, key=len)
