"""The mock in a thread: it starts, tells what it saw, stops, and loses no fault of ours."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from moonpalace.core.errors import UsageError
from moonpalace.mock.asked import Asked
from moonpalace.mock.reply import Reply
from moonpalace.mock.routes import Route
from moonpalace.mock.setup import MockSettings
from moonpalace.mock.world import World
from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.waiting import wait_until


def ask(mock: MockThread, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and JSON of an answer; a body is sent with POST."""
    connection = http.client.HTTPConnection(urlsplit(mock.root).netloc, timeout=20)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request("GET" if sent is None else "POST", path, sent, {"Authorization": "Bearer sk-mock"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_it_answers_at_once_and_tells_what_it_saw() -> None:
    """Speed 0 unless the settings say otherwise: no test shall wait for a model that pretends."""
    with MockThread() as mock:
        body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "你好"}]}
        status, answer = ask(mock, "/v1/chat/completions", body)
        assert (status, answer["object"]) == (200, "chat.completion")
        seen = mock.seen[0]
        assert (seen.method, seen.target, seen.status) == ("POST", "/v1/chat/completions", 200)
        assert json.loads(seen.body) == body
        assert seen.headers.get("authorization") is None
        assert mock.settings.speed == 0.0
        assert mock.base_url == f"{mock.root}/v1"


def test_settings_reach_the_mock() -> None:
    """The ones of the command."""
    with MockThread(MockSettings(profile="2024", speed=2.0)) as mock:
        assert mock.api.world.profile.year == "2024"
        assert mock.api.pacer.speed == 2.0


def test_nothing_is_left_when_it_has_stopped() -> None:
    """Neither port nor thread nor uploads."""
    with MockThread() as mock:
        folder = mock.api.world.folder
        assert folder.is_dir()
        place = urlsplit(mock.root)
    assert not Path(folder).exists()
    assert "mock" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((place.hostname or "", place.port or 0), timeout=5)


def test_it_stops_with_a_client_connected() -> None:
    """A test that fails in the middle of a stream must still end."""
    with MockThread() as mock:
        place = urlsplit(mock.root)
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=5) as client:
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n")
            wait_until(lambda: mock.server.connections)
            mock.close()
            assert client.recv(1) == b""


def broken(world: World, asked: Asked) -> Reply:
    """A function of the API with a fault in it."""
    raise LookupError("a fault of ours")


async def broken_later(world: World, asked: Asked) -> Reply:
    """The same, while others get their turn."""
    raise LookupError("a fault of ours")


@pytest.mark.parametrize("function", [broken, broken_later])
def test_a_fault_of_ours_comes_out(function: Any) -> None:
    """The client gets an answer and goes on; the test fails all the same."""
    mock = MockThread()
    with pytest.raises(LookupError, match="a fault of ours"), mock:
        mock.api.router._exact["GET", "/broken"] = Route("GET", "/broken", function)
        assert ask(mock, "/broken")[0] == 500
    assert any("LookupError" in text for text in mock.told)


def test_without_raising_a_fault_is_an_answer() -> None:
    """What a user of the command sees."""
    with MockThread(raise_faults=False) as mock:
        mock.api.router._exact["GET", "/broken"] = Route("GET", "/broken", broken)
        status, answer = ask(mock, "/broken")
        assert (status, answer["error"]["type"]) == (500, "unexpected_output")
        assert any("LookupError" in text for text in mock.told)


def test_a_fault_does_not_hide_the_failure_of_the_test() -> None:
    """What failed first is what is shown."""
    mock = MockThread()
    with pytest.raises(AssertionError, match="of the test"), mock:
        mock.api.router._exact["GET", "/broken"] = Route("GET", "/broken", broken)
        ask(mock, "/broken")
        raise AssertionError("of the test")


def test_its_state_is_changed_on_its_own_loop() -> None:
    """Where nothing else runs meanwhile."""
    with MockThread() as mock:
        assert mock.call(lambda name: (threading.current_thread().name, name), "x") == ("mock", "x")
        with pytest.raises(ZeroDivisionError):
            mock.call(lambda: 1 // 0)


def test_settings_that_are_none_are_said() -> None:
    """In the thread that asked, not in one that nobody looks at."""
    with pytest.raises(UsageError, match="there is no profile"), MockThread(MockSettings(profile="1999")):
        pass
