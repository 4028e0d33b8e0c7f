"""A mock that refuses connections for a while, and what may happen to its port meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

import pytest

from moonpalace.mock.setup import MockSettings
from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.rawclient import RawClient, request
from moonpalace.testing.waiting import wait_until


def is_there(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_it_comes_back_once_the_port_is_free_again() -> None:
    """Whoever listens there meanwhile must not end it for good, and in silence."""
    with MockThread(MockSettings()) as mock:
        port = int(mock.root.rpartition(":")[2])

        def begin(work: Coroutine[Any, Any, None]) -> Any:
            return asyncio.run_coroutine_threadsafe(work, mock._loop)  # type: ignore[arg-type]

        begin(mock.server.leave()).result(10)
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                thief.bind(("127.0.0.1", port))
                thief.listen()
            except OSError:
                pytest.skip("this system keeps a bound port from others")
            coming = begin(mock.server._return())
            wait_until(lambda: mock.told)
        assert mock.told == ["the port cannot be listened on again yet (Address already in use); trying on"]
        coming.result(10)
        wait_until(lambda: is_there(port))
        asked = request("GET", "/v1/models", b"", "Authorization: Bearer sk-x", host=f"127.0.0.1:{port}")
        with RawClient(port) as client:
            client.send(asked)
            assert client.read_answer("GET").status == 200


def test_no_key_is_shown_to_those_who_look_on() -> None:
    """Whatever the header is called that brings it: what a test prints ends in logs."""
    key = "sk-" + "A1b2C3d4" * 5
    names = ("Authorization", "x-api-key", "api-key", "Proxy-Authorization", "x-goog-api-key", "Cookie")
    with MockThread(MockSettings()) as mock:
        port = int(mock.root.rpartition(":")[2])
        lines = [f"{name}: Bearer {key}" for name in names]
        with RawClient(port) as client:
            client.send(request("GET", "/v1/models", b"", *lines, "X-Other: there", host=f"127.0.0.1:{port}"))
            assert client.read_answer("GET").status == 200
        wait_until(lambda: mock.seen)
    assert mock.seen[0].headers.get(b"x-other") == b"there"
    assert key.encode() not in repr(mock.seen[0].headers.lines).encode()
