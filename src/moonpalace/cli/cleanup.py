"""`moonpalace cleanup`: delete old exchanges and give the space back."""

from __future__ import annotations

import sys
from contextlib import closing

import click

from .flags import Command, switch
from .program import say


@click.command("cleanup", cls=Command)
@click.option("--before", metavar="WHEN",
              help="YYYY-MM-DD or YYYY-MM-DD HH:MM:SS, local; or an age: 7d, 12h. [default: a week ago]")  # fmt: skip
@switch("-y", "--yes", help="Do not ask.")
@switch("--dry-run", help="Count only.")
@switch("--json", help="A JSON object.")
def command(before: str | None, yes: bool | None, dry_run: bool | None, json: bool | None) -> int:
    """Delete old exchanges and give the space back.

    What came before that time and is over is deleted, with all that was kept of it. Proxies may run meanwhile. On a
    terminal it asks first when these are more than 100, or more than half of all.
    """
    from datetime import datetime

    from .. import app, config_home
    from ..service import cleanup
    from ..service.diagnosis import amount
    from . import render
    from .table import table

    before_ns = cleanup.moment(before, datetime.now())
    with closing(app.clean_up(config_home.for_reading())) as cleaning:
        for note in cleaning.notes:
            say(note)
        plan = cleaning.plan(before_ns)
        if dry_run:
            outcome = cleanup.Outcome(0, 0)
            say(f"would delete {plan.sentence}")
        else:
            asks = plan.is_much and not yes and _somebody_sits_there()
            if asks and not click.confirm(f"delete {plan.sentence}?", err=True):
                say("nothing was deleted")
                return 1
            outcome = cleaning.run(before_ns)
            if not plan.old:
                say(f"nothing to delete: {plan.sentence}")
    if outcome.given_back:
        say(f"{amount(outcome.given_back)} given back")
    if json:
        render.write_json(cleanup.as_object(plan, outcome))
    else:
        shown = ("dry-run", str(plan.old)) if dry_run else ("cleanup", str(outcome.deleted))
        click.echo(table(shown, []), nl=False)
    return 0


def _somebody_sits_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
