"""Texts and presentations of OpenDocument: paragraphs, headings and tables of `content.xml` in document order.

Source: OpenDocument 1.3, part 3 sections 5, 6 and 9; part 2 section 3.4 (encryption).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .archive import Archive, Inside, Walk
from .gather import Gather
from .result import LOCKED, ExtractError, tidy

_MANIFEST = "META-INF/manifest.xml"
_MOST_BLANKS = 100  # a `text:s` may ask for any number


class _Content(Walk):
    skip = frozenset(("tracked-changes", "annotation", "forms", "automatic-styles"))

    def __init__(self, into: Gather) -> None:
        super().__init__()
        self._into = into
        self._depth = 0  # paragraphs we are in: a footnote has its own

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in ("p", "h"):
            self._depth += 1
        elif name == "table-row":
            self._into.begin_row()
        elif name == "tab":
            self._into.add("\t")
        elif name == "line-break":
            self._into.end_line()
        elif name == "s":
            count = next((value for key, value in attributes.items() if key.endswith("}c")), "1")
            self._into.add(" " * min(int(count), _MOST_BLANKS))

    def closed(self, name: str) -> None:
        if name in ("p", "h"):
            self._depth -= 1
            self._into.end_line()
        elif name == "table-cell":
            self._into.end_cell()
        elif name == "table-row":
            self._into.end_row()

    def said(self, text: str) -> None:
        if self._depth:
            self._into.add(text)


class _Keys(Walk):
    """Whether the manifest says how members are encrypted."""

    found = False

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        self.found = self.found or name in ("encryption-data", "encrypted-key")


def read(path: Path, kind: str) -> tuple[str, str]:
    """Text and title. Raises: ExtractError, and whatever a broken file may raise."""
    with Archive(path) as archive:
        into, title, key = Gather(), Inside("title"), _Keys()
        if archive.has(_MANIFEST):
            archive.walk(_MANIFEST, key)
        if key.found:
            raise ExtractError(LOCKED)
        archive.walk("content.xml", _Content(into))
        if archive.has("meta.xml"):
            archive.walk("meta.xml", title)
        return tidy(into.text()), title.text.strip()
