"""The shape in which the librarian hands exchanges to a store: plain tuples in a fixed column order.

1. Tuples, because a row is built tens of thousands of times a second and read back seldom.
2. `EXCHANGE` and `CONTENT` name the columns in the order of the tuples. The store adds its own local id.
3. A body equal to its pair is None: sent is then as asked, delivered is the told one up to `delivered_length`.
4. `request_text` and `answer_text` are bodies to read, where those on the wire are encoded or a stream.
5. A digest is None where it can be taken of the body as kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Row = tuple[Any, ...]
Position = tuple[int, int]  # segment number, offset

START: Position = (0, 0)

EXCHANGE = (
    "uid", "state", "requested_at", "method", "target", "path", "query", "endpoint", "route", "peer",
    "status", "reason", "model", "stream", "chatcmpl", "request_id", "user_id", "group_id", "server_timing",
    "request_content_type", "client_request_id", "content_type",
    "ttft_ns", "tpot_ns", "tokens_per_second", "latency_ns", "usage", "cached_tokens", "finish_reason",
    "failure_stage", "failure_kind", "failure_message", "failure_raw", "flags",
)  # fmt: skip

CONTENT = (
    "asked_start", "asked_headers", "asked_body", "asked_length", "asked_sha256",
    "sent_start", "sent_headers", "sent_body", "sent_length", "sent_sha256",
    "told_start", "told_headers", "told_body", "told_length", "told_sha256",
    "delivered_start", "delivered_headers", "delivered_body", "delivered_length", "delivered_sha256",
    "request_text", "answer_text", "upstream", "timeline", "attempts", "interim", "extras",
)  # fmt: skip


@dataclass(slots=True)
class Story:
    """One exchange on its way into a store: its row, and what was said."""

    uid: bytes
    exchange: Row
    content: Row


@dataclass(slots=True)
class Batch:
    """What became known between two positions of a run's journal. All of it is stored, or nothing."""

    arrived: list[Story] = field(default_factory=list)  # still in flight at the end of the batch
    ended: list[Story] = field(default_factory=list)
    lost_records: int = 0
    lost_bytes: int = 0
    accepted: int | None = None
    ended_at: int | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """What a store keeps of a run besides its exchanges."""

    uid: str
    pid: int = 0
    started_at: int | None = None
    boot_id: str | None = None
    version: str = ""
    endpoint: str = ""
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run's journal has been taken in. `low`: the oldest position that is still needed."""

    position: Position = START
    low: Position = START
