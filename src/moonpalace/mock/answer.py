"""What the model says, before it is rendered in one of the wire formats: plain data.

1. An `Answer` comes from a scenario or from the default brain. It says what the model would say if nothing ended it:
   stop sequences, the token limit and usage are applied later, for all sources alike.
2. Fields that are None are filled in by the renderer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model makes. `arguments`: the JSON text, as the model wrote it (it may be broken)."""

    name: str
    arguments: str
    id: str | None = None
    type: str = "function"


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer of n. `pieces`: how a stream cuts `content`; None: by tokens. `gaps`: seconds before each piece."""

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    pieces: tuple[str, ...] | None = None
    gaps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast. `ttft_s`: seconds to the first token; `tps`: tokens per second; `jitter`: 0..1, share of each time."""

    ttft_s: float | None = None
    tps: float | None = None
    jitter: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """See the module. `usage` overrides what is counted. `faults`: names as `--fault` takes them, without a rate.

    `scenario`: the name of the one that it comes from.

    `error`: the name of a row of `kimi.errors` with `values` for it, instead of an answer. `raw`: a body as it is, with
    `status` and `content_type`, instead of an answer.
    """

    choices: tuple[Choice, ...] = ()
    pace: Pace = Pace()
    usage: Mapping[str, int] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()
    error: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    content_type: str = "application/json"
    raw: bytes | None = None
    scenario: str = ""
