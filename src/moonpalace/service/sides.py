"""The four sides of an exchange: heads and bodies, as kept and as content.

1. A body is stored in wire form. Its content is what is left when the Content-Encoding is undone.
2. A side whose body equals another's points there (`same_as`); `body_of` follows, `side_object` says so.
3. What cannot be decoded is given as it came, with the reason beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.exchange import Body, Exchange, Message, State
from ..core.headers import Headers

SIDES = ("asked", "sent", "told", "delivered")


@dataclass(frozen=True, slots=True)
class Content:
    """A body as content. `problem` says why it is not, or not wholly, decoded."""

    data: bytes = b""
    problem: str | None = None


def side(exchange: Exchange, name: str) -> Message | None:
    """One of the four sides."""
    found: Message | None = getattr(exchange, name)
    return found


def body_of(exchange: Exchange, name: str) -> Body | None:
    """The body of that side, wherever it is stored."""
    for _ in SIDES:  # a chain of references is never longer than the sides are many
        message = side(exchange, name)
        if message is None:
            return None
        if message.body is not None or message.same_as is None:
            return message.body
        name = message.same_as
    return None


def content(exchange: Exchange, name: str) -> Content:
    """What the body of that side says, its Content-Encoding undone."""
    message, body = side(exchange, name), body_of(exchange, name)
    if message is None or body is None:
        return Content()
    return decoded(body, message.headers)


def request_side(exchange: Exchange) -> str:
    """The request as it was sent; if it never was, as it was asked."""
    return "asked" if exchange.sent is None else "sent"


def asked_instead(exchange: Exchange) -> str | None:
    """Why the request shown is the one that was asked, as a sentence; None where it is the one that was sent."""
    if exchange.sent is not None:
        return None
    if exchange.state == State.IN_FLIGHT:
        return "this exchange is under way: its head alone is on record yet"
    if "salvaged" in exchange.flags:
        return "parts of this exchange were lost with a damaged database"
    return "nothing was sent to the API; this is what the client asked"


def answer_side(exchange: Exchange) -> str:
    """The answer as it was told; if none came, our own that was delivered."""
    return "told" if exchange.told is not None or exchange.delivered is None else "delivered"


def answer_content(exchange: Exchange, merge: bool) -> bytes:
    """The answer's content; with `merge` the events of a stream as the one object that they add up to."""
    name = answer_side(exchange)
    data = content(exchange, name).data
    if merge and (message := side(exchange, name)) is not None:
        from ..wire.completion import merged

        return merged(message.headers.text("content-type") or "", data) or data
    return data


def decoded(body: Body, headers: Headers) -> Content:
    """The kept bytes of a body with the Content-Encoding undone, as far as that goes."""
    if headers.get(b"content-encoding") is None:
        return Content(body.data)
    from ..wire.encoding import decode_message

    data, problem = decode_message(headers, body.data, body.decoded_from)
    if data is None or (problem is not None and not data):
        return Content(body.data, problem)
    return Content(data, problem)


def side_object(message: Message | None) -> dict[str, Any] | None:
    """One side as an object: `start`, `headers`, `body`, `trailers`, and what is known of the body."""
    if message is None:
        return None
    found: dict[str, Any] = {"start": message.start, "headers": pairs(message.headers)}
    if message.same_as is not None:
        found["body"] = {"same_as": message.same_as}
    elif message.body is None:
        found["body"] = None
    else:
        found.update(_body_members(message.body, message.headers))
    found["trailers"] = pairs(message.trailers)
    return found


def octets(data: bytes) -> str | dict[str, str]:
    """Bytes in JSON: text if they are UTF-8, else base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        import base64

        return {"base64": base64.b64encode(data).decode()}


def _body_members(body: Body, headers: Headers) -> dict[str, Any]:
    found: dict[str, Any] = {"body": octets(body.data), "length": body.length, "sha256": body.sha256}
    if headers.get(b"content-encoding") is not None:
        inner = decoded(body, headers)
        if inner.problem is None or inner.data != body.data:
            found["decoded"] = octets(inner.data)
        if inner.problem is not None:
            found["decode_problem"] = inner.problem
    if body.tail:
        found["tail"] = octets(body.tail)
    if body.redactions:
        found["redactions"] = [{"at": r.at, "kept": r.kept, "original": r.original} for r in body.redactions]
    if body.decoded_from is not None:
        found["decoded_from"] = body.decoded_from
    return found


def pairs(headers: Headers) -> list[list[str]]:
    """Header lines as text, in order."""
    return [list(pair) for pair in headers.pairs()]
