"""TLS towards the upstream: the system's trust store, or it and a CA file.

1. Certificates are always verified; there is no switch for that.
"""

from __future__ import annotations

import ssl

from ..core.errors import UsageError


def client_context(ca_file: str | None) -> ssl.SSLContext:
    """A context for connections to upstreams. Raises: UsageError when the CA file cannot be used."""
    if ca_file is None:
        try:
            import truststore

            context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        except ImportError:
            context = ssl.create_default_context()
    else:
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            reason = getattr(error, "strerror", None) or "it holds no certificate"
            raise UsageError(f"--ca-file cannot be used ({reason}): name a readable PEM file") from None
    context.set_alpn_protocols(["http/1.1"])
    return context
