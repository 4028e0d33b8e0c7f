"""Books: the pages of the spine."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import documents
import pytest

from moonpalace.extract import ExtractError, epub

LOCK = "<encryption><CipherData><CipherReference URI='OEBPS/two.xhtml'/></CipherData></encryption>"


def changed(**members: str) -> bytes:
    """The book with other members; a name's `__` is its slash."""
    with zipfile.ZipFile(BytesIO(documents.epub())) as book:
        all_members: dict[str, str | bytes] = {name: book.read(name) for name in book.namelist()}
    return documents.archive(
        all_members | {name.replace("__", "/").replace("_", "."): data for name, data in members.items()}
    )


def test_a_protected_page_is_told(keep: Callable[[bytes], Path]) -> None:
    """What would come out is noise."""
    with pytest.raises(ExtractError, match="password"):
        epub.read(keep(changed(**{"META-INF__encryption_xml": LOCK})), "epub")


def test_a_page_that_is_missing_or_named_often_is_no_obstacle(keep: Callable[[bytes], Path]) -> None:
    """A spine could name one page a million times."""
    book = (
        "<opf:package><opf:manifest><opf:item id='a' href='two.xhtml' media-type='application/xhtml+xml'/>"
        "<opf:item id='b' href='gone.xhtml' media-type='application/xhtml+xml'/></opf:manifest>"
        f"<opf:spine>{'<opf:itemref idref=a /><opf:itemref idref=b />' * 1000}</opf:spine></opf:package>"
    )
    assert epub.read(keep(changed(OEBPS__book_opf=book)), "epub") == ("Chapter two\nText 二\n", "")
