"""The records of the journal: what is read back is what was written, by this version or an earlier one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from moonpalace.journal import records
from moonpalace.journal.reader import JournalReader
from moonpalace.journal.records import (
    ASKED,
    DELIVERED,
    TOLD,
    Arrived,
    BodyEnd,
    Chunk,
    Continued,
    Delivered,
    Ended,
    Interim,
    Kept,
    Lost,
    Record,
    RunEnded,
    RunStarted,
    Sent,
    Told,
    Tried,
)
from moonpalace.testing.journals import JournalBuilder, frame

LONG = 2**63 - 1
ALL: list[Record] = [
    RunStarted("run", 1, LONG, "1.2", "http://127.0.0.1:9988/v1", "https://api.moonshot.cn"),
    RunStarted("run", 1, 2, "1.2", "", "", (0.5, 100)),
    RunStarted("run", 1, 2, "1.2", "", "", (1.0, 0)),
    Arrived(1, 2, 3, b"u" * 16, "127.0.0.1:5", b"POST / HTTP/1.1", b"A: \xff", "https://x", "/there"),
    Chunk(1, TOLD, 2, 3, b"\xff\0", ((0, 5, 27),), True, True),
    BodyEnd(1, ASKED, 2, 3, b"s" * 32, b"tail", b"X: 1"),
    Sent(1, 2, b"GET / HTTP/1.1", b"A: b", {"address": "x", "reused": True, "cache": "hit"}),
    Told(1, 2, b"HTTP/1.1 200 OK", b"", "chunked"),
    Interim(1, 2, b"HTTP/1.1 103 Early Hints", b"Link: x"),
    Delivered(1, 2, b"HTTP/1.1 502 Bad Gateway", b"", b"{}"),
    Ended(
        1, 2, b"u" * 16, 3, b"GET / HTTP/1.1", "complete", 4, "decode", "error", "月", b"raw", ("forced_stream", "x")
    ),
    Tried(1, 2, (("127.0.0.1:80", 1, 2, "refused"),), "http://proxy:1"),
    Lost(1, 2, 3, (4, 5), "full"),
    RunEnded(1, 2, 3),
    Continued(7, DELIVERED, TOLD, LONG),
    Continued(0, DELIVERED, ASKED, 0),
    Kept(LONG, "caches", "who/https://x/月", b"\xff\0"),
    Kept(1, "caches", "", b""),
]


def read(path: Path) -> list[Record]:
    """All records of the journal but those that open it."""
    reader = JournalReader(path)
    found: list[Record] = []
    while frames := reader.read():
        for each in frames:
            found += each.records
    assert (reader.damaged, reader.unknown) == (0, 0)
    reader.close()
    return found[1:]


def test_every_record_comes_back_as_it_was(tmp_path: Path) -> None:
    """Through the file."""
    builder = JournalBuilder(tmp_path)
    for record in ALL:
        builder.add(record)
    builder.add(*ALL)
    assert read(builder.path) == [*ALL, *ALL]
    assert [type(record) for record in records.decode(records.encode(ALL))] == [type(record) for record in ALL]


def test_there_is_an_example_of_each() -> None:
    """And each has a number of its own, which an old journal relies on."""
    kinds: tuple[Any, ...] = get_args(Record)
    assert {type(record) for record in ALL} == set(kinds)
    tags = {kind.__name__: kind.__struct_config__.tag for kind in kinds}
    assert tags == {
        "RunStarted": 0, "Arrived": 1, "Chunk": 2, "BodyEnd": 3, "Sent": 4, "Told": 5, "Interim": 6, "Delivered": 7,
        "Ended": 8, "Tried": 9, "Lost": 10, "RunEnded": 11, "Continued": 12, "Kept": 13,
    }  # fmt: skip


def test_a_journal_without_the_measure_of_repetition_is_read(tmp_path: Path) -> None:
    """It was written before there was one: nothing was to be detected."""
    builder = JournalBuilder(tmp_path)
    old = [0, "run", 1, 2, "0.1", "http://127.0.0.1:9988/v1", "https://api.moonshot.cn"]
    builder.write(frame(msgspec.msgpack.encode([old, msgspec.to_builtins(RunEnded(1, 2, 3))])))
    started, ended = read(builder.path)
    assert started == RunStarted("run", 1, 2, "0.1", "http://127.0.0.1:9988/v1", "https://api.moonshot.cn", None)
    assert ended == RunEnded(1, 2, 3)


@pytest.mark.parametrize("measure", [None, (0.5, 100), (1.0, 0)])
def test_the_measure_is_the_last_field(measure: tuple[float, int] | None) -> None:
    """An older reader stops before it."""
    written = msgspec.msgpack.decode(records.encode([RunStarted("run", 1, 2, "1", "a", "b", measure)]))
    assert written == [[0, "run", 1, 2, "1", "a", "b", None if measure is None else list(measure)]]


def test_a_whole_number_is_a_threshold_too() -> None:
    """`1` in the settings."""
    written = msgspec.msgpack.encode([[0, "run", 1, 2, "1", "a", "b", [1, 7]]])
    (started,) = records.decode(written)
    assert isinstance(started, RunStarted) and started.repetition == (1.0, 7)
