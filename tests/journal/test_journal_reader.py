"""Reading a journal: growing, cut anywhere, damaged, written by a newer version."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from moonpalace.journal.reader import JournalReader
from moonpalace.journal.records import Record, RunEnded
from moonpalace.journal.runs import segment_path
from moonpalace.testing.journals import JournalBuilder, Script, frame


def ends(count: int) -> list[Record]:
    return [RunEnded(number, number, number) for number in range(count)]


def read_all(reader: JournalReader, size: int = 262_144) -> list[Record]:
    found: list[Record] = []
    while frames := reader.read(size):
        for each in frames:
            found += each.records
    return found


@pytest.fixture
def builder(tmp_path: Path) -> JournalBuilder:
    return JournalBuilder(tmp_path)


def test_any_way_of_growing_gives_the_same_records(builder: JournalBuilder) -> None:
    """A frame may be seen half written at any byte; it is waited for and never taken twice."""
    wanted = ends(3)
    data = b"".join(frame([record]) for record in wanted)
    reader = JournalReader(builder.path)
    found = read_all(reader)[1:]
    for at in range(len(data)):
        builder.write(data[at : at + 1])
        found += read_all(reader)
    assert found == wanted
    assert reader.damaged == 0


@pytest.mark.parametrize("size", [1, 13, 64, 4096])
def test_any_read_size_gives_the_same_records(builder: JournalBuilder, size: int) -> None:
    """A frame longer than what is read at once must still be read whole."""
    wanted = ends(20)
    for record in wanted:
        builder.add(record)
    assert read_all(JournalReader(builder.path), size)[1:] == wanted


def test_segments_follow_one_another_and_gaps_are_passed_over(builder: JournalBuilder) -> None:
    """A segment that was removed holds nothing that is still needed."""
    wanted = ends(3)
    for record in wanted:
        builder.add(record)
        builder.next_segment()
    segment_path(builder.path, 2).unlink()
    found = [record for record in read_all(JournalReader(builder.path)) if isinstance(record, RunEnded)]
    assert found == [wanted[0], wanted[2]]


def test_a_position_is_where_another_reader_goes_on(builder: JournalBuilder) -> None:
    """The store keeps a position, and after a crash reading goes on from it."""
    wanted = ends(4)
    for record in wanted:
        builder.add(record)
    first = JournalReader(builder.path)
    found = []
    while frames := first.read(1):
        found += frames[0].records
        first.close()
        first = JournalReader(builder.path, first.position)
    assert found[1:] == wanted


@pytest.mark.parametrize(
    "damage",
    [b"\0" * 40, b"MPJ1", b"MPJ1\xff\xff\xff\xff\0\0\0\0", b"MPJ1\x04\0\0\0\0\0\0\0abcd", frame(ends(1))[:-1]],
    ids=["zeros", "magic only", "absurd length", "wrong crc", "torn frame"],
)
def test_damage_in_the_middle_costs_only_itself(builder: JournalBuilder, damage: bytes) -> None:
    """A disk may return anything; what follows the damage is still there."""
    before, after = RunEnded(1, 1, 1), RunEnded(2, 2, 2)
    builder.add(before)
    builder.write(damage)
    builder.add(after)
    builder.next_segment()
    reader = JournalReader(builder.path)
    found = [record for record in read_all(reader) if isinstance(record, RunEnded)]
    assert found == [before, after]
    assert reader.damaged == len(damage)


def test_damage_in_a_growing_segment_is_passed_as_soon_as_a_whole_frame_follows(builder: JournalBuilder) -> None:
    """A run that lives for days must not wait for its next segment."""
    reader = JournalReader(builder.path)
    builder.write(b"MPJ1\x05\0\0\0\0\0\0\0wrong" + b"MPJ1\xff\0\0\0")
    assert len(read_all(reader)) == 1
    wanted = RunEnded(1, 1, 1)
    builder.add(wanted)
    assert read_all(reader) == [wanted]


def test_a_torn_frame_at_the_end_is_no_damage_until_a_segment_follows(builder: JournalBuilder) -> None:
    """Its writer may be at it; only when it went on elsewhere was it given up."""
    torn = frame(ends(1))[:-3]
    builder.write(torn)
    reader = JournalReader(builder.path)
    assert len(read_all(reader)) == 1
    assert reader.damaged == 0
    builder.next_segment()
    assert len(read_all(reader)) == 1
    assert reader.damaged == len(torn)


def test_a_frame_cut_away_again_and_written_anew_is_read_once(builder: JournalBuilder) -> None:
    """The writer cuts off what a full disk left half written."""
    path = segment_path(builder.path, 1)
    size = path.stat().st_size
    reader = JournalReader(builder.path)
    read_all(reader)
    builder.write(frame(ends(2))[:-2])
    assert read_all(reader) == []
    with path.open("r+b") as file:
        file.truncate(size)
    wanted = RunEnded(7, 7, 7)
    builder.add(wanted)
    assert read_all(reader) == [wanted]


def test_records_of_a_newer_version_are_left_out_and_the_rest_is_read(builder: JournalBuilder) -> None:
    """An old librarian may meet a journal of a newer traffic process."""
    known = RunEnded(1, 1, 1)
    items = [[99, "what is this"], msgspec.to_builtins(known), {"not": "an array"}, [8, "no ended"]]
    builder.write(frame(msgspec.msgpack.encode(items)))
    builder.write(frame(b"\xc1 no msgpack"))
    reader = JournalReader(builder.path)
    assert read_all(reader)[1:] == [known]
    assert reader.unknown == 4


def test_fields_added_by_a_newer_version_are_no_hindrance(builder: JournalBuilder) -> None:
    """Fields are only ever added at the end."""
    known = RunEnded(1, 1, 1)
    builder.write(frame(msgspec.msgpack.encode([[*msgspec.to_builtins(known), "new"]])))
    assert read_all(JournalReader(builder.path))[1:] == [known]


def test_a_large_frame_is_read_whole(builder: JournalBuilder) -> None:
    """A group of chunks may be longer than what is read at once."""
    script = builder.exchange(Script(1, body=b"x" * 700_000))
    assert read_all(JournalReader(builder.path))[1:] == script.records()
