"""Errors as the kind and text of a failure."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from moonpalace.net.failures import describe


def verification() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] /home/x/cert.pem")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "refused"),
        (ConnectionRefusedError(), "refused"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "reset"),
        (ConnectionResetError("the proxy closed the tunnel"), "reset"),
        (BrokenPipeError(errno.EPIPE, "x"), "reset"),
        (BrokenPipeError(), "reset"),
        (ConnectionAbortedError(errno.ECONNABORTED, "x"), "reset"),
        (TimeoutError(), "timeout"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "timeout"),
        (OSError(errno.EHOSTUNREACH, "x"), "unreachable"),
        (OSError(errno.ENETUNREACH, "x"), "unreachable"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "unreachable"),
        (OSError(errno.EMFILE, "x"), "resource"),
        (OSError(errno.ENOBUFS, "x"), "resource"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "not_found"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "resolver"),
        (socket.gaierror(), "resolver"),
        (socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure"), "resource"),
        (MemoryError(), "resource"),
        (verification(), "certificate"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"), "handshake"),
        (ssl.SSLEOFError(8, "EOF occurred"), "handshake"),
        (OSError(), "error"),
        (OSError("odd"), "error"),
        (ValueError("/home/secret"), "error"),
        (EOFError(), "error"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_error_has_a_kind_and_a_text(error: BaseException, kind: str) -> None:
    """For the record and the client: words, no path, no trace."""
    found, text = describe(error)
    assert found == kind
    assert text and "/home" not in text and "Traceback" not in text and "_ssl.c" not in text
    assert "\n" not in text


def test_a_certificate_says_what_is_wrong_with_it() -> None:
    """Expired and self-signed have different remedies."""
    assert describe(verification())[1] == "the certificate was not accepted: self-signed certificate"
