"""What `doctor` finds out over the network: certificates, the proxy, the endpoint.

1. The way is that of the traffic: the same loop, the same connecting, the same trust, through the proxy if one applies.
2. Nothing of a proxy's user name and password is in a result.
3. No connection is waited for longer than `LIMIT`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from .config_trial import Trial
from .config_values import MOCK
from .core.errors import UsageError
from .core.exchange import Stage
from .net import loop, proxy_env, tls
from .net.connect import ConnectFailure, connect
from .net.origin import Origin, ProxyServer, parse_base_url
from .service.diagnosis import LIMIT, Result, fail, ok, warn
from .service.settings import proxy_shown

_T = TypeVar("_T")
_CA = "if a company or a proxy signs here, name its authority with --ca-file FILE; and look at the clock"
_REMEDIES: dict[tuple[Stage, str], str] = {
    (Stage.RESOLVE, ""): "check the name in --endpoint, and the DNS of this machine",
    (Stage.CONNECT, ""): "check --endpoint, the network and its firewalls; set HTTPS_PROXY if a proxy leads out",
    (Stage.TLS, ""): "check scheme and port of --endpoint: who answers there does not speak TLS",
    (Stage.TLS, "certificate"): _CA,
}


def limit(trial: Trial) -> float:
    """Seconds for one connection."""
    return min(trial.config.start.connect_timeout, LIMIT)


def trust(trial: Trial) -> Result | None:
    """The certificates that were named are there."""
    ca_file = trial.config.start.ca_file
    gone = [f"{name} ({value})" for name, value in trial.around.trust if not _any_exists(value)]
    try:
        tls.client_context(str(ca_file) if ca_file else None)
    except UsageError as error:
        return fail(str(error))
    if gone:
        return warn(f"{' and '.join(gone)} names nothing that exists", "unset it, or certificates may not be trusted")
    named = [name for name, _ in trial.around.trust] + (["ca-file"] if ca_file else [])
    return ok(f"named with {', '.join(named)}") if named else None


def _any_exists(value: str) -> bool:
    return any(os.path.exists(path) for path in value.split(os.pathsep))


def proxies(trial: Trial) -> Result:
    """Which variables are set, whether one applies to the endpoint, and whether that proxy is there."""
    if trial.config.start.endpoint == MOCK:
        return ok("a mock inside is reached without a proxy")
    scheme, host, port, _ = parse_base_url(trial.config.start.endpoint)
    known = [(name, value) for name, value in trial.around.proxies if name.lower() in trial.config.proxies]
    shown = ", ".join(f"{name} ({_named(name, value)})" for name, value in known)
    try:
        proxy = proxy_env.proxy_for(scheme, host, port, trial.config.proxies)
    except UsageError as error:
        return fail(str(error))
    if proxy is None:
        if not known:
            return ok("no proxy variable is set")
        why = "it is this machine" if proxy_env.is_loopback(host) else "NO_PROXY, or no variable for that scheme"
        return ok(f"{shown}; {host}:{port} is reached without a proxy: {why}")
    via = f"{_variable(scheme, known)} leads to {host}:{port} by {proxy.name}"
    trouble, took = run(_try_proxy(proxy, limit(trial)))
    if trouble:
        return fail(
            f"{via}, which cannot be reached ({trouble})", f"start it, unset the variable, or add {host} to NO_PROXY"
        )
    return ok(f"{via}, connected in {ms(took)}" + (f"; set are {shown}" if len(known) > 1 else ""))


def _named(name: str, value: str) -> str:
    return value if name.lower() == "no_proxy" else proxy_shown(value)


def _variable(scheme: str, known: list[tuple[str, str]]) -> str:
    by_name = {name.lower(): name for name, _ in known}
    return by_name.get(f"{scheme}_proxy") or by_name.get("all_proxy") or "the system's settings"


async def _try_proxy(proxy: ProxyServer, seconds: float) -> tuple[str, int]:
    origin = Origin("http", proxy.host, proxy.port, b"", f"http://{proxy.host}:{proxy.port}")
    begun = time.monotonic_ns()
    try:
        connection, _ = await connect(origin, seconds, [])
    except ConnectFailure as failure:
        return str(failure), 0
    connection.abort()
    return "", time.monotonic_ns() - begun


def endpoint(trial: Trial) -> Result:
    """Name, connection and TLS, each with its time; where it failed, what was reached before."""
    start = trial.config.start
    if start.endpoint == MOCK:
        return _mock(start.mock_scenario)
    try:
        origin = origin_of(trial)
    except UsageError as error:
        return fail(f"{start.endpoint} was not tried: {error}")
    if origin.port == start.port and proxy_env.is_loopback(origin.host):
        return fail(f"{start.endpoint} is this proxy itself", "name the API with --endpoint")
    tries: list[tuple[str, int, int, str]] = []
    begun = time.monotonic_ns()
    trouble, about = run(_try_endpoint(origin, limit(trial), tries))
    steps = _steps(tries, begun, time.monotonic_ns(), about, trouble)
    if trouble is None:
        return ok(f"{start.endpoint}{_through(origin)}: {', '.join(steps)}")
    remedy = _REMEDIES.get((trouble.stage, trouble.kind)) or _REMEDIES.get((trouble.stage, ""), "try again later")
    before = f" ({', '.join(steps)})" if steps else ""
    return fail(f"{trouble.stage} failed: {trouble}{before}", remedy)


def _mock(scenario: Path | None) -> Result:
    """Whether the mock could start as it is set."""
    from .app_mock import MockSettings, prepare

    try:
        api = prepare(MockSettings(scenarios=() if scenario is None else (scenario,)))
    except UsageError as error:
        return fail(str(error))
    return ok(f"a mock inside of the proxy (profile {api.world.profile.year})" + (f", {scenario}" if scenario else ""))


async def _try_endpoint(
    origin: Origin, seconds: float, tries: list[tuple[str, int, int, str]]
) -> tuple[ConnectFailure | None, dict[str, Any]]:
    try:
        connection, about = await connect(origin, seconds, tries)
    except ConnectFailure as failure:
        return failure, {}
    connection.abort()
    return None, about


def _steps(
    tries: list[tuple[str, int, int, str]], begun: int, ended: int, about: dict[str, Any], trouble: object
) -> list[str]:
    """The steps that were done, and how long each took."""
    if not tries:
        return []
    done = [f"resolved in {ms(min(at for _, at, _, _ in tries) - begun)}"]
    met = next(((name, at, took) for name, at, took, error in reversed(tries) if not error), None)
    if met is None:
        return done
    name, at, took = met
    done.append(f"connected to {name} in {ms(took)}")
    if trouble is None and "tls" in about:
        done.append(f"{about['tls'].split()[0]} in {ms(ended - at - took)}")
    return done


def origin_of(trial: Trial) -> Origin:
    """The endpoint as the traffic has it. Raises: UsageError."""
    start = trial.config.start
    scheme, host, port, prefix = parse_base_url(start.endpoint)
    proxy = proxy_env.proxy_for(scheme, host, port, trial.config.proxies)
    secure = scheme == "https" or (proxy is not None and proxy.scheme == "https")
    context = tls.client_context(str(start.ca_file) if start.ca_file else None) if secure else None
    return Origin(
        scheme, host, port, prefix, start.endpoint, proxy,
        context if scheme == "https" else None, context if proxy and proxy.scheme == "https" else None,
    )  # fmt: skip


def _through(origin: Origin) -> str:
    return f" through the proxy {origin.proxy.name}" if origin.proxy else ""


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """On the loop that the traffic has."""
    with asyncio.Runner(loop_factory=loop.loop_factory()[1]) as runner:
        return runner.run(main)


def ms(duration_ns: int) -> str:
    """A duration in words."""
    return f"{max(duration_ns, 0) / 1e6:.3g} ms" if duration_ns < 10**9 else f"{duration_ns / 1e9:.1f} s"
