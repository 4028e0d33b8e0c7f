"""A multipart body, read as it comes: files go to the disk, values stay in memory.

1. Any way of cutting the body gives the same parts. What is no multipart body is `BadMultipart` and nothing else; a
   disk that takes nothing is an `OSError`.
2. In memory are at most `MOST_VALUES` bytes of values. A file is written up to its limit, the rest is only counted; of
   all files together no more than `MOST_FILES` times that.
3. A file's name is a name: what stands before its last separator is dropped, and no path is ever made of it.
4. Files have random names and mode 0600. `discard` removes those that nobody has moved away, at any time.

Source: RFC 7578; RFC 5987 for `filename*`, which RFC 7578 forbids and older urllib3 sends; the HTML standard for `%22`.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from ..asked import Part

if TYPE_CHECKING:
    from python_multipart import MultipartParser

NOT_MULTIPART = "request Content-Type isn't multipart/form-data with a boundary"
MOST_VALUES = 2**20
MOST_PARTS = 100
MOST_FILES = 2  # as large as one may be
MOST_HEADERS = 16

_BOUNDARY = re.compile(r"[ -~]{0,255}[!-~]")
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SEPARATORS = re.compile(r"[/\\]")


class BadMultipart(ValueError):
    """The body is no multipart body, or one beyond all measure. `str(error)` is a short clause."""


@dataclass(slots=True)
class _Open:
    """The part that is being read. `file`: where it goes; None for a value, and for a file beyond its limit."""

    headers: dict[str, str] = field(default_factory=dict)
    key: bytearray = field(default_factory=bytearray)
    text: bytearray = field(default_factory=bytearray)
    name: str = ""
    filename: str | None = None
    size: int = 0
    path: Path | None = None
    file: IO[bytes] | None = None


class Multipart:
    """One body. `limit`: bytes of a file that are kept. Raises: BadMultipart, as `feed` and `close` do."""

    def __init__(self, content_type: str, folder: Path, limit: int) -> None:
        self._parser = _parser(_boundary(content_type), self)
        self._folder = folder
        self._limit = limit
        self._parts: list[Part] = []
        self._paths: list[Path] = []
        self._part = _Open()
        self._begun = self._ended = False
        self._values = self._kept = 0
        self._broken: BadMultipart | None = None

    def feed(self, data: bytes) -> None:
        """The next bytes of the body."""
        if self._broken is not None:
            raise self._broken
        if not self._begun:  # blank lines before the first boundary; the parser would take them differently when cut
            data = data.lstrip(b"\r\n")
            self._begun = bool(data)
        try:
            self._parser.write(data)
        except ValueError as error:  # the parser's errors are ValueErrors, and so is ours
            self._broken = error if isinstance(error, BadMultipart) else BadMultipart("the multipart body is broken")
            raise self._broken from None

    def close(self) -> tuple[Part, ...]:
        """The parts, once all of the body was fed."""
        if self._broken is None and not self._ended:
            self._broken = BadMultipart("the multipart body ends before its last boundary")
        if self._broken is not None:
            raise self._broken
        return tuple(self._parts)

    def discard(self) -> None:
        """Remove the files that are still where they were written."""
        if self._part.file is not None:
            with suppress(OSError):  # a disk that is full takes what is still in the buffer no more than before
                self._part.file.close()
        for path in self._paths:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def on_part_begin(self) -> None:
        if len(self._parts) == MOST_PARTS:
            raise BadMultipart(f"the multipart body has more than {MOST_PARTS} parts")
        self._part = _Open()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._part.key += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.text += data[start:end]

    def on_header_end(self) -> None:
        part = self._part
        part.headers.setdefault(part.key.decode().lower(), part.text.decode("utf-8", "replace"))
        part.key, part.text = bytearray(), bytearray()

    def on_headers_finished(self) -> None:
        part = self._part
        given = parameters(part.headers.get("content-disposition", ""))
        if "name" not in given:
            raise BadMultipart("a part of the multipart body has no name")
        part.name, part.filename = given["name"], filename(given)
        if part.filename is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.path = self._folder / f"upload-{secrets.token_hex(16)}"
            self._paths.append(part.path)
            part.file = create(part.path)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.path is None:
            self._values += end - start
            if self._values > MOST_VALUES:
                raise BadMultipart(f"the values of the multipart body have more than {MOST_VALUES} bytes")
            part.text += data[start:end]
        elif part.file is not None:
            room = max(self._limit - part.size, 0)
            self._kept += min(end - start, room)
            if self._kept > MOST_FILES * self._limit:
                raise BadMultipart("the files of the multipart body are too large together")
            part.file.write(memoryview(data)[start : min(end, start + room)])
        part.size += end - start

    def on_part_end(self) -> None:
        part = self._part
        if part.file is not None:
            part.file.close()
        kind = part.headers.get("content-type") or ("text/plain" if part.path is None else "application/octet-stream")
        self._parts.append(Part(part.name, part.filename, kind, part.size, bytes(part.text), part.path))
        self._part = _Open()

    def on_end(self) -> None:
        self._ended = True


def create(path: Path) -> IO[bytes]:
    """A new file for writing that nobody else can read."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


def parameters(line: str) -> dict[str, str]:
    """The parameters of a header line, their names in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    for name, value in _PARAMETER.findall(line):
        value = value.strip()
        if value.startswith('"'):
            value = _ESCAPED.sub(r"\1", value[1:].removesuffix('"'))
        found.setdefault(name.lower(), value)
    return found


def filename(given: dict[str, str]) -> str | None:
    """The name in the parameters of a `Content-Disposition`; None if this is no file.

    A quote is written `%22` by browsers and httpx, `\\"` by others.
    """
    name = given.get("filename")
    if name is not None:
        name = name.replace("%22", '"')
    extended = given.get("filename*", "").split("'", 2)
    if len(extended) == 3 and extended[0].lower() in ("utf-8", "iso-8859-1"):
        name = unquote_to_bytes(extended[2]).decode(extended[0], "replace")
    return None if name is None else _CONTROLS.sub("", _SEPARATORS.split(name)[-1])


def _boundary(content_type: str) -> bytes:
    kind = content_type.partition(";")[0].strip().lower()
    boundary = parameters(content_type).get("boundary", "")
    if kind != "multipart/form-data" or not _BOUNDARY.fullmatch(boundary):
        raise BadMultipart(NOT_MULTIPART)
    return boundary.encode("ascii")


def _parser(boundary: bytes, body: Multipart) -> MultipartParser:
    """The library's parser, told to be quiet: it logs every broken body as a warning, which is not ours to print."""
    import logging

    from python_multipart import MultipartParser

    names = "part_begin part_data part_end header_field header_value header_end headers_finished end"
    callbacks = {f"on_{name}": getattr(body, f"on_{name}") for name in names.split()}
    parser = MultipartParser(boundary, callbacks, max_header_count=MOST_HEADERS)  # type: ignore[arg-type]
    parser.logger = logging.Logger("multipart", logging.CRITICAL + 1)
    return parser
