"""What a step from one schema to the next does with rows, where SQL alone cannot."""

from __future__ import annotations

from collections.abc import Callable

import apsw


def _cut_bodies(db: apsw.Connection) -> None:
    from .to_2 import convert  # not before it is needed: it can read every answer there is

    convert(db)


ROWS: dict[int, Callable[[apsw.Connection], None]] = {2: _cut_bodies}
