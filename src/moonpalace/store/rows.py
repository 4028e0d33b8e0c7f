"""The shape in which the librarian hands exchanges to a store: plain tuples in a fixed column order.

1. Tuples, because a row is built tens of thousands of times a second and read back seldom.
2. `columns` has their order. The store adds its own local id.
3. A body equal to its pair is None: sent is then as asked, delivered is the told one up to `delivered_length`.
4. `request_text` and `answer_text` are bodies to read, where those on the wire are encoded or a stream.
5. A digest is None where it can be taken of the body as kept.
6. `findings` is a JSON array of the fields of `core.finding.Finding`, None for none. `delivered_status` is None
   where it is that of the answer told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .columns import CONTENT, EXCHANGE

__all__ = ["CONTENT", "EXCHANGE", "START", "Batch", "Position", "Progress", "Row", "RunRow", "Story"]

Row = tuple[Any, ...]
Position = tuple[int, int]  # segment number, offset

START: Position = (0, 0)


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
    kept: list[tuple[str, str, bytes, int]] = field(default_factory=list)  # name, key, value (empty: remove), wall ns


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
