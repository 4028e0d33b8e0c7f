"""Zip archives that mean harm."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import documents
import pytest

from moonpalace.extract import ExtractError, extract
from moonpalace.extract.archive import Archive, Inside

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BILLION = f'<!DOCTYPE w [<!ENTITY l0 "ha">{LAUGHS}]><w>&l9;</w>'
OUTSIDE = '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]><w>&x;</w>'


def test_a_bomb_ends_at_the_limit(keep: Callable[[bytes], Path]) -> None:
    """All members count together, in slices, whatever their sizes are said to be."""
    path = keep(documents.archive({"a": b"\0" * 700_000, "b": b"\0" * 700_000}))
    with Archive(path, limit=2**20) as archive:
        assert len(archive.read("a")) == 700_000
        with pytest.raises(ExtractError, match="inflates to more than 1 MB"):
            archive.read("b")


@pytest.mark.parametrize("text", [BILLION, OUTSIDE, "<!DOCTYPE w><w/>"], ids=["laughs", "outside", "empty"])
def test_entities_are_refused_before_they_are_declared(text: str, keep: Callable[[bytes], Path]) -> None:
    """No office document has a document type."""
    with Archive(keep(documents.archive({"a.xml": text}))) as archive, pytest.raises(ExtractError, match="entities"):
        archive.walk("a.xml", Inside("w"))


def test_an_entity_bomb_in_a_document_is_the_error(keep: Callable[[bytes], Path]) -> None:
    """The whole way."""
    members = {"[Content_Types].xml": "<Types/>", "_rels/.rels": documents.relations(("r", "officeDocument", "d.xml"))}
    with pytest.raises(ExtractError, match="entities"):
        extract(keep(documents.archive({**members, "d.xml": BILLION})), "a.docx")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_inflate_without_bound_are_refused(method: int, keep: Callable[[bytes], Path]) -> None:
    """zipfile hands out all that a slice of these holds at once."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        file.writestr("a", b"\0" * 10_000)
    with Archive(keep(out.getvalue())) as archive, pytest.raises(ExtractError, match="compressed in a way"):
        archive.read("a")


def test_an_encrypted_member_is_told(keep: Callable[[bytes], Path]) -> None:
    """The flag alone says so."""
    data = bytearray(documents.archive({"a": b"text"}))
    data[data.index(b"PK\1\2") + 8] |= 1
    with Archive(keep(bytes(data))) as archive, pytest.raises(ExtractError, match="password"):
        archive.read("a")


def test_deep_nesting_is_walked_without_recursion(keep: Callable[[bytes], Path]) -> None:
    """A hundred thousand elements, one in the other."""
    inside = Inside("t")
    text = "<a>" * 100_000 + "<t>text</t>" + "</a>" * 100_000
    with Archive(keep(documents.archive({"a.xml": text}))) as archive:
        archive.walk("a.xml", inside)
    assert inside.text == "text"


def test_a_member_of_gigabytes_is_never_whole(keep: Callable[[bytes], Path]) -> None:
    """One deflated block said two thousand times: 2 GB in a file of 2 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    data, size = block * 2048 + packer.flush(), 2**31
    local = b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(data), size, 1, 0) + b"a"
    central = (
        b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 8, 0, 0, 0, len(data), size, 1, 0, 0, 0, 0, 0, 0) + b"a"
    )
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(data), 0)
    with Archive(keep(local + data + central + end)) as archive, pytest.raises(ExtractError, match="512 MB"):
        archive.walk("a", Inside("t"))
