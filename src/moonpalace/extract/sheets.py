"""Workbooks of spreadsheets (xlsx, xlsb, xls, ods): all sheets in their order, a row a line, a tab between cells.

1. What a cell shows is not stored; its value is: a number as written shortest, a date as ISO 8601.
2. The reader is native code and keeps a sheet as one rectangle: a hostile one ends the process. `apart` bounds that.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from .gather import Gather
from .result import LOCKED, NO_FILES_EXTRA, ExtractError, tidy

_MOST_CELLS = 20_000_000


def read(path: Path, kind: str) -> tuple[str, str]:
    """Text; such files have no title that is read. Raises: ExtractError, and whatever a broken file may raise."""
    try:
        from python_calamine import CalamineWorkbook, PasswordError
    except ImportError as error:
        raise ExtractError(NO_FILES_EXTRA.format(kind="spreadsheets")) from error
    try:
        into = Gather()
        with _named(path, kind) as named, CalamineWorkbook.from_path(str(named)) as book:
            for name in book.sheet_names:
                _add(into, name, book.get_sheet_by_name(name))
    except PasswordError as error:
        raise ExtractError(LOCKED) from error
    return tidy(into.text()), ""


@contextlib.contextmanager
def _named(path: Path, kind: str) -> Iterator[Path]:
    """A copy with the right ending: only by that does the reader know an encrypted one."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copyfile(path, Path(folder) / f"book.{kind}"))


def _add(into: Gather, name: str, sheet: Any) -> None:
    """A sheet under its name; nothing of an empty one."""
    if sheet.height * sheet.width > _MOST_CELLS:
        raise ExtractError(f"a sheet has more than {_MOST_CELLS} cells")
    lines = ["\t".join(map(_shown, row)).rstrip("\t") for row in sheet.to_python()]
    if any(lines):
        into.add(f"{name}\n")
        for line in lines:
            into.add(line + "\n")
        into.add("\n")


def _shown(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).upper()
    return " ".join(str(value).split())
