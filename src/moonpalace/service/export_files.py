"""Files of exports: names that never leave their folder nor collide, and files that appear whole or not at all.

1. A name is made of `[A-Za-z0-9._-]`: the completion's id, else the request id, else method, path and time. Ids are
   chosen by others; one that would not be safe as it is gives way to `req-<local id>`.
2. A file is written under a temporary name in the opened folder, mode 0600, and then gets its name. Nothing is
   overwritten unless that was asked for, and no symlink is followed.
3. Names that differ only in case count as equal: on some file systems they are.

Source: for device names, learn.microsoft.com "Naming Files, Paths, and Namespaces".
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ..core.errors import UsageError
from ..core.exchange import Exchange
from ..kimi.endpoints import is_chat

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,98}[A-Za-z0-9_-]|[A-Za-z0-9_]")
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|conin|conout|clock|com[0-9]|lpt[0-9])(\..*)?")
_HAS_FOLDERS = os.open in os.supports_dir_fd
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def stem(exchange: Exchange) -> str:
    """The file's name without its suffix."""
    if exchange.chatcmpl and is_chat(exchange.path):
        name = exchange.chatcmpl
    elif exchange.request_id:
        name = f"requestid-{exchange.request_id}"
    else:
        at = datetime.fromtimestamp(exchange.requested_at // 1_000_000_000)
        path = exchange.path.removeprefix("/v1/").strip("/").replace("/", "-")
        name = f"{exchange.method.lower()}-{path}-{at:%Y%m%d%H%M%S}"
    return name if is_safe(name) else _plain(exchange)


def is_safe(name: str) -> bool:
    """Whether a name is one and the same plain file on every system."""
    return _SAFE.fullmatch(name) is not None and _DEVICE.fullmatch(name) is None


def _plain(exchange: Exchange) -> str:
    return f"req-{exchange.uid[:36] if exchange.id is None else exchange.id}"


class Names:
    """The names of one run: each exchange gets its own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def stem(self, exchange: Exchange) -> str:
        """As the function `stem` gives it; the local id follows where another exchange has that name."""
        name = next(name for name in _candidates(exchange) if name.lower() not in self._taken)
        self._taken.add(name.lower())
        return name


def _candidates(exchange: Exchange) -> Iterator[str]:
    first = stem(exchange)
    yield first
    yield f"{first}-{exchange.id}"
    yield _plain(exchange)
    yield from (f"{first}-{exchange.id}-{number}" for number in count(2))


class Folder:
    """A directory that files are written into, held open: whoever renames it meanwhile does not redirect them.

    Raises: UsageError when it is none.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._fd: int | None = None
        if path == "" or not self.path.is_dir():
            raise UsageError(f"{path or 'nothing'} is not a directory; make it, or name another one")
        if _HAS_FOLDERS:
            self._fd = os.open(self.path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))

    def write(self, name: str, data: bytes, *, force: bool = False) -> None:
        """A whole file of that name. Raises: UsageError when there is one already, OSError when it cannot be."""
        temporary = f".moonpalace-{secrets.token_hex(8)}.part"
        try:
            fd = os.open(self._at(temporary), _NEW, 0o600, **self._dir("dir_fd"))
            try:
                with open(fd, "wb") as file:
                    file.write(data)
                self._name(temporary, name, force)
            except BaseException:
                self._remove(temporary)
                raise
        except FileExistsError:
            raise UsageError(f"{self.path / name} is there already; --force overwrites it") from None
        except OSError as error:  # of two paths the user knows one
            raise OSError(error.errno, error.strerror, str(self.path / name)) from None

    def check_free(self, name: str) -> None:
        """Raises: UsageError when there is a file of that name."""
        with contextlib.suppress(FileNotFoundError):
            os.stat(self._at(name), follow_symlinks=False, **self._dir("dir_fd"))
            raise UsageError(f"{self.path / name} is there already; --force overwrites it")

    def close(self) -> None:
        """Let go of the directory."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _name(self, temporary: str, name: str, force: bool) -> None:
        both = {**self._dir("src_dir_fd"), **self._dir("dst_dir_fd")}
        if not force:
            try:
                os.link(self._at(temporary), self._at(name), **both)
            except FileExistsError:
                raise
            except OSError:  # no hard links here: the name is reserved instead
                os.close(os.open(self._at(name), _NEW, 0o600, **self._dir("dir_fd")))
            else:
                self._remove(temporary)
                return
        os.replace(self._at(temporary), self._at(name), **both)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._at(name), **self._dir("dir_fd"))

    def _at(self, name: str) -> str:
        return name if self._fd is not None else str(self.path / name)

    def _dir(self, keyword: str) -> dict[str, Any]:
        return {} if self._fd is None else {keyword: self._fd}


def file_of(given: str) -> Path | None:
    """The file that the user names; None for what is there and no file (a pipe, a device): it just gets the bytes.

    Raises: UsageError.
    """
    path = Path(given)
    if not given or path.is_dir():
        raise UsageError(f"{given or 'nothing'} is not the name of a file; give one, or use --directory")
    with contextlib.suppress(OSError, ValueError):
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
    return path


def open_there(given: str) -> IO[bytes]:
    """What `file_of` gave None for, to write into. Raises: UsageError when it is another user's, or a file by now.

    Why: in a directory such as /tmp anybody can put a pipe where a file was meant to be, and read along.
    """
    fd = os.open(given, os.O_WRONLY | getattr(os, "O_NOCTTY", 0))
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode) or (os.name == "posix" and found.st_uid not in (0, os.getuid())):
        os.close(fd)
        raise UsageError(f"{given} is a pipe or a device of another user; name another file")
    return open(fd, "wb")
