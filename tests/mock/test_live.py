"""An answer that comes as it comes: started once, told when to wait, cancelled once the call is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from moonpalace.mock.call import Call
from moonpalace.mock.live import Live
from moonpalace.mock.performance import CLOSE, RESET, Performance
from moonpalace.testing.mock_server import MockThread
from moonpalace.testing.rawclient import RawClient
from moonpalace.testing.waiting import wait_until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


class Noted(Live):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.call: Call | None = None

    def start(self, call: Call) -> None:
        self.told.append("start")
        self.call = call

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def cancel(self) -> None:
        self.told.append("cancel")

    def write(self, data: bytes) -> None:
        """To the client."""
        assert self.call is not None
        self.call.connection.transport.write(data)

    def end(self, ending: str) -> None:
        """Its last act."""
        assert self.call is not None
        self.call.play(Performance((), ending, 200))


@pytest.fixture
def served() -> Iterator[Callable[[], tuple[MockThread, Noted, RawClient]]]:
    """A mock whose next answer is a live one, and a client that waits for it."""
    with ExitStack() as stack:

        def make() -> tuple[MockThread, Noted, RawClient]:
            mock, live = stack.enter_context(MockThread()), Noted()
            answer: Any = lambda *arguments, **more: live  # noqa: E731
            setattr(mock.api, "answer", answer)  # noqa: B010 - the API is not what is looked at
            client = stack.enter_context(RawClient(int(mock.root.rpartition(":")[2])))
            client.send(b"GET /v1/models HTTP/1.1\r\nHost: %b\r\n\r\n" % client.authority.encode())
            wait_until(lambda: live.told)
            return mock, live, client

        yield make


@pytest.mark.parametrize(("ending", "ended"), [(CLOSE, "eof"), (RESET, "reset")])
def test_its_bytes_go_out_as_they_come_and_its_ending_is_played(
    served: Callable[[], tuple[MockThread, Noted, RawClient]], ending: str, ended: str
) -> None:
    """It is cancelled once, when the call is over."""
    mock, live, client = served()
    mock.call(live.write, HEAD % 9 + b"one")
    client.read_until(b"one")
    mock.call(live.write, b"two")
    client.read_until(b"two")
    mock.call(live.end, ending)
    answer = client.read_answer()
    assert (answer.body, answer.ended) == (b"onetwo", ended)
    assert live.told == ["start", "cancel"]
    assert not mock.server.calls


def test_a_client_that_leaves_cancels_it(served: Callable[[], tuple[MockThread, Noted, RawClient]]) -> None:
    """An end that it plays afterwards is nothing any more."""
    mock, live, client = served()
    client.reset()
    wait_until(lambda: not mock.server.calls)
    mock.call(live.end, CLOSE)
    assert live.told == ["start", "cancel"]


def test_it_waits_for_a_client_that_reads_slowly(served: Callable[[], tuple[MockThread, Noted, RawClient]]) -> None:
    """Nothing piles up, nothing is lost."""
    mock, live, client = served()
    size = 20_000_000
    mock.call(live.write, HEAD % size + bytes(size))
    wait_until(lambda: "pause" in live.told)
    answer = client.read_answer()
    assert (len(answer.body), answer.ended) == (size, "clean")
    wait_until(lambda: "resume" in live.told)
    mock.call(live.end, CLOSE)
    wait_until(lambda: live.told[-1] == "cancel")


def test_stopping_cancels_it(served: Callable[[], tuple[MockThread, Noted, RawClient]]) -> None:
    """What runs is broken off."""
    mock, live, client = served()
    mock.close()
    assert live.told == ["start", "cancel"]
    assert client.read_answer().ended in ("nothing", "reset")


def test_one_that_cannot_begin_is_a_fault_of_ours() -> None:
    """The client gets an answer, the developer is told, and the connection goes on."""

    class Broken(Noted):
        def start(self, call: Call) -> None:
            raise LookupError("no such thing")

    with MockThread(raise_faults=False) as mock, RawClient(int(mock.root.rpartition(":")[2])) as client:
        usual, live = mock.api.answer, Broken()
        answer: Any = lambda *arguments, **more: live  # noqa: E731
        setattr(mock.api, "answer", answer)  # noqa: B010 - the API is not what is looked at
        found = client.ask("GET", "/v1/models")
        assert (found.status, found.ended) == (500, "clean")
        setattr(mock.api, "answer", usual)  # noqa: B010
        assert client.ask("GET", "/v1/models").status == 401
        assert mock.told == ["unexpected LookupError in the mock: no such thing"]
        assert live.told == ["cancel"]
        wait_until(lambda: not mock.server.calls)
