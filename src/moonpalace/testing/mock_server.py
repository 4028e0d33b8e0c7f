"""A mock of the API on a loopback port, with its own loop in its own thread, for as long as the context lasts.

1. It is the real server of `mock`, built from settings as the command builds it; speed 0 unless they say otherwise.
2. A fault of ours is answered with a 500, is kept, and is raised when the context ends well. Without `raise_faults` it
   is what a user would see: the 500 alone.
3. `seen` has every request that was answered, in the order in which the answers ended.

Example:
    with MockThread() as mock:
        … OpenAI(base_url=mock.base_url, api_key="sk-mock") …
        assert mock.seen[0].target == "/v1/chat/completions"
"""

from __future__ import annotations

import asyncio
import inspect
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from ..kimi.errors import violate
from ..mock.api import Api, Tape
from ..mock.live import Live
from ..mock.performance import Performance
from ..mock.server import Seen, Server
from ..mock.setup import MockSettings, build
from ..net import bind, loop
from ..net.gate import Gate

LOCAL = "127.0.0.1"
LIMIT = 20.0  # seconds for starting and stopping; only a failure takes that long
Result = TypeVar("Result")


class MockThread:
    """See the module. `told`: what the mock says to a developer; `faults`: exceptions that were ours."""

    def __init__(
        self, settings: MockSettings | None = None, *, tape: Tape | None = None, raise_faults: bool = True
    ) -> None:
        settings = MockSettings() if settings is None else settings
        self.settings = settings if settings.speed is not None else replace(settings, speed=0.0)
        self.seen: list[Seen] = []
        self.told: list[str] = []
        self.faults: list[BaseException] = []
        self.api: Api
        self.server: Server
        self.root = ""
        self._tape = tape
        self._raise = raise_faults
        self._started: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="mock", daemon=True)

    @property
    def base_url(self) -> str:
        """As a client of the OpenAI kind wants it."""
        return f"{self.root}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.result(LIMIT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self.faults and error is None:
            raise self.faults[0]

    def close(self) -> None:
        """Stop it, and wait until it has stopped. Raises: TimeoutError."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(LIMIT)
        if self._thread.is_alive():
            raise TimeoutError("the mock does not stop")

    def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run a function on the mock's own loop, where its state may be changed, and give what it gives."""
        assert self._loop is not None
        done: Future[Result] = Future()

        def run() -> None:
            try:
                done.set_result(function(*arguments))
            except BaseException as error:  # it belongs to who asked
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result(LIMIT)

    # --- its thread

    def _run(self) -> None:
        try:
            loop.run(self._serve(), loop.loop_factory()[1])
        except BaseException as error:  # the thread's edge
            if not self._started.done():
                self._started.set_exception(error)
            else:
                self.faults.append(error)

    async def _serve(self) -> int:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._unexpected)
        with tempfile.TemporaryDirectory(prefix="moonpalace-mock-", ignore_cleanup_errors=True) as folder:
            api = build(self.settings, Path(folder), time.monotonic, time.time, self.told.append, self._tape)
            if self._raise:
                api.world.raise_faults = True
                self._watch(api)
            sockets = bind.bind(LOCAL, 0)
            port = sockets[0].getsockname()[1]
            server = Server(api, Gate(port), watch=self.seen.append)
            await server.serve(sockets)
            self.api, self.server, self.root = api, server, f"http://{LOCAL}:{port}"
            self._started.set_result(None)
            try:
                await self._stop.wait()
            finally:
                await server.stop()
        return 0

    def _unexpected(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.faults.append(error if isinstance(error, BaseException) else RuntimeError(str(context.get("message"))))

    def _watch(self, api: Api) -> None:
        """Keep what the API raises: it would go into the listener and be lost there."""
        answer = api.answer

        def caught(*arguments: Any, **more: Any) -> Performance | Live | Awaitable[Performance]:
            try:
                found = answer(*arguments, **more)
            except Exception as error:  # kept for the end of the context
                return self._kept(api, error)
            return later(found) if inspect.isawaitable(found) else found

        async def later(coming: Awaitable[Performance]) -> Performance:
            try:
                return await coming
            except Exception as error:  # as above
                return self._kept(api, error)

        setattr(api, "answer", caught)  # noqa: B010 - a method of one object is replaced

    def _kept(self, api: Api, error: Exception) -> Performance:
        self.faults.append(error)
        return api.refuse(violate("unexpected_output"))
