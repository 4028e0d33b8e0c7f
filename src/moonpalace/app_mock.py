"""`moonpalace mock`: the API that pretends, on a port of its own; or inside of the proxy (`start --endpoint mock`).

1. Uploads are kept in a private directory for as long as it runs.
2. With a record to serve (`--from`) only this user's processes are answered: what they get is somebody's conversation.
3. With `--record` a proxy of our own runs beside it on a leash (`app_run.Proxy`): what the record does not have goes
   through that to the real API, and is recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .app_beside import Notices
from .core.errors import UsageError
from .journal import process
from .mock.api import Tape
from .mock.server import Seen, Server
from .mock.setup import MockSettings as MockSettings
from .mock.setup import build
from .net import bind, loop
from .net.gate import Gate

if TYPE_CHECKING:
    from .config import Config
    from .config_home import Place
    from .mock.tape import Tape as Recording

LOCAL = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Job:
    """What the command is told. `references`: exchanges of the record at `place` to serve; `recording`: how the proxy
    behind `--record` is set."""

    settings: MockSettings
    host: str = LOCAL
    port: int = 9999
    allow_hosts: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    place: Place | None = None
    mode: str = "strict"
    ignore: tuple[str, ...] = ()
    recording: Config | None = None
    quiet: bool = False
    colour: bool = False


def mock(job: Job) -> int:
    """Run the mock until it is told to stop. Gives the exit code. Raises: MoonPalaceError."""
    process.leave_no_core()
    notices = Notices(colour=job.colour, as_json=False)
    try:
        with ExitStack() as stack:
            tape = _tape(job, stack, notices.say)
            _, factory = loop.loop_factory()
            return loop.run(_serve(job, tape, notices.say), factory)
    finally:
        notices.close()


async def _serve(job: Job, tape: Recording | None, say: Callable[[str], None]) -> int:
    sockets = bind.bind(job.host, job.port)
    port = sockets[0].getsockname()[1]
    async with AsyncExitStack() as stack:
        watch = None if job.quiet else lambda seen: say(line(seen))
        mocked = serving(job.settings, sockets, tell=say, watch=watch, tape=tape, allow_hosts=job.allow_hosts)
        server = await stack.enter_async_context(mocked)
        told = asyncio.Event()
        _listen_to_signals(told)
        everywhere = ("localhost", "0.0.0.0", "::")  # noqa: S104 - compared, not bound
        host = LOCAL if job.host in everywhere else f"[{job.host}]" if ":" in job.host else job.host
        year = server.api.world.profile.year
        say(f'MoonPalace Mock Starts => change base_url to "http://{host}:{port}/v1"; any key that begins with sk- '
            f"will do (profile {year})")  # fmt: skip
        looking = asyncio.create_task(_look_ahead(tape)) if tape is not None else None
        await told.wait()
        if looking is not None:
            looking.cancel()
    return 0


def line(seen: Seen) -> str:
    """A request in the log."""
    took = "" if seen.ended is None else f" {seen.ended - seen.at:.2f}s"
    return f"{seen.method:<6} {seen.target} {seen.status or '---'}{took}"


@asynccontextmanager
async def serving(
    settings: MockSettings, sockets: Sequence[object], *, tell: Callable[[str], None],
    watch: Callable[[Seen], None] | None = None, tape: Tape | None = None, allow_hosts: tuple[str, ...] = (),
) -> AsyncIterator[Server]:  # fmt: skip
    """A mock on bound sockets, for as long as the context lasts. Raises: UsageError."""
    port: int = sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        folder = tempfile.TemporaryDirectory(prefix="moonpalace-mock-", ignore_cleanup_errors=True)
    except OSError as error:
        raise UsageError(f"no temporary directory can be made ({error.strerror}) for uploads; set TMPDIR") from None
    with folder as name:
        api = build(settings, Path(name), time.monotonic, time.time, tell, tape)
        server = Server(api, Gate(port, allow_hosts), watch=watch, guard=tape is not None)
        await server.serve(sockets)  # type: ignore[arg-type]
        try:
            yield server
        finally:
            await server.stop()


async def _look_ahead(tape: Recording) -> None:
    """Look at the whole record while nobody asks: a first miss has to know all of it."""
    while tape.look_on():  # noqa: ASYNC110 - between two exchanges the loop has its turn
        await asyncio.sleep(0)


def _tape(job: Job, stack: ExitStack, say: Callable[[str], None]) -> Recording | None:
    """What of the record is served."""
    if not job.references and job.recording is None:
        return None
    from .app import open_record
    from .mock.tape import Tape as Recording
    from .service import recorded

    assert job.place is not None
    record = stack.enter_context(closing(open_record(job.place)))
    for note in record.notes:
        say(note)
    reader = record.reader
    ids = recorded.select_many(reader, job.references) if job.references else []
    through = None
    if job.recording is not None:
        from .app_run import Proxy
        from .net.origin import parse_base_url

        proxy = Proxy(job.recording)
        stack.callback(proxy.finish)
        _, host, port, _ = parse_base_url(proxy.base_url)
        through = (host, port)
    return Recording(
        recorded.recorded(reader, ids), mode=job.mode, ignore=job.ignore, tell=say, through=through,
        load=lambda number: next(recorded.recorded(reader, [number]), None),
    )  # fmt: skip


def _listen_to_signals(told: asyncio.Event) -> None:
    events = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            events.add_signal_handler(number, told.set)
        except (NotImplementedError, RuntimeError, ValueError):
            with contextlib.suppress(ValueError):
                signal.signal(number, lambda *_: events.call_soon_threadsafe(told.set))


def _scenarios() -> Iterator[tuple[str, str]]:
    from .mock.scenario import shipped

    return ((scenario.name, scenario.about) for scenario in shipped().scenarios)


def _faults() -> Iterator[tuple[str, str]]:
    from .mock.faults import TABLE

    for name, kind in TABLE.items():
        arguments = ",".join(f"{key}={value:g}" for key, value in kind.wants)
        yield f"{name}:{arguments}" if arguments else name, kind.words


def _errors() -> Iterator[tuple[str, str]]:
    from .kimi.errors import FORMS

    return ((form.name, f"{form.status} {form.message}") for form in FORMS.values())


def _switches() -> Iterator[tuple[str, str]]:
    from .kimi.profiles import SWITCHES

    for name, (words, choices) in SWITCHES.items():
        yield name, f"{words} ({', '.join(choices)})" if choices else words


TOPICS: dict[str, Callable[[], Iterator[tuple[str, str]]]] = {
    "scenarios": _scenarios, "faults": _faults, "errors": _errors, "switches": _switches,
}  # fmt: skip
