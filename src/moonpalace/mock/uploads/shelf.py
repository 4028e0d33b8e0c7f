"""The files of an account: what is known of each, where its bytes are, and who may see it.

1. A shelf is a dict in `Account.state`, id → `Stored`, oldest first. Nothing else refers to a file but by its id.
2. Bytes are in `World.folder` under random names with mode 0600; a name that a client gave is only ever shown.
3. While a file is being read (`ready` is off) it counts against the limits and is shown to nobody.
4. No id is used twice at a time, in a frozen world neither.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from ...kimi import limits
from ..asked import Account, Asked, Refused
from ..world import World
from .multipart import create

Item = TypeVar("Item")
_BASE32 = "0123456789abcdefghijklmnopqrstuv"
_MEDIA_URL = "ms://"


@dataclass(slots=True, eq=False)
class Stored:
    """One file. `text`: where the extracted text is; `details`: why there is none; `status`: empty until ready."""

    id: str
    filename: str
    purpose: str
    size: int
    created_at: int
    path: Path
    status: str = ""
    details: str = ""
    text: Path | None = None

    @property
    def ready(self) -> bool:
        """Whether it is shown."""
        return self.status != ""

    def shown(self) -> dict[str, Any]:
        """The file object of the API."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size,
            "created_at": self.created_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": self.status,
            "status_details": self.details,
        }


def shelf(account: Account) -> dict[str, Stored]:
    """Its files, those that are not ready too."""
    files: dict[str, Stored] = account.state.setdefault("files", {})
    return files


def put(world: World, account: Account, purpose: str, filename: str, size: int, source: Path | bytes) -> Stored:
    """A new file, not ready yet; `source` is moved, if it is a file. Raises: OSError."""
    path = fresh_path(world)
    if isinstance(source, Path):
        source.rename(path)
    else:
        write(path, source)
    files = shelf(account)
    identity = _new_id(world, account.name, purpose, filename, size)
    files[identity] = Stored(identity, _new_name(world, files, filename), purpose, size, world.now(), path)
    return files[identity]


def remove(account: Account, stored: Stored) -> None:
    """It is gone, and its bytes."""
    shelf(account).pop(stored.id, None)
    for path in (stored.path, stored.text):
        if path is not None:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def find(world: World, account: Account, identity: str) -> Stored:
    """The file of that id. Raises: Refused, 404 for one that is not there, 403 for another account's."""
    stored = shelf(account).get(identity)
    if stored is not None and stored.ready:
        return stored
    raise not_yours(world, account, "files", "file", identity)


def not_yours(world: World, account: Account, kept: str, what: str, identity: str) -> Refused:
    """To be raised for an id that is not among the account's."""
    others = (other for other in world.accounts.values() if other is not account)
    if any(identity in other.state.get(kept, ()) for other in others):
        return world.refuse("other_user")
    return world.refuse("missing", what=what, id=identity)


def find_media(world: World, account: Account, url: str) -> bool:
    """Whether a `ms://<file id>` of a message names an image or a video of this account."""
    stored = shelf(account).get(url.removeprefix(_MEDIA_URL)) if url.startswith(_MEDIA_URL) else None
    return stored is not None and stored.ready and stored.purpose in limits.MEDIA


def fresh_path(world: World) -> Path:
    """A name in the folder that nothing has."""
    world.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return world.folder / secrets.token_hex(16)


def write(path: Path, data: bytes) -> None:
    """A new private file. Raises: OSError."""
    with create(path) as file:
        file.write(data)


def page(world: World, items: Sequence[Item], asked: Asked, limit: int | None) -> tuple[list[Item], bool]:
    """A page of items that have an `id`, newest first, and whether more follow. Raises: Refused.

    An `after` that is gone gives an empty page: who deletes what a page showed and asks for the next must not fail.
    """
    given, after = asked.first("limit"), asked.first("after")
    if given is not None:
        limit = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
        if limit < 1:
            raise world.refuse("invalid_request", details="limit must be a positive integer")
    rest = list(reversed(items))
    if after:
        places = (place for place, item in enumerate(rest) if getattr(item, "id", None) == after)
        rest = rest[next(places, len(rest)) + 1 :]
    return rest[:limit], limit is not None and len(rest) > limit


def _new_id(world: World, *about: object) -> str:
    taken = {identity for account in world.accounts.values() for identity in account.state.get("files", ())}
    made = (_form(world, "file", *about, again) for again in count())
    return next(identity for identity in made if identity not in taken)


def _form(world: World, *about: object) -> str:
    """An id as the profile has them: `file_…`, or 20 characters of base 32 as in 2024."""
    if world.profile.file_ids == "file_":
        return f"file_{world.hex(24, *about)}"
    number = int(world.hex(25, *about), 16)
    return "".join(_BASE32[number >> 5 * place & 31] for place in range(19, -1, -1))


def _new_name(world: World, files: dict[str, Stored], name: str) -> str:
    """The name, or `name(1).pdf` if it is taken. That the API renames is documented; the form is our choice."""
    taken = {stored.filename for stored in files.values()}
    if world.profile.day < limits.RENAMED_SINCE or name not in taken:
        return name
    stem, ending = os.path.splitext(name)
    return next(new for new in (f"{stem}({number}){ending}" for number in count(1)) if new not in taken)
