"""/v1/files: upload, list, look, read, delete.

1. A file with purpose `file-extract` is read before its upload is answered: the documented answer has the final status.
2. A file that cannot be read stays, with status `error` and the reason in `status_details`, and its content is the
   API's 500 `Failed to extract file: …`. The documents have both: a status for "extraction failed", and that error; and
   they say that extraction begins when the upload has succeeded.
3. Content is `text/plain`, as the API description says, also where it is JSON text. What was never text has none.
4. At most `READ_AT_ONCE` files are read at a time; others wait their turn.

The functions that read are in `extract`; `World.state["extract"]` takes their place if it is there. Wordings that no
document gives stand in `_OURS`.

Source: platform.moonshot.cn API reference (2024-03), platform.kimi.ai files pages (2026-04), change log (2026-09-23).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from ...extract.result import Extracted, ExtractError
from ...kimi import limits
from ..asked import Asked, Part
from ..reply import Chunk, Reply, encode, json_reply
from ..routes import Route
from ..world import World
from .multipart import NOT_MULTIPART
from .shelf import Stored, find, find_media, fresh_path, page, put, remove, shelf, write

__all__ = ["ROUTES", "find_media"]

READ_AT_ONCE = 2
TEXT = "text/plain; charset=utf-8"
Extract = Callable[[Path, str], Awaitable[Extracted]]

_OURS = {
    "file": "file is required",
    "image": "images are no longer extracted as text, please upload them with purpose 'image'",
    "total": "the total size of all uploaded files exceeds 10GB, please delete previous uploaded files",
    "content": "the content of a file with purpose '{purpose}' cannot be retrieved",
}
_READABLE = (limits.BATCH, limits.BATCH_OUTPUT)
_IMAGE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*")


async def upload(world: World, asked: Asked) -> Reply:
    """POST /v1/files. Raises: Refused."""
    part, path, purpose = _taken(world, asked)
    _check(world, asked, part, purpose)
    if purpose == limits.EXTRACT and not world.profile.image_text and _is_image(part.filename, path):
        raise world.refuse("invalid_request", details=_OURS["image"])
    stored = put(world, asked.account, purpose, part.filename or part.name, part.size, path)
    try:
        status = world.profile.file_status
        stored.status = await _read(world, stored) if purpose == limits.EXTRACT else status
    except BaseException:  # the client has left, or the disk is full: nobody will ever ask for this file
        remove(asked.account, stored)
        raise
    return json_reply(stored.shown())


def listing(world: World, asked: Asked) -> Reply:
    """GET /v1/files, newest first. The documents know no parameters; `purpose`, `after` and `limit` are understood
    because SDKs send them, and one that pages by `after` would never end without. Raises: Refused."""
    purpose = asked.first("purpose")
    files = [stored for stored in shelf(asked.account).values() if stored.ready]
    if purpose:
        files = [stored for stored in files if stored.purpose == purpose]
    shown, _ = page(world, files, asked, None)
    return json_reply({"object": "list", "data": [stored.shown() for stored in shown]})


def look(world: World, asked: Asked) -> Reply:
    """GET /v1/files/{id}. Raises: Refused."""
    return json_reply(find(world, asked.account, asked.variables["id"]).shown())


def delete(world: World, asked: Asked) -> Reply:
    """DELETE /v1/files/{id}. Raises: Refused."""
    stored = find(world, asked.account, asked.variables["id"])
    remove(asked.account, stored)
    return json_reply({"id": stored.id, "object": "file", "deleted": True})


async def content(world: World, asked: Asked) -> Reply:
    """GET /v1/files/{id}/content: the extracted text in its JSON, or the lines of a batch. Raises: Refused."""
    stored = find(world, asked.account, asked.variables["id"])
    if stored.status == "error":
        raise world.refuse("extraction", details=stored.details)
    path = stored.path if stored.purpose in _READABLE else stored.text
    if path is None:
        raise world.refuse("invalid_request", details=_OURS["content"].format(purpose=stored.purpose))
    try:
        data = await asyncio.to_thread(path.read_bytes)
    except FileNotFoundError:  # deleted in this moment
        raise world.refuse("missing", what="file", id=stored.id) from None
    return Reply(200, (Chunk(data),), TEXT)


def _taken(world: World, asked: Asked) -> tuple[Part, Path, str]:
    """The file, where it is, and its purpose."""
    if asked.parts is None:
        raise world.refuse("invalid_request", details=NOT_MULTIPART)
    part = next((part for part in asked.parts if part.name == "file" and part.path is not None), None)
    if part is None or part.path is None:
        raise world.refuse("invalid_request", details=_OURS["file"])
    purpose = next((part.value for part in asked.parts if part.name == "purpose"), b"")
    return part, part.path, purpose.decode("utf-8", "replace")


def _check(world: World, asked: Asked, part: Part, purpose: str) -> None:
    allowed = limits.PURPOSES[world.profile.file_purposes]
    files = shelf(asked.account)
    if purpose not in allowed:
        raise world.refuse("file_purpose", allowed=limits.listed(allowed))
    if part.size == 0:
        raise world.refuse("file_empty")
    if part.size > limits.FILE_BYTES:
        raise world.refuse("file_too_large")
    if len(files) >= limits.FILE_COUNT:
        raise world.refuse("file_count", limit=limits.FILE_COUNT)
    if part.size + sum(stored.size for stored in files.values()) > limits.ACCOUNT_BYTES:
        raise world.refuse("invalid_request", details=_OURS["total"])


def _is_image(filename: str | None, path: Path) -> bool:
    """By its name or by its first bytes."""
    if limits.IMAGE_NAME.fullmatch(filename or ""):
        return True
    with path.open("rb") as file:
        start = file.read(12)
    return start.startswith(_IMAGE_STARTS) or (start[:4] == b"RIFF" and start[8:] == b"WEBP")


async def _read(world: World, stored: Stored) -> str:
    """Extract its text; the status it has then."""
    turns: asyncio.Semaphore = world.kept("extractions", lambda: asyncio.Semaphore(READ_AT_ONCE))
    async with turns:
        try:
            extracted = await _extract(world)(stored.path, stored.filename)
        except ExtractError as error:
            stored.details = str(error)
            world.tell(f"a file gave no text, its status is error: {error}")
            return "error"
    text = encode(
        {
            "content": extracted.content,
            "file_type": extracted.file_type,
            "filename": stored.filename,
            "title": extracted.title,
            "type": "file",
        }
    )
    stored.text = fresh_path(world)
    write(stored.text, text)  # not in a thread: one that goes on after a cancellation would leave a file behind
    return world.profile.file_status


def _extract(world: World) -> Extract:
    given: Extract | None = world.state.get("extract")
    if given is not None:
        return given
    from ...extract.apart import extract_apart

    return extract_apart


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/files", upload, files=True),
    Route("GET", "/v1/files", listing),
    Route("GET", "/v1/files/{id}", look),
    Route("DELETE", "/v1/files/{id}", delete),
    Route("GET", "/v1/files/{id}/content", content),
)
