"""Pictures: what OCR reads in them."""

from __future__ import annotations

from pathlib import Path

from . import ocr
from .result import EMPTY, ExtractError, tidy


def read(path: Path, kind: str) -> tuple[str, str]:
    """Text; a picture has no title. Raises: ExtractError, and whatever a broken file may raise."""
    text = ocr.engine().text(path)
    if not text.strip():
        raise ExtractError(EMPTY)
    return tidy(text), ""
