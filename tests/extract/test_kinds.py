"""What a file is: content first, then its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import documents
import pytest

from moonpalace.extract.kinds import KINDS, kind_of

BITMAP = b"BM" + b"\0" * 12 + b"\x28\0\0\0" + b"\0" * 40


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a.png", "image/jpeg"),
        (b"GIF89a\0\0", "a", "image/gif"),
        (BITMAP, "a", "image/bmp"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a", "image/webp"),
        (b"II*\0\x08\0\0\0", "a", "image/tiff"),
        (b"MM\0*\0\0\0\x08", "a", "image/tiff"),
        (b"\0\0\1\0\1\0\x10\x10", "a", "image/x-icon"),
        (documents.png(["A"]), "a.jpg", "image/png"),
        (b"\n%PDF-1.7\n", "a", "application/pdf"),
        (b"junk \0\0\0 %PDF-1.7\n", "a", "application/pdf"),
        (b"About the format: it begins with %PDF-1.4", "a.md", "text/markdown"),
        (b"BM is how it begins", "a.txt", "text/plain"),
        (b"<!-- x --> <!DOCTYPE HTML>", "a.txt", "text/html"),
        (b"<?xml version='1.0'?><html xmlns='x'>", "a.xml", "text/html"),
        (b"<?xml version='1.0'?><feed/>", "a.xml", "application/xml"),
        (b"<p>a part of a page", "a.HTM", "text/html"),
        (b"a,b\n", "a.csv", "text/csv"),
        (b"a\tb\n", "a.tsv", "text/tab-separated-values"),
        (b"{}", "a.json", "application/json"),
        (b"x = 1\n", "a.py", "text/plain"),
        (b"FROM x\n", "Dockerfile", "text/plain"),
        (b"x\n", "C:\\logs\\a.log", "text/plain"),
    ],
)
def test_content_then_name(data: bytes, name: str, expected: str, keep: Callable[[bytes], Path]) -> None:
    """By magic bytes, by what the text begins with, by the ending."""
    assert expected == kind_of(keep(data), name).file_type


def test_looking_for_a_page_takes_no_time(keep: Callable[[bytes], Path]) -> None:
    """Comments one after the other can be parted in very many ways by a careless pattern."""
    assert kind_of(keep(b"<!---->" * 600), "a.txt").name == "text"


def test_every_kind_has_its_module() -> None:
    """A kind that nothing reads would be found out by its first file."""
    folder = Path(documents.__file__).parents[2] / "src/moonpalace/extract"
    assert [kind.name for kind in KINDS.values() if not (folder / f"{kind.module}.py").exists()] == []
