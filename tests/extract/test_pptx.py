"""Presentations: the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import documents

from moonpalace.extract import pptx


def test_slides_come_in_the_order_of_the_show(keep: Callable[[bytes], Path]) -> None:
    """Not in that of their names: who moves a slide renames nothing. Notes follow their slide."""
    assert pptx.read(keep(documents.pptx()), "pptx") == (documents.PPTX_TEXT, "Deck")
