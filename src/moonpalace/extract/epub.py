"""An EPUB: the pages of its spine, one after the other.

1. The package document is read as leniently as the pages: readers of books accept what no XML parser does.
2. What is protected (`META-INF/encryption.xml` naming a page) is told, not read.

Source: EPUB 3.3, sections 4.2 (OCF) and 5 (package document).
"""

from __future__ import annotations

import posixpath
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from . import hypertext
from .archive import Archive
from .result import LOCKED, MAX_TEXT, TOO_LONG, ExtractError, tidy

_PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document")


class _Elements(HTMLParser):
    """What the two documents say: where the package is, its items, its spine, its title."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.package = ""
        self.title = ""
        self.items: dict[str, tuple[str, str]] = {}
        self.spine: list[str] = []
        self.encrypted: set[str] = set()
        self._in_title = False
        self.feed(markup)
        self.close()

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        return self.parse_bogus_comment(i)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name, said = tag.rpartition(":")[2], {key: value or "" for key, value in attrs}
        self._in_title = name == "title" and not self.title
        if name == "rootfile":
            self.package = self.package or said.get("full-path", "")
        elif name == "item":
            self.items[said.get("id", "")] = (said.get("href", ""), said.get("media-type", ""))
        elif name == "itemref":
            self.spine.append(said.get("idref", ""))
        elif name == "cipherreference":
            self.encrypted.add(unquote(said.get("uri", "")))

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False

    def handle_data(self, data: str) -> None:
        self.title += data if self._in_title else ""


def read(path: Path, kind: str) -> tuple[str, str]:
    """Text and title. Raises: ExtractError, and whatever a broken file may raise."""
    with Archive(path) as archive:

        def elements(name: str) -> _Elements:
            return _Elements(hypertext.decoded(archive.read(name)))

        package = elements("META-INF/container.xml").package
        book = elements(package)
        locked = "META-INF/encryption.xml"
        encrypted = elements(locked).encrypted if archive.has(locked) else set()
        pages: list[str] = []
        for part in _pages(book, posixpath.dirname(package)):
            if part in encrypted:
                raise ExtractError(LOCKED)
            if archive.has(part):
                pages.append(hypertext.text_of(hypertext.decoded(archive.read(part)))[0])
            if sum(map(len, pages)) > MAX_TEXT:
                raise ExtractError(TOO_LONG)
        return tidy("\n".join(pages)), book.title.strip()


def _pages(book: _Elements, folder: str) -> list[str]:
    """Names of the pages in their order, each once: a spine could name one page a million times."""
    items = (book.items[id] for id in dict.fromkeys(book.spine) if id in book.items)
    hrefs = [href for href, kind in items if kind in _PAGES]
    return list(dict.fromkeys(posixpath.normpath(posixpath.join(folder, unquote(href))) for href in hrefs))
