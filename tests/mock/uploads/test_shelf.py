"""The shelf by itself; what the API does with it is in `test_files`."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from moonpalace.mock.uploads.shelf import find, put, remove, shelf
from moonpalace.mock.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Its folder is not there yet."""
    return World(tmp_path / "a" / "uploads", lambda: 0.0, lambda: 0.0)


def test_bytes_are_written_privately_into_a_folder_that_is_made(world: World) -> None:
    """The first file may be the output of a batch."""
    stored = put(world, world.account("mock"), "batch_output", "a.jsonl", 3, b"abc")
    assert stored.path.read_bytes() == b"abc"
    assert "jsonl" not in stored.path.name
    if os.name == "posix":
        assert stat.S_IMODE(stored.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(world.folder.stat().st_mode) == 0o700


def test_a_file_is_moved_not_copied(world: World, tmp_path: Path) -> None:
    """100 MB would be copied for nothing."""
    source = tmp_path / "upload-1"
    source.write_bytes(b"abc")
    stored = put(world, world.account("mock"), "image", "a.png", 3, source)
    assert not source.exists()
    assert stored.path.read_bytes() == b"abc"


def test_removing_what_is_gone_is_no_error(world: World) -> None:
    """Somebody may have cleared the folder."""
    account = world.account("mock")
    stored = put(world, account, "image", "a.png", 1, b"x")
    stored.status = "ok"
    assert find(world, account, stored.id) is stored
    stored.path.unlink()
    remove(account, stored)
    remove(account, stored)
    assert shelf(account) == {}
