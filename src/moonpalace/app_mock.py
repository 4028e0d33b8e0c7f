"""`moonpalace mock`: the API that pretends, on a port of its own; or inside of the proxy (`start --endpoint mock`).

1. Uploads are kept in a private directory for as long as it runs.
2. With a record to serve (`--from`) only this user's processes are answered: what they get is somebody's conversation.
3. With `--record` a proxy of our own runs beside it on a leash (`app_run.Proxy`): what the record does not have goes
   through that to the real API, and is recorded.
4. What is set wrong is told before a port is bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .app_beside import Notices, Troubles
from .app_uploads import folder as uploads
from .core.errors import MoonPalaceError, UsageError
from .journal import process
from .mock.api import Api
from .mock.server import Seen, Server
from .mock.setup import MockSettings as MockSettings
from .mock.setup import build
from .net import bind, loop
from .net.gate import Gate

if TYPE_CHECKING:
    from .config import Config
    from .config_home import Place
    from .mock.tape import Tape as Recording
    from .wire.redact import Redactor

LOCAL = "127.0.0.1"
_LONGEST = 300  # characters of a path, or of what is told about it, in a line of the log


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


def mock(job: Job) -> int:
    """Run the mock until it is told to stop. Gives the exit code. Raises: MoonPalaceError."""
    process.leave_no_core()
    api = prepare(job.settings)
    notices = Notices(colour=False, as_json=False)
    api.world.tell = notices.say
    gc.freeze()  # all this stays; looking at it again and again would make answers late
    gc.set_threshold(50_000, 20, 50)
    try:
        with ExitStack() as stack:
            tape = _tape(job, stack, notices.say)
            _, factory = loop.loop_factory()
            return loop.run(_serve(job, api, tape, notices.say), factory)
    finally:
        notices.close()


async def _serve(job: Job, api: Api, tape: Recording | None, say: Callable[[str], None]) -> int:
    asyncio.get_running_loop().set_exception_handler(Troubles(say))
    told = asyncio.Event()
    _listen_to_signals(told)
    api.tape = tape
    sockets = bind.bind(job.host, job.port)
    watch = None if job.quiet else _log(say)
    async with serving(api, sockets, watch=watch, allow_hosts=job.allow_hosts):
        everywhere = ("localhost", "0.0.0.0", "::")  # noqa: S104 - compared, not bound
        host = LOCAL if job.host in everywhere else f"[{job.host}]" if ":" in job.host else job.host
        say(f'MoonPalace Mock Starts => change base_url to "http://{host}:{sockets[0].getsockname()[1]}/v1"; any key '
            f"that begins with sk- will do (profile {api.world.profile.year})")  # fmt: skip
        looking = asyncio.create_task(_look_ahead(tape, say)) if tape is not None else None
        await told.wait()
        if looking is not None:
            looking.cancel()
    _take_no_more_signals()
    return 0


def prepare(settings: MockSettings, tell: Callable[[str], None] = lambda text: None) -> Api:
    """The API as it is set; `serving` gives it a folder for uploads. Raises: UsageError for what cannot be meant."""
    return build(settings, Path(), time.monotonic, time.time, tell)


@asynccontextmanager
async def serving(
    api: Api, sockets: Sequence[socket.socket], *, watch: Callable[[Seen], None] | None = None,
    allow_hosts: tuple[str, ...] = (), origins: tuple[str, ...] = (),
) -> AsyncIterator[Server]:  # fmt: skip
    """A mock on bound sockets, for as long as the context lasts. Raises: UsageError."""
    port: int = sockets[0].getsockname()[1]
    with ExitStack() as kept:
        try:
            api.world.folder = kept.enter_context(uploads())
        except UsageError:
            for sock in sockets:
                sock.close()
            raise
        server = Server(api, Gate(port, allow_hosts, origins), watch=watch, guard=api.tape is not None)
        await server.serve(sockets)
        try:
            yield server
        finally:
            await server.stop()


async def _look_ahead(tape: Recording, say: Callable[[str], None]) -> None:
    """Look at the whole record while nobody asks: a first miss has to know all of it."""
    try:
        while tape.look_on():  # noqa: ASYNC110 - between two exchanges the loop has its turn
            await asyncio.sleep(0)
    except MoonPalaceError as error:  # who asks for it is told as well
        say(str(error))


def _log(say: Callable[[str], None]) -> Callable[[Seen], None]:
    """What writes the log: a line for each request."""
    from .wire.redact import Redactor

    redactor = Redactor(os.urandom(16))
    return lambda seen: say(line(seen, redactor))


def line(seen: Seen, redactor: Redactor) -> str:
    """A request in the log: what was asked, what came of it, and what was played."""
    target = redactor.target(seen.target.encode("latin-1")).decode("utf-8", "backslashreplace")
    about = redactor.text("; ".join(seen.about).encode("utf-8", "replace"))[0].decode("utf-8", "replace")
    took = "" if seen.ended is None else f" {seen.ended - seen.at:.2f}s"
    return f"{seen.method:<6} {_short(target)} {seen.status or '---'}{took} {_short(about)}".rstrip()


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


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


_STOPS = ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP")


def _listen_to_signals(told: asyncio.Event) -> None:
    """Each of them ends it in order; a hang-up that whoever started us had ignored (nohup) stays ignored.

    An ignored SIGINT does not: a script's shell ignores it for what runs in the background.
    """
    events = asyncio.get_running_loop()
    for name in _STOPS:
        number = getattr(signal, name, None)
        if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            continue
        try:
            events.add_signal_handler(number, told.set)
        except (NotImplementedError, RuntimeError, ValueError):
            with contextlib.suppress(ValueError):
                signal.signal(number, lambda *_: events.call_soon_threadsafe(told.set))


def _take_no_more_signals() -> None:
    """It ends already: a second one, while the loop's handlers go, must not make that an end by a signal."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name) for name in _STOPS if hasattr(signal, name)})
