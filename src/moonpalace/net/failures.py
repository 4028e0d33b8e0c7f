"""Operating system and TLS errors as the `kind` and text of a `Failure`.

1. The table is the whole of it; what is not in it is `error`, with the system's own words.
2. No path, key or traceback gets into a text (T36).
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl

_SOURCE = re.compile(r" ?\(_ssl\.c:\d+\)")
_KINDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ECONNABORTED: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
    errno.EMFILE: "resource",
    errno.ENFILE: "resource",
    errno.ENOMEM: "resource",
    errno.ENOBUFS: "resource",
}
_NAMES = {
    "EAI_NONAME": "not_found", "EAI_NODATA": "not_found", "EAI_FAIL": "not_found", "EAI_MEMORY": "resource",
}  # fmt: skip
_RESOLVING = {getattr(socket, name): kind for name, kind in _NAMES.items() if hasattr(socket, name)}


def describe(error: BaseException) -> tuple[str, str]:
    """(kind, text) of an error met on a socket."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = getattr(error, "verify_message", None) or "verification failed"
        return "certificate", f"the certificate was not accepted: {why}"
    if isinstance(error, ssl.SSLError):
        # Only OpenSSL's own have a reason; event loops make some without.
        reason = getattr(error, "reason", None) or _SOURCE.sub("", error.strerror or str(error)) or "error"
        return "handshake", f"TLS failed: {reason.replace('_', ' ').lower()}"
    if isinstance(error, socket.gaierror):
        return _RESOLVING.get(error.errno or 0, "resolver"), error.strerror or "the name could not be resolved"
    if isinstance(error, TimeoutError) and not error.errno:
        return "timeout", "it took too long"
    if isinstance(error, MemoryError):
        return "resource", "the proxy ran out of memory"
    if isinstance(error, OSError):
        kind = _KINDS.get(error.errno or 0, "error")
        if isinstance(error, ConnectionRefusedError):
            kind = "refused"
        elif isinstance(error, ConnectionResetError | BrokenPipeError):
            kind = "reset"
        # The system's own words: asyncio's repeat the address.
        text = os.strerror(error.errno) if error.errno else error.strerror or str(error) or type(error).__name__
        return kind, text.lower()
    return "error", type(error).__name__
