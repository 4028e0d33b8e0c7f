"""Who is at the other end, as the kernel knows it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from moonpalace.net import peer
from moonpalace.net.peer import Peer, look_up

from .test_bind import ipv6


def works() -> bool:
    return look_up(("127.0.0.1", 1), ("127.0.0.1", 1)) is not None


linux = pytest.mark.skipif(not works(), reason="this system does not tell")
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=["127.0.0.1", pytest.param("::1", marks=ipv6)])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A client's and a server's end of one connection."""
    with socket.create_server(
        (request.param, 0), family=socket.AF_INET6 if ":" in request.param else socket.AF_INET
    ) as srv:
        client = socket.create_connection(srv.getsockname()[:2])
        server, _ = srv.accept()
    yield client, server
    client.close()
    server.close()


def ask(server: socket.socket, peer_name: tuple[str, int]) -> Peer | None:
    return look_up(peer_name, server.getsockname()[:2])


@linux
def test_a_living_client_is_known_by_its_user_and_inode(pair: Pair) -> None:
    """The same inode that its process holds."""
    client, server = pair
    assert ask(server, client.getsockname()[:2]) == Peer(os.getuid(), os.fstat(client.fileno()).st_ino)


@linux
def test_a_client_that_only_stopped_sending_is_still_there(pair: Pair) -> None:
    """It waits for its answer."""
    client, server = pair
    name = client.getsockname()[:2]
    client.shutdown(socket.SHUT_WR)
    assert server.recv(1) == b""
    found = ask(server, name)
    assert found is not None and found.inode == os.fstat(client.fileno()).st_ino


@linux
def test_a_client_that_closed_is_gone(pair: Pair) -> None:
    """On the wire both look the same."""
    client, server = pair
    name = client.getsockname()[:2]
    client.close()
    assert server.recv(1) == b""
    found = ask(server, name)
    assert found is not None and found.inode == 0


@linux
def test_a_client_whose_socket_another_process_holds_is_there() -> None:
    """Closing one of two descriptors closes nothing."""
    with socket.create_server(("127.0.0.1", 0)) as srv:
        client = socket.create_connection(srv.getsockname())
        server, name = srv.accept()
    copy = client.dup()
    client.close()
    found = ask(server, name)
    assert found is not None and found.inode != 0
    copy.close()
    server.close()


@linux
def test_a_socket_that_never_was_is_gone() -> None:
    """The kernel knows of none."""
    assert look_up(("127.0.0.1", 1), ("127.0.0.1", 1)) == Peer(-1, 0)


@pytest.mark.parametrize(
    ("name", "local"),
    [(("x", 1), ("127.0.0.1", 1)), (("127.0.0.1", 99_999), ("127.0.0.1", 1)), (("127.0.0.1", -1), ("127.0.0.1",
     1)), (("", 0), ("", 0))],
)  # fmt: skip
def test_nonsense_is_not_known(name: tuple[str, int], local: tuple[str, int]) -> None:
    """It stands on the way of the traffic: nothing may raise."""
    assert look_up(name, local) is None


def test_where_the_system_does_not_tell_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other systems, and sandboxes."""

    def refuse(*args: object) -> socket.socket:
        raise PermissionError

    if hasattr(socket, "AF_NETLINK"):
        with monkeypatch.context() as patch:
            patch.setattr(peer.socket, "socket", refuse)
            assert look_up(("127.0.0.1", 1), ("127.0.0.1", 1)) is None
        monkeypatch.delattr(peer.socket, "AF_NETLINK")
    assert look_up(("127.0.0.1", 1), ("127.0.0.1", 1)) is None


@pytest.mark.parametrize("answer", [b"", b"x" * 19, b"\0" * 20, b"\0" * 200, b"\x60\0\0\0\x14\0" + b"\0" * 60])
def test_an_answer_that_is_none_is_not_known(answer: bytes) -> None:
    """Short, empty, of another kind."""
    assert peer._read(answer) is None
