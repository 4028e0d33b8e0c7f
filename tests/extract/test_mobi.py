"""Mobipocket books."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import documents
import pytest

from moonpalace.extract import ExtractError, mobi


def test_plain_books_are_read(keep: Callable[[bytes], Path]) -> None:
    """The other form that is read is in the table of all files."""
    assert mobi.read(keep(documents.mobi(compression=1)), "mobi") == ("plain 中\n", "Mobi 书")


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"compression": 17480}, "compressed in a way that is not read"), ({"encryption": 2}, "protected by a password")],
)
def test_what_is_not_read_is_told(options: dict[str, int], reason: str, keep: Callable[[bytes], Path]) -> None:
    """Huffman compression, and rights management."""
    with pytest.raises(ExtractError, match=reason):
        mobi.read(keep(documents.mobi(**options)), "mobi")


@pytest.mark.parametrize(
    ("record", "flags", "expected"),
    [(b"text", 0, 0), (b"text\x82", 2, 2), (b"text\x01", 1, 2), (b"text\x01\x81", 3, 3), (b"", 7, 0), (b"\xff", 2, 1)],
)
def test_bytes_behind_the_text_are_no_text(record: bytes, flags: int, expected: int) -> None:
    """Entries tell their size backwards; a lie takes no more than there is."""
    assert expected == mobi._trailing(record, flags)
