"""Parts are found through relationships."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import documents
import pytest

from moonpalace.extract import ExtractError
from moonpalace.extract.archive import Archive
from moonpalace.extract.ooxml import Package, Relation


def test_targets_are_resolved_and_kept_inside(keep: Callable[[bytes], Path]) -> None:
    """Relative to the part, absolute, or out of the archive: then it is no part."""
    rows = ("a", "x", "b.xml"), ("b", "y", "/c.xml"), ("c", "z", "../../../../etc/passwd")
    members = {
        "_rels/.rels": documents.relations(("r", "officeDocument", "d/e.xml")),
        "d/e.xml": "<document/>",
        "d/_rels/e.xml.rels": documents.relations(*rows),
    }
    with Archive(keep(documents.archive(members))) as archive:
        package = Package(archive)
        expected = [Relation("a", "x", "d/b.xml"), Relation("b", "y", "c.xml"), Relation("c", "z", "etc/passwd")]
        assert expected == package.relations(package.main)
        assert (package.root(), package.title(), package.paragraphs("etc/passwd")) == ("document", "", "")


def test_a_package_without_a_main_part_is_no_document(keep: Callable[[bytes], Path]) -> None:
    """Such as one that was cut, or is of another kind."""
    path = keep(documents.archive({"_rels/.rels": documents.relations(("r", "officeDocument", "gone.xml"))}))
    with Archive(path) as archive, pytest.raises(ExtractError, match="not a valid office document"):
        Package(archive)
