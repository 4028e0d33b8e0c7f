"""An exchange as a case: the JSON object that reports to the API's makers are made of.

1. Names, order and forms are those of the earlier Go program: `metadata` (all text), `request`, `response`, then
   `error`, `category` and `tags` where there are any. After them `findings`, which that one did not have.
2. A body that is JSON stands in it as JSON, every number, name and escape as it came; any other text as text; bytes
   that are not UTF-8 as `{"base64": …}`. Content-Encoding is undone.
3. The request is the one sent (asked, if none was), the answer the API's (the proxy's own, if none came).
4. No secret: Authorization is left out; another header that carries one shows its fingerprint at most.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any

from ..core.exchange import Exchange, Message
from ..core.headers import Headers
from ..wire import http1
from ..wire.redact import FINGERPRINT
from .inspect import finding_object
from .listing import failure_text, url
from .metadata import metadata, status_line
from .sides import answer_content, answer_side, content, octets, request_side, side

CATEGORIES = {"good": "goodcase", "bad": "badcase"}
_DEEPEST = 100  # what nests deeper is not indented: blanks alone would make it a thousand times as long
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKET = re.compile(rb"[\[{\]}]")
_ESCAPE = re.compile(rb"\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL)
_HTML = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))


def case(
    exchange: Exchange,
    *,
    merge: bool = False,
    escape_html: bool = False,
    category: str | None = None,
    tags: tuple[str, ...] = (),
) -> bytes:
    """The case as JSON, indented by four, in UTF-8, a line feed at its end.

    `merge`: a streamed answer as the one object that it adds up to. `category` and `tags` are added for this case.
    """
    request, answer = request_side(exchange), answer_side(exchange)
    told = side(exchange, answer)
    status = status_line(exchange) if answer == "told" or told is None else told.start.partition(" ")[2]
    members: dict[str, bytes] = {
        "metadata": _object({name: _json(value) for name, value in metadata(exchange).items()}, 1),
        "request": _object(
            {
                "url": _json(url(exchange)),
                "header": _json(_head(side(exchange, request))),
                "body": _body(content(exchange, request).data),
            },
            1,
        ),
        "response": _object(
            {"status": _json(status), "header": _json(_head(told)), "body": _body(answer_content(exchange, merge))}, 1
        ),
    }
    if exchange.failure is not None:
        members["error"] = _json(failure_text(exchange.failure))
    if category or exchange.category:
        members["category"] = _json(category or exchange.category)
    if every := tuple(dict.fromkeys((*exchange.tags, *tags))):
        members["tags"] = _shifted(_json(list(every)), 1)
    if exchange.findings:
        members["findings"] = _shifted(_json([finding_object(finding) for finding in exchange.findings]), 1)
    whole = _object(members, 0) + b"\n"
    for char, escape in _HTML if escape_html else ():
        whole = whole.replace(char, escape)  # in JSON these stand in texts only
    return whole


def indented(data: bytes) -> bytes | None:
    """JSON indented by four and otherwise as it came; None for anything else."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    found = _format(data)
    if found is not None or b"\\u" not in data:
        return found
    # Halves of a surrogate pair are legal in JSON's grammar, but msgspec refuses them: it is shown something else.
    mark = next(mark for number in range(len(data)) if (mark := b"~%05x" % number) not in data)
    halves: list[bytes] = []

    def hide(escape: re.Match[bytes]) -> bytes:
        if len(escape[0]) == 2:
            return escape[0]
        halves.append(escape[0])
        return mark

    found = _format(_ESCAPE.sub(hide, data))
    if found is None:
        return None
    waiting = iter(halves)
    return re.sub(re.escape(mark), lambda _: next(waiting), found)


def _format(data: bytes) -> bytes | None:
    import msgspec

    try:
        return msgspec.json.format(data, indent=4 if _depth(data) <= _DEEPEST else -1)
    except (msgspec.MsgspecError, RecursionError):
        return None


def _depth(data: bytes) -> int:
    brackets = _BRACKET.findall(_STRING.sub(b"", data))
    return max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0)


def _body(data: bytes) -> bytes:
    found = indented(data)
    return _json(octets(data), 2) if found is None else _shifted(found, 2)


def _object(members: dict[str, bytes], level: int) -> bytes:
    """Members that are JSON already, as an object that stands at that level."""
    if not members:
        return b"{}"
    blanks = b"    " * (level + 1)
    inner = b",\n".join([b'%b"%b": %b' % (blanks, name.encode(), value) for name, value in members.items()])
    return b"{\n%b\n%b}" % (inner, blanks[4:])


def _json(value: Any, level: int = 0) -> bytes:
    """A value of ours. Lone surrogates, which an argument of the command line may have, become escapes."""
    return _shifted(json.dumps(value, ensure_ascii=False, indent=4).encode("utf-8", "backslashreplace"), level)


def _shifted(formatted: bytes, level: int) -> bytes:
    """Indented JSON at a level further in: line feeds stand between its tokens only."""
    return formatted.replace(b"\n", b"\n" + b"    " * level)


def _head(message: Message | None) -> str:
    if message is None:
        return ""
    shown = Headers(tuple(pair for pair in message.headers if pair[0].lower() != b"authorization"))
    secret = {i for i, line in http1.find_special([http1.raw_line(*p) for p in shown]) if line.flags & http1.SECRET}
    return "".join(
        f"{name}: {'[redacted]' if index in secret and not _has_fingerprint(value) else value}\r\n"
        for index, (name, value) in enumerate(shown.pairs())
    )


def _has_fingerprint(value: str) -> bool:
    return FINGERPRINT.search(value.encode("utf-8", "replace")) is not None
