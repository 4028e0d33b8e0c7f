"""A presentation: the slides in their order, tables in place, the speaker's notes after their slide.

Source: ECMA-376 part 1, section 19; sections 13 and 21.1 for the text in shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .archive import Archive, Walk
from .ooxml import Package
from .result import tidy


class _Order(Walk):
    """The relationship ids of the slides as they are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "sldId":
            self.ids += [value for key, value in attributes.items() if key.endswith("}id")]


def read(path: Path, kind: str) -> tuple[str, str]:
    """Text and title. Raises: ExtractError, and whatever a broken file may raise."""
    with Archive(path) as archive:
        package = Package(archive)
        order = _Order()
        archive.walk(package.main, order)
        parts = {each.id: each.part for each in package.relations(package.main)}
        told: list[str] = []
        for slide in (parts[id] for id in order.ids if id in parts):
            told.append(package.paragraphs(slide))
            told += [package.paragraphs(each.part) for each in package.relations(slide) if each.kind == "notesSlide"]
        return tidy("\n\n".join(text.strip("\n") for text in told)), package.title()
