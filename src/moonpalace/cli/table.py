"""Tables of `+---+` and `| x |`, as the earlier program drew them.

1. A cell may have several lines; shorter neighbours are filled with blanks.
2. Text from outside is made safe by `cell` or `body_cell` before it gets here: what is drawn is what is measured.
3. Widths are columns of the terminal, so Chinese text stays in line.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from ..text import safe
from ..text.width import pad, width, wrap

BODY_COLUMNS = 48
_TAB = "    "

Cell = list[str]


def cell(value: object) -> Cell:
    """A cell of one line; None is empty."""
    return [safe.line("" if value is None else str(value))]


def body_cell(text: str, columns: int = 0) -> Cell:
    """A cell of many lines, wrapped at `columns` if that is not 0. A tab takes four blanks: its stops are not ours."""
    shown = safe.block(text.rstrip("\r\n")).replace("\t", _TAB)
    return wrap(shown, columns) if columns else shown.split("\n")


def table(titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """The table as text, a line feed after each line."""
    header: list[Cell] = [[title] for title in titles]
    widths = [max(width(text) for row in (header, *rows) for text in row[at]) for at in range(len(titles))]
    rule = "+" + "+".join("-" * (columns + 2) for columns in widths) + "+"
    lines = [rule, *_row(header, widths), rule]
    for row in rows:
        lines += _row(row, widths)
    if rows:
        lines.append(rule)
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[Cell], widths: Sequence[int]) -> list[str]:
    return [
        "| " + " | ".join(pad(text, columns) for text, columns in zip(texts, widths, strict=True)) + " |"
        for texts in zip_longest(*cells, fillvalue="")
    ]
