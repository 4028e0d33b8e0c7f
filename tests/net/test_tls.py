"""TLS towards the upstream: always verified."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from pathlib import Path

import pytest
import trustme

from moonpalace.core.errors import UsageError
from moonpalace.net.tls import client_context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def handshake(context: ssl.SSLContext, authority: trustme.CA, named: str, asked: str) -> str | None:
    """The protocol that was agreed on. Raises: ssl.SSLError."""
    side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(named).configure_cert(side)
    side.set_alpn_protocols(["h2", "http/1.1"])
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            side.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with context.wrap_socket(ours, server_hostname=asked) as sock:
            return sock.selected_alpn_protocol()
    finally:
        ours.close()
        thread.join(10)


def test_an_authority_of_ones_own_is_trusted_when_named(authority: trustme.CA, ca_file: str) -> None:
    """And nothing but HTTP/1.1 is offered: we speak no other."""
    assert handshake(client_context(ca_file), authority, "api.test", "api.test") == "http/1.1"


def test_another_name_is_not_accepted(authority: trustme.CA, ca_file: str) -> None:
    """A good certificate of somebody else."""
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(client_context(ca_file), authority, "evil.test", "api.test")


def test_an_unknown_authority_is_not_accepted(authority: trustme.CA) -> None:
    """The system's store knows nothing of it."""
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(client_context(None), authority, "api.test", "api.test")


def test_there_is_no_way_around_verification(ca_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's store, with a file, and without the library that reads the system's store."""
    contexts = [client_context(None), client_context(ca_file)]
    monkeypatch.setitem(sys.modules, "truststore", None)
    contexts.append(client_context(None))
    for context in contexts:
        assert context.check_hostname and context.verify_mode == ssl.CERT_REQUIRED
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("what", ["missing", "empty", "folder", "nonsense", "half"])
def test_a_file_that_cannot_be_used_is_told_at_start(tmp_path: Path, ca_file: str, what: str) -> None:
    """Not at the first request."""
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what != "missing":
        half = Path(ca_file).read_bytes()[:200]
        path.write_bytes({"empty": b"", "nonsense": b"nonsense", "half": half}[what])
    with pytest.raises(UsageError, match="--ca-file"):
        client_context(str(path))
