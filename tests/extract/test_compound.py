"""Compound files whose chains lie."""

from __future__ import annotations

import struct

import documents
import pytest

from moonpalace.extract import ExtractError
from moonpalace.extract.compound import Compound


def damaged(at: int, number: int) -> bytes:
    """A sound file of two streams with one number changed."""
    data = bytearray(documents.compound({"one": b"1" * 5000, "two": b"2" * 5000}))
    struct.pack_into("<I", data, at, number)
    return bytes(data)


def test_streams_are_read_whole() -> None:
    """From their chains of sectors, cut to their size."""
    file = Compound(documents.compound({"one": b"1" * 5000, "two": b"2" * 6000}))
    assert file.names == {"one", "two"}
    assert (file.read("one"), file.read("two")) == (b"1" * 5000, b"2" * 6000)


def test_small_streams_stand_in_the_stream_of_the_root() -> None:
    """64 bytes a sector, with a table of their own."""
    data = bytearray(documents.compound({"one": b"a" * 64 + b"b" * 36}))
    directory = 512 + 512 * 8
    fat = directory + 512
    struct.pack_into("<I", data, directory + 116, 0)  # the root's stream is where the stream was
    struct.pack_into("<I", data, directory + 120, 4096)
    struct.pack_into("<I", data, directory + 128 + 120, 100)
    table = len(data)
    data += struct.pack("<128I", 1, 0xFFFFFFFE, *[0xFFFFFFFF] * 126)
    struct.pack_into("<II", data, 60, (table - 512) // 512, 1)
    struct.pack_into("<I", data, fat + 4 * ((table - 512) // 512), 0xFFFFFFFE)
    assert Compound(bytes(data)).read("one") == b"a" * 64 + b"b" * 36


@pytest.mark.parametrize(
    ("at", "number"),
    [(48, 1_000_000), (76, 1_000_000), (30, 99), (-512, 0), (-512 + 36, 0), (-512, 5_000_000)],
    ids=["directory", "table", "sector size", "ring of one", "longer ring", "outside"],
)
def test_a_chain_that_leaves_the_file_or_never_ends_is_the_error(at: int, number: int) -> None:
    """It must neither loop nor read elsewhere."""
    data = (
        damaged(at, number)
        if at > 0
        else damaged(len(documents.compound({"one": b"1" * 5000, "two": b"2" * 5000})) + at, number)
    )
    with pytest.raises(ExtractError):
        Compound(data).read("one")


def test_a_missing_stream_is_named() -> None:
    """So that one sees what kind of file it is not."""
    with pytest.raises(ExtractError, match="no stream WordDocument"):
        Compound(documents.compound({"one": b"1"})).read("WordDocument")
