"""What two requests must have in common to be the same, as a value.

1. Method, path, query in any order, and what the body says. Header lines and keys have no part in it.
2. A body of JSON is compared as a value: key order, blanks and `1` against `1.0` make no difference, and of a key that
   stands there twice the last counts. A multipart body is its parts: names, file names, digests. Else it is its bytes.
3. A key in a body or a query is like any other key: the record has only what stands for it.
4. What is kept of a request for good is small: its `key`, and a digest for each member and each message.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ...core.headers import Headers
from ...wire.redact import FINGERPRINT, SECRET_PARAMETERS, Redactor
from ..asked import Part
from .ignore import Path, leave_out
from .parts import parts_in, parts_of

STAND_IN = b"[key]"
LISTS = ("messages", "input")  # a conversation: its items are compared one by one


@dataclass(frozen=True, slots=True)
class Sketch:
    """Enough of a request to tell how near another one is. `items`: the conversation, a digest each."""

    query: tuple[tuple[str, str], ...]
    members: frozenset[bytes]
    items: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """A request as it is compared. `value`: the body; `key`: equal for equal requests."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    value: Any
    sketch: Sketch
    key: bytes


def form(
    method: str, path: str, query: str | Iterable[tuple[str, str]], headers: Headers, body: bytes,
    parts: Sequence[Part] | None = None, ignore: Sequence[Path] = (),
) -> Form:  # fmt: skip
    """The form of a request. `parts`: a multipart body that was read already."""
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace") if isinstance(query, str) else query
    known = tuple(sorted([_parameter(*pair) for pair in pairs]))
    value = parts_of(parts) if parts is not None else _value(headers, body)
    try:
        leave_out(value, ignore)
        sketch = _sketch(known, value)
    except RecursionError:  # what nests so deep is compared as it is written
        value = _bytes(body)
        sketch = _sketch(known, value)
    about = encode([method, path, known, len(sketch.items)])
    key = hashlib.sha256(b"".join([about, *sketch.items, *sorted(sketch.members)])).digest()
    return Form(method, path, known, value, sketch, key)


def _sketch(query: tuple[tuple[str, str], ...], value: dict[str, Any]) -> Sketch:
    items: list[Any] = next((value[name] for name in LISTS if isinstance(value.get(name), list)), [])
    members = [_digest([name, inner] if inner is not items else [name, 0, 0]) for name, inner in value.items()]
    return Sketch(query, frozenset(members), tuple([_digest(item) for item in items]))


def nearness(one: Sketch, other: Sketch) -> tuple[int, int, int, int]:
    """How near they are; the larger, the nearer."""
    prefix = next((n for n, (a, b) in enumerate(zip(one.items, other.items, strict=False)) if a != b), None)
    if prefix is None:
        prefix = min(len(one.items), len(other.items))
    same = len(one.members & other.members)
    return prefix, -abs(len(one.items) - len(other.items)), same, int(one.query == other.query)


def encode(value: Any) -> bytes:
    """A JSON value in its one form."""
    try:
        return _encode(value)
    except (msgspec.MsgspecError, UnicodeError, OverflowError, TypeError, ValueError):
        return json.dumps(value, sort_keys=True).encode("utf-8", "backslashreplace")


def content(headers: Headers, body: bytes) -> bytes:
    """A body without its Content-Encoding, and without keys."""
    if headers.get(b"content-encoding") is not None:
        from ...wire.encoding import decode_message

        found, problem = decode_message(headers, body)
        body = body if found is None or problem is not None else found
    redactor = Redactor(b"")
    redactor.block([line for line in headers if not FINGERPRINT.search(line[1])])  # learns the keys in them
    text = redactor.text(body)[0]
    return FINGERPRINT.sub(STAND_IN, text) if b"[key:" in text else text


def _value(headers: Headers, body: bytes) -> dict[str, Any]:
    data = content(headers, body)
    kind = headers.text("content-type") or ""
    if kind.lower().startswith("multipart/"):
        found = parts_in(kind, data)
        if found is not None:
            return found
    try:
        value = _decode(data)
        return value if isinstance(value, dict) else {"": value}
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        return _bytes(data)


def _bytes(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} if data else {}


def _parameter(name: str, value: str) -> tuple[str, str]:
    if name.lower().encode("utf-8", "replace") in SECRET_PARAMETERS:
        return name, STAND_IN.decode()
    text = Redactor(b"").text(value.encode("utf-8", "replace"))[0]
    return name, FINGERPRINT.sub(STAND_IN, text).decode("utf-8", "replace")


def _number(digits: str) -> float | int:
    found = float(digits)
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(encode(value), digest_size=16).digest()


_decode = msgspec.json.Decoder(float_hook=_number).decode
_encode = msgspec.json.Encoder(order="deterministic").encode
