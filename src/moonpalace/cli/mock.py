"""`moonpalace mock`: a Kimi API on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..core.errors import UsageError
from .flags import Command, switch
from .program import endpoint, say


@click.command("mock", cls=Command)
@click.option(
    "-p", "--port", metavar="PORT", default="9999", help="Port to listen on; 0 picks a free one. [default: 9999]"
)
@click.option("--host", metavar="HOST", default="127.0.0.1", help="Address to listen on. [default: 127.0.0.1]")
@click.option("--allow-host", metavar="HOST[:PORT]", multiple=True, help="Further Host header to accept; repeatable.")
@click.option("--profile", metavar="YEAR", help="The API as it was in 2024, 2025 or 2026. [default: 2026]")
@click.option("--tier", metavar="0..5", help="Rate limits of that tier; none without it.")
@click.option("--scenario", "scenarios", metavar="FILE", multiple=True, help="TOML file of scenarios; repeatable.")
@switch("--strict", help="A request that no scenario fits is refused.")
@click.option("--seed", metavar="N", help="Another number gives other answers. [default: 0]")
@switch("--freeze", help="Same request, same bytes: ids and times depend on the request alone.")
@click.option("--speed", metavar="X", help="10x is ten times as fast, 0 without waiting. [default: 1x]")
@click.option("--ttft", metavar="TIME", help="Time to the first token. [default: 0.4s]")
@click.option("--tps", metavar="N", help="Tokens per second. [default: 60]")
@click.option("--jitter", metavar="0..1", help="How much the times vary. [default: 0.2]")
@click.option(
    "--fault", "faults", metavar="FAULT", multiple=True, help="A fault, such as 429=5% or cut:chunks=3; repeatable."
)
@click.option(
    "--set", "switches", metavar="NAME=VALUE", multiple=True, help="Take an uncertain point otherwise; repeatable."
)
@click.option("--tokenizer", metavar="FILE", help="The vendor's tiktoken.model, for exact token counts.")
@click.option("--from", "references", metavar="EXCHANGES", multiple=True,
              help="Serve these exchanges of the record: ids, 3-17, last:30, all; repeatable.")  # fmt: skip
@click.option("--on-miss", metavar="strict|fallback",
              help="With --from: refuse what is not there, or make it up. [default: strict]")  # fmt: skip
@switch("--record", help="Send what is not there on to --endpoint, and record it.")
@click.option(
    "--ignore", metavar="PATH", multiple=True, help="With --from: a field that need not be equal; repeatable."
)
@click.option(
    "--endpoint", metavar="URL", help="With --record: base URL of the API. [default: https://api.moonshot.cn]"
)
@switch("--quiet", help="No log of the requests.")
@click.option("--show", metavar="TOPIC", help="No mock: list scenarios, faults, errors or switches.")
def command(show: str | None, **given: Any) -> int:
    """Run a Kimi API on this machine: offline, free, with the rules and errors of the real one.

    Any key that begins with sk- is taken. A scenario is picked by a header (x-mock-scenario: NAME) or by the model
    (kimi-k3#NAME), a fault by a header (x-mock-fault: cut:chunks=3).
    """
    if show is not None:
        return _show(show)
    from .. import app, app_mock, config_home

    if (given["on_miss"] or given["ignore"]) and not (given["references"] or given["record"]):
        raise UsageError("--on-miss and --ignore are for --from; give that, too, or leave them out")
    job = app_mock.Job(
        settings=_settings(given), host=_read("host", given["host"]), port=_read("port", given["port"]),
        allow_hosts=tuple([_read("allow-host", host) for host in given["allow_host"]]),
        references=tuple(given["references"]), mode=_choice("on-miss", given["on_miss"], ("strict", "fallback")),
        ignore=tuple(given["ignore"]), quiet=bool(given["quiet"]),
        place=config_home.for_reading() if given["references"] or given["record"] else None,
        recording=_recording(given) if given["record"] else None,
    )  # fmt: skip
    return app.mock(job)


def _settings(given: dict[str, Any]) -> Any:
    from ..app_mock import MockSettings

    switches = [tuple(text.partition("=")[::2]) for text in given["switches"]]
    if any(not value for _, value in switches):
        raise UsageError("--set takes NAME=VALUE; --show switches lists the names")
    tier = given["tier"]
    return MockSettings(
        profile=given["profile"], tier=None if tier is None else _integer("tier", tier, 0, 5),
        scenarios=tuple([Path(name) for name in given["scenarios"]]), strict=bool(given["strict"]),
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
    if name == "port":
        return _integer(name, text, 0, 65_535)
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


def _recording(given: dict[str, Any]) -> Any:
    from .. import config

    flags: dict[str, object] = {"port": "0", "host": "127.0.0.1", "quiet": True}
    url = given["endpoint"] or endpoint()
    if url is not None:
        flags["endpoint"] = url
    plain = config.load(flags)
    for note in plain.notes:
        say(note)
    return plain


def _show(topic: str) -> int:
    from .. import app_mock

    if topic not in app_mock.TOPICS:
        raise UsageError(f"--show takes {', '.join(app_mock.TOPICS)}")
    for name, words in app_mock.TOPICS[topic]():
        click.echo(f"{name:<20} {words}")
    return 0
