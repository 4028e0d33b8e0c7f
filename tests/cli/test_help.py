"""`moonpalace help`."""

from __future__ import annotations

import re
from typing import Any

from moonpalace.core import errors
from moonpalace.core.errors import MoonPalaceError


def test_every_exit_code_is_documented(palace: Any) -> None:
    """Scripts rely on them."""
    text = palace("help", "exit-codes").out
    documented = {int(code) for code in re.findall(r"^ +(\d+) ", text, re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MoonPalaceError)]
    assert documented == {kind.exit_code for kind in kinds} | {0, 130}


def test_the_environment_is_documented(palace: Any) -> None:
    """With the variables that are read."""
    text = palace("help", "environment").out
    assert "MOONPALACE_HOME" in text
    assert "MOONPALACE_KEY" in text


def test_an_unknown_subject_names_the_known_ones(palace: Any) -> None:
    """So the next try is right."""
    found = palace("help", "nothing")
    assert found.code == 2
    assert "exit-codes" in found.err
