"""Listening sockets: both loopbacks, or a sentence that says who is in the way."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from moonpalace.core.errors import PortTakenError, UsageError
from moonpalace.net import bind as module
from moonpalace.net.bind import bind
from moonpalace.net.peer import listener_of


def has_ipv6() -> bool:
    try:
        with closing(socket.socket(socket.AF_INET6)) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback here")


@pytest.fixture
def opened() -> Iterator[list[socket.socket]]:
    made: list[socket.socket] = []
    yield made
    for sock in made:
        sock.close()


def sees_listeners(port: int) -> bool:
    return listener_of(port) is not None


@ipv6
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_both_loopbacks_get_one_port(opened: list[socket.socket], host: str) -> None:
    """`localhost` may mean either, and nobody else shall answer there."""
    opened += bind(host, 0)
    assert [sock.getsockname()[0] for sock in opened] == ["127.0.0.1", "::1"]
    assert len({sock.getsockname()[1] for sock in opened}) == 1
    for address in ("127.0.0.1", "::1"):
        socket.create_connection((address, opened[0].getsockname()[1]), 5).close()


def test_without_ipv6_the_other_is_enough(opened: list[socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers often have none."""
    real = socket.socket

    def make(family: int = socket.AF_INET, *rest: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return real(family, *rest)

    monkeypatch.setattr(module.socket, "socket", make)
    opened += bind("127.0.0.1", 0)
    assert len(opened) == 1


def test_one_host_is_one_socket(opened: list[socket.socket]) -> None:
    """Whoever names an address gets that one."""
    opened += bind("0.0.0.0", 0)
    assert [sock.getsockname()[0] for sock in opened] == ["0.0.0.0"]


@pytest.mark.parametrize("address", ["127.0.0.1", pytest.param("::1", marks=ipv6), "0.0.0.0"])
def test_a_taken_port_is_told_with_its_holder(opened: list[socket.socket], address: str) -> None:
    """On either loopback, and on all addresses: it is not shared. Where the system tells it, the holder is named."""
    with closing(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)) as taken:
        taken.bind((address, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError) as caught:
            opened += bind("127.0.0.1", port)
        assert str(port) in str(caught.value) and "--port" in str(caught.value)
        if sees_listeners(port):
            assert f"(pid {os.getpid()})" in str(caught.value)
    opened += bind("127.0.0.1", port)  # nothing of the first attempt is left


@ipv6
def test_a_free_port_is_found_on_both(opened: list[socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is free on 127.0.0.1 may be taken on ::1: another is tried."""
    real = module._bind_one
    refused = []

    def grudging(host: str, port: int) -> socket.socket:
        if host == "::1" and len(refused) < 3:
            refused.append(port)
            raise PortTakenError("taken")
        return real(host, port)

    monkeypatch.setattr(module, "_bind_one", grudging)
    opened += bind("127.0.0.1", 0)
    assert len(refused) == 3 and len(opened) == 2


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "no-such-name.invalid", "x" * 70, "a..b", "\0", "a b", "1.2.3.4.5"], ids=ascii
)
def test_a_host_that_is_not_ours_is_told(host: str) -> None:
    """A sentence, never a trace."""
    with pytest.raises(UsageError, match="--host"):
        bind(host, 0)


def test_a_port_that_needs_more_rights_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports below 1024."""
    error = OSError(errno.EACCES, os.strerror(errno.EACCES))
    assert isinstance(module._bind_error("127.0.0.1", 80, error), PortTakenError)
    assert "1023" in str(module._bind_error("127.0.0.1", 80, error))


def test_nobody_listens_where_nobody_listens() -> None:
    """A port just given back."""
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    assert listener_of(port) is None
