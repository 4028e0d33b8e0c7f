"""Whether the endpoint takes the key, for `doctor --check-key`.

1. The key goes to the endpoint alone, and only over https or inside this machine; a redirect is not followed (T12).
2. Nothing of the key is in a result; its source is.
3. The question costs nothing: GET /v1/models. No more than the status of the answer is looked at.
"""

from __future__ import annotations

import asyncio
import time

from . import __version__
from .app_reach import limit, ms, origin_of, run
from .config_trial import Trial
from .config_values import MOCK
from .core.errors import UsageError
from .core.exchange import Failure
from .core.headers import HeaderLine
from .net import proxy_env
from .net.connect import ConnectFailure, connect
from .net.origin import Origin
from .net.upstream import UpstreamConnection
from .service.diagnosis import Result, fail, ok, warn
from .wire import http1


def key(trial: Trial, *, ask: bool) -> Result | None:
    """Whether there is one; if asked for, whether the endpoint takes it."""
    if trial.error or trial.around.home_error:  # it may be meant for an endpoint that could not be read
        return fail("no key was sent: the settings cannot be read", "mend them first") if ask else None
    if not ask:
        source = trial.config.sources["key"]
        if trial.config.start.key is not None:
            return ok(f"one is set (from {source}) and was not tried: --check-key asks the API")
        return ok("none is set: each client's own goes to the API")
    if trial.config.start.endpoint == MOCK:
        return ok("none was sent: a mock inside takes any key that begins with sk-")
    found = _found(trial)
    if found is None:
        return fail("there is no key to check", "set MOONPALACE_KEY, or key-file in config.yaml")
    value, source = found
    try:
        origin = origin_of(trial)
    except UsageError as error:
        return fail(f"the key (from {source}) was not sent: {error}")
    if origin.scheme != "https" and not proxy_env.is_loopback(origin.host):
        return fail(
            f"the key (from {source}) was not sent: {origin.base_url} is not encrypted", "use an https:// endpoint"
        )
    if not value.isascii() or not value.isprintable() or " " in value:
        return fail(f"the key (from {source}) is not one word of visible ASCII characters", "set it anew")
    url = origin.base_url + _models(origin).removeprefix(origin.prefix).decode()
    begun = time.monotonic_ns()
    answer = run(_ask(origin, value, limit(trial)))
    return _judge(answer, source, url, time.monotonic_ns() - begun)


def _found(trial: Trial) -> tuple[str, str] | None:
    """The key and where it comes from: the settings', else the first of the usual variables."""
    start = trial.config.start
    if start.key:
        return start.key, trial.config.sources["key"]
    return next(((key, f"environment {name}") for name, key in trial.around.keys), None)


def _judge(answer: int | str, source: str, url: str, took: int) -> Result:
    if isinstance(answer, str):
        return fail(f"the key (from {source}) could not be checked: {answer}", "see the endpoint above, try again")
    said = f"{answer} from {url} in {ms(took)}"
    if answer == 200:
        return ok(f"accepted: the key (from {source}), {said}")
    if answer in (401, 403):
        return fail(
            f"refused: the key (from {source}), {said}", "check that it is the key of this endpoint, or make a new one"
        )
    return warn(f"the key (from {source}) could not be checked: {said}", "check --endpoint, or try again later")


def _models(origin: Origin) -> bytes:
    return origin.prefix + (b"/models" if origin.prefix.endswith(b"/v1") else b"/v1/models")


async def _ask(origin: Origin, value: str, seconds: float) -> int | str:
    """The status of the answer, or why there is none."""
    connection: UpstreamConnection | None = None
    try:
        async with asyncio.timeout(seconds):
            connection, _ = await connect(origin, seconds, [])
            lines = ((b"Host", origin.host_line), (b"Authorization", b"Bearer " + value.encode()),
                     (b"Accept", b"application/json"), (b"User-Agent", f"moonpalace/{__version__}".encode()),
                     (b"Connection", b"close"))  # fmt: skip
            block = b"\r\n".join(http1.raw_line(name, text) for name, text in lines)
            answer = _Answer()
            connection.start(answer, to_head=False)
            connection.transport.write(http1.head_bytes(b"GET %b HTTP/1.1" % _models(origin), block))
            return await answer.status
    except ConnectFailure as failure:
        return str(failure)
    except TimeoutError:
        return f"no answer came within {seconds:g} s"
    finally:
        if connection is not None:
            connection.abort()


class _Answer:
    """Waits for the status; the rest of an answer is nothing to it."""

    def __init__(self) -> None:
        self.status: asyncio.Future[int | str] = asyncio.get_running_loop().create_future()

    def _told(self, status: int | str) -> None:
        if not self.status.done():
            self.status.set_result(status)

    def told_interim(self, head: http1.ResponseHead) -> None: ...

    def told_head(self, head: http1.ResponseHead) -> None:
        self._told(head.status)

    def told_body(self, data: bytes) -> None: ...

    def told_whole(self, head: http1.ResponseHead, body: bytes) -> None:
        self._told(head.status)

    def flush_told(self) -> None: ...

    def told_end(self, trailers: list[HeaderLine], extra: bool) -> None: ...

    def told_failed(self, failure: Failure) -> None:
        self._told(failure.message)

    def upstream_full(self) -> None: ...

    def upstream_ready(self) -> None: ...
