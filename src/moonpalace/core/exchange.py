"""The whole story of one request: what was asked, sent, told and delivered, and how it ended.

1. An exchange ends in exactly one final state; `in_flight` is the only other one.
2. Whatever went wrong is a `Failure` value: a stage, a kind, a text. It is never an exception.
3. `status` is the API's; it is None when the API gave none, whatever our own answer was. `delivered_status` is that of
   what the client got, where the API gave one and it is another.
4. Wall times end in `_at` (UTC, nanoseconds since the epoch); durations end in `_ns`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .finding import Finding
from .headers import Headers

OWN_PEER = "moonpalace"  # who asks, where the proxy makes a request by itself
OWN_CALL = "own_call"  # the flag of such an exchange


class State(StrEnum):
    """How an exchange stands."""

    IN_FLIGHT = "in_flight"
    COMPLETE = "complete"
    UPSTREAM_ERROR = "upstream_error"
    TRUNCATED = "truncated"
    CLIENT_GONE = "client_gone"
    REJECTED = "rejected"
    ABORTED = "aborted"
    INTERRUPTED = "interrupted"


class Stage(StrEnum):
    """Where an exchange was when it failed."""

    ACCEPT = "accept"
    READ_REQUEST = "read_request"
    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    SEND = "send"
    WAIT_HEADERS = "wait_headers"
    READ_HEADERS = "read_headers"
    READ_BODY = "read_body"
    DECODE = "decode"
    WRITE_CLIENT = "write_client"


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong. `raw` holds the bytes that could not be parsed, if that was the trouble."""

    stage: str
    kind: str
    message: str
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Redaction:
    """A span of a kept body that stands for a secret.

    Units: `at` and `kept` count bytes of the kept body, `original` the bytes that stood there.
    """

    at: int
    kept: int
    original: int


@dataclass(frozen=True, slots=True)
class Body:
    """One body as kept. `data` is whole unless `length` says that there was more on the wire."""

    data: bytes = b""
    length: int = 0
    sha256: str | None = None
    tail: bytes = b""
    redactions: tuple[Redaction, ...] = ()
    decoded_from: int | None = None  # the kept bytes from here on are decoded, not as on the wire


@dataclass(frozen=True, slots=True)
class Message:
    """One of the four sides. `same_as` names the side whose body this one equals."""

    start: str = ""
    headers: Headers = Headers()
    body: Body | None = None
    trailers: Headers = Headers()
    same_as: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One address tried, and how that ended (`error` None: connected)."""

    address: str
    at_ns: int
    took_ns: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A named instant of the exchange, `at_ns` after its arrival; `size` in bytes where it has one."""

    name: str
    at_ns: int
    size: int | None = None


@dataclass(slots=True)
class Exchange:
    """Everything on record about one request. Field names are the column names of the store."""

    uid: str
    state: str = State.IN_FLIGHT
    id: int | None = None
    requested_at: int = 0
    method: str = ""
    target: str = ""
    path: str = ""
    query: str = ""
    endpoint: str = ""
    route: str = ""
    peer: str = ""
    status: int | None = None
    reason: str = ""
    delivered_status: int | None = None
    model: str | None = None
    stream: bool = False
    chatcmpl: str | None = None
    request_id: str | None = None
    user_id: str | None = None
    group_id: str | None = None
    server_timing: float | None = None
    request_content_type: str | None = None
    client_request_id: str | None = None
    content_type: str | None = None
    ttft_ns: int | None = None
    tpot_ns: int | None = None
    tokens_per_second: float | None = None
    latency_ns: int | None = None
    usage: dict[str, Any] | None = None
    cached_tokens: int | None = None
    finish_reason: str | None = None
    failure: Failure | None = None
    flags: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    category: str | None = None
    tags: tuple[str, ...] = ()
    run: str = ""
    asked: Message = field(default_factory=Message)
    sent: Message | None = None
    told: Message | None = None
    delivered: Message | None = None
    interim: tuple[Message, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    upstream: dict[str, Any] = field(default_factory=dict)
    timeline: tuple[Event, ...] = ()
