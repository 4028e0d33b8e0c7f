"""What reading a file gives: its text, or one short reason why there is none.

1. Whatever a file holds ends as one of the two; no other exception leaves this package.
2. A reason is a short clause without the file's name: the caller knows which file it handed in.
3. Text is valid UTF-8 when encoded: no lone surrogate, no NUL, and at most `MAX_TEXT` bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_TEXT = 50 * 2**20  # bytes in UTF-8
EMPTY = "the file is empty of text"
TOO_LONG = f"the file holds more than {MAX_TEXT // 2**20} MB of text"
LOCKED = "the file is protected by a password"
NO_FILES_EXTRA = "reading {kind} is not installed: pip install 'moonpalace[files]'"
NO_OCR = "OCR is not installed: pip install 'moonpalace[ocr]'"


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of a file. `file_type`: its MIME type, by content; `title`: as the document gives it, or empty."""

    content: str
    file_type: str
    title: str


class ExtractError(Exception):
    """A file that gives no text. `str(error)` is a short reason."""


_UNFIT = re.compile(r"[\x00\ud800-\udfff]")
_EMPTY_LINES = re.compile(r"\n{3,}")


def fit(content: str) -> str:
    """`content` under rule 3. Raises: ExtractError when it is too long, or nothing but blanks."""
    content = _UNFIT.sub("", content)
    if not content.strip():
        raise ExtractError(EMPTY)
    if len(content) > MAX_TEXT or (len(content) * 4 > MAX_TEXT and len(content.encode()) > MAX_TEXT):
        raise ExtractError(TOO_LONG)
    return content


def tidy(content: str) -> str:
    """Laid out plainly: LF, no blanks at the end of lines, never two empty lines in a row, one LF at the end."""
    lines = content.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _EMPTY_LINES.sub("\n\n", "\n".join(line.rstrip(" \t") for line in lines)).strip("\n") + "\n"
