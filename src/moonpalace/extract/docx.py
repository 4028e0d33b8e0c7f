"""A Word document: headers, the text in document order with its tables, footnotes, endnotes, footers.

1. Headers and footers that say the same are told once.
2. Deleted text, field codes and comments are no text of the document.

Source: ECMA-376 part 1, section 17.
"""

from __future__ import annotations

from pathlib import Path

from .archive import Archive
from .ooxml import Package
from .result import tidy

_BEFORE = ("header",)
_AFTER = ("footnotes", "endnotes", "footer")


def read(path: Path, kind: str) -> tuple[str, str]:
    """Text and title. Raises: ExtractError, and whatever a broken file may raise."""
    with Archive(path) as archive:
        package = Package(archive)
        relations = package.relations(package.main)

        def told(kinds: tuple[str, ...]) -> list[str]:
            found = [package.paragraphs(each.part) for kind in kinds for each in relations if each.kind == kind]
            return list(dict.fromkeys(text.strip() for text in found if text.strip()))

        body = package.paragraphs(package.main)
        return tidy("\n\n".join([*told(_BEFORE), body, *told(_AFTER)])), package.title()
