"""Files to text: documents, tables, presentations, books, pages, source, and pictures by OCR.

1. `extract` reads in this process; `apart.extract_apart` in a child with limits, which is for files of others.
2. Content decides what a file is; names only where content cannot.
3. The libraries are optional and imported when a file needs one: `moonpalace[files]` and `moonpalace[ocr]`.
4. Nothing of a file is believed: sizes, counts, offsets, entities, nesting.
"""

from __future__ import annotations

from pathlib import Path

from .result import Extracted, ExtractError

__all__ = ["ExtractError", "Extracted", "extract"]


def extract(path: Path, filename: str) -> Extracted:
    """The text of the file at `path`, which its owner calls `filename`. Raises: ExtractError."""
    from .read import read

    return read(path, filename)
