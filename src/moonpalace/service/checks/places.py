"""The directory of the record, and the disk below it.

1. What `start` would refuse is a failure here, in the same cases: `journal.home.prepare_home`.
2. Owner and mode are read, not tried out: nothing stops root, and yet others could read along.

Source: proc(5), /proc/mounts; https://www.sqlite.org/wal.html section 1 (no WAL over a network).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import tempfile
from pathlib import Path

from ...store.sqlite import FILE_NAME
from ...store.sqlite import ballast as reserve
from ..diagnosis import Result, Subject, amount, fail, ok, warn

_ELSEWHERE = "set MOONPALACE_HOME to a directory of your own"
_NETWORK = re.compile(
    r"nfs[34]?|cifs|smb[fs23]*|9p|afs|ceph|glusterfs|lustre|davfs|fuse\.(sshfs|rclone|s3fs|davfs2?|smb.*)"
)
_LOW, _NONE = 100 * 10**6, 10**6


def home(subject: Subject) -> Result:
    """There, ours alone, and to be written into; or to be made."""
    where = subject.home
    if where is None or subject.home_error:
        return fail(subject.home_error)
    if not os.path.lexists(where):
        above = _nearest(where)
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            return fail(f"{where} does not exist and cannot be made in {above}", _ELSEWHERE)
        return ok(f"{where} does not exist yet: the first start makes it")
    found = os.lstat(where)
    if stat.S_ISLNK(found.st_mode):
        return fail(f"{where} is a symbolic link", "set MOONPALACE_HOME to the directory itself")
    if os.name == "posix" and found.st_uid != os.getuid():
        return fail(f"{where} belongs to another user (uid {found.st_uid})", _ELSEWHERE)
    if trouble := _write(where):
        return fail(f"{where} cannot be written ({trouble})", f"mend that, or {_ELSEWHERE}")
    return _mode(where, stat.S_IMODE(found.st_mode))


def _mode(where: Path, mode: int) -> Result:
    if os.name != "posix" or not mode & 0o077:
        return ok(f"{where} is yours alone" + (f" ({mode:04o})" if os.name == "posix" else ""))
    if mode & 0o022 and any(where.iterdir()):
        remedy = f"look through what is in it, then run: chmod 700 {shlex.quote(str(where))}"
        return fail(f"other users may write into {where} ({mode:04o}), so it will not be used", remedy)
    return warn(f"{where} is open to other users ({mode:04o})", f"run: chmod 700 {shlex.quote(str(where))}")


def _write(where: Path) -> str:
    """Why no file can be made there; empty when one can."""
    try:
        fd, name = tempfile.mkstemp(prefix=".doctor.", dir=where)
    except OSError as error:
        return error.strerror or "unknown reason"
    os.close(fd)
    os.unlink(name)
    return ""


def file_system(subject: Subject) -> Result | None:
    """SQLite's write-ahead log needs shared memory, which no network gives."""
    if subject.home is None:
        return None
    try:
        mounts = (subject.proc / "mounts").read_text("utf-8", "replace")
    except OSError:
        return None
    kind = type_at(os.path.realpath(_nearest(subject.home)), mounts)
    if kind is None or not _NETWORK.fullmatch(kind):
        return None
    return warn(f"{subject.home} lies on a network file system ({kind}), where databases break",
                "set MOONPALACE_HOME to a directory on a disk of this machine")  # fmt: skip


def type_at(path: str, mounts: str) -> str | None:
    """The type of the file system that a path lies on, by the text of /proc/mounts; the later mount covers."""
    best, kind = "", None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def space(subject: Subject) -> Result | None:
    """Room for the record."""
    if subject.home is None:
        return None
    above = _nearest(subject.home)
    return judge_space(shutil.disk_usage(above).free, above)


def judge_space(free: int, where: Path) -> Result:
    """What that many free bytes mean."""
    text = f"{amount(free)} free for {where}"
    if free < _NONE:
        return fail(f"the disk is full: {text}", "free space; moonpalace cleanup --before DATE removes old exchanges")
    if free < _LOW:
        return warn(f"little space: {text}", "free some; moonpalace cleanup --before DATE removes old exchanges")
    return ok(text)


def ballast(subject: Subject) -> Result | None:
    """Deleting needs space too: this file is given up for it when the disk is full."""
    if subject.home is None or not (subject.home / FILE_NAME).is_file():
        return None
    held = reserve.held(subject.home)
    if held < reserve.SIZE:
        text = f"only {amount(held)} are" if held else "nothing is"
        return warn(f"{text} held back, so that cleanup may fail on a full disk", "the next start makes it good")
    return ok(f"{amount(held)} held back for a cleanup on a full disk")


def _nearest(path: Path) -> Path:
    """The path itself, or what exists above it."""
    return next((p for p in (path, *path.parents) if os.path.lexists(p)), Path(os.sep))
