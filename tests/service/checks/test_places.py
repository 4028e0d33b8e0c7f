"""The directory of the record. Owners and modes are facts, so that root can show them too."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from moonpalace.core.errors import UsageError
from moonpalace.journal.home import prepare_home
from moonpalace.service.checks.places import ballast, file_system, home, judge_space, space, type_at
from moonpalace.service.diagnosis import Subject
from moonpalace.store.sqlite import ballast as reserve

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")
root = pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can give files away")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home as `start` makes it."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    path.chmod(0o700)
    return path


def test_a_private_directory_is_fine(place: Path) -> None:
    """And nothing is left in it."""
    found = home(Subject(place))
    assert (found.verdict, found.remedy) == ("ok", "")
    assert list(place.iterdir()) == []


def test_a_directory_to_come_is_fine(tmp_path: Path) -> None:
    """It is not made for that."""
    found = home(Subject(tmp_path / "a" / "b"))
    assert found.verdict == "ok" and "does not exist yet" in found.text
    assert not (tmp_path / "a").exists()


def test_below_a_file_nothing_can_be_made(tmp_path: Path) -> None:
    """ENOTDIR (F43)."""
    (tmp_path / "file").write_text("")
    found = home(Subject(tmp_path / "file" / "home"))
    assert found.verdict == "fail" and "MOONPALACE_HOME" in found.remedy


@posix
def test_the_command_names_one_directory(tmp_path: Path) -> None:
    """It is pasted into a shell, whatever the name is."""
    place = tmp_path / "a; touch x"
    place.mkdir()
    place.chmod(0o755)
    assert shlex.split(home(Subject(place)).remedy) == ["run:", "chmod", "700", str(place)]


@posix
@pytest.mark.parametrize(("mode", "used", "verdict"), [(0o755, True, "warn"), (0o777, False, "warn"),
                                                       (0o777, True, "fail")])  # fmt: skip
def test_a_wide_mode_comes_with_the_command(place: Path, mode: int, used: bool, verdict: str) -> None:
    """It fails where `start` refuses."""
    if used:
        (place / "file").write_text("")
    place.chmod(mode)
    found = home(Subject(place))
    assert found.verdict == verdict
    assert f"{mode:04o}" in found.text and found.remedy.endswith(f"run: chmod 700 {place}")
    if verdict == "fail":
        with pytest.raises(UsageError):
            prepare_home(place)
    else:
        prepare_home(place)


@root
def test_a_directory_of_somebody_else_is_refused(place: Path) -> None:
    """He could read and change what is in it."""
    os.chown(place, 12345, -1)
    found = home(Subject(place))
    assert found.verdict == "fail" and "uid 12345" in found.text
    os.chown(place, 0, -1)


@posix
def test_a_link_is_refused(place: Path, tmp_path: Path) -> None:
    """As `start` refuses it."""
    (tmp_path / "link").symlink_to(place)
    assert home(Subject(tmp_path / "link")).verdict == "fail"


def test_no_place_at_all_is_told_in_the_words_of_start() -> None:
    """HOME is not set, or is a file; the checks that need a place then have nothing to say."""
    subject = Subject(None, home_error="HOME is not set")
    assert (home(subject).verdict, home(subject).text) == ("fail", "HOME is not set")
    assert [check(subject) for check in (file_system, space, ballast)] == [None, None, None]


MOUNTS = """\
/dev/vda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb1 /home/me\\040too/disk xfs rw 0 0
//server/share /mnt/share cifs rw 0 0
tmpfs /mnt/share tmpfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/root/.moonpalace", "ext4"),
        ("/home/me/.moonpalace", "nfs4"),
        ("/homely", "ext4"),
        ("/home/me too/disk/x", "xfs"),
        ("/mnt/share/x", "tmpfs"),
    ],
)
def test_the_nearest_mount_counts(path: str, expected: str) -> None:
    """A name that only begins like a mount point is not in it; a later mount covers an earlier one."""
    assert type_at(path, MOUNTS) == expected


@pytest.mark.parametrize(("kind", "warns"), [("ext4", False), ("overlay", False), ("nfs", True), ("nfs4", True),
                                             ("cifs", True), ("smb3", True), ("fuse.sshfs", True), ("9p", True),
                                             ("fuseblk", False)])  # fmt: skip
def test_a_network_is_no_place_for_a_database(place: Path, tmp_path: Path, kind: str, warns: bool) -> None:
    """The write-ahead log needs memory that processes share."""
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / "mounts").write_text(f"x / {kind} rw 0 0\n")
    found = file_system(Subject(place, proc=proc))
    assert (found is not None and found.verdict == "warn") == warns


def test_without_proc_nothing_is_said(place: Path, tmp_path: Path) -> None:
    """Not known is not bad."""
    assert file_system(Subject(place, proc=tmp_path / "none")) is None


@pytest.mark.parametrize(("free", "verdict"), [(10**12, "ok"), (10**8, "ok"), (10**8 - 1, "warn"), (10**6, "warn"),
                                               (10**6 - 1, "fail"), (0, "fail")])  # fmt: skip
def test_little_space_is_told_before_there_is_none(free: int, verdict: str) -> None:
    """F39."""
    found = judge_space(free, Path("home"))
    assert found.verdict == verdict
    assert ("cleanup" in found.remedy) == (verdict != "ok")


def test_space_is_measured_where_the_home_will_be(tmp_path: Path) -> None:
    """Also before it is made."""
    found = space(Subject(tmp_path / "a" / "b"))
    assert found is not None and str(tmp_path) in found.text


def test_a_missing_ballast_is_told_once_there_is_a_record(place: Path) -> None:
    """Without it a cleanup on a full disk has nothing to give up."""
    assert ballast(Subject(place)) is None
    (place / "moonpalace.sqlite").touch()
    missing = ballast(Subject(place))
    assert missing is not None and missing.verdict == "warn"
    assert reserve.make(place, plenty=0)
    there = ballast(Subject(place))
    assert there is not None and (there.verdict, there.text[:6]) == ("ok", "4.2 MB")
    assert reserve.give(place)
    partly = ballast(Subject(place))
    assert partly is not None and partly.verdict == "warn" and partly.text.startswith("only 3.7 MB")
