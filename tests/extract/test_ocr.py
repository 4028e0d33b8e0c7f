"""Text in pictures, with the engine that is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import documents
import pytest

from moonpalace.extract import ExtractError, extract, ocr

installed = pytest.mark.skipif(not ocr.is_there(), reason="neither rapidocr nor tesseract is installed")
LINES = ["MOON PALACE 2024", "PALACE 2024"]


@installed
def test_a_picture_is_read(keep: Callable[[bytes], Path]) -> None:
    """Letters of dots: engines differ in some of them."""
    found = extract(keep(documents.png(LINES)), "photo.docx")
    assert found.file_type == "image/png"
    assert [line.endswith("PALACE 2024") for line in found.content.splitlines()] == [True, True]


@installed
def test_a_scanned_pdf_is_drawn_and_read(keep: Callable[[bytes], Path]) -> None:
    """It has no text layer."""
    pytest.importorskip("pypdfium2", reason="moonpalace[files] is missing")
    found = extract(keep(documents.scanned_pdf(LINES)), "scan.pdf")
    assert found.file_type == "application/pdf"
    assert found.content.count("PALACE 2024") == 2


@installed
def test_a_picture_without_text_is_the_error(keep: Callable[[bytes], Path]) -> None:
    """As the real API answers."""
    with pytest.raises(ExtractError, match="empty of text"):
        extract(keep(documents.png(["      ", "      "])), "a.png")


@installed
def test_a_broken_picture_is_the_error(keep: Callable[[bytes], Path]) -> None:
    """Cut off in the middle of its rows, or not one row of what it says."""
    whole = documents.png(LINES)
    for data in (whole[:60], documents.png_of(60_000, 60_000, b"")):
        with pytest.raises(ExtractError):
            extract(keep(data), "a.png")


def test_what_stands_at_one_height_is_one_line() -> None:
    """Engines hand out boxes, a line may be several, and no row of them is quite level."""

    def box(x: float, y: float) -> list[tuple[float, float]]:
        return [(x, y), (x + 50, y + 1), (x + 50, y + 21), (x, y + 20)]

    found = [(box(100, 3), "palace"), (box(0, 30), "second"), (box(0, 0), "moon")]
    assert ocr._in_lines(found) == ["moon palace", "second"]
