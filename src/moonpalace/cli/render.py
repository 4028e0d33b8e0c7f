"""How an exchange looks on stdout: the columns of inspect, raw HTTP, JSON.

1. JSON leaves as UTF-8 whatever the terminal's encoding; everything else in the terminal's.
2. JSON bodies are indented, their numbers untouched: `1.0` and `12345678901234567890` stay as they are.
3. Raw HTTP is raw when it goes to a file or a pipe; on a terminal what could steer it is escaped.
"""

from __future__ import annotations

import sys
from typing import Any

from ..core.exchange import Exchange, Message
from ..service.listing import failure_text, url
from ..service.metadata import status_line
from ..service.sides import answer_content, answer_side, asked_instead, body_of, content, request_side, side
from ..text import safe
from .listed import metadata_cell
from .table import BODY_COLUMNS, Cell, body_cell


def columns(exchange: Exchange, names: list[str], *, merge: bool) -> tuple[list[str], list[Cell]]:
    """Titles and cells of what `--print` asked for."""
    titles: list[str] = []
    cells: list[Cell] = []
    status = exchange.delivered_status or exchange.status
    failed = status is None or status >= 400 or exchange.failure is not None
    for name in names:
        if name == "error" and not failed:
            continue
        # An answer that is no success is titled as what it is.
        titles.append("error" if name == "response_body" and exchange.status != 200 else name)
        cells.append(_column(exchange, name, merge))
    return titles, cells


def _column(exchange: Exchange, name: str, merge: bool) -> Cell:
    request, answer = request_side(exchange), answer_side(exchange)
    match name:
        case "metadata":
            return metadata_cell(exchange)
        case "request_header":
            return body_cell(_head(side(exchange, request)))
        case "response_header":
            return body_cell(_head(side(exchange, answer)))
        case "request_body":
            return body_cell(_text(pretty(content(exchange, request).data)), BODY_COLUMNS)
        case "response_body":
            return body_cell(_text(pretty(answer_content(exchange, merge))), BODY_COLUMNS)
        case _:
            if exchange.failure:
                return body_cell(failure_text(exchange.failure), BODY_COLUMNS)
            if exchange.delivered_status is not None:
                return body_cell(_text(pretty(content(exchange, "delivered").data)), BODY_COLUMNS)
            return _column(exchange, "response_body", merge)


def http_request(exchange: Exchange) -> bytes:
    """The request in the shape of raw HTTP, a JSON body indented."""
    name = request_side(exchange)
    start = f"{exchange.method} {url(exchange)} HTTP/1.1"
    return _http(start, side(exchange, name), pretty(content(exchange, name).data))


def http_answer(exchange: Exchange, *, merge: bool) -> bytes:
    """The answer in the shape of raw HTTP, a JSON body indented."""
    name = answer_side(exchange)
    message = side(exchange, name)
    start = f"HTTP/1.1 {status_line(exchange)}" if name == "told" or message is None else message.start
    return _http(start.rstrip(), message, pretty(answer_content(exchange, merge)))


def pretty(data: bytes) -> bytes:
    """JSON indented by four, anything else as it is. Text in it stays as written, numbers digit for digit."""
    import msgspec

    if data.lstrip()[:1] not in (b"{", b"["):
        return data
    try:
        return msgspec.json.format(data, indent=4)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return data


def cut_short(exchange: Exchange, name: str) -> str | None:
    """A sentence for stderr when the body of that side is not wholly kept."""
    body = body_of(exchange, name)
    if body is None or body.decoded_from is not None:
        return None
    kept = len(body.data) + sum(span.original - span.kept for span in body.redactions)  # what the wire had of it
    if body.length <= kept:
        return None
    return f"note: of this body's {body.length} bytes the first {kept} are kept (see --body-limit)"


def side_notes(exchange: Exchange, *, request: bool, answer: bool) -> list[str]:
    """Sentences for stderr: what the reader must know about the sides shown."""
    notes: list[str] = []
    if request and (why := asked_instead(exchange)):
        notes.append(f"note: {why}")
    for shown, name in ((request, request_side(exchange)), (answer, answer_side(exchange))):
        if not shown:
            continue
        if name == "delivered":
            notes.append("note: the API did not answer; this is what the proxy answered")
        elif name == "told" and exchange.delivered_status is not None:
            notes.append(
                f"note: this is what the API answered; the client got {exchange.delivered_status} (see --json)"
            )
        if problem := content(exchange, name).problem:
            notes.append(f"note: the body could not be decoded wholly ({problem})")
        if cut := cut_short(exchange, name):
            notes.append(cut)
    return notes


def write_json(value: Any) -> None:
    """A value on stdout as JSON in UTF-8, members in their order."""
    import json

    text = safe.json_text(json.dumps(value, ensure_ascii=False, indent=2)) + "\n"
    _write(text.encode())


def write_raw(data: bytes) -> None:
    """Raw HTTP on stdout by rule 3."""
    data = data if data.endswith(b"\n") else data + b"\n"
    if sys.stdout.isatty():
        sys.stdout.write(safe.block(data.decode("utf-8", "backslashreplace")))
    else:
        _write(data)


def _write(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _http(start: str, message: Message | None, body: bytes) -> bytes:
    lines = [] if message is None else [b"%b: %b" % line for line in message.headers]
    return b"\n".join([start.encode("utf-8", "replace"), *lines, b"", body])


def _head(message: Message | None) -> str:
    return "" if message is None else "\n".join(f"{name}: {value}" for name, value in message.headers.pairs())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
