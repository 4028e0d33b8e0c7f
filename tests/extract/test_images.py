"""Pictures: kinds that OCR cannot be tried on without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moonpalace.extract import ExtractError, extract, ocr


@pytest.mark.skipif(ocr.is_there(), reason="an OCR engine is installed")
def test_a_picture_needs_ocr(keep: Callable[[bytes], Path]) -> None:
    """The error names what to install."""
    with pytest.raises(ExtractError, match=r"OCR is not installed: pip install 'moonpalace\[ocr\]'"):
        extract(keep(b"GIF89a\0\0"), "a.gif")
