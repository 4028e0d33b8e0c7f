"""`moonpalace doctor`: checks what the program needs, and says what to do about what it finds."""

from __future__ import annotations

import click

from ..core.errors import UsageError
from .flags import Command, switch
from .program import say


@click.command("doctor", cls=Command)
@click.option("--endpoint", metavar="URL", help="Base URL of the API to try. [default: the configured one]")
@switch("--offline", help="Leave out what needs the network.")
@switch("--check-key", help="Ask the endpoint whether it takes the key (MOONPALACE_KEY or configured, else "
        "MOONSHOT_API_KEY, else OPENAI_API_KEY).")  # fmt: skip
@switch("--json", help="A JSON object.")
@switch("--recover", help="Save what can be read from a damaged record.")
def command(
    endpoint: str | None, offline: bool | None, check_key: bool | None, json: bool | None, recover: bool | None
) -> int:
    """Check what MoonPalace needs to work.

    Each line says ok, warn or fail, what was found, and what to do. The exit code is 1 if something failed.
    """
    if recover:
        return _recover(json or check_key or offline or endpoint is not None)
    if offline and check_key:
        raise UsageError("--check-key asks the endpoint, which --offline leaves out: drop one of them")
    from .. import app_doctor, config_trial
    from ..service.diagnosis import Report, as_object, worst
    from . import render

    trial = config_trial.try_out({} if endpoint is None else {"endpoint": endpoint})
    found: list[Report] = []
    for report in app_doctor.reports(trial, offline=bool(offline), check_key=bool(check_key)):
        found.append(report)
        if not json:
            _show(report)
    if json:
        render.write_json(as_object(found))
    counted = {verdict: sum(r.result.verdict == verdict for r in found) for verdict in ("warn", "fail")}
    say(f"note: {len(found)} checks, {counted['fail']} failed, {counted['warn']} with a warning")
    return 1 if worst(report.result.verdict for report in found) == "fail" else 0


def _show(report: object) -> None:
    from ..service.diagnosis import Report
    from ..text import safe

    assert isinstance(report, Report)
    click.echo(f"{report.result.verdict:<5} {report.check:<12} {safe.line(report.result.sentence)}")


def _recover(others: bool) -> int:
    if others:
        raise UsageError("--recover is done by itself: leave the other options out")
    from .. import config_home
    from ..app_recover import recover

    code: int = recover(config_home.for_reading().home, say=say)
    return code
