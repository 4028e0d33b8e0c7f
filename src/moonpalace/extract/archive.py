"""Members of a zip archive, read without trusting it.

1. Members are read by name and inflated in slices; all of them together to at most `MAX_INFLATED` bytes. What the
   directory says about sizes is not believed.
2. Stored and deflated members only, which is all that office documents and EPUB may have: the other methods cannot be
   inflated in bounded steps here.
3. XML with a document type is refused before its first entity is declared: no such document has one.

Source: ECMA-376 part 2 (annex B, and 8.1.4 of the 5th edition: no DTD), EPUB OCF 3.3 section 4.2.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree.ElementTree import ParseError, XMLParser

from .result import LOCKED, ExtractError

MAX_INFLATED = 512 * 2**20
_SLICE = 2**16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Walk:
    """Walks through XML by local names, without `skip` and what is in it. Override `opened`, `closed` and `said`."""

    skip: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._skipped = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if self._skipped or name in self.skip:
            self._skipped += 1
        else:
            self.opened(name, attributes)

    def end(self, tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
        else:
            self.closed(tag.rpartition("}")[2])

    def data(self, text: str) -> None:
        if not self._skipped:
            self.said(text)

    def doctype(self, *_: object) -> None:
        raise ExtractError("the file declares XML entities, which no such document may")

    def close(self) -> None:
        """The parser is done."""

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""

    def closed(self, name: str) -> None:
        """An element ends."""

    def said(self, text: str) -> None:
        """Text, maybe a part of it."""


class Inside(Walk):
    """The text of all elements of one name. `text` has it when the walk is over."""

    def __init__(self, element: str) -> None:
        super().__init__()
        self.text = ""
        self._element = element
        self._inside = False

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        self._inside = name == self._element

    def closed(self, name: str) -> None:
        self._inside = False

    def said(self, text: str) -> None:
        self.text += text if self._inside else ""


class Archive:
    """An open archive. A context. Raises: BadZipFile, and what else `zipfile` raises on what is none."""

    def __init__(self, path: Path, limit: int = MAX_INFLATED) -> None:
        self._zip = zipfile.ZipFile(path)
        self._limit = self._left = limit

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def names(self) -> list[str]:
        """The members, in the directory's order."""
        return self._zip.namelist()

    def has(self, name: str) -> bool:
        """Whether there is such a member."""
        return name in self._zip.NameToInfo

    def read(self, name: str) -> bytes:
        """A member whole. Raises: ExtractError; KeyError when there is no such member."""
        return b"".join(self._slices(name))

    def walk(self, name: str, through: Walk) -> None:
        """Feed a member's XML to `through`. Raises: ExtractError; KeyError when there is no such member."""
        parser = XMLParser(target=through)  # noqa: S314 - rule 3
        try:
            for data in self._slices(name):
                parser.feed(data)
            parser.close()
        except ParseError as error:
            raise ExtractError(f"the file holds broken XML in {name}") from error

    def _slices(self, name: str) -> Iterator[bytes]:
        info = self._zip.getinfo(name)
        if info.flag_bits & 1:
            raise ExtractError(LOCKED)
        if info.compress_type not in _METHODS:
            raise ExtractError("the file is compressed in a way that no such document may be")
        with self._zip.open(info) as member:
            while data := member.read(_SLICE):
                self._left -= len(data)
                if self._left < 0:
                    raise ExtractError(f"the file inflates to more than {self._limit >> 20} MB")
                yield data
