"""The folder of uploads: private, and gone afterwards, even where the one that made it was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from moonpalace.app_uploads import LOCK, PREFIX, folder, sweep

HOLDER = """
import sys, time
from moonpalace.app_uploads import folder
with folder() as path:
    print(path, flush=True)
    time.sleep(600)
"""
LATER = 3_600.0


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_private_and_gone_at_the_end(place: Path) -> None:
    """Other users of the machine must not read what is uploaded."""
    with folder() as path:
        assert path.parent == place
        assert path.stat().st_mode & 0o077 == 0
        (path / "upload").write_bytes(b"x")
    assert not list(place.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_one_that_was_killed_is_cleared_away_by_the_next(place: Path) -> None:
    """Its uploads would lie there until the machine is started anew; one that runs is let be."""
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(place)}, stdout=subprocess.PIPE, text=True) as held:
        assert held.stdout is not None
        path = Path(held.stdout.readline().strip())
        assert path.parent == place
        try:
            sweep(place, time.time() + LATER)
            assert path.is_dir()
        finally:
            held.kill()
            held.wait()
    (path / "upload").write_bytes(b"x")
    sweep(place, time.time() + LATER)
    assert not path.exists()


def test_what_is_young_has_no_lock_or_is_a_link_is_let_be(place: Path) -> None:
    """It may be in the making, or somebody else's."""
    young, bare, target = place / f"{PREFIX}young", place / f"{PREFIX}bare", place / "target"
    for made in (young, bare, target):
        made.mkdir()
    for made in (young, target):
        (made / LOCK).touch()
    (place / f"{PREFIX}link").symlink_to(target)
    sweep(place, young.stat().st_mtime - 1)
    young.rename(place / "aside")
    sweep(place, time.time() + LATER)
    assert {one.name for one in place.iterdir()} == {"aside", f"{PREFIX}bare", "target", f"{PREFIX}link"}
    assert (target / LOCK).exists()
