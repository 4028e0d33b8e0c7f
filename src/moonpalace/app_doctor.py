"""`moonpalace doctor`, put together: this machine, the port, and what `app_reach` and `app_key` ask the network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from .app_transforms import active
from .config_trial import Trial
from .core.errors import PortTakenError, UsageError
from .journal import runs
from .service.checks import CHECKS
from .service.diagnosis import Check, Report, Result, Subject, examine, fail, ok


def reports(trial: Trial, *, offline: bool, check_key: bool) -> Iterator[Report]:
    """The whole examination, one by one."""
    subject = Subject(
        home=None if trial.around.home_error else trial.config.home,
        home_error=trial.around.home_error,
        file=trial.config.file,
        error=trial.error,
        key_files=trial.key_files,
        now=time.time(),
    )
    local: list[tuple[str, Check]] = []
    for name, check in CHECKS:
        local.append((name, partial(check, subject)))
        if name == "settings":
            local += [(name, partial(ok, text)) for text in _switched_on(trial)]
    yield from examine([*local, ("port", partial(port, trial, subject))])
    if offline:
        return
    from . import app_key, app_reach  # TLS and the loop: not for --offline

    yield from examine(
        [
            ("trust", partial(app_reach.trust, trial)),
            ("proxies", partial(app_reach.proxies, trial)),
            ("endpoint", partial(app_reach.endpoint, trial)),
            ("key", partial(app_key.key, trial, ask=check_key)),
        ]
    )


def _switched_on(trial: Trial) -> Iterator[str]:
    """What may change the traffic, and where that was said. The key has a line of its own."""
    for name, words in active(trial.config.start):
        if name != "key":
            yield f"{name} is on (from {trial.config.sources[name]}): {words}"


def port(trial: Trial, subject: Subject) -> Result:
    """Free for `start`, or held by a proxy of this record."""
    start = trial.config.start
    if start.port == 0:
        return ok("the start picks a free one (port 0)")
    for run in runs.list_runs(subject.home) if subject.home else ():
        if run.info.port == start.port and runs.is_alive(run):
            return ok(f"MoonPalace runs there: {run.info.base_url} (pid {run.info.pid})")
    from .net import bind

    try:
        sockets = bind.bind(start.host, start.port)
    except (PortTakenError, UsageError) as error:
        return fail(str(error))
    for sock in sockets:
        sock.close()
    return ok(f"{start.port} on {start.host} is free")
