"""Binary presentations."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import documents
import pytest

from moonpalace.extract import ExtractError, extract, powerpoint97


def test_texts_are_told_once_and_layouts_never(keep: Callable[[bytes], Path]) -> None:
    """Saving appends; older states stay in the file."""
    assert powerpoint97.read(keep(documents.ppt()), "ppt") == (documents.PPT_TEXT, "")


def test_a_record_longer_than_the_file_ends_it(keep: Callable[[bytes], Path]) -> None:
    """It must not loop."""
    stream = struct.pack("<HHI", 0, 0x0FA8, 0xFFFFFFFF) + b"text"
    assert powerpoint97.read(keep(documents.compound({"PowerPoint Document": stream})), "ppt")[0].startswith("text")


def test_an_encrypted_one_is_told(keep: Callable[[bytes], Path]) -> None:
    """By the stream that only such have."""
    data = documents.compound({"PowerPoint Document": b"x", "EncryptedSummary": b"x"})
    with pytest.raises(ExtractError, match="password"):
        extract(keep(data), "a.ppt")
