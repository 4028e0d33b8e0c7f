"""Word documents that are not as simple as the usual one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import documents
import pytest

from moonpalace.extract import ExtractError, docx

W = "http://purl.oclc.org/ooxml/wordprocessingml/main"


def document(body: str) -> bytes:
    """In the strict form, whose namespaces and relationship types are others, under an unusual name."""
    top = documents.relations(("r", "officeDocument", "/parts/text.xml"))
    strict = top.replace("schemas.openxmlformats.org/officeDocument/2006", "purl.oclc.org/ooxml/officeDocument")
    text = f"<w:document xmlns:w='{W}'><w:body>{body}</w:body></w:document>"
    return documents.archive({"[Content_Types].xml": "<Types/>", "_rels/.rels": strict, "parts/text.xml": text})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", "a\tb\nc\n"),
        ("<w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>a</w:t></w:r></w:p>", "a\n"),
        ("<w:p><w:moveFrom><w:r><w:t>x</w:t></w:r></w:moveFrom><w:moveTo><w:r><w:t>x</w:t></w:r></w:moveTo></w:p>",
         "x\n"),
        ("<w:p><w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:t>7</w:t></w:r></w:p>", "7\n"),
        ("<w:p><w:r><w:t>no</w:t><w:noBreakHyphen/><w:t>break</w:t></w:r></w:p>", "no-break\n"),
        ("<w:sdt><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>", "in a control\n"),
    ],
)  # fmt: skip
def test_what_counts_as_text(body: str, expected: str, keep: Callable[[bytes], Path]) -> None:
    """What a reader of the document sees."""
    assert (expected, "") == docx.read(keep(document(body)), "docx")


def test_broken_markup_names_its_part(keep: Callable[[bytes], Path]) -> None:
    """The one thing that helps who made the file."""
    with pytest.raises(ExtractError, match=r"broken XML in parts/text\.xml"):
        docx.read(keep(document("<w:p>")), "docx")
