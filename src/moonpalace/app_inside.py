"""The mock inside of the proxy: `moonpalace start --endpoint mock`.

1. Its settings are judged and its port is bound before the proxy has done anything.
2. To the proxy it is an upstream like any other, on a port of this machine, reached past every HTTP proxy.
3. The pages that the proxy lets in get their answers: their requests come with their origin.
4. It ends after the proxy: what still runs then has been drained.
5. It has a thread and a loop of its own: a request that takes long (a prompt of megabytes) holds up no other traffic.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread

from .app_mock import LOCAL, prepare, serving
from .config_values import MOCK
from .mock.setup import MockSettings
from .net import bind, loop
from .net.origin import Origin

JOIN_SECONDS = 10.0


class Inside:
    """See the module. `origins`: the pages that are let in. Raises: UsageError for a scenario file that is wrong."""

    def __init__(self, scenario: Path | None, origins: tuple[str, ...] = ()) -> None:
        self._api = prepare(MockSettings(scenarios=() if scenario is None else (scenario,)))
        self._origins = origins
        self._sockets: list[socket.socket] = bind.bind(LOCAL, 0)

    @property
    def origin(self) -> Origin:
        """Where the proxy finds it."""
        return Origin("http", LOCAL, self._sockets[0].getsockname()[1], b"", MOCK)

    @asynccontextmanager
    async def serving(self, say: Callable[[str], None]) -> AsyncIterator[None]:
        """It answers for as long as the context lasts. `say` is called from its thread."""
        self._api.world.tell = say
        begun: Future[Callable[[], object]] = Future()
        thread = Thread(target=self._run, args=(begun,), name="mock", daemon=True)
        thread.start()
        end = await asyncio.wrap_future(begun)
        year = self._api.world.profile.year
        say(f"endpoint => a mock inside (profile {year}); any key that begins with sk- will do")
        try:
            yield
        finally:
            end()
            await asyncio.to_thread(thread.join, JOIN_SECONDS)

    def _run(self, begun: Future[Callable[[], object]]) -> None:
        async def main() -> int:
            ended = asyncio.Event()
            events = asyncio.get_running_loop()
            async with serving(self._api, self._sockets, origins=self._origins):
                begun.set_result(lambda: events.call_soon_threadsafe(ended.set))
                await ended.wait()
            return 0

        try:
            loop.run(main(), loop.loop_factory()[1])
        except BaseException as error:  # the thread's edge: whoever waits is told
            if not begun.done():
                begun.set_exception(error)
            else:
                self._api.world.tell(f"the mock inside ended: {error}")
