"""The package around a docx, pptx or xlsx: which parts there are, and how they refer to each other.

1. Parts are found through relationships, never by their usual names; what the target is decides, not its namespace
   (the strict form has other ones).
2. The main part's root element says what the document is.

Source: ECMA-376 part 2 (Open Packaging Conventions), sections 6 and 8.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from .archive import Archive, Inside, Walk
from .gather import Gather
from .result import ExtractError

_SIGNS = {"tab": "\t", "noBreakHyphen": "-"}
CONTENT_TYPES = "[Content_Types].xml"


@dataclass(frozen=True, slots=True)
class Relation:
    """One relationship of a part. `kind`: the last word of its type, such as `header`; `part`: the target's name."""

    id: str
    kind: str
    part: str


class _Relations(Walk):
    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder
        self.found: list[Relation] = []

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", self._folder, attributes.get("Target", ""))).lstrip("/")
            kind = attributes.get("Type", "").rpartition("/")[2]
            self.found.append(Relation(attributes.get("Id", ""), kind, target))


class _Root(Walk):
    def __init__(self) -> None:
        super().__init__()
        self.name = ""

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        self.name = self.name or name


class Paragraphs(Walk):
    """The text of WordprocessingML and DrawingML: their paragraphs, runs and tables have the same local names."""

    # Properties hold tab stops that are named like tabs; a fallback says again what its choice said; `moveFrom` is
    # where moved text was.
    skip = frozenset(("Fallback", "pPr", "rPr", "tblPr", "trPr", "tcPr", "sectPr", "moveFrom", "bodyPr", "lstStyle"))

    def __init__(self, into: Gather) -> None:
        super().__init__()
        self._into = into
        self._in_text = False
        self._number = False  # in a field that holds the number of its slide

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "t":
            self._in_text = not self._number
        elif name == "tr":
            self._into.begin_row()
        elif name == "fld":
            self._number = attributes.get("type") == "slidenum"
        elif name in ("br", "cr"):
            self._into.end_line()
        elif name in _SIGNS:
            self._into.add(_SIGNS[name])

    def closed(self, name: str) -> None:
        if name == "t":
            self._in_text = False
        elif name == "p":
            self._into.end_line()
        elif name == "tc":
            self._into.end_cell()
        elif name == "tr":
            self._into.end_row()
        elif name == "fld":
            self._number = False

    def said(self, text: str) -> None:
        if self._in_text:
            self._into.add(text)


class Package:
    """The parts of a document. Raises: ExtractError when it has no main part."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._top = self.relations("")
        self.main = next((each.part for each in self._top if each.kind == "officeDocument"), "")
        if not archive.has(self.main):
            raise ExtractError("the file is not a valid office document")

    def root(self) -> str:
        """The local name of the main part's root element; `binary` if it is not XML."""
        if self.main.endswith(".bin"):
            return "binary"
        root = _Root()
        self._archive.walk(self.main, root)
        return root.name

    def title(self) -> str:
        """As the document's properties give it."""
        title = Inside("title")
        for relation in self._top:
            if relation.kind == "core-properties" and self._archive.has(relation.part):
                self._archive.walk(relation.part, title)
        return title.text.strip()

    def relations(self, part: str) -> list[Relation]:
        """Those of a part; of the package for an empty name."""
        folder, name = posixpath.split(part)
        stored = posixpath.join(folder, "_rels", name + ".rels")
        found = _Relations(folder)
        if self._archive.has(stored):
            self._archive.walk(stored, found)
        return found.found

    def paragraphs(self, part: str) -> str:
        """The text of a part; empty if it is missing."""
        into = Gather()
        if self._archive.has(part):
            self._archive.walk(part, Paragraphs(into))
        return into.text()
