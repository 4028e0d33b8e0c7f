"""What a file is: by its first bytes, then by what is inside of it, and only among texts by its name.

1. A wrong name is no obstacle. It decides where content cannot: which kind of text it is, and what a file that is
   neither text nor known was meant to be.
2. To know a kind costs no more than the file's beginning, or a small member of an archive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from . import plain
from .archive import Archive
from .compound import MAGIC, Compound
from .ooxml import CONTENT_TYPES, Package
from .result import EMPTY, LOCKED, ExtractError

UNKNOWN = "the file is of no kind that can be read"
_BEGINNING = 2**16
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."


@dataclass(frozen=True, slots=True)
class Kind:
    """`module`: the one of this package that reads it; `file_type`: its MIME type."""

    name: str
    module: str
    file_type: str


def _kinds() -> dict[str, Kind]:
    table = (
        ("pdf", "pdf", "application/pdf"),
        ("docx", "docx", _OFFICE + "wordprocessingml.document"),
        ("pptx", "pptx", _OFFICE + "presentationml.presentation"),
        ("xlsx", "sheets", _OFFICE + "spreadsheetml.sheet"),
        ("xlsb", "sheets", "application/vnd.ms-excel.sheet.binary.macroenabled.12"),
        ("ods", "sheets", _OPEN + "spreadsheet"),
        ("odt", "odf", _OPEN + "text"),
        ("odp", "odf", _OPEN + "presentation"),
        ("doc", "word97", "application/msword"),
        ("xls", "sheets", "application/vnd.ms-excel"),
        ("ppt", "powerpoint97", "application/vnd.ms-powerpoint"),
        ("rtf", "rtf", "application/rtf"),
        ("epub", "epub", "application/epub+zip"),
        ("mobi", "mobi", "application/x-mobipocket-ebook"),
        ("html", "hypertext", "text/html"),
        ("png", "images", "image/png"),
        ("jpeg", "images", "image/jpeg"),
        ("gif", "images", "image/gif"),
        ("bmp", "images", "image/bmp"),
        ("webp", "images", "image/webp"),
        ("tiff", "images", "image/tiff"),
        ("ico", "images", "image/x-icon"),
        ("avif", "images", "image/avif"),
        ("jp2", "images", "image/jp2"),
        ("text", "plain", "text/plain"),
    )
    return {row[0]: Kind(*row) for row in table}


KINDS = _kinds()

_MAGIC = (
    (b"{\\rtf", "rtf"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"\0\0\1\0", "ico"),
    (b"\0\0\0\x0cjP  ", "jp2"),
)
_INSIDE = ((8, b"WEBP", "webp"), (4, b"ftypavif", "avif"), (60, b"BOOKMOBI", "mobi"))
_BITMAP = re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.S)  # the size of its second head
_ROOTS = {"document": "docx", "presentation": "pptx", "workbook": "xlsx", "binary": "xlsb"}
_MIMETYPES = {
    "application/epub+zip": "epub",
    **{_OPEN + word + end: name for word, name in (("spreadsheet", "ods"), ("text", "odt"), ("presentation", "odp"))
       for end in ("", "-template")},
}  # fmt: skip
_STREAMS = (
    ("WordDocument", "doc"),
    ("Workbook", "xls"),
    ("Book", "xls"),
    ("PowerPoint Document", "ppt"),
)
_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).){0,2000}-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S
)
_NAMES = {
    "htm": "html", "xhtml": "html", "jpg": "jpeg", "jpe": "jpeg", "tif": "tiff", "docm": "docx", "dotx": "docx",
    "pptm": "pptx", "ppsx": "pptx", "xlsm": "xlsx", "azw": "mobi", "prc": "mobi",
}  # fmt: skip
_TEXTS = {
    "md": "text/markdown", "markdown": "text/markdown", "csv": "text/csv", "tsv": "text/tab-separated-values",
    "json": "application/json", "jsonl": "application/jsonl", "ndjson": "application/x-ndjson",
    "xml": "application/xml", "svg": "image/svg+xml", "yaml": "application/yaml", "yml": "application/yaml",
    "css": "text/css", "js": "text/javascript", "mjs": "text/javascript", "xbm": "image/x-xbitmap",
}  # fmt: skip


def kind_of(path: Path, filename: str) -> Kind:
    """What the file is. Raises: ExtractError when it is empty, or of no kind that can be read; OSError."""
    with path.open("rb") as file:
        beginning = file.read(_BEGINNING)
    if not beginning:
        raise ExtractError(EMPTY)
    name = _by_content(beginning, path)
    if name:
        return KINDS[name]
    if plain.is_text(beginning):
        return _text_kind(plain.decoded(beginning[:4096]), _ending(filename))
    raise ExtractError(broken(filename, UNKNOWN))


def broken(filename: str, otherwise: str) -> str:
    """The reason for a file that is not what its name says."""
    ending = _ending(filename)
    meant = KINDS.get(_NAMES.get(ending, ending))
    return f"the file is not a valid {meant.name}" if meant and meant.module != "plain" else otherwise


def _ending(filename: str) -> str:
    return PurePosixPath(filename.lower().replace("\\", "/")).suffix.lstrip(".")


def _by_content(beginning: bytes, path: Path) -> str | None:
    if beginning.lstrip().startswith(b"%PDF-") or (b"%PDF-" in beginning[:1024] and not plain.is_text(beginning)):
        return "pdf"
    if beginning.startswith(b"PK\x03\x04"):
        return _in_zip(path)
    if beginning.startswith(MAGIC):
        return _in_compound(path.read_bytes())
    for magic, name in _MAGIC:
        if beginning.startswith(magic):
            return name
    for at, magic, name in _INSIDE:
        if beginning.startswith(magic, at):
            return name
    return "bmp" if _BITMAP.match(beginning) else None


def _in_zip(path: Path) -> str:
    with Archive(path) as archive:
        if archive.has("mimetype"):
            name = _MIMETYPES.get(archive.read("mimetype")[:200].decode("ascii", "replace").strip())
        elif archive.has(CONTENT_TYPES):
            name = _ROOTS.get(Package(archive).root())
        else:
            name = "epub" if archive.has("META-INF/container.xml") else None
    if name is None:
        raise ExtractError("the file is a zip archive of no kind that can be read")
    return name


def _in_compound(data: bytes) -> str:
    names = Compound(data).names
    if "EncryptedPackage" in names:
        raise ExtractError(LOCKED)
    found = next((name for stream, name in _STREAMS if stream in names), None)
    if found is None:
        raise ExtractError(UNKNOWN)
    return found


def _text_kind(beginning: str, ending: str) -> Kind:
    if _PAGE.match(beginning) or _NAMES.get(ending, ending) == "html":
        return KINDS["html"]
    return Kind("text", "plain", _TEXTS.get(ending, "text/plain"))
