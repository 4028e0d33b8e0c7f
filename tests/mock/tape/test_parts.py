"""Multipart bodies compared by what is in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from moonpalace.mock.tape.parts import parts_in, parts_of
from moonpalace.mock.uploads.multipart import Multipart

FILE = b"one\r\n--two\r\n\x00\xff"


def upload(boundary: str, file: bytes = FILE, name: str = "a.txt") -> bytes:
    """A body as the SDK sends it."""
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfile-extract\r\n--{boundary}\r\n'
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'
    ).encode() + file + f"\r\n--{boundary}--\r\n".encode()  # fmt: skip


def kind(boundary: str) -> str:
    """The Content-Type that goes with it."""
    return f'multipart/form-data; boundary="{boundary}"'


def test_the_boundary_has_no_part_in_it() -> None:
    """It is made anew for each request."""
    assert parts_in(kind("one"), upload("one")) == parts_in(kind("xYz"), upload("xYz"))


def test_names_sizes_and_digests_are_what_counts() -> None:
    """The content itself would be too much to keep, and to tell."""
    value = hashlib.sha256(b"file-extract").hexdigest()
    expected = [
        {"name": "purpose", "filename": None, "bytes": 12, "sha256": value},
        {"name": "file", "filename": "a.txt", "bytes": len(FILE), "sha256": hashlib.sha256(FILE).hexdigest()},
    ]
    assert parts_in(kind("b"), upload("b")) == {"parts": expected}


def test_what_was_read_as_it_came_gives_the_same(tmp_path: Path) -> None:
    """The mock may have the file on its disk already."""
    reader = Multipart(kind("b"), tmp_path, 1000)
    reader.feed(upload("b", name="月 x.txt"))
    assert parts_of(reader.close()) == parts_in(kind("b"), upload("b", name="月 x.txt"))


@pytest.mark.parametrize("body", [b"", b"--b", b"{}", upload("c"), upload("b")[:-10]], ids=range(5))
def test_what_has_no_parts_is_none(body: bytes) -> None:
    """It is compared as bytes then."""
    assert parts_in(kind("b"), body) is None
    assert parts_in("multipart/form-data", body) is None
