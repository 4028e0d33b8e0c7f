"""Our own errors: one tree, with what the edges need."""

from __future__ import annotations

import pytest

from moonpalace.core import errors

CLASSES = [found for found in vars(errors).values() if isinstance(found, type)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_knows_its_exit_code_and_its_status(kind: type[errors.MoonPalaceError]) -> None:
    """0 would say that all is well; 128 and above belong to signals."""
    assert issubclass(kind, errors.MoonPalaceError)
    assert 0 < kind.exit_code < 128
    assert 400 <= kind.http_status < 600
    assert str(kind("a sentence")) == "a sentence"


def test_exit_codes_tell_the_kinds_apart() -> None:
    """Scripts depend on them."""
    codes = [kind.exit_code for kind in CLASSES]
    assert len(set(codes)) == len(codes)
