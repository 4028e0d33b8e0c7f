"""The door: shut, it leaves who comes waiting; reopened, all are let in; closed, nobody is."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from moonpalace.net import bind
from moonpalace.net.door import Door
from moonpalace.net.loop import loop_factory, run

FACTORIES = {"asyncio": asyncio.new_event_loop, loop_factory()[0]: loop_factory()[1]}
pytestmark = pytest.mark.skipif(os.name != "posix", reason="it is never shut there")


class Hello(asyncio.Protocol):
    """Says so to whoever is let in."""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"hello")
        transport.close()


async def greeted(port: int, limit: float) -> bytes:
    """What a new client hears within the limit; it connects in any case."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(limit):
            return await reader.read()
    except TimeoutError:
        return b""
    finally:
        writer.close()


@pytest.fixture(params=FACTORIES)
def play(request: pytest.FixtureRequest) -> Callable[[Callable[[Door, int], Coroutine[None, None, None]]], None]:
    """Runs a scene with an open door and its port."""

    def go(scene: Callable[[Door, int], Coroutine[None, None, None]]) -> None:
        async def main() -> int:
            sockets = bind.bind("127.0.0.1", 0)
            door = Door(sockets, Hello)
            await door.open()
            await scene(door, sockets[0].getsockname()[1])
            door.close()
            return 0

        assert run(main(), FACTORIES[request.param]) == 0

    return go


Play = Callable[[Callable[[Door, int], Coroutine[None, None, None]]], None]


def test_who_comes_while_it_is_shut_waits(play: Play) -> None:
    """They are connected, hear nothing, and are let in later. As often as need be."""

    async def scene(door: Door, port: int) -> None:
        assert await greeted(port, 10) == b"hello"
        for _ in range(3):
            assert door.shut() and not door.shut()
            waiting = [asyncio.create_task(greeted(port, 20)) for _ in range(5)]
            assert await greeted(port, 0.1) == b""
            assert door.is_shut and not any(task.done() for task in waiting)
            door.reopen()
            assert await asyncio.gather(*waiting) == [b"hello"] * 5
            assert not door.is_shut

    play(scene)


@pytest.mark.parametrize("shut", [False, True], ids=["open", "shut"])
def test_closed_it_refuses(play: Play, shut: bool) -> None:
    """The program stops: nobody shall wait for it."""

    async def scene(door: Door, port: int) -> None:
        if shut:
            door.shut()
        door.close()
        await asyncio.sleep(0)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
        door.reopen()
        await asyncio.sleep(0)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0

    play(scene)


def test_it_takes_no_descriptors_with_it(play: Play) -> None:
    """It is shut when there are few."""

    async def scene(door: Door, port: int) -> None:
        before = len(os.listdir("/dev/fd"))
        for _ in range(20):
            door.shut()
            door.reopen()
            assert await greeted(port, 10) == b"hello"
        until = time.monotonic() + 10
        while len(os.listdir("/dev/fd")) > before + 1:
            assert time.monotonic() < until
            await asyncio.sleep(0.01)

    play(scene)
