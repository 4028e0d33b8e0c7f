"""The directory of the record: private, ours, and refused when it is not."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from moonpalace.core.errors import UsageError
from moonpalace.journal import home as module
from moonpalace.journal.home import prepare_home, salt

posix = pytest.mark.skipif(os.name != "posix", reason="modes and links are posix")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=[0o022, 0, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@posix
def test_it_is_made_private_under_any_umask(tmp_path: Path, umask: None) -> None:
    """A umask of 0 would open it, one of 0777 would lock us out."""
    home = tmp_path / "home"
    assert prepare_home(home) == []
    assert mode(home) == 0o700
    made = salt(home)
    assert mode(home / "salt") == 0o600
    assert salt(home) == made


@posix
def test_a_looser_one_is_tightened_once_and_that_is_said(tmp_path: Path) -> None:
    """The original program left 0755."""
    tmp_path.chmod(0o755)
    (tmp_path / "old.sqlite").touch()
    assert [str(tmp_path) in line for line in prepare_home(tmp_path)] == [True]
    assert mode(tmp_path) == 0o700
    assert prepare_home(tmp_path) == []


@posix
@pytest.mark.parametrize("loose", [0o775, 0o777, 0o702], ids=oct)
def test_one_that_others_wrote_into_is_refused(tmp_path: Path, loose: int) -> None:
    """What lies in it may be a trap; only its owner can say."""
    tmp_path.chmod(loose)
    (tmp_path / "moonpalace.sqlite").touch()
    with pytest.raises(UsageError, match="chmod 700"):
        prepare_home(tmp_path)
    (tmp_path / "moonpalace.sqlite").unlink()
    assert prepare_home(tmp_path) == []
    assert mode(tmp_path) == 0o700


@posix
def test_a_link_is_refused_even_to_a_good_directory(tmp_path: Path) -> None:
    """Whoever owns the link decides where the record goes."""
    (tmp_path / "real").mkdir(0o700)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    with pytest.raises(UsageError, match="symbolic link"):
        prepare_home(link)
    link.unlink()
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="MOONPALACE_HOME"):
        prepare_home(link)


@posix
def test_somebody_elses_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner could read everything."""
    monkeypatch.setattr(module.os, "getuid", lambda: 12345)
    with pytest.raises(UsageError, match="another user"):
        prepare_home(tmp_path)


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    """With a sentence, not a trace."""
    (tmp_path / "home").touch()
    with pytest.raises(UsageError, match="MOONPALACE_HOME"):
        prepare_home(tmp_path / "home")
    with pytest.raises(UsageError, match="MOONPALACE_HOME"):
        prepare_home(tmp_path / "home" / "below")


def test_the_salt_is_made_once(tmp_path: Path) -> None:
    """Equal keys can be told to be equal only under one salt."""
    first = salt(tmp_path)
    assert len(first) == 32
    assert salt(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == ["salt"]


@pytest.mark.parametrize("left", [b"", b"x" * 31, b"x" * 40], ids=["empty", "short", "long"])
def test_a_damaged_salt_is_replaced(tmp_path: Path, left: bytes) -> None:
    """A full disk or a crash left it: every later run would go without, for ever."""
    (tmp_path / "salt").write_bytes(left)
    made = salt(tmp_path)
    assert len(made) == 32
    assert salt(tmp_path) == made


def test_a_full_disk_gives_a_salt_for_this_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traffic goes on; only fingerprints of two runs cannot be compared."""

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, "write", full)
    assert len(salt(tmp_path)) == 32
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_planted_salt_is_not_followed(tmp_path: Path) -> None:
    """A link could make us read, or write, another file."""
    (tmp_path / "other").write_bytes(b"o" * 32)
    (tmp_path / "salt").symlink_to(tmp_path / "other")
    with pytest.raises(UsageError, match="salt"):
        salt(tmp_path)
    assert (tmp_path / "other").read_bytes() == b"o" * 32


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_its_place_does_not_hang_the_start(tmp_path: Path) -> None:
    """Opening one waits for a writer."""
    os.mkfifo(tmp_path / "salt")
    made = salt(tmp_path)
    assert salt(tmp_path) == made
