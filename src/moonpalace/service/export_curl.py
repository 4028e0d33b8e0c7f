"""An exchange's request as a curl command.

1. What is sent again is the request as it was sent; if it never was, as it was asked.
2. The record shows octets of a target that are not UTF-8 as `\\xNN`; they are sent as the octets again.
3. Whatever of the body is not on record is told in a comment of the command.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..core.errors import MoonPalaceError
from ..core.exchange import Body, Exchange
from ..core.headers import Headers
from ..wire.curl import Call, Command, command
from .listing import url
from .sides import asked_instead, body_of, decoded, request_side, side

_ORIGIN = re.compile(r"(?P<scheme>https?://)(?P<user>[^/?#]*@)?(?P<host>[^/?#@]+)")
_SHOWN_OCTET = re.compile(rb"\\x([89a-f][0-9a-f])")


def curl(exchange: Exchange, sidecar: str | None = None) -> Command:
    """The command. `sidecar`: the file beside it for a body that cannot stand in it. Raises: MoonPalaceError."""
    # Of the base URL alone: a path that begins with no slash (`*`, `@host`) must not choose whom the key goes to.
    origin = _ORIGIN.match(url(replace(exchange, path="", route="", query="")))
    if origin is None or not exchange.method:
        raise MoonPalaceError(f"exchange {exchange.id} has no whole request on record; export without --curl")
    name = request_side(exchange)
    message = side(exchange, name)
    headers = message.headers if message is not None else Headers()
    body, headers, notes = _body(body_of(exchange, name), headers)
    if why := asked_instead(exchange):
        notes = (f"{why[0].upper()}{why[1:]}.", *notes)
    where = url(exchange).removeprefix(origin[0]) or "/"
    if exchange.target.endswith("?") and not exchange.query:
        where += "?"
    if origin["user"]:
        notes = ("The user name and password of the URL are left out.", *notes)
    return command(
        Call(exchange.method, origin["scheme"] + origin["host"], _octets(where), headers, body, notes), sidecar
    )


def _octets(target: str) -> bytes:
    raw = target.encode("utf-8", "surrogateescape")
    return _SHOWN_OCTET.sub(lambda found: bytes([int(found[1], 16)]), raw)


def _body(body: Body | None, headers: Headers) -> tuple[bytes | None, Headers, tuple[str, ...]]:
    """The bytes to send, the header lines that fit them, and what is to be said."""
    framed = headers.get(b"content-length") is not None or headers.get(b"transfer-encoding") is not None
    if body is None or (not body.data and not body.length):
        return (b"" if framed else None), headers, ()
    notes = []
    data = body.data
    if body.decoded_from is not None:
        data = decoded(body, headers).data
        headers = Headers(tuple(line for line in headers if line[0].lower() != b"content-encoding"))
        notes.append("The body stands here decoded, for it held a secret inside of its Content-Encoding.")
    elif (whole := len(data) + sum(span.original - span.kept for span in body.redactions)) < body.length:
        notes.append(f"The body is not whole: of its {body.length} bytes the first {whole} are on record.")
    if count := len(body.redactions):
        notes.append(f"The body is not as it was sent: fingerprints stand for secrets in {count} of its places.")
    return data, headers, tuple(notes)
