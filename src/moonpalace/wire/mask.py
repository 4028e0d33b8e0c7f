"""Keys taken out of what others wrote down, where they carry no fingerprint yet: `[redacted]` stands for them.

1. Header lines and query parameters lose their value by name, any text what has the shape of a key, a URL its user.
2. Cookies stay: they are no keys of the API, and whoever kept them wanted to see them.

Source: the tables of `redact` and `http1`, which hold for live traffic.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from .http1 import SECRET, find_special
from .redact import KEY_SHAPE, SECRET_PARAMETERS

STAND_IN = b"[redacted]"
_COOKIES = (b"cookie", b"set-cookie")
_USER = re.compile(rb"(?i)(https?://)[^/@\s\"'?#]*@")


def mask_headers(block: bytes) -> bytes:
    """Header lines, each ended by CRLF."""
    lines = block.split(b"\r\n")
    for index, line in find_special(lines):
        name, colon, value = lines[index].partition(b":")
        if line.flags & SECRET and colon and value.strip() and name.strip().lower() not in _COOKIES:
            lines[index] = b"%b: %b" % (name, STAND_IN)
    return mask_text(b"\r\n".join(lines))


def mask_query(query: bytes) -> bytes:
    """What follows the question mark."""
    return mask_text(b"&".join(map(_mask_parameter, query.split(b"&"))))


def mask_text(text: bytes) -> bytes:
    """Any text."""
    return _USER.sub(rb"\1", KEY_SHAPE.sub(STAND_IN, text))


def _mask_parameter(parameter: bytes) -> bytes:
    name, equals, value = parameter.partition(b"=")
    secret = equals and value and unquote_to_bytes(name).lower() in SECRET_PARAMETERS
    return b"%b=%b" % (name, STAND_IN) if secret else parameter
