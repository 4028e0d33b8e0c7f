"""The room that is held back."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from moonpalace.store.sqlite import ballast


def test_it_is_made_of_real_blocks_and_private(tmp_path: Path) -> None:
    """A file with holes would hold nothing back."""
    old = os.umask(0)
    try:
        assert ballast.make(tmp_path, plenty=0)
    finally:
        os.umask(old)
    found = (tmp_path / "ballast").stat()
    assert (found.st_size, stat.S_IMODE(found.st_mode)) == (ballast.SIZE, 0o600)
    if hasattr(found, "st_blocks"):
        assert found.st_blocks * 512 >= ballast.SIZE


def test_where_not_enough_stays_free_it_is_not_made(tmp_path: Path) -> None:
    """On a small disk the record needs the room more."""
    assert not ballast.make(tmp_path, plenty=shutil.disk_usage(tmp_path).free + ballast.SIZE)
    assert list(tmp_path.iterdir()) == []


def test_it_is_given_up_step_by_step_and_made_whole_again(tmp_path: Path) -> None:
    """Each step just before it is used, for others want the room as well."""
    ballast.make(tmp_path, plenty=0)
    sizes = []
    while ballast.give(tmp_path):
        sizes.append(ballast.held(tmp_path))
    assert sizes == [ballast.SIZE - ballast.STEP * step for step in range(1, 9)]
    assert not (tmp_path / "ballast").exists()
    assert not ballast.give(tmp_path)
    assert ballast.make(tmp_path, plenty=0)
    assert ballast.give(tmp_path)
    assert ballast.make(tmp_path, plenty=0)
    assert ballast.held(tmp_path) == ballast.SIZE


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_is_no_plain_file_is_left_alone(tmp_path: Path, kind: str) -> None:
    """It may lead to something that is needed."""
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    home = tmp_path / "home"
    home.mkdir()
    (home / "ballast").symlink_to(target) if kind == "link" else (home / "ballast").mkdir()
    assert not ballast.make(home, plenty=0)
    assert not ballast.give(home)
    assert target.read_bytes() == b"precious"


def test_a_missing_home_is_no_error(tmp_path: Path) -> None:
    """It may have been taken away."""
    assert not ballast.make(tmp_path / "none", plenty=0)
    assert not ballast.give(tmp_path / "none")
