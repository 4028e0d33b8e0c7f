"""The mock inside of the proxy: `moonpalace start --endpoint mock`.

1. Its settings are judged and its port is bound before the proxy has done anything.
2. To the proxy it is an upstream like any other, on a port of this machine, reached past every HTTP proxy.
3. The pages that the proxy lets in get their answers: their requests come with their origin.
4. It ends after the proxy: what still runs then has been drained.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from .app_mock import LOCAL, prepare, serving
from .config_values import MOCK
from .mock.setup import MockSettings
from .net import bind
from .net.origin import Origin


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
        """It answers for as long as the context lasts."""
        self._api.world.tell = say
        async with serving(self._api, self._sockets, origins=self._origins):
            year = self._api.world.profile.year
            say(f"endpoint => a mock inside (profile {year}); any key that begins with sk- will do")
            yield
