"""The text of a document, gathered piece by piece as its markup is walked through.

1. Cells of a row stand in one line with a tab between them; a paragraph's end within a cell is a blank.
2. Nothing is gathered beyond the limit of `result`: a document cannot make more text than that.
"""

from __future__ import annotations

from .result import MAX_TEXT, TOO_LONG, ExtractError

_SOFT = (" ", "\t")


class Gather:
    """Text being put together."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._rows = 0  # rows we are in: tables may stand in cells

    @property
    def at_line_start(self) -> bool:
        """Whether the next piece begins a line or a cell."""
        return not self._parts or self._parts[-1] in ("\n", "\t") or self._parts[-1].endswith("\n")

    def add(self, piece: str) -> None:
        """Add running text. Raises: ExtractError when there is too much of it."""
        if piece:
            self._size += len(piece)
            if self._size > MAX_TEXT:
                raise ExtractError(TOO_LONG)
            self._parts.append(piece)

    def end_line(self) -> None:
        """A paragraph or line is over."""
        self.add(" " if self._rows else "\n")

    def begin_row(self) -> None:
        """A table's row begins."""
        self._rows += 1

    def end_cell(self) -> None:
        """A cell is over."""
        self._drop(" ")
        self.add("\t")

    def end_row(self) -> None:
        """A table's row is over."""
        self._drop(*_SOFT)
        self._rows = max(0, self._rows - 1)
        self.end_line()

    def text(self) -> str:
        """All of it."""
        return "".join(self._parts)

    def _drop(self, *blanks: str) -> None:
        while self._parts and self._parts[-1] in blanks:
            self._parts.pop()
