"""Names and files of exports."""

from __future__ import annotations

import errno
import os
import sys
from datetime import datetime
from pathlib import Path

import pytest

from moonpalace.core.errors import UsageError
from moonpalace.service import export_files
from moonpalace.service.export_files import Folder, Names, file_of, is_safe, open_there, stem
from moonpalace.testing.exchanges import ARRIVED_AT, chat, uid_of

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and FIFOs of POSIX")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "chatcmpl-7"),
        ({"chatcmpl": None}, "requestid-req-7"),
        ({"path": "/v1/files"}, "requestid-req-7"),
        ({"chatcmpl": "../../x"}, "req-7"),
        ({"chatcmpl": None, "request_id": "a/b"}, "req-7"),
        ({"chatcmpl": "CON"}, "req-7"),
        ({"chatcmpl": "x" * 101}, "req-7"),
        ({"chatcmpl": "x", "id": None}, "x"),
        ({"chatcmpl": "..", "id": None}, f"req-{uid_of(7)}"),
        ({"path": "/v1/a b", "request_id": None}, "req-7"),
    ],
    ids=str,
)
def test_the_name_is_the_best_one_that_is_safe(fields: dict[str, object], expected: str) -> None:
    """Ids are chosen by others."""
    assert expected == stem(chat(7, **fields))


def test_without_ids_method_path_and_time_name_it() -> None:
    """As the earlier program did."""
    at = f"{datetime.fromtimestamp(ARRIVED_AT // 10**9 + 7):%Y%m%d%H%M%S}"
    exchange = chat(7, method="GET", path="/v1/files/abc/content", request_id=None)
    assert stem(exchange) == f"get-files-abc-content-{at}"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".x", "-x", "x.", "a/b", "a\\b", "a\0b", "a:b", "a b", "月", "x\u202e", "con", "Aux.x", "COM1",
     "lpt9.a.b", "NUL.tar", "conin$", "x" * 101, "x\n"],
)  # fmt: skip
def test_an_unsafe_name_is_told(name: str) -> None:
    """On any system: a folder of exports is copied to others."""
    assert not is_safe(name)
    assert is_safe("x" * 100) and is_safe("chatcmpl-a_b.c") and is_safe("console") and is_safe("com10")


def test_two_exchanges_never_share_a_name() -> None:
    """Nor when their ids differ in case only, nor when one is named like the other's way out."""
    names = Names()
    ids = [(9, "Same"), (8, "same"), (7, "same-6"), (6, "SAME"), (5, "req-4"), (4, "../x"), (3, "req-2"), (2, "..")]
    found = [names.stem(chat(number, chatcmpl=chatcmpl)) for number, chatcmpl in ids]
    assert found[:4] == ["Same", "same-8", "same-6", "req-6"]
    assert len({name.lower() for name in found}) == len(ids)
    assert all(is_safe(name) for name in found)


def test_a_file_is_whole_private_and_alone(tmp_path: Path) -> None:
    """Nothing else is left in the folder."""
    with Folder(tmp_path) as folder:
        folder.write("a.json", b"data")
    assert (tmp_path / "a.json").read_bytes() == b"data"
    assert os.listdir(tmp_path) == ["a.json"]
    if sys.platform != "win32":
        assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o600


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    """The file that was there may be the only one."""
    (tmp_path / "a").write_text("old")
    with Folder(tmp_path) as folder:
        with pytest.raises(UsageError, match="a is there already; --force overwrites it"):
            folder.write("a", b"new")
        with pytest.raises(UsageError, match="--force"):
            folder.check_free("a")
        folder.check_free("b")
        assert (tmp_path / "a").read_text() == "old"
        folder.write("a", b"new", force=True)
    assert (tmp_path / "a").read_text() == "new"
    assert os.listdir(tmp_path) == ["a"]


@needs_posix
@pytest.mark.parametrize("exists", [True, False])
def test_a_symlink_is_never_followed(tmp_path: Path, exists: bool) -> None:
    """It may lead to any file of the user."""
    inside, target = tmp_path / "in", tmp_path / "target"
    inside.mkdir()
    if exists:
        target.write_text("old")
    (inside / "a").symlink_to(target)
    with Folder(inside) as folder:
        with pytest.raises(UsageError, match="--force"):
            folder.write("a", b"new")
        folder.write("a", b"new", force=True)
    assert (inside / "a").read_text() == "new" and not (inside / "a").is_symlink()
    assert target.exists() == exists and (not exists or target.read_text() == "old")


@needs_posix
def test_a_folder_that_is_moved_away_is_still_the_one(tmp_path: Path) -> None:
    """What takes its place gets nothing."""
    first, other = tmp_path / "first", tmp_path / "other"
    first.mkdir()
    other.mkdir()
    with Folder(first) as folder:
        first.rename(tmp_path / "moved")
        first.symlink_to(other)
        folder.write("a", b"x")
    assert (tmp_path / "moved" / "a").exists() and not os.listdir(other)


@needs_posix
def test_without_hard_links_it_works_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems of memory sticks have none."""

    def no_links(*_paths: object, **_options: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(export_files.os, "link", no_links)
    with Folder(tmp_path) as folder:
        folder.write("a", b"one")
        with pytest.raises(UsageError, match="--force"):
            folder.write("a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the size of files")
@pytest.mark.parametrize("force", [False, True])
def test_a_write_that_fails_leaves_nothing(tmp_path: Path, force: bool) -> None:
    """No half file, and what was there is still there."""
    import resource
    import signal

    (tmp_path / "old").write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with Folder(tmp_path) as folder, pytest.raises(OSError, match="File too large") as caught:
            folder.write("old" if force else "a", b"x" * 100_000, force=force)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.filename == str(tmp_path / ("old" if force else "a"))
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_text() == "old"


def test_a_folder_must_be_there(tmp_path: Path) -> None:
    """Making it might hide a mistyped name."""
    (tmp_path / "file").touch()
    for name in ("none", "file"):
        with pytest.raises(UsageError, match="is not a directory"):
            Folder(tmp_path / name)


@needs_posix
def test_what_is_there_and_no_file_just_gets_the_bytes(tmp_path: Path) -> None:
    """Replacing a pipe or a device by a file would break it."""
    os.mkfifo(tmp_path / "pipe")
    assert file_of(str(tmp_path / "pipe")) is None
    assert file_of(os.devnull) is None
    assert file_of(str(tmp_path / "new")) == tmp_path / "new"
    for wrong in ("", str(tmp_path)):
        with pytest.raises(UsageError, match="not the name of a file"):
            file_of(wrong)


@needs_posix
def test_a_pipe_of_another_user_gets_nothing(tmp_path: Path) -> None:
    """In a directory of all users it may lie where a file was meant to be, and its owner would read along."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with open_there(str(pipe)) as stream:
            stream.write(b"x")
        assert os.read(reading, 9) == b"x"
        if os.getuid() == 0:
            os.chown(pipe, 65534, 65534)
            with pytest.raises(UsageError, match="of another user"):
                open_there(str(pipe))
    finally:
        os.close(reading)
    file = tmp_path / "file"
    file.write_bytes(b"kept")
    with pytest.raises(UsageError):  # it took the place of a pipe meanwhile
        open_there(str(file))
    assert file.read_bytes() == b"kept"
