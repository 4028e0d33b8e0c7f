"""PDF files: the text layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import documents
import pytest

from moonpalace.extract import ExtractError, pdf

pytest.importorskip("pypdfium2", reason="moonpalace[files] is missing")


def test_pages_come_in_order_with_a_line_between(keep: Callable[[bytes], Path]) -> None:
    """And the title of the document's information."""
    found = pdf.read(keep(documents.latin_pdf([[b"one", b"two"], [b"three"]])), "pdf")
    assert found == ("one\ntwo\n\nthree\n", "Report")


def test_chinese_is_read_through_its_table(keep: Callable[[bytes], Path]) -> None:
    """The codes in the file are glyph numbers."""
    assert pdf.read(keep(documents.chinese_pdf("月之暗面：接口返回错误")), "pdf")[0] == "月之暗面：接口返回错误\n"


def test_an_empty_page_needs_no_ocr(keep: Callable[[bytes], Path]) -> None:
    """There is nothing to be seen on it."""
    assert pdf.read(keep(documents.pdf([b"", b""])), "pdf")[0] == ""


def test_too_many_pages_are_told(keep: Callable[[bytes], Path]) -> None:
    """A file of a few megabytes can have a million."""
    tree = b"<< /Type /Pages /Kids [3 0 R] /Count 100000 >>"
    data = documents.pdf([b""]).replace(b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", tree)
    with pytest.raises(ExtractError, match="the file has 100000 pages; at most 10000 are read"):
        pdf.read(keep(data), "pdf")
