"""PDF files: the text layer of each page; a page without one is drawn and read by OCR.

1. A page that shows nothing is not given to OCR, and OCR that is missing fails only files that have no text at all.
2. The reader is native code: what crashes or never ends is bounded by `apart`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from . import ocr
from .gather import Gather
from .result import LOCKED, NO_FILES_EXTRA, ExtractError, tidy

MOST_PAGES = 10_000
_DOTS_PER_INCH = 150
_MOST_DOTS = 20_000_000  # a page can be metres wide: it is drawn smaller then


def read(path: Path, kind: str) -> tuple[str, str]:
    """Text and title. Raises: ExtractError, and whatever a broken file may raise."""
    try:
        import pypdfium2  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise ExtractError(NO_FILES_EXTRA.format(kind="pdf")) from error
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise ExtractError(LOCKED if "password" in str(error).lower() else "the file is not a valid pdf") from error
    try:
        count = len(document)
        if count > MOST_PAGES:
            raise ExtractError(f"the file has {count} pages; at most {MOST_PAGES} are read")
        return _told(document, count), document.get_metadata_value("Title").strip()
    finally:
        document.close()


def _told(document: Any, count: int) -> str:
    into, drawn = Gather(), []
    for index in range(count):
        page = document[index]
        text = _text(page)
        if text.strip():
            into.add(text + "\n\n")
        elif next(page.get_objects(max_depth=1), None) is not None:
            drawn.append(index)
            if ocr.is_there():
                into.add(_seen(page) + "\n\n")
        page.close()
    if drawn and not into.text().strip():
        ocr.engine()  # tells what is missing, if that is the reason
    return tidy(into.text()) if into.text().strip() else ""


def _text(page: Any) -> str:
    layer = page.get_textpage()
    try:
        # U+FFFE, or U+0002, stands for the hyphen of a word that goes on in the next line.
        text = str(layer.get_text_bounded()).replace("\r\n", "\n")
    finally:
        layer.close()
    for mark in ("\ufffe", "\x02"):
        text = text.replace(mark + "\n", "").replace(mark, "")
    return text


def _seen(page: Any) -> str:
    """The page drawn in grey and read by OCR."""
    width, height = page.get_size()
    scale = min(_DOTS_PER_INCH / 72, (_MOST_DOTS / max(1.0, width * height)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    dots, rows = bytes(bitmap.buffer), range(bitmap.height)
    packed = b"".join(dots[row * bitmap.stride :][: bitmap.width] for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "page.pgm"
        image.write_bytes(b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + packed)
        bitmap.close()
        return ocr.engine().text(image)
