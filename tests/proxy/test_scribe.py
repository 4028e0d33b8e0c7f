"""What the record gets of answers that are others than the API's: the four words that transforms need.

The rest of the scribe is looked at through real traffic, in the scenes.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from moonpalace.journal.records import (
    DELIVERED,
    SENT,
    TOLD,
    BodyEnd,
    Chunk,
    Continued,
    Delivered,
    Ended,
    Kept,
    Lost,
    Record,
    Told,
)
from moonpalace.proxy.heads import to_client
from moonpalace.proxy.scribe import Note, Scribe
from moonpalace.wire.http1 import RequestHead, ResponseHead, parse_request_head, parse_response_head
from moonpalace.wire.redact import Redactor

KEY = b"canary-0123456789-abcdefghij"
LINES = (b"Content-Type: text/event-stream", b"Content-Encoding: gzip", b"X-Api-Key: " + KEY, b"Set-Cookie: a=" + KEY)
BODY = b"data: hello " + KEY + b"\n\n"


class FakeJournal:
    """Takes records in; flushes when it is told to."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.before_flush: Callable[[], None] = lambda: None

    def add(self, record: Record, now: bool = False, size: int = 0) -> None:
        """Kept."""
        self.records.append(record)

    def wake(self, *, now: bool) -> None:
        """The test flushes."""

    def flush(self) -> list[Record]:
        """What has come since the last call."""
        self.before_flush()
        found, self.records = self.records, []
        return found


class Bench:
    """A scribe, an exchange, and what is written down."""

    def __init__(self, limit: int = 1 << 20) -> None:
        self.journal = FakeJournal()
        self.redactor = Redactor(b"s" * 32)
        self.stand_in = self.redactor.fingerprint(KEY)
        self.scribe = Scribe(self.journal, self.redactor, limit)  # type: ignore[arg-type]
        self.asked: RequestHead = parse_request_head(b"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Encoding: br\r\n")
        self.note = Note(7, b"u" * 16, 1, 2, "127.0.0.1:5", self.asked, b"/v1/x")

    def head(self, status: bytes = b"200 Fine " + KEY) -> ResponseHead:
        """An answer's head with the key in it, wherever it can be."""
        block = b"HTTP/1.1 " + status + b"\r\n" + b"".join(line + b"\r\n" for line in LINES)
        return parse_response_head(block)

    def left(self, method: Callable[..., None], *what: Any) -> list[Record]:
        """What comes of word left with one of its methods."""
        self.scribe.leave(method, self.note, *what)
        return self.journal.flush()


def test_a_head_told_alone_is_no_head_delivered() -> None:
    """What the client gets is not known yet; secrets are out of what is kept, the reason of the status too."""
    bench = Bench()
    (told,) = bench.left(bench.scribe.told_alone, bench.head(), 9)
    assert isinstance(told, Told)
    assert (told.seq, told.at_ns, told.framing) == (7, 9, "close")
    assert told.start == b"HTTP/1.1 200 Fine " + bench.stand_in
    assert told.headers.split(b"\r\n") == [LINES[0], LINES[1], b"X-Api-Key: " + bench.stand_in,
                                           b"Set-Cookie: a=" + bench.stand_in]  # fmt: skip


def test_a_head_delivered_instead_is_told_by_itself() -> None:
    """With its own status line and lines; the API's are in the record of the API's."""
    bench = Bench()
    head = bench.head()
    edit = to_client(head, chunked=False, minor=1, own=[b"x-moonpalace-id: 1"])
    edit.leave_out(head.lines, frozenset((b"content-encoding", b"set-cookie")))
    edit.append(b"Content-Length: 5")
    edit.wire(head.lines)
    (made,) = bench.left(bench.scribe.delivered, head, b"HTTP/1.1 502 Bad " + KEY, edit, 9)
    assert isinstance(made, Delivered)
    assert (made.seq, made.at_ns, made.start, made.body) == (7, 9, b"HTTP/1.1 502 Bad " + bench.stand_in, b"")
    assert made.headers.split(b"\r\n") == [LINES[0], b"X-Api-Key: " + bench.stand_in, b"x-moonpalace-id: 1",
                                           b"Content-Length: 5"]  # fmt: skip


def test_where_a_body_goes_on_by_itself_is_told() -> None:
    """What it has in common with the other is not kept twice."""
    bench = Bench()
    assert bench.left(bench.scribe.continued, DELIVERED, TOLD, 1234, 1) == [Continued(7, DELIVERED, TOLD, 1234)]


@pytest.mark.parametrize("at", range(1, len(KEY)))
def test_a_secret_across_the_place_where_two_bodies_part_is_found(at: int) -> None:
    """Half of a key is a clue to the other half: what may begin one is written down again on the new side."""
    bench = Bench()
    head = parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
    bench.left(bench.scribe.told_alone, bench.head(), 1)
    before, after = b'data: {"x":"' + KEY[:at], KEY[at:] + b'"}\n\n'
    found = bench.left(bench.scribe.piece, TOLD, head, before, 1)
    found += bench.left(bench.scribe.continued, DELIVERED, TOLD, len(before), 2)
    found += bench.left(bench.scribe.piece, TOLD, head, after, 2)
    found += bench.left(bench.scribe.piece, DELIVERED, head, after + b"end\n\n", 2)
    kept = {side: b"".join(c.data for c in found if isinstance(c, Chunk) and c.side == side)
            for side in (TOLD, DELIVERED)}  # fmt: skip
    told = b'data: {"x":"' + bench.stand_in + b'"}\n\n'
    assert kept[TOLD] == told
    (parted,) = [record for record in found if isinstance(record, Continued)]
    assert told[: parted.length] + kept[DELIVERED] == told + b"end\n\n"
    sizes = [chunk.size for chunk in found if isinstance(chunk, Chunk) and chunk.side == DELIVERED]
    assert parted.length + sum(sizes) == len(before + after + b"end\n\n")


def test_what_a_transform_keeps_belongs_to_no_exchange() -> None:
    """It is told with the time of day, for the store."""
    bench = Bench()
    bench.scribe.leave(bench.scribe.keep, 5, "caches", "k", b"v")
    bench.scribe.leave(bench.scribe.keep, 6, "caches", "k", b"")
    assert bench.journal.flush() == [Kept(5, "caches", "k", b"v"), Kept(6, "caches", "k", b"")]


@pytest.mark.parametrize("whole", [True, False])
def test_a_body_of_ours_is_not_encoded(whole: bool) -> None:
    """Though the head of the API's says that it is: it is kept as text, without the secrets that were learnt."""
    bench = Bench()
    bench.left(bench.scribe.told_alone, bench.head(), 9)
    if whole:
        found = bench.left(bench.scribe.body, DELIVERED, bench.head(), BODY, 9)
    else:
        found = bench.left(bench.scribe.piece, DELIVERED, bench.head(), BODY[:20], 9)
        found += bench.left(bench.scribe.piece, DELIVERED, bench.head(), BODY[20:], 9)
        found += bench.left(bench.scribe.body_end, DELIVERED, bench.head(), [], 9)
    chunks = [record for record in found if isinstance(record, Chunk)]
    assert b"".join(chunk.data for chunk in chunks) == BODY.replace(KEY, bench.stand_in)
    assert {(chunk.side, chunk.decoded) for chunk in chunks} == {(DELIVERED, False)}
    assert sum(chunk.size for chunk in chunks) == len(BODY)
    assert [record.length for record in found if isinstance(record, BodyEnd)] == [len(BODY)]


def test_the_two_sides_of_an_answer_are_kept_apart() -> None:
    """Told: encoded, as it came. Delivered: what was made of it."""
    bench = Bench()
    packed = gzip.compress(b"data: 1\n\n", mtime=0)
    found = bench.left(bench.scribe.piece, TOLD, bench.head(), packed, 9)
    found += bench.left(bench.scribe.piece, DELIVERED, bench.head(), b"data: 1\n\n", 9)
    (ended,) = bench.left(bench.scribe.ended, "complete", 9, ("forced_stream",), None, 10, 11)
    kept = {side: b"".join(chunk.data for chunk in found if isinstance(chunk, Chunk) and chunk.side == side)
            for side in (TOLD, DELIVERED)}  # fmt: skip
    assert kept == {TOLD: packed, DELIVERED: b"data: 1\n\n"}
    assert isinstance(ended, Ended) and ended.flags == ("forced_stream",)


def test_a_body_of_ours_may_be_longer_than_the_one_it_was_made_of() -> None:
    """Only the API's own is as long as its head says: a small one of ours is not cut for that."""
    bench = Bench(limit=100)
    head = parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n")
    (chunk,) = bench.left(bench.scribe.piece, DELIVERED, head, b"x" * 90, 9)
    assert isinstance(chunk, Chunk) and chunk.data == b"x" * 90
    found = bench.left(bench.scribe.body, SENT, head, b"y" * 150, 9)
    assert isinstance(found[0], Chunk) and (found[0].size, found[0].data) == (150, b"y" * 100)


def test_word_that_cannot_be_worked_off_is_named() -> None:
    """And what comes after it is written down."""
    bench = Bench()
    bench.scribe.leave(bench.scribe.delivered, bench.note, bench.head(), b"", None, 9)
    bench.scribe.leave(bench.scribe.continued, bench.note, DELIVERED, TOLD, 1, 1)
    lost, after = bench.journal.flush()
    assert isinstance(lost, Lost) and (lost.seqs, lost.reason) == ((7,), "AttributeError")
    assert isinstance(after, Continued)
