"""`moonpalace mock`: a Kimi API on this machine.

1. The form of each value is judged here; what only the mock can judge (faults, switches, files) it judges before a
   port is bound.
2. A flag that would do nothing beside the others is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from ..core.errors import UsageError
from . import complete
from .flags import Command, switch
from .program import endpoint, say

_ON_MISS = ("strict", "fallback")


def _names(topic: str) -> Callable[[], Iterable[str]]:
    """The names of a topic of --show, for a shell that asks."""

    def find() -> Iterable[str]:
        from .. import app_topics

        return [name.partition(":")[0] for name, _ in app_topics.entries(topic)]

    return find


def _topics() -> Iterable[str]:
    from .. import app_topics

    return app_topics.NAMES


def _switches() -> Iterable[str]:
    return [f"{name}=" for name in _names("switches")()]


@click.command("mock", cls=Command)
@click.option(
    "-p", "--port", metavar="PORT", default="9999", help="Port to listen on; 0 picks a free one. [default: 9999]"
)
@click.option("--host", metavar="HOST", default="127.0.0.1",
              help="Address to listen on; beyond this machine needs --allow-host. [default: 127.0.0.1]")  # fmt: skip
@click.option("--allow-host", metavar="HOST[:PORT]", multiple=True, help="Further Host header to accept; repeatable.")
@click.option("--profile", metavar="YEAR", shell_complete=complete.words(_names("profiles")),
              help="The API as it was in 2024, 2025 or 2026. [default: 2026]")  # fmt: skip
@click.option("--tier", metavar="0..5", shell_complete=complete.words(lambda: "012345"),
              help="Rate limits of that tier; none without it.")  # fmt: skip
@click.option("--scenario", "scenarios", metavar="FILE", multiple=True, shell_complete=complete.file,
              help="TOML file of scenarios; repeatable.")  # fmt: skip
@switch("--strict", help="A request that no scenario fits is refused.")
@click.option("--seed", metavar="N", help="Another number gives other answers. [default: 0]")
@switch("--freeze", help="Same request, same bytes: ids and times depend on the request alone.")
@click.option("--speed", metavar="X", help="10x is ten times as fast, 0 without waiting. [default: 1x]")
@click.option("--ttft", metavar="TIME", help="Time to the first token. [default: 0.4s]")
@click.option("--tps", metavar="N", help="Tokens per second. [default: 60]")
@click.option("--jitter", metavar="0..1", help="How much the times vary. [default: 0.2]")
@click.option("--fault", "faults", metavar="FAULT", multiple=True, shell_complete=complete.words(_names("faults")),
              help="A fault, such as 429=5% or cut:chunks=3; repeatable.")  # fmt: skip
@click.option("--set", "switches", metavar="NAME=VALUE", multiple=True, shell_complete=complete.words(_switches),
              help="Take an uncertain point otherwise; repeatable.")  # fmt: skip
@click.option("--tokenizer", metavar="FILE", shell_complete=complete.file,
              help="The vendor's tiktoken.model, for exact token counts.")  # fmt: skip
@click.option("--from", "references", metavar="EXCHANGES", multiple=True,
              shell_complete=complete.words(lambda: ("last", "last:", "all")),
              help="Serve these exchanges of the record: ids, 3-17, last:30, all; repeatable.")  # fmt: skip
@click.option("--on-miss", metavar="strict|fallback", shell_complete=complete.words(lambda: _ON_MISS),
              help="With --from: refuse what is not there, or make it up. [default: strict]")  # fmt: skip
@switch("--record", help="Send what is not there on to --endpoint, and record it.")
@click.option(
    "--ignore", metavar="PATH", multiple=True, help="With --from: a field that need not be equal; repeatable."
)
@click.option(
    "--endpoint", metavar="URL", help="With --record: base URL of the API. [default: https://api.moonshot.cn]"
)
@switch("--quiet", help="No log of the requests.")
@click.option("--show", metavar="TOPIC", shell_complete=complete.words(_topics),
              help="No mock: list scenarios, faults, errors, switches or profiles.")  # fmt: skip
def command(show: str | None, **given: Any) -> int:
    """Run a Kimi API on this machine: offline, free, with the rules and errors of the real one.

    Any key that begins with sk- is taken. A scenario is picked by a header (x-mock-scenario: NAME) or by the model
    (kimi-k3#NAME), a fault by a header (x-mock-fault: cut:chunks=3).
    """
    scenarios = tuple([Path(name) for name in given["scenarios"]])
    if show is not None:
        return _show(show, scenarios)
    _refuse_idle(given)
    host, allowed = _where(given)
    settings = _settings(given, scenarios)
    from .. import app, app_mock, config_home

    recorded = given["references"] or given["record"]
    job = app_mock.Job(
        settings=settings, host=host, port=_integer("port", given["port"], 0, 65_535), allow_hosts=allowed,
        references=tuple(given["references"]), mode=_choice("on-miss", given["on_miss"], _ON_MISS),
        ignore=tuple(given["ignore"]), quiet=bool(given["quiet"]),
        place=config_home.for_reading() if recorded else None,
        recording=_recording(given["endpoint"] or endpoint()) if given["record"] else None,
    )  # fmt: skip
    return app.mock(job)


def _refuse_idle(given: dict[str, Any]) -> None:
    """By rule 2."""
    if (given["on_miss"] or given["ignore"]) and not (given["references"] or given["record"]):
        raise UsageError("--on-miss and --ignore are for --from; give that, too, or leave them out")
    if given["endpoint"] is not None and not given["record"]:
        raise UsageError("--endpoint is for --record: a mock asks no API; give --record, too, or leave it out")
    if given["on_miss"] and given["record"]:
        raise UsageError("--on-miss and --record exclude one another: what is not there is asked for; give one")


def _where(given: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The address to listen on, and the further names. Beyond this machine only with a name that callers must use."""
    from ..config_values import is_loopback

    host = _read("host", given["host"])
    allowed = tuple([_read("allow-host", name) for name in given["allow_host"]])
    if is_loopback(host):
        return host, allowed
    if given["references"] or given["record"]:
        raise UsageError(f"--host {host} is reachable from other machines, and what is on record is for this machine "
                         "alone; leave --host out")  # fmt: skip
    if not allowed:
        raise UsageError(f"--host {host} is reachable from other machines, which could send requests to this mock; "
                         "name the Host that they use with --allow-host, or leave --host out")  # fmt: skip
    say(f"warning: listening on {host}: other machines can send requests to this mock; accepted Host names: "
        f"{', '.join(allowed)}")  # fmt: skip
    return host, allowed


def _settings(given: dict[str, Any], scenarios: tuple[Path, ...]) -> Any:
    from ..app_mock import MockSettings

    switches = [tuple(text.partition("=")[::2]) for text in given["switches"]]
    if any(not value for _, value in switches):
        raise UsageError("--set takes NAME=VALUE; --show switches lists the names")
    tier = given["tier"]
    return MockSettings(
        profile=given["profile"], tier=None if tier is None else _integer("tier", tier, 0, 5),
        scenarios=scenarios, strict=bool(given["strict"]),
        seed=None if given["seed"] is None else _integer("seed", given["seed"], 0, 2**31 - 1),
        frozen=bool(given["freeze"]), speed=_speed(given["speed"]),
        ttft=_optional("ttft", given["ttft"]), tps=_positive("tps", given["tps"]),
        jitter=_optional("jitter", given["jitter"]), faults=tuple(given["faults"]),
        switches=tuple(switches), tokenizer=Path(given["tokenizer"]) if given["tokenizer"] else None,
    )  # fmt: skip


_READERS: dict[str, str] = {
    "host": "host", "allow-host": "allowed_host", "ttft": "duration", "jitter": "fraction",
}  # fmt: skip


def _read(name: str, text: str) -> Any:
    from .. import config_values

    return _checked(name, getattr(config_values, _READERS[name]), text)


def _checked(name: str, read: Callable[[object], Any], text: object) -> Any:
    from ..config_values import BadValue

    try:
        return read(text)
    except BadValue as error:
        raise UsageError(f"--{name} {error}") from None


def _integer(name: str, text: str, low: int, high: int) -> int:
    from .. import config_values

    number: int = _checked(name, config_values.integer(low, high), text)
    return number


def _optional(name: str, text: str | None) -> Any:
    return None if text is None else _read(name, text)


def _positive(name: str, text: str | None) -> float | None:
    try:
        number = None if text is None else float(text)
    except ValueError:
        number = 0.0
    if number is not None and not 0 < number < 1e9:
        raise UsageError(f"--{name} must be a number above 0")
    return number


def _speed(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text.strip().lower().removesuffix("x"))
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:
        raise UsageError("--speed must be a factor such as 10x or 0.5x, or 0 for no waiting")
    return number


def _choice(name: str, text: str | None, allowed: tuple[str, ...]) -> str:
    if text is None:
        return allowed[0]
    if text not in allowed:
        raise UsageError(f"--{name} must be {' or '.join(allowed)}")
    return text


def _recording(url: str | None) -> Any:
    """How the proxy behind --record is set: as the file says, but on a port of its own, quiet, and keeping all."""
    from .. import config, config_values

    flags: dict[str, object] = {"port": "0", "host": "127.0.0.1", "quiet": True, "store": True}
    if url is not None:
        flags["endpoint"] = url
    plain = config.load(flags)
    if plain.start.endpoint == config_values.MOCK:
        raise UsageError("--record asks the API, and the endpoint is a mock itself; name the API with --endpoint")
    for note in plain.notes:
        say(note)
    return plain


def _show(topic: str, files: Iterable[Path]) -> int:
    from .. import app_topics
    from ..text import safe
    from ..text.width import pad, width

    if topic not in app_topics.NAMES:
        raise UsageError(f"--show takes {', '.join(app_topics.NAMES[:-1])} or {app_topics.NAMES[-1]}")
    lines = [(safe.line(name), safe.line(words)) for name, words in app_topics.entries(topic, tuple(files))]
    columns = max([width(name) for name, _ in lines])
    for name, words in lines:
        click.echo(f"{pad(name, columns)}  {words}".rstrip())
    return 0
