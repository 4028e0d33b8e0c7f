"""/v1/files without a socket: every answer and every error, and what is on the disk afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from moonpalace.core.headers import Headers
from moonpalace.extract.result import Extracted, ExtractError
from moonpalace.kimi import limits
from moonpalace.kimi.profiles import PROFILES, Profile, switched
from moonpalace.mock.asked import Account, Asked, Part, Refused
from moonpalace.mock.reply import Reply
from moonpalace.mock.uploads import files
from moonpalace.mock.uploads.shelf import find_media, shelf
from moonpalace.mock.world import World

WALL = 1_790_000_000.5
INVALID = "invalid_request_error"


async def extract(path: Path, filename: str) -> Extracted:
    """Text is what is in the file; `broken…` gives none."""
    if filename.startswith("broken"):
        raise ExtractError("the file is empty of text")
    return Extracted(await asyncio.to_thread(path.read_text, "utf-8"), "text/plain", "A title")


def make_world(folder: Path, profile: Profile = PROFILES["2026"], **options: Any) -> World:
    """A world whose clocks stand still and which reads text."""
    world = World(folder / "uploads", lambda: 0.0, lambda: WALL, profile, **options)
    world.state["extract"] = extract
    return world


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Of 2026."""
    return make_world(tmp_path)


def ask(
    world: World,
    function: Callable[[World, Asked], Reply | Awaitable[Reply]],
    query: str = "",
    account: str = "mock",
    parts: tuple[Part, ...] | None = None,
    **variables: str,
) -> Reply:
    """The answer of a function of the API."""
    pairs = tuple(tuple(pair.split("=")) for pair in query.split("&") if pair)
    asked = Asked(1, "GET", "/", pairs, Headers(), b"", world.account(account), WALL, parts, variables)  # type: ignore[arg-type]

    async def run() -> Reply:
        reply = function(world, asked)
        return reply if isinstance(reply, Reply) else await reply

    return asyncio.run(run())


def refused(world: World, function: Any, *args: Any, **options: Any) -> tuple[int, str, str]:
    """Status, type and message of the error."""
    with pytest.raises(Refused) as caught:
        ask(world, function, *args, **options)
    error = caught.value.violation.body()["error"]
    assert isinstance(error, dict)
    return caught.value.violation.status, error["type"], error["message"]


def uploaded(world: World, data: bytes = b"x", name: str = "a.txt", purpose: str | None = "file-extract") -> Any:
    """The parts of an upload, its file on the disk as the server leaves it."""
    world.folder.mkdir(exist_ok=True)
    path = world.folder / f"upload-{len(list(world.folder.iterdir()))}"
    path.write_bytes(data)
    part = Part("file", name, "application/octet-stream", len(data), path=path)
    return (part,) if purpose is None else (Part("purpose", None, "text/plain", 0, purpose.encode()), part)


def upload(world: World, *args: Any, account: str = "mock", **options: Any) -> Any:
    """The file object that an upload gives."""
    return value(ask(world, files.upload, account=account, parts=uploaded(world, *args, **options)))


def value(reply: Reply) -> Any:
    """Its JSON."""
    assert reply.status == 200
    return json.loads(reply.body)


def test_a_text_is_read_at_upload_and_comes_back_in_its_json(world: World) -> None:
    """The documented round: create, then `content(...).text` into a system message."""
    stored = upload(world, "你好".encode(), "报告.txt")
    assert stored == {
        "id": stored["id"],
        "object": "file",
        "bytes": 6,
        "created_at": int(WALL),
        "filename": "报告.txt",
        "purpose": "file-extract",
        "status": "ok",
        "status_details": "",
    }
    reply = ask(world, files.content, id=stored["id"])
    assert reply.content_type == "text/plain; charset=utf-8"
    assert reply.body.decode() == (
        '{"content":"你好","file_type":"text/plain","filename":"报告.txt","title":"A title","type":"file"}'
    )
    assert value(ask(world, files.look, id=stored["id"])) == stored


def test_a_file_that_cannot_be_read_stays_with_its_reason(world: World) -> None:
    """Status `error` and the 500 of its content are both documented."""
    stored = upload(world, name="broken.pdf")
    assert (stored["status"], stored["status_details"]) == ("error", "the file is empty of text")
    message = "Failed to extract file: the file is empty of text"
    assert refused(world, files.content, id=stored["id"]) == (500, "server_error", message)


PURPOSE = "Invalid purpose: only {} accepted"
FOUR = "'file-extract', 'image', 'video', 'batch'"
PURPOSES = {
    "2024": (PROFILES["2024"], "image", "'file-extract'"),
    "2025": (PROFILES["2025"], "batch", "'file-extract'"),
    "2026": (PROFILES["2026"], "assistants", FOUR),
    "missing": (PROFILES["2026"], None, FOUR),
    "output": (PROFILES["2026"], "batch_output", FOUR),
    "six": (switched(PROFILES["2026"], "file_purposes", "6"), "x", f"{FOUR}, 'batch_output', 'lambda'"),
}


@pytest.mark.parametrize(("profile", "purpose", "allowed"), PURPOSES.values(), ids=PURPOSES)
def test_only_the_purposes_of_the_profile_are_taken(
    tmp_path: Path, profile: Profile, purpose: str | None, allowed: str
) -> None:
    """How many there are is uncertain, so it is a switch."""
    world = make_world(tmp_path, profile)
    parts = uploaded(world, purpose=purpose)
    assert refused(world, files.upload, parts=parts) == (400, INVALID, PURPOSE.format(allowed))


@pytest.mark.parametrize("purpose", ["image", "video", "batch", "batch_output", "lambda"])
def test_other_purposes_are_kept_as_they_are(tmp_path: Path, purpose: str) -> None:
    """Nothing is extracted of them."""
    world = make_world(tmp_path, switched(PROFILES["2026"], "file_purposes", "6"))
    assert upload(world, purpose=purpose)["status"] == "ok"


def test_no_multipart_body_and_no_file_are_told_apart(world: World) -> None:
    """The two usual mistakes of hand-written clients."""
    no_body = "Invalid request: request Content-Type isn't multipart/form-data with a boundary"
    assert refused(world, files.upload) == (400, INVALID, no_body)
    value_only = (Part("file", None, "text/plain", 1, b"x"), Part("purpose", None, "text/plain", 5, b"image"))
    assert refused(world, files.upload, parts=value_only) == (400, INVALID, "Invalid request: file is required")


def test_an_empty_file_is_refused(world: World) -> None:
    """The API's words."""
    message = "File size is zero, please confirm and re-upload the file"
    assert refused(world, files.upload, parts=uploaded(world, b"")) == (400, INVALID, message)


def test_100_mb_pass_and_one_byte_more_does_not(world: World) -> None:
    """What counts is what was sent, not what was kept."""
    purpose, part = uploaded(world, purpose="image")
    assert ask(world, files.upload, parts=(purpose, replace(part, size=limits.FILE_BYTES))).status == 200
    purpose, part = uploaded(world, purpose="image")
    message = "File size is too large, max file size is 100MB, please confirm and re-upload the file"
    parts = (purpose, replace(part, size=limits.FILE_BYTES + 1))
    assert refused(world, files.upload, parts=parts) == (400, INVALID, message)


def test_an_account_has_1000_files_and_room_for_another_after_a_deletion(world: World) -> None:
    """Each account by itself."""
    first, *_ = [upload(world, purpose="image") for _ in range(limits.FILE_COUNT)]
    message = (
        "The number of files you have uploaded exceeded the max file count 1000, please delete previous uploaded files"
    )
    assert refused(world, files.upload, parts=uploaded(world)) == (400, INVALID, message)
    upload(world, account="tier1")
    ask(world, files.delete, id=first["id"])
    upload(world)


def test_an_account_has_10_gb(world: World) -> None:
    """The limit is documented, the words are ours."""
    for _ in range(102):
        purpose, part = uploaded(world, purpose="image")
        ask(world, files.upload, parts=(purpose, replace(part, size=limits.FILE_BYTES)))
    purpose, part = uploaded(world, purpose="image")
    room = limits.ACCOUNT_BYTES - 102 * limits.FILE_BYTES
    status, kind, message = refused(world, files.upload, parts=(purpose, replace(part, size=room + 1)))
    assert (status, kind) == (400, INVALID) and "10GB" in message
    assert ask(world, files.upload, parts=(purpose, replace(part, size=room))).status == 200


PICTURES = {
    "by name": ("photo.JPG", b"x"),
    "PNG": ("a.txt", b"\x89PNG\r\n\x1a\n...."),
    "JPEG": ("a", b"\xff\xd8\xff\xe0"),
    "GIF": ("a.bin", b"GIF89a"),
    "WebP": ("a.pdf", b"RIFF\x00\x00\x00\x00WEBPVP8 "),
}


@pytest.mark.parametrize(("name", "data"), PICTURES.values(), ids=PICTURES)
def test_images_are_no_longer_read_as_text(world: World, name: str, data: bytes) -> None:
    """Since 2026-08 they have a purpose of their own."""
    message = "Invalid request: images are no longer extracted as text, please upload them with purpose 'image'"
    assert refused(world, files.upload, parts=uploaded(world, data, name)) == (400, INVALID, message)
    assert upload(world, data, name, "image")["purpose"] == "image"


@pytest.mark.parametrize("profile", [PROFILES["2025"], switched(PROFILES["2026"], "image_text", "on")])
def test_images_were_read_as_text_before(tmp_path: Path, profile: Profile) -> None:
    """The manual of 2024 offers OCR."""
    assert upload(make_world(tmp_path, profile), b"text", "scan.png")["status"] == "ok"


def test_the_status_of_a_good_file_is_a_switch(tmp_path: Path) -> None:
    """Both `ok` and `ready` are documented."""
    world = make_world(tmp_path, switched(PROFILES["2026"], "file_status", "ready"))
    assert upload(world)["status"] == upload(world, purpose="image")["status"] == "ready"


@pytest.mark.parametrize("frozen", [False, True])
def test_ids_look_as_in_their_year_and_differ(tmp_path: Path, frozen: bool) -> None:
    """Also in a frozen world, where the same upload twice asks for the same id twice."""
    new = make_world(tmp_path / "new", frozen=frozen)
    new.folder.parent.mkdir()
    ids = [upload(new)["id"] for _ in range(3)] + [upload(new, account="tier1")["id"]]
    assert len(set(ids)) == 4 and all(each.startswith("file_") and len(each) == 29 for each in ids)
    old = make_world(tmp_path, PROFILES["2024"], frozen=frozen)
    short = [upload(old)["id"] for _ in range(3)]
    assert len(set(short)) == 3
    assert all(len(each) == 20 and set(each) <= set("0123456789abcdefghijklmnopqrstuv") for each in short)


def test_a_frozen_world_repeats_itself(tmp_path: Path) -> None:
    """Same request, same bytes, ids and times included."""
    answers = []
    for name in ("a", "b"):
        world = make_world(tmp_path / name, frozen=True)
        world.folder.parent.mkdir()
        answers.append([upload(world), upload(world)])
    assert answers[0] == answers[1]


def test_a_name_that_is_taken_is_changed_since_2026(tmp_path: Path, world: World) -> None:
    """Each account for itself; the old API kept both names."""
    names = [upload(world, name=name)["filename"] for name in ("a.pdf", "a.pdf", "a.pdf", "b", "b", "a(1).pdf")]
    assert names == ["a.pdf", "a(1).pdf", "a(2).pdf", "b", "b(1)", "a(1)(1).pdf"]
    assert upload(world, name="a.pdf", account="tier1")["filename"] == "a.pdf"
    old = make_world(tmp_path / "old", PROFILES["2025"])
    old.folder.parent.mkdir()
    assert [upload(old, name="a.pdf")["filename"] for _ in range(2)] == ["a.pdf", "a.pdf"]


def test_a_file_without_a_name_gets_one(world: World) -> None:
    """`filename=""` is what some clients send for a stream."""
    assert upload(world, name="", purpose="video")["filename"] == "file"


def ids(reply: Reply) -> list[str]:
    """Those of a list."""
    listed = value(reply)
    assert listed["object"] == "list" and set(listed) == {"object", "data"}
    return [each["id"] for each in listed["data"]]


def test_the_list_is_newest_first_and_may_be_cut(world: World) -> None:
    """SDKs page with `after`: without it their iteration would never end."""
    a, b, c = (upload(world, purpose=purpose)["id"] for purpose in ("file-extract", "image", "file-extract"))
    upload(world, account="tier1")
    assert ids(ask(world, files.listing)) == [c, b, a]
    assert ids(ask(world, files.listing, "purpose=image")) == [b]
    assert ids(ask(world, files.listing, "purpose=nonsense")) == []
    assert ids(ask(world, files.listing, "limit=2")) == [c, b]
    assert ids(ask(world, files.listing, f"after={b}")) == [a]
    assert ids(ask(world, files.listing, f"after={a}")) == []
    ask(world, files.delete, id=b)
    assert ids(ask(world, files.listing, f"after={b}")) == []
    assert ids(ask(world, files.listing)) == [c, a]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", "9" * 30, "²"])
def test_a_limit_that_is_none_is_refused(world: World, limit: str) -> None:
    """A number of 30 digits must not become one."""
    message = "Invalid request: limit must be a positive integer"
    assert refused(world, files.listing, f"limit={limit}") == (400, INVALID, message)


@pytest.mark.parametrize("function", [files.look, files.delete, files.content])
def test_a_file_that_is_not_there_is_a_404_and_anothers_is_a_403(world: World, function: Any) -> None:
    """Both rows of the error table."""
    missing = (404, "resource_not_found_error", "Not found the file file_0")
    assert refused(world, function, id="file_0") == missing
    stored = upload(world, account="tier1")
    other = (403, "permission_denied_error", "You are not allowed to get other user info")
    assert refused(world, function, id=stored["id"]) == other
    assert value(ask(world, files.look, account="tier1", id=stored["id"])) == stored


def test_a_deleted_file_leaves_nothing(world: World) -> None:
    """Neither on the disk nor in the list."""
    stored = upload(world)
    assert len(list(world.folder.iterdir())) == 2
    deleted = {"id": stored["id"], "object": "file", "deleted": True}
    assert value(ask(world, files.delete, id=stored["id"])) == deleted
    assert list(world.folder.iterdir()) == []
    assert refused(world, files.delete, id=stored["id"])[0] == 404


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_what_is_kept_is_private_and_its_name_says_nothing(world: World) -> None:
    """Names of files are secrets too."""
    upload(world, name="../salaries.txt")
    kept = [path for path in world.folder.iterdir() if not path.name.startswith("upload-")]
    assert all("salaries" not in path.name for path in kept)
    text = next(iter(shelf(world.account("mock")).values())).text
    assert text is not None and stat.S_IMODE(text.stat().st_mode) == 0o600


@pytest.mark.parametrize("purpose", ["image", "video"])
def test_what_was_never_text_has_no_content(world: World, purpose: str) -> None:
    """The documents give content to extracted files only."""
    stored = upload(world, purpose=purpose)
    message = f"Invalid request: the content of a file with purpose '{purpose}' cannot be retrieved"
    assert refused(world, files.content, id=stored["id"]) == (400, INVALID, message)


def test_the_input_of_a_batch_comes_back_byte_for_byte(world: World) -> None:
    """As its results do."""
    stored = upload(world, b'{"a": 1}\r\n\xff', "a.jsonl", "batch")
    assert ask(world, files.content, id=stored["id"]).body == b'{"a": 1}\r\n\xff'


def test_media_of_an_account_can_be_named_in_messages(world: World) -> None:
    """`ms://` works for images and videos, one's own."""
    account: Account = world.account("mock")
    image, text, broken = upload(world, purpose="image"), upload(world), upload(world, name="broken")
    assert find_media(world, account, f"ms://{image['id']}")
    assert not find_media(world, account, image["id"])
    assert not find_media(world, account, f"ms://{text['id']}")
    assert not find_media(world, account, f"ms://{broken['id']}")
    assert not find_media(world, account, "ms://nothing")
    assert not find_media(world, account, "https://example.com/a.png")
    assert not find_media(world, world.account("tier1"), f"ms://{image['id']}")


class Gate:
    """An extraction that waits until it is opened, and counts how many wait with it."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()

    async def extract(self, path: Path, filename: str) -> Extracted:
        """The text `x`, in time."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.entered.set()
        await self.opened.wait()
        self.inside -= 1
        return Extracted("x", "text/plain", "")


def post(world: World) -> asyncio.Task[Reply]:
    """An upload under way."""
    asked = Asked(1, "POST", "/", (), Headers(), b"", world.account("mock"), WALL, uploaded(world))
    return asyncio.create_task(files.upload(world, asked))


def test_two_files_are_read_at_a_time(world: World) -> None:
    """Each reader is a process of its own; ten at once would stop the machine."""

    async def scene() -> int:
        gate = Gate()
        world.state["extract"] = gate.extract
        tasks = [post(world) for _ in range(6)]
        await gate.entered.wait()
        await asyncio.sleep(0)
        gate.opened.set()
        assert [value(await task)["status"] for task in tasks] == ["ok"] * 6
        return gate.most

    assert asyncio.run(scene()) == 2


def test_a_file_being_read_counts_and_is_not_shown(world: World) -> None:
    """Its status would be one that no document knows."""

    async def scene() -> None:
        gate = Gate()
        world.state["extract"] = gate.extract
        task = post(world)
        await gate.entered.wait()
        (stored,) = shelf(world.account("mock")).values()
        asked = Asked(2, "GET", "/", (), Headers(), b"", world.account("mock"), WALL, None, {"id": stored.id})
        assert value(files.listing(world, asked))["data"] == []
        with pytest.raises(Refused):
            files.look(world, asked)
        gate.opened.set()
        await task
        assert value(files.look(world, asked))["status"] == "ok"

    asyncio.run(scene())


def test_a_client_that_leaves_while_its_file_is_read_leaves_nothing(world: World) -> None:
    """Else every broken upload would count for ever."""

    async def scene() -> None:
        gate = Gate()
        world.state["extract"] = gate.extract
        task = post(world)
        await gate.entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())
    assert shelf(world.account("mock")) == {}
    assert list(world.folder.iterdir()) == []
