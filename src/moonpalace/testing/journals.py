"""Builds journals by hand, as the traffic process would have written them."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.headers import HeaderLine, pack
from ..core.ids import UidMaker, uid_text
from ..journal import records
from ..journal.records import (
    ASKED,
    TOLD,
    Arrived,
    BodyEnd,
    Chunk,
    Delivered,
    Ended,
    Record,
    RunEnded,
    RunStarted,
    Sent,
    Told,
)
from ..journal.runs import Run, RunInfo, create_run, segment_path

WALL_NS = 1_780_000_000_000_000_000
JSON: list[HeaderLine] = [(b"Content-Type", b"application/json")]
STREAM: list[HeaderLine] = [(b"Content-Type", b"text/event-stream")]
_HEADER = struct.Struct("<4sII")


def frame(items: Sequence[Record] | bytes) -> bytes:
    """One frame, of records or of a payload."""
    payload = items if isinstance(items, bytes) else records.encode(list(items))
    return _HEADER.pack(b"MPJ1", len(payload), zlib.crc32(payload)) + payload


@dataclass
class Script:
    """What happens in one exchange; `records` tells it. Times are in milliseconds after the arrival."""

    seq: int
    start: bytes = b"POST /v1/chat/completions HTTP/1.1"
    headers: Iterable[HeaderLine] = field(default_factory=lambda: list(JSON))
    body: bytes = b'{"model":"kimi-k2","messages":[]}'
    status: bytes = b"HTTP/1.1 200 OK"
    told_headers: Iterable[HeaderLine] = field(default_factory=lambda: list(JSON))
    chunks: Sequence[bytes] = (b'{"id":"cmpl-1","object":"chat.completion","choices":[]}',)
    state: str = "complete"
    endpoint: str = "https://api.moonshot.cn"
    step_ms: int = 10
    ended: bool = True
    failure: tuple[str, str, str] = ("", "", "")
    flags: tuple[str, ...] = ()
    at_ns: int = 1_000_000_000
    uid: bytes = b""

    @property
    def arrives_ns(self) -> int:
        """When it arrives: a millisecond after the one before it."""
        return self.at_ns + self.seq * 1_000_000

    def records(self) -> list[Record]:
        """The records of this exchange, in order."""
        at, step = self.arrives_ns, self.step_ms * 1_000_000
        seq, size = self.seq, sum(map(len, self.chunks))
        out: list[Record] = [
            Arrived(seq, at, WALL_NS + at, self.uid, "127.0.0.1:5", self.start, pack(self.headers), self.endpoint)
        ]
        if self.body:
            out.append(Chunk(seq, ASKED, at + 1, len(self.body), self.body))
        out.append(BodyEnd(seq, ASKED, at + 2, len(self.body)))
        out.append(Sent(seq, at + 3, self.start, pack(self.headers), {"address": "127.0.0.1:80", "reused": True}))
        if self.status:
            head = pack(self.told_headers)
            out.append(Told(seq, at + step, self.status, head, "length"))
            out.append(Delivered(seq, at + step, self.status, head))
            for number, chunk in enumerate(self.chunks, 1):
                out.append(Chunk(seq, TOLD, at + step * number, len(chunk), chunk))
            if self.state == "complete":
                out.append(BodyEnd(seq, TOLD, at + step * len(self.chunks), size))
        if self.ended:
            stage, kind, message = self.failure
            end_at = at + step * (len(self.chunks) + 1)
            out.append(
                Ended(seq, end_at, self.uid, WALL_NS + end_at, self.start, self.state, size, stage, kind, message, b"",
                      self.flags)
            )  # fmt: skip
        return out


class JournalBuilder:
    """A run's folder with a journal in it. `living` keeps the run's lock."""

    def __init__(self, home: Path, *, living: bool = False, name: str | None = None) -> None:
        uids = UidMaker(lambda: WALL_NS)
        self.uids = uids
        self.run: Run = create_run(
            home, RunInfo(run=name or uid_text(uids()), pid=1, endpoint="https://api.moonshot.cn")
        )
        self.segment = 0
        if not living:
            self.die()
        self.next_segment()

    @property
    def path(self) -> Path:
        return self.run.path

    def die(self) -> None:
        """The traffic process is gone."""
        if self.run.lock is not None:
            self.run.lock.release()

    def next_segment(self) -> None:
        """Begin the next file, as each begins."""
        self.segment += 1
        info = self.run.info
        self.write(frame([RunStarted(info.run, 1, WALL_NS, "1", "http://127.0.0.1:9988", info.endpoint)]))

    def write(self, data: bytes) -> None:
        """Append bytes to the last segment."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        fd = os.open(segment_path(self.path, self.segment), flags, 0o600)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)

    def add(self, *items: Record) -> None:
        """One frame with these records."""
        self.write(frame(items))

    def exchange(self, script: Script, *, frames: int = 1) -> Script:
        """The records of an exchange, spread over so many frames."""
        script.uid = script.uid or self.uids()
        items = script.records()
        size = -(-len(items) // frames)
        for at in range(0, len(items), size):
            self.add(*items[at : at + size])
        return script

    def end(self, accepted: int) -> None:
        """The traffic process says good-bye."""
        self.add(RunEnded(9_000_000_000, WALL_NS + 9, accepted))
