"""The traffic process, put together: `moonpalace start`.

1. It binds, says where, and serves until it is told to stop.
2. The librarian is a child process, started again when it dies; the traffic does not need it.
3. With --no-store the home directory is one that passes: private, made for this run, removed at its end.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from . import __version__, app_transforms
from .app_beside import Librarian, Notices, Troubles
from .config import Config, StartConfig
from .config_values import MOCK
from .core.errors import UsageError
from .core.ids import UidMaker, uid_text
from .journal import home as home_folder
from .journal import process, runs
from .journal.records import RunEnded, RunStarted
from .journal.writer import Journal
from .net import bind, loop, proxy_env, tls
from .net.gate import Gate
from .net.origin import Origin, parse_base_url
from .proxy.routes import Route, Routes
from .proxy.server import Proxy, Settings
from .transforms.pipeline import Pipeline
from .wire.redact import Redactor

if TYPE_CHECKING:
    from .app_inside import Inside


class Leash(Protocol):
    """Who holds this process (`moonpalace run`): is told where it serves and what it did, and lets go to end it."""

    def serving(self, run: str, base_url: str, let_go: Callable[[], object]) -> None:
        """It serves. `let_go`, from any thread, has it stop in order."""
        ...

    def ended(self, accepted: int) -> None:
        """The journal is closed, the librarian has finished; that many requests had come."""
        ...


def start(config: Config, leash: Leash | None = None) -> int:
    """Run the proxy until it is told to stop. Gives the exit code. Raises: UsageError, PortTakenError."""
    process.leave_no_core()
    if config.start.store:
        return _start(config, leash)
    try:
        passing = tempfile.TemporaryDirectory(prefix="moonpalace-", ignore_cleanup_errors=True)
    except OSError as error:
        raise UsageError(
            f"no temporary directory can be made ({error.strerror}), and --no-store needs one; set TMPDIR"
        ) from None
    with passing as folder:
        return _start(replace(config, home=Path(folder)), leash)


def _start(config: Config, leash: Leash | None) -> int:
    settings = config.start
    inside = _inside(settings)
    routes = _routes(config, inside)
    notes = home_folder.prepare_home(config.home)
    redactor = Redactor(home_folder.salt(config.home), [settings.key.encode()] if settings.key else [])
    sockets = bind.bind(settings.host, settings.port)
    port = sockets[0].getsockname()[1]
    _refuse_loop(routes, port)
    _raise_descriptor_limit()
    notices = Notices(colour=_is_coloured(config), as_json=settings.log_format == "json")
    for note in notes:
        notices.say(note)
    base_url = _base_url(settings, port, routes.endpoint.origin)
    me = process.myself()
    run = runs.create_run(
        config.home,
        runs.RunInfo(
            run=uid_text(UidMaker(time.time_ns)()), pid=me.pid, started_at=me.started_at, boot_id=me.boot_id,
            wall_ns=time.time_ns(), version=__version__, base_url=base_url, endpoint=settings.endpoint, port=port,
        ),
    )  # fmt: skip
    _, factory = loop.loop_factory()
    gate = Gate(port, settings.allow_hosts, settings.allow_origins)
    served = Settings(
        settings.connect_timeout, settings.head_timeout, settings.drain, settings.id_header, settings.body_limit,
        guard_key=settings.key is not None,
    )  # fmt: skip
    ending: list[str] = []
    kept = _kept(config) if settings.auto_cache else None

    async def main() -> int:
        def opened() -> RunStarted:
            return RunStarted(
                run.info.run, time.monotonic_ns(), time.time_ns(), __version__, base_url, settings.endpoint,
                (settings.repeat_threshold, settings.repeat_min_length) if settings.detect_repeat else None,
            )  # fmt: skip

        events = asyncio.get_running_loop()
        events.set_exception_handler(Troubles(notices.say))
        journal = Journal(run.path, opened, events, trouble=notices.say)
        proxy = Proxy(
            routes, gate, redactor, journal, served, say=notices.say,
            pipeline=Pipeline(app_transforms.settings(settings)), kept=kept,
        )  # fmt: skip
        told = _listen_to_signals(events, proxy, notices.say)
        async with AsyncExitStack() as stack:
            if inside is not None:
                await stack.enter_async_context(inside.serving(notices.say))
            return await serve(journal, proxy, events, told)

    async def serve(journal: Journal, proxy: Proxy, events: asyncio.AbstractEventLoop, told: asyncio.Event) -> int:
        await proxy.serve(sockets)
        if leash is None:
            kept = "" if settings.store else "; nothing is kept (--no-store)"
            notices.say(f'MoonPalace Starts => change base_url to "{base_url}"{kept}')
        _say_ways(routes, notices.say)
        for line in app_transforms.lines(settings):
            notices.say(line)
        librarian = Librarian(_librarian_arguments(config, run.info.run), notices.say)
        sys.setswitchinterval(0.0005)  # the journal's thread gives way to the loop sooner
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        if leash is not None:
            leash.serving(run.info.run, base_url, lambda: events.call_soon_threadsafe(told.set))
        await told.wait()
        aborted = await proxy.drain()
        if aborted:
            notices.say(f"stopped; {aborted} running exchanges were broken off and are on record as aborted")
        journal.add(RunEnded(time.monotonic_ns(), time.time_ns(), proxy.accepted))
        journal.end()  # here: in the thread it would meet the loop's own flush, and what both have in hand
        if not await asyncio.to_thread(journal.close, 5.0):
            ending.append("not everything could be written to the journal: see the lines above")
        if run.lock is not None:
            run.lock.release()
        if not await asyncio.to_thread(librarian.finish, 30.0, proxy.is_hurried):
            ending.append("the librarian did not finish; the next command takes in the rest")
        if leash is not None:
            leash.ended(proxy.accepted)
        return 0

    code = loop.run(main(), factory)
    for line in ending:
        notices.say(line)
    notices.close()
    return code


def _listen_to_signals(events: asyncio.AbstractEventLoop, proxy: Proxy, say: Callable[[str], None]) -> asyncio.Event:
    """The event that the first signal sets; the second one hurries everything that still waits."""
    told = asyncio.Event()

    def on_signal() -> None:
        if told.is_set():
            proxy.hurry()
            return
        told.set()
        running = len(proxy.flows)
        if running:
            say(f"stopping; waiting for {running} running exchanges (once more: stop now)")

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            events.add_signal_handler(number, on_signal)
        except (NotImplementedError, RuntimeError, ValueError):
            signal.signal(number, lambda *_: events.call_soon_threadsafe(on_signal))
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return told


def _kept(config: Config) -> dict[str, list[tuple[str, bytes]]]:
    from .app_kept import load

    return load(config.home)


def _inside(settings: StartConfig) -> Inside | None:
    """The mock behind `--endpoint mock`, in this process. Raises: UsageError."""
    if settings.endpoint != MOCK:
        return None
    from .app_inside import Inside

    return Inside(settings.mock_scenario, settings.allow_origins)


def _routes(config: Config, inside: Inside | None) -> Routes:
    """The endpoint and the routes, each with its way there."""
    ca_file = str(config.start.ca_file) if config.start.ca_file else None
    contexts: dict[str, Any] = {}

    def context() -> Any:
        if "tls" not in contexts:
            contexts["tls"] = tls.client_context(ca_file)
        return contexts["tls"]

    if ca_file:
        context()  # a bad file is told at start, not at the first request

    def origin(url: str) -> Origin:
        scheme, host, port, prefix = parse_base_url(url)
        proxy = proxy_env.proxy_for(scheme, host, port, config.proxies)
        return Origin(
            scheme, host, port, prefix, url.rstrip("/"), proxy,
            context() if scheme == "https" else None,
            context() if proxy and proxy.scheme == "https" else None,
        )  # fmt: skip

    key = config.start.key.encode() if config.start.key else None
    endpoint = Route(b"", origin(config.start.endpoint) if inside is None else inside.origin, key)
    return Routes(endpoint, [Route(r.prefix.encode(), origin(r.url)) for r in config.start.routes])


def _refuse_loop(routes: Routes, port: int) -> None:
    for origin in routes.origins():
        if origin.port == port and proxy_env.is_loopback(origin.host):
            raise UsageError(f"the upstream {origin.base_url} is this proxy itself: name the API with --endpoint")


def _base_url(settings: StartConfig, port: int, endpoint: Origin) -> str:
    """What a client sets. An endpoint that ends in /v1 itself needs no other."""
    everywhere = ("localhost", "0.0.0.0", "::")  # noqa: S104 - compared, not bound
    host = "127.0.0.1" if settings.host in everywhere else settings.host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}" + ("" if endpoint.prefix.endswith(b"/v1") else "/v1")


def _say_ways(routes: Routes, say: Callable[[str], None]) -> None:
    """Name what is not the usual way: routes and proxies."""
    for route in [routes.endpoint, *routes.others]:
        via = f" through the proxy {route.origin.proxy.name}" if route.origin.proxy else ""
        if route.prefix or via:
            say(f"{route.prefix.decode() or 'endpoint'} => {route.origin.base_url}{via}")


def _librarian_arguments(config: Config, run: str) -> list[str]:
    log = "off" if config.start.quiet else config.start.log_format
    arguments = ["--home", str(config.home), "--run", run, "--log", log]
    if _is_coloured(config):
        arguments.append("--colour")
    if not config.start.store:
        arguments.append("--forget")
    return arguments


def _is_coloured(config: Config) -> bool:
    return not config.no_color and sys.stderr is not None and sys.stderr.isatty()


def _raise_descriptor_limit() -> None:
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            pass
