"""The text of HTML: blocks become lines, a table's rows lines with tabs, scripts and styles nothing.

1. Any sequence of tags is read; nothing needs to be closed. What is shown nowhere is not text: see `_UNSEEN`.
2. Blanks count as in HTML: a run of them is one, but for `pre`.
3. The encoding is that of the byte order mark, else the one that the page declares, else as for any text.

Source: HTML Living Standard, 13.2.3.2 (encoding) and 15.3 (which elements are blocks).
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from . import plain
from .gather import Gather
from .result import tidy

_UNSEEN = frozenset(("script", "style", "template", "noscript", "head", "svg", "object", "iframe", "select"))
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
    "hr", "legend", "li", "main", "nav", "ol", "option", "p", "pre", "section", "summary", "tbody",
    "tfoot", "thead", "ul",
))  # fmt: skip
_CELLS = ("td", "th")
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_DECLARED = re.compile(rb"""<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?([A-Za-z0-9_:.-]{1,40})""", re.I)
_LOOKED_AT = 4096  # bytes in which a page declares its encoding: browsers look at 1,024, some pages need more


class _Page(HTMLParser):
    def __init__(self, into: Gather) -> None:
        super().__init__(convert_charrefs=True)
        self._into = into
        self._unseen: list[str] = []
        self._pre = 0
        self._rows: list[bool] = []  # for each row we are in, whether a cell is open
        self._tables: list[int] = []  # for each table we are in, how many rows are around it
        self._in_title = False
        self.title = ""

    # Python's own reader of `<![…` raises on what it does not know; HTML takes all of it for a comment.
    def parse_marked_section(self, i: int, report: bool = True) -> int:
        return self.parse_bogus_comment(i)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and "svg" not in self._unseen:
            self._in_title = not self.title
        elif tag == "body" or (tag in _BLOCKS and self._unseen == ["head"]):  # a head need not be closed
            self._unseen.clear()
            self._begin(tag)
        elif tag in _UNSEEN:
            self._unseen.append(tag)
        elif not self._unseen:
            self._begin(tag)

    def _begin(self, tag: str) -> None:
        if tag == "br":
            self._into.end_line()
        elif tag == "table":
            self._break()
            self._tables.append(len(self._rows))
        elif tag == "tr":
            self._end_rows()
            self._into.begin_row()
            self._rows.append(False)
        elif tag in _CELLS and self._rows:
            self._end_cell()
            self._rows[-1] = True
        elif tag in _BLOCKS:
            self._break()
        self._pre += tag == "pre"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("br", "hr"):
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag in self._unseen:
            del self._unseen[self._unseen.index(tag) :]
        elif not self._unseen:
            self._end(tag)

    def _end(self, tag: str) -> None:
        if tag in _CELLS and self._rows:
            self._end_cell()
        elif tag == "tr":
            self._end_rows()
        elif tag == "table" and self._tables:
            self._end_rows()
            self._tables.pop()
        elif tag in _BLOCKS:
            self._break()
        self._pre = max(0, self._pre - (tag == "pre"))

    def _end_rows(self) -> None:
        """End what is open of this table."""
        around = self._tables[-1] if self._tables else 0
        while len(self._rows) > around:
            self._end_cell()
            self._rows.pop()
            self._into.end_row()

    def _end_cell(self) -> None:
        if self._rows[-1]:
            self._into.end_cell()
            self._rows[-1] = False

    def _break(self) -> None:
        if not self._into.at_line_start:
            self._into.end_line()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif self._unseen:
            return
        elif self._pre:
            self._into.add(data)
        else:
            text = _BLANKS.sub(" ", data)
            self._into.add(text.lstrip(" ") if self._into.at_line_start else text)


def decoded(data: bytes) -> str:
    """The page as text."""
    found = _DECLARED.search(data[:_LOOKED_AT])
    return plain.decoded(data, found[1].decode("ascii") if found else "")


def text_of(markup: str) -> tuple[str, str]:
    """Text and title of a page. Raises: ExtractError when it is too long."""
    into = Gather()
    page = _Page(into)
    page.feed(markup)
    page.close()
    return tidy(into.text()), _BLANKS.sub(" ", page.title).strip()


def read(path: Path, kind: str) -> tuple[str, str]:
    """Text and title. Raises: ExtractError."""
    return text_of(decoded(path.read_bytes()))
