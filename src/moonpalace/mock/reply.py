"""What the API says, before pacing and faults: plain data.

1. A `Reply` is a head and chunks of a body. An unstreamed answer has one chunk.
2. A chunk's `tokens` say how long the model takes for it; `gap_s`, where given, says the time before it outright.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from ..kimi.errors import Violation
from .answer import Pace

AS_EVER = Pace()
encode = msgspec.json.Encoder().encode
JSON = "application/json; charset=utf-8"
EVENTS = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes that are sent together. `first`: the time to the first token comes before it."""

    data: bytes
    tokens: int = 0
    gap_s: float | None = None


@dataclass(slots=True, eq=False)
class Reply:
    """An answer. `streamed`: its body has no length of its own and goes out chunk by chunk.

    `pace`, `faults`: what its scenario asks for. `done`: called once when the answer is out or given up.
    `violation`: the error that it says; another format may say it otherwise.
    """

    status: int
    chunks: tuple[Chunk, ...]
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    streamed: bool = False
    pace: Pace = AS_EVER
    faults: tuple[str, ...] = ()
    done: Callable[[], object] | None = None
    violation: Violation | None = None

    def with_headers(self, *lines: tuple[str, str]) -> Reply:
        """It, with more header lines."""
        self.headers += lines
        return self

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join([chunk.data for chunk in self.chunks])


def json_reply(value: Any, status: int = 200, tokens: int = 0) -> Reply:
    """A JSON value as an answer."""
    return Reply(status, (Chunk(encode(value), tokens),))
