"""Binary Word documents."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import documents
import pytest

from moonpalace.extract import ExtractError, word97

pytestmark = pytest.mark.usefixtures("no_programs")


def test_pieces_are_joined_fields_and_cells_shown(keep: Callable[[bytes], Path]) -> None:
    """One piece is of bytes, one of UTF-16."""
    assert word97.read(keep(documents.doc()), "doc") == (documents.DOC_TEXT, "")


def test_fields_in_fields_are_resolved_from_within() -> None:
    """A table of contents is a field full of fields."""
    assert word97._shown("\x13 TOC \x14a \x13 PAGEREF \x147\x15 b\x15 \x13 SEQ \x15c") == "a 7 b c"


def test_an_encrypted_one_is_told(keep: Callable[[bytes], Path]) -> None:
    """Its characters are noise."""
    with pytest.raises(ExtractError, match="password"):
        word97.read(keep(documents.doc(flags=0x0100)), "doc")


def test_an_older_one_needs_a_program(keep: Callable[[bytes], Path]) -> None:
    """Word 6 and 95 have no such table."""
    with pytest.raises(ExtractError, match="needs antiword, catdoc or LibreOffice"):
        word97.read(keep(documents.doc(version=0x65)), "doc")


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
def test_an_older_one_is_read_by_the_program_that_is_there(
    keep: Callable[[bytes], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first that says something; one that fails is passed over."""
    for name, script in (("antiword", "exit 1"), ("catdoc", 'for last; do :; done; test -s "$last" && echo 旧文档')):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert word97.read(keep(documents.doc(version=0x65)), "doc") == ("旧文档\n", "")
