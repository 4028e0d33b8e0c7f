"""What of a body a person, a search or a plain SQL query can read, where the bytes on the wire cannot be read so.

1. A stream is the one answer that its events add up to; an encoded body is what it decodes to.
2. The bytes themselves are kept elsewhere: this is for reading, and may be less than they say.
"""

from __future__ import annotations

from ..core.headers import Headers
from .completion import merged
from .encoding import decode_message


def readable(headers: Headers, body: bytes, decoded_from: int | None = None) -> bytes | None:
    """An answer's body to read; None where the bytes can be read as they are. From `decoded_from` they are decoded."""
    inner = decoded(headers, body, decoded_from)
    answer = merged(headers.text("content-type"), body if inner is None else inner, compact=True)
    return inner if answer is None else answer


def decoded(headers: Headers, body: bytes, decoded_from: int | None = None) -> bytes | None:
    """What a body is without its content coding; None where it has none, or nothing could be decoded."""
    return decode_message(headers, body, decoded_from)[0] or None
