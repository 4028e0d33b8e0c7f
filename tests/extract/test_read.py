"""Every kind of file gives its text, and whatever is broken gives the one error."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import documents
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moonpalace.extract import Extracted, ExtractError, extract

NEEDS = {"pdf": "pypdfium2", "xlsx": "python_calamine"}
SHARED = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def is_readable(name: str) -> bool:
    """Whether what reads such a file is installed."""
    library = NEEDS.get(name.rpartition(".")[2])
    return library is None or importlib.util.find_spec(library) is not None


NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(not is_readable(name), reason="moonpalace[files] is missing"))
    for name in documents.DOCUMENTS
]


def outcome(path: Path, data: bytes, name: str) -> Extracted | ExtractError:
    """What reading gives; anything but the one error is raised."""
    path.write_bytes(data)
    try:
        return extract(path, name)
    except ExtractError as error:
        return error


@pytest.mark.parametrize("name", NAMES)
def test_a_document_gives_its_text(name: str, keep: Callable[[bytes], Path]) -> None:
    """In the order of the document, with tables, headers and notes."""
    found = extract(keep(documents.DOCUMENTS[name]()), name)
    assert documents.TEXTS[name] == found.content


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_name_is_no_obstacle(name: str, keep: Callable[[bytes], Path]) -> None:
    """Content comes first; people rename files."""
    data = documents.DOCUMENTS[name]()
    right = extract(keep(data), name)
    for wrong in ("a.txt", "photo.png", "a.pdf", "noending", "中文.DOCX", ""):
        assert right == extract(keep(data), wrong)


@pytest.mark.parametrize(
    ("name", "file_type", "title"),
    [
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "Title & 标题"),
        ("a.pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", "Deck"),
        ("a.epub", "application/epub+zip", "A book 书"),
        ("a.mobi", "application/x-mobipocket-ebook", "Mobi 书"),
        ("a.html", "text/html", "The title 标题"),
        ("a.doc", "application/msword", ""),
        ("a.odt", "application/vnd.oasis.opendocument.text", ""),
    ],
)
def test_type_and_title_are_told(name: str, file_type: str, title: str, keep: Callable[[bytes], Path]) -> None:
    """The API's answer has both."""
    found = extract(keep(documents.DOCUMENTS[name]()), name)
    assert (file_type, title) == (found.file_type, found.title)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@SHARED
def test_any_prefix_of_a_file_is_text_or_the_error(
    name: str, data: st.DataObject, tmp_path: Path, no_programs: None
) -> None:
    """An upload that was cut off."""
    whole = documents.DOCUMENTS[name]()
    outcome(tmp_path / "stored", whole[: data.draw(st.integers(0, len(whole) - 1))], name)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@SHARED
def test_any_changed_byte_is_text_or_the_error(
    name: str, data: st.DataObject, tmp_path: Path, no_programs: None
) -> None:
    """Whatever it says: sizes, offsets, flags."""
    changed = bytearray(documents.DOCUMENTS[name]())
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    outcome(tmp_path / "stored", bytes(changed), name)


@given(data=st.binary(max_size=300), name=st.sampled_from(["a.pdf", "a.txt", "a.doc", "a.html", "a"]))
@SHARED
def test_any_bytes_are_text_or_the_error(data: bytes, name: str, tmp_path: Path, no_programs: None) -> None:
    """Whatever it is called."""
    found = outcome(tmp_path / "stored", data, name)
    assert isinstance(found, ExtractError) or found.content.encode()


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"", "a.pdf", "the file is empty of text"),
        (b" \n\t ", "a.txt", "the file is empty of text"),
        (b"\xef\xbb\xbf", "a.txt", "the file is empty of text"),
        (b"%PDF-1.4\nnothing of it", "a.txt", "the file is not a valid pdf"),
        (b"PK\x03\x04 no directory", "a.docx", "the file is not a valid docx"),
        (b"\0\1\2\3" * 50, "a.xlsx", "the file is not a valid xlsx"),
        (b"\0\1\2\3" * 50, "a.bin", "the file is of no kind that can be read"),
        (documents.archive({"a.txt": "x"}), "a.zip", "the file is a zip archive of no kind that can be read"),
        (documents.compound({"EncryptedPackage": b"x"}), "a.docx", "the file is protected by a password"),
    ],
)
def test_what_cannot_be_read_tells_why(data: bytes, name: str, reason: str, keep: Callable[[bytes], Path]) -> None:
    """The API hands the reason on."""
    if name == "a.txt" and not is_readable("a.pdf"):
        pytest.skip("moonpalace[files] is missing")
    with pytest.raises(ExtractError) as raised:
        extract(keep(data), name)
    assert reason == str(raised.value)


def test_a_file_that_is_not_there_is_the_error_too(tmp_path: Path) -> None:
    """Nobody has to catch two kinds."""
    with pytest.raises(ExtractError, match="cannot be opened: No such file"):
        extract(tmp_path / "missing", "a.txt")


@pytest.mark.parametrize(
    ("name", "module", "reason"),
    [
        ("a.pdf", "pypdfium2", "reading pdf is not installed: pip install 'moonpalace[files]'"),
        ("a.xlsx", "python_calamine", "reading spreadsheets is not installed: pip install 'moonpalace[files]'"),
        ("a.png", "rapidocr", "OCR is not installed: pip install 'moonpalace[ocr]'"),
        ("a.docx", "pypdfium2", ""),
    ],
)
def test_without_a_library_only_its_kinds_fail(
    name: str, module: str, reason: str, keep: Callable[[bytes], Path], tmp_path: Path
) -> None:
    """The extras are optional, and the error names the one that is missing."""
    data = documents.png(["MOON"]) if name == "a.png" else documents.DOCUMENTS[name]()
    code = (
        "import importlib.util as u, os, sys; from pathlib import Path; find = u.find_spec; os.environ['PATH'] = ''\n"
        f"u.find_spec = lambda name, *rest: None if name == {module!r} else find(name, *rest)\n"
        f"sys.modules[{module!r}] = None\n"
        "from moonpalace.extract import extract, ExtractError\n"
        f"try: extract(Path({str(keep(data))!r}), {name!r})\n"
        "except ExtractError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (reason, "") == (done.stdout.strip(), done.stderr)


def test_importing_it_costs_next_to_nothing() -> None:
    """What a file needs is imported when there is such a file."""
    heavy = ["zipfile", "xml", "html.parser", "pypdfium2", "python_calamine", "rapidocr", "numpy", "PIL"]
    code = f"import sys, moonpalace.extract; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
