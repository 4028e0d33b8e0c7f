"""What runs beside the traffic."""

from __future__ import annotations

from pathlib import Path

from moonpalace.app_beside import Librarian


def test_a_librarian_that_has_just_been_asked_for_finishes_all_the_same(tmp_path: Path) -> None:
    """A proxy may be stopped right after its start; it would say that the record is not whole."""
    said: list[str] = []
    for _ in range(3):
        librarian = Librarian(["--home", str(tmp_path), "--run", "none", "--log", "off"], said.append)
        assert librarian.finish(30.0, lambda: False)
    assert said == []
