"""OpenDocument texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import documents
import pytest

from moonpalace.extract import ExtractError, extract, odf

T = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"


def odt(body: str) -> bytes:
    """A text with this content."""
    content = f"<c xmlns:t='{T}'>{body}</c>"
    return documents.archive({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<t:p>a<t:tab/>b<t:line-break/>c</t:p>", "a\tb\nc\n"),
        ("<t:p>a<t:s t:c='999999999'/>b</t:p>", "a" + " " * 100 + "b\n"),
        ("<t:p>body<t:note><t:note-body><t:p>note</t:p></t:note-body></t:note> on</t:p>", "bodynote\n on\n"),
        ("<t:tracked-changes><t:p>gone</t:p></t:tracked-changes><t:p>kept</t:p>", "kept\n"),
    ],
)  # fmt: skip
def test_what_counts_as_text(body: str, expected: str, keep: Callable[[bytes], Path]) -> None:
    """Blanks are written as counts, of which a file can say any."""
    assert (expected, "") == odf.read(keep(odt(body)), "odt")


def test_a_count_that_is_no_number_is_the_error(keep: Callable[[bytes], Path]) -> None:
    """As any other lie."""
    with pytest.raises(ExtractError, match="not a valid odt"):
        extract(keep(odt("<t:p><t:s t:c='x'/></t:p>")), "a.odt")


def test_an_encrypted_one_is_told(keep: Callable[[bytes], Path]) -> None:
    """Its members are noise; the manifest is not."""
    manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
    mimetype = "application/vnd.oasis.opendocument.text"
    members = {"mimetype": mimetype, "META-INF/manifest.xml": manifest, "content.xml": b"\x8b\x01"}
    with pytest.raises(ExtractError, match="password"):
        extract(keep(documents.archive(members)), "a.odt")
