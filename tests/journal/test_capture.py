"""The record's copy of a body: bounded, hashed, redacted, told piece by piece."""

from __future__ import annotations

import gzip
import hashlib

import pytest

from moonpalace.journal.capture import TAIL, Capture, whole
from moonpalace.journal.records import TOLD, BodyEnd, Chunk, Record
from moonpalace.wire.redact import Redactor

KEY = b"canary-0123456789-abcdefghij"


class Journal:
    """Takes records in, as the journal does."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def add(self, record: Record, now: bool = False, size: int = 0) -> None:
        self.records.append(record)


class Bench:
    def __init__(self, limit: int = 1 << 20, encoding: bytes | None = None, key: bytes = KEY) -> None:
        self.journal = Journal()
        self.redactor = Redactor(b"s" * 32, [key])
        self.capture = Capture(self.journal, self.redactor, 7, TOLD, limit, encoding)  # type: ignore[arg-type]

    def feed(self, *pieces: bytes) -> None:
        for number, piece in enumerate(pieces):
            self.capture.feed(piece, number)

    @property
    def chunks(self) -> list[Chunk]:
        return [record for record in self.journal.records if isinstance(record, Chunk)]

    @property
    def kept(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)

    @property
    def end(self) -> BodyEnd:
        found = self.journal.records[-1]
        assert isinstance(found, BodyEnd)
        return found


def test_every_piece_is_told_with_its_time_and_size() -> None:
    """The timeline is made of them."""
    bench = Bench()
    bench.feed(b"one ", b"two ", b"three")
    bench.capture.close(9)
    assert [(chunk.at_ns, chunk.size, chunk.data) for chunk in bench.chunks] == [
        (0, 4, b"one "), (1, 4, b"two "), (2, 5, b"three"),
    ]  # fmt: skip
    assert bench.end == BodyEnd(7, TOLD, 9, 13, hashlib.sha256(b"one two three").digest())


def test_a_small_body_is_two_records_at_most() -> None:
    """With a secret in it the hash of the wire's bytes is told too, for the kept ones have another."""
    redactor = Redactor(b"s" * 32, [KEY])
    assert whole(redactor, 1, TOLD, b"abc", 5) == (Chunk(1, TOLD, 5, 3, b"abc", (), False, True),)
    chunk, end = whole(redactor, 1, TOLD, b"<" + KEY + b">", 5)  # type: ignore[misc]
    assert KEY not in chunk.data and chunk.size == len(KEY) + 2
    assert end.sha256 == hashlib.sha256(b"<" + KEY + b">").digest()


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_past_the_limit_head_tail_length_and_hash_are_kept(size: int) -> None:
    """The record of an endless body is bounded, and says what it lacks."""
    data = b"".join(b"%07d " % number for number in range(12_000))
    bench = Bench(limit=100)
    bench.feed(*[data[at : at + size] for at in range(0, len(data), size)])
    bench.capture.close(9)
    assert bench.kept == data[:100]
    assert bench.end.length == len(data)
    assert bench.end.sha256 == hashlib.sha256(data).digest()
    assert bench.end.tail == data[-TAIL:]
    assert sum(chunk.size for chunk in bench.chunks) == len(data)


@pytest.mark.parametrize("limit", [0, 1, 99, 100, 101, 200])
def test_any_limit_keeps_that_much(limit: int) -> None:
    """One more or less at the edge."""
    data = bytes(range(200))
    bench = Bench(limit=limit)
    bench.feed(data[:100], data[100:])
    bench.capture.close(9)
    assert bench.kept == data[:limit]
    assert (bench.end.tail == b"") is (limit >= 200)
    assert data.endswith(bench.end.tail)


@pytest.mark.parametrize("at", range(len(KEY) + 2))
def test_a_limit_within_a_key_gives_nothing_away(at: int) -> None:
    """Neither half of it stands in the head or the tail."""
    text = b"." * 50 + KEY + b"." * 50
    for cut in (1, 51, 60, 77, 100):
        bench = Bench(limit=50 + at)
        bench.feed(text[:cut], text[cut:])
        bench.capture.close(9)
        for part in (bench.kept, bench.end.tail):
            assert KEY[: len(KEY) // 2 + 1] not in part
            assert KEY[len(KEY) // 2 - 1 :] not in part


@pytest.mark.parametrize("at", [0, 1, 5, len(KEY) - 1, len(KEY)])
@pytest.mark.parametrize("size", [64, 1000, 1 << 20])
def test_a_tail_that_begins_within_a_key_gives_nothing_away(at: int, size: int) -> None:
    """All but the first letter of a key is a key."""
    text = b"-" * 200_000 + KEY + b"." * (TAIL - at)
    bench = Bench(limit=10)
    bench.feed(*[text[start : start + size] for start in range(0, len(text), size)])
    bench.capture.close(9)
    assert KEY[-9:] not in bench.end.tail
    assert len(bench.end.tail) <= TAIL


def test_a_body_that_breaks_off_tells_what_was_held_back() -> None:
    """It looked like the beginning of a key, and nothing more will come."""
    bench = Bench()
    bench.feed(b"and then can")
    assert bench.kept == b"and then "
    bench.capture.release(5)
    assert bench.kept == b"and then can"
    assert bench.chunks[-1].size == 0


def test_a_coded_body_is_looked_into() -> None:
    """From the piece that brings the secret on, text is kept, and marked as such."""
    bench = Bench(encoding=b"gzip")
    wire = gzip.compress(b"the key is " + KEY)
    bench.feed(wire)
    bench.capture.close(9)
    assert [chunk.decoded for chunk in bench.chunks] == [True]
    assert bench.kept == b"the key is " + bench.redactor.fingerprint(KEY)
    assert bench.end.length == len(wire) and not bench.capture.blind


def test_a_coded_body_past_the_limit_has_no_tail() -> None:
    """Its last bytes could not be decoded, so nobody could look into them."""
    bench = Bench(limit=20, encoding=b"gzip")
    bench.feed(gzip.compress(b"x" * 100_000 + KEY))
    bench.capture.close(9)
    assert bench.end.tail == b""


def test_trailers_lose_their_secrets() -> None:
    """They are header lines that come late."""
    bench = Bench()
    bench.feed(b"x")
    bench.capture.close(9, [(b"X-Api-Key", KEY), (b"X-Sum", b"1")])
    assert KEY not in bench.end.trailers
    assert bench.end.trailers.endswith(b"X-Sum: 1")


def test_an_empty_body_is_only_an_end() -> None:
    """Chunked framing with nothing in it."""
    bench = Bench()
    bench.capture.close(9)
    assert bench.journal.records == [BodyEnd(7, TOLD, 9, 0)]
    assert not bench.capture.blind
