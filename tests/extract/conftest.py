"""What the tests of this package share: the files made by `data/documents.py`, and files on disk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))

Keep = Callable[[bytes], Path]


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """Writes bytes to a file whose name says nothing."""

    def write(data: bytes) -> Path:
        path = tmp_path / "stored"
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def no_programs() -> Iterator[None]:
    """Nothing on the path, so that no program of the machine has a say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        yield
