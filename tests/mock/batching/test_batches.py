"""/v1/batches without a socket, on a clock of its own: what is asked, what is refused, and what becomes of a batch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from moonpalace.core.headers import Headers
from moonpalace.kimi.profiles import PROFILES
from moonpalace.mock.asked import Account, Asked, Refused
from moonpalace.mock.batching import batches
from moonpalace.mock.batching.batch_steps import TURN
from moonpalace.mock.reply import Reply
from moonpalace.mock.routes import Router
from moonpalace.mock.uploads import files
from moonpalace.mock.uploads.shelf import put, remove, shelf
from moonpalace.mock.world import World

START = 1_790_000_000
DAY = 86_400
INVALID = "invalid_request_error"
Function = Callable[[World, Asked], Reply | Awaitable[Reply]]


class Clock:
    """Both clocks, moved by the test."""

    def __init__(self) -> None:
        self.passed = 0.0

    def mono(self) -> float:
        """From some moment on."""
        return 1_000.0 + self.passed

    def wall(self) -> float:
        """The same as a date."""
        return START + self.passed


@pytest.fixture
def clock() -> Clock:
    """At its start."""
    return Clock()


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> World:
    """A step takes 10 s; a line whose text is `bad` is refused."""
    world = World(tmp_path, clock.mono, clock.wall)
    world.state["batch_delay_s"] = 10.0
    world.state["asked"] = []

    def complete(world: World, account: Account, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        text = body["messages"][0]["content"]
        world.state["asked"].append((account.name, text))
        if text == "bad":
            return 400, {"error": {"message": "no", "type": INVALID}}
        if text == "filtered":
            raise world.refuse("content_filter")
        return 200, {"id": "chatcmpl-1", "choices": [text]}

    world.state["complete"] = complete
    return world


def ask(
    world: World, function: Function, body: object = None, query: str = "", account: str = "mock", **variables: str
) -> Any:
    """The answer's JSON."""
    pairs = tuple(tuple(pair.split("=")) for pair in query.split("&") if pair)
    data = json.dumps(body).encode()
    asked = Asked(1, "POST", "/", pairs, Headers(), data, world.account(account), 0, None, variables)  # type: ignore[arg-type]

    async def run() -> Reply:
        reply = function(world, asked)
        return reply if isinstance(reply, Reply) else await reply

    reply = asyncio.run(run())
    assert reply.status == 200
    return json.loads(reply.body)


def refused(world: World, function: Function, *args: Any, **options: Any) -> tuple[int, str, str]:
    """Status, type and message of the error."""
    with pytest.raises(Refused) as caught:
        ask(world, function, *args, **options)
    error: Any = caught.value.violation.body()["error"]
    return caught.value.violation.status, error["type"], error["message"]


def line(custom_id: str, text: str = "hello", **changes: Any) -> dict[str, Any]:
    """A request."""
    body = {"model": "kimi-k2.6", "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body, **changes}


def upload(world: World, *lines: object, name: str = "in.jsonl", purpose: str = "batch", account: str = "mock") -> str:
    """The id of an input file."""
    data = b"".join(json.dumps(each).encode() + b"\n" for each in lines)
    stored = put(world, world.account(account), purpose, name, len(data), data)
    stored.status = "ok"
    return stored.id


def wanted(file_id: str, **changes: Any) -> dict[str, Any]:
    """What is posted; None takes a field away."""
    value = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h", **changes}
    return {name: item for name, item in value.items() if item is not None}


def create(world: World, *lines: object, **changes: Any) -> str:
    """The id of a batch of these lines."""
    identity: str = ask(world, batches.create, wanted(upload(world, *lines), **changes))["id"]
    return identity


def look(world: World, identity: str) -> Any:
    """The batch as it is now."""
    return ask(world, batches.look, id=identity)


def results(world: World, batch: Any, name: str) -> list[Any]:
    """The lines of its output or error file, fetched as a client does."""
    asked = Asked(1, "GET", "/", (), Headers(), b"", world.account("mock"), 0, None, {"id": batch[f"{name}_file_id"]})
    reply = asyncio.run(files.content(world, asked))
    return [json.loads(each) for each in reply.body.splitlines()]


def test_a_batch_goes_its_way_with_the_clock(world: World, clock: Clock) -> None:
    """Each state is seen by who looks in time, with stamps that do not depend on the looks."""
    file_id = upload(world, line("a"), line("b", "bad"), line("c", "filtered"), line("d", "dear"))
    batch = ask(world, batches.create, wanted(file_id, metadata={"job": "x"}))
    assert batch == {
        "id": batch["id"],
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": file_id,
        "completion_window": "24h",
        "status": "validating",
        "created_at": START,
        "expires_at": START + DAY,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": {"job": "x"},
    }
    clock.passed = 9.9
    assert look(world, batch["id"]) == batch
    clock.passed = 10.0
    running = look(world, batch["id"])
    assert running == batch | {
        "status": "in_progress",
        "in_progress_at": START + 10,
        "request_counts": {"total": 4, "completed": 0, "failed": 0},
    }
    clock.passed = 15.0
    assert look(world, batch["id"])["request_counts"] == {"total": 4, "completed": 1, "failed": 1}
    clock.passed = 25.0
    finalizing = look(world, batch["id"])
    assert finalizing == running | {
        "status": "finalizing",
        "finalizing_at": START + 20,
        "request_counts": {"total": 4, "completed": 2, "failed": 2},
    }
    clock.passed = 1_000.0
    done = look(world, batch["id"])
    files_of_it = {name: done[name] for name in ("output_file_id", "error_file_id")}
    assert done == finalizing | {"status": "completed", "completed_at": START + 30} | files_of_it
    assert look(world, batch["id"]) == done


def test_results_are_files_of_the_account(world: World, clock: Clock) -> None:
    """Answers in one, refusals in the other, each under the id that the client gave."""
    identity = create(world, line("a"), line("b", "bad"), line("c", "filtered"))
    clock.passed = 30.0
    batch = look(world, identity)
    (good,) = results(world, batch, "output")
    assert set(good) == {"id", "custom_id", "response", "error"}
    assert (good["custom_id"], good["error"], good["response"]["status_code"]) == ("a", None, 200)
    assert good["response"]["body"] == {"id": "chatcmpl-1", "choices": ["hello"]}
    bad, filtered = results(world, batch, "error")
    assert (bad["custom_id"], bad["response"]["status_code"]) == ("b", 400)
    assert filtered["response"]["body"]["error"]["type"] == "content_filter"
    assert len({each["id"] for each in (good, bad, filtered)}) == 3
    kept = shelf(world.account("mock"))
    assert {kept[batch[f"{name}_file_id"]].purpose for name in ("output", "error")} == {"batch_output"}
    assert kept[batch["output_file_id"]].filename == f"{identity}_output.jsonl"
    assert world.state["asked"] == [("mock", "hello"), ("mock", "bad"), ("mock", "filtered")]


def test_without_a_delay_all_is_done_at_the_first_look(world: World) -> None:
    """Tests of an application should not have to wait; but the first answer is `validating`, as the real one's."""
    del world.state["batch_delay_s"]
    batch = ask(world, batches.create, wanted(upload(world, line("a"))))
    assert batch["status"] == "validating"
    assert world.state["asked"] == []
    done = look(world, batch["id"])
    assert (done["status"], done["request_counts"]) == ("completed", {"total": 1, "completed": 1, "failed": 0})
    assert done["completed_at"] == START
    assert "error_file_id" not in done


def test_a_bad_line_fails_the_batch_and_none_is_run(world: World, clock: Clock) -> None:
    """The reasons are where OpenAI's SDK looks for them."""
    identity = create(world, line("a"), line("a"), line("b", url="/v1/x"))
    clock.passed = 10.0
    batch = look(world, identity)
    assert (batch["status"], batch["failed_at"]) == ("failed", START + 10)
    assert [(each["code"], each["line"]) for each in batch["errors"]["data"]] == [
        ("duplicate_custom_id", 2),
        ("url_mismatch", 3),
    ]
    assert world.state["asked"] == []
    clock.passed = 1_000.0
    assert look(world, identity) == batch


def test_a_retired_model_has_no_batches(world: World, clock: Clock) -> None:
    """Kimi K2.5 had, until it went."""
    body = {"model": "kimi-k2.5", "messages": []}
    identity = create(world, line("a", body=body))
    clock.passed = 10.0
    assert [each["code"] for each in look(world, identity)["errors"]["data"]] == ["model_not_supported"]


def test_an_input_file_deleted_before_validation_fails_the_batch(world: World, clock: Clock) -> None:
    """Deleted later it makes no difference."""
    early = create(world, line("a"))
    remove(world.account("mock"), next(iter(shelf(world.account("mock")).values())))
    later = create(world, line("a"))
    clock.passed = 10.0
    assert [each["code"] for each in look(world, early)["errors"]["data"]] == ["file_not_found"]
    look(world, later)
    remove(world.account("mock"), next(iter(shelf(world.account("mock")).values())))
    clock.passed = 30.0
    assert look(world, later)["status"] == "completed"


CANCELLED_AT = {"validating": (5.0, 0), "in_progress": (15.0, 2), "finalizing": (25.0, 4)}


@pytest.mark.parametrize(("at", "done"), CANCELLED_AT.values(), ids=CANCELLED_AT)
def test_a_batch_under_way_can_be_cancelled(world: World, clock: Clock, at: float, done: int) -> None:
    """What is answered by then is kept, and what is not is named."""
    identity = create(world, *[line(name) for name in "abcd"])
    clock.passed = at
    batch = ask(world, batches.cancel, id=identity)
    assert (batch["status"], batch["cancelling_at"]) == ("cancelling", START + int(at))
    clock.passed = at + 9.9
    assert look(world, identity)["status"] == "cancelling"
    clock.passed = at + 10
    batch = look(world, identity)
    assert (batch["status"], batch["cancelled_at"]) == ("cancelled", START + int(at + 10))
    assert len(world.state["asked"]) == done
    assert [each["custom_id"] for each in results(world, batch, "output")] == list("abcd"[:done]) if done else True
    if done == 2:
        assert batch["request_counts"] == {"total": 4, "completed": 2, "failed": 2}
        left = results(world, batch, "error")
        assert [(each["custom_id"], each["response"], each["error"]["code"]) for each in left] == [
            ("c", None, "batch_cancelled"),
            ("d", None, "batch_cancelled"),
        ]
    clock.passed = 1_000.0
    assert look(world, identity) == batch


def test_without_a_delay_a_batch_can_be_cancelled_until_somebody_looks(world: World) -> None:
    """Else no test of an application could ever cancel one."""
    del world.state["batch_delay_s"]
    identity = create(world, line("a"))
    assert ask(world, batches.cancel, id=identity)["status"] == "cancelling"
    assert look(world, identity)["status"] == "cancelled"
    assert world.state["asked"] == []
    other = create(world, line("a"))
    look(world, other)
    message = f"Invalid request: batch {other} is completed and cannot be cancelled"
    assert refused(world, batches.cancel, id=other) == (400, INVALID, message)


def test_a_batch_that_is_over_cannot_be_cancelled(world: World, clock: Clock) -> None:
    """Nor one that is being cancelled."""
    done, failed, cancelled = create(world, line("a")), create(world, line("")), create(world, line("a"))
    ask(world, batches.cancel, id=cancelled)
    assert refused(world, batches.cancel, id=cancelled)[0] == 400
    clock.passed = 30.0
    for identity in (done, failed, cancelled):
        assert refused(world, batches.cancel, id=identity)[:2] == (400, INVALID)


def test_a_batch_expires_at_the_end_of_its_window(world: World, clock: Clock) -> None:
    """With a step longer than the window; what was answered is kept."""
    world.state["batch_delay_s"] = 30_000.0
    identity = create(world, *[line(name) for name in "abc"], completion_window="12h")
    clock.passed = 40_001.0
    assert look(world, identity)["request_counts"]["completed"] == 1
    clock.passed = 43_200.0
    batch = look(world, identity)
    assert batch["status"] == "expired"
    assert [each["custom_id"] for each in results(world, batch, "output")] == ["a"]
    assert [each["error"]["code"] for each in results(world, batch, "error")] == ["batch_expired"] * 2
    assert batch["request_counts"] == {"total": 3, "completed": 1, "failed": 2}
    clock.passed = 90_000.0
    assert look(world, identity) == batch


def test_who_looks_only_after_the_window_sees_the_same(world: World, clock: Clock) -> None:
    """What is answered follows the clock, not the looks."""
    world.state["batch_delay_s"] = 30_000.0
    often, once = (create(world, *[line(name) for name in "abcdefgh"], completion_window="12h") for _ in range(2))
    seen = []
    for clock.passed in range(0, 100_000, 1_111):
        seen.append(look(world, often))
    looks = (seen[-1], look(world, once))
    first, second = ([each["custom_id"] for each in results(world, batch, "output")] for batch in looks)
    assert first == second == list("abc")
    assert looks[0]["request_counts"] == looks[1]["request_counts"]


def test_a_batch_that_is_never_validated_expires_too(world: World, clock: Clock) -> None:
    """It has no files then."""
    world.state["batch_delay_s"] = 1e6
    identity = create(world, line("a"))
    clock.passed = DAY
    batch = look(world, identity)
    assert (batch["status"], "error_file_id" in batch) == ("expired", False)


WRONG = {
    "no file": ({"input_file_id": None}, "input_file_id is required"),
    "a number": ({"input_file_id": 1}, "input_file_id is required"),
    "unknown file": ({"input_file_id": "file_0"}, "input_file_id: Not found the file file_0"),
    "endpoint": ({"endpoint": "/v1/embeddings"}, "endpoint must be /v1/chat/completions"),
    "no window": ({"completion_window": None}, "completion_window must be from 12h to 7d, like 12h, 1d or 3d"),
    "short window": ({"completion_window": "11h"}, "completion_window must be from 12h to 7d, like 12h, 1d or 3d"),
    "long window": ({"completion_window": "8d"}, "completion_window must be from 12h to 7d, like 12h, 1d or 3d"),
}
METADATA = "metadata must have at most 16 pairs of text, keys up to 64 and values up to 512 characters"
WRONG |= {
    name: ({"metadata": value}, METADATA)
    for name, value in {
        "17 pairs": {str(number): "" for number in range(17)},
        "long key": {"k" * 65: ""},
        "long value": {"k": "v" * 513},
        "a number in it": {"k": 1},
        "a list": [],
    }.items()
}


@pytest.mark.parametrize(("changes", "details"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_is_refused(world: World, changes: dict[str, Any], details: str) -> None:
    """The limits are documented, the words are ours."""
    body = wanted(upload(world, line("a")), **changes)
    assert refused(world, batches.create, body) == (400, INVALID, f"Invalid request: {details}")


def test_what_is_at_the_limits_passes(world: World) -> None:
    """16 pairs, 64 and 512 characters, 7 days, no endpoint."""
    metadata = {f"{number:064}": "值" * 512 for number in range(16)}
    changes = {"metadata": metadata, "completion_window": "7d", "endpoint": None}
    batch = ask(world, batches.create, wanted(upload(world, line("a")), **changes))
    assert (batch["metadata"], batch["endpoint"]) == (metadata, "/v1/chat/completions")
    assert batch["expires_at"] == START + 7 * DAY


INPUTS = {
    "purpose": ({"purpose": "file-extract"}, "the input file must be uploaded with purpose 'batch'"),
    "ending": ({"name": "in.json"}, "the input file must be a .jsonl file"),
    "other account": ({"account": "tier1"}, "input_file_id: You are not allowed to get other user info"),
}


@pytest.mark.parametrize(("options", "details"), INPUTS.values(), ids=INPUTS)
def test_an_input_file_that_is_none_is_refused(world: World, options: dict[str, str], details: str) -> None:
    """Each of the documented conditions that can be seen without reading it."""
    body = wanted(upload(world, line("a"), **options))
    assert refused(world, batches.create, body) == (400, INVALID, f"Invalid request: {details}")


@pytest.mark.parametrize("body", [[], "x", 1, None])
def test_a_body_that_is_no_object_is_refused(world: World, body: object) -> None:
    """JSON, but not a request."""
    message = "Invalid request: request body must be a JSON object"
    assert refused(world, batches.create, body) == (400, INVALID, message)


@pytest.mark.parametrize("function", [batches.look, batches.cancel])
def test_a_batch_that_is_not_there_is_a_404_and_anothers_is_a_403(world: World, function: Function) -> None:
    """Both rows of the error table."""
    missing = (404, "resource_not_found_error", "Not found the batch batch_0")
    assert refused(world, function, id="batch_0") == missing
    identity = create(world, line("a"))
    other = (403, "permission_denied_error", "You are not allowed to get other user info")
    assert refused(world, function, account="tier1", id=identity) == other


def test_the_list_has_pages_of_20_newest_first(world: World, clock: Clock) -> None:
    """And shows each batch as it is now."""
    made = [create(world, line("a")) for _ in range(45)][::-1]
    clock.passed = 30.0
    seen: list[str] = []
    sizes = []
    while True:
        page = ask(world, batches.listing, query=f"after={seen[-1]}" if seen else "")
        assert page["object"] == "list" and {each["status"] for each in page["data"]} == {"completed"}
        seen += [each["id"] for each in page["data"]]
        sizes.append(len(page["data"]))
        if not page["has_more"]:
            break
    assert (seen, sizes) == (made, [20, 20, 5])
    assert ask(world, batches.listing, account="tier1") == {"object": "list", "data": [], "has_more": False}
    page = ask(world, batches.listing, query="limit=45")
    assert (len(page["data"]), page["has_more"]) == (45, False)
    assert refused(world, batches.listing, query="limit=0")[:2] == (400, INVALID)


def test_two_looks_at_once_answer_each_line_once(world: World, clock: Clock) -> None:
    """While one of them answers, the other gets its turn on the loop."""
    identity = create(world, *[line(str(number)) for number in range(3 * TURN)])
    clock.passed = 30.0
    asked = Asked(1, "GET", "/", (), Headers(), b"", world.account("mock"), 0, None, {"id": identity})

    async def run() -> tuple[Reply, Reply]:
        first, second = await asyncio.gather(batches.look(world, asked), batches.look(world, asked))
        return first, second

    first, second = asyncio.run(run())
    assert first.body == second.body
    assert len(world.state["asked"]) == 3 * TURN


def test_a_client_that_leaves_while_lines_are_answered_loses_none(world: World, clock: Clock) -> None:
    """The next look goes on where that one stopped."""
    identity = create(world, *[line(str(number)) for number in range(3 * TURN)])
    clock.passed = 30.0
    asked = Asked(1, "GET", "/", (), Headers(), b"", world.account("mock"), 0, None, {"id": identity})

    async def leave() -> None:
        begun, complete = asyncio.Event(), world.state["complete"]
        world.state["complete"] = lambda *request: begun.set() or complete(*request)
        task = asyncio.create_task(batches.look(world, asked))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert 0 < len(world.state["asked"]) < 3 * TURN
    batch = look(world, identity)
    assert [each["custom_id"] for each in results(world, batch, "output")] == [str(n) for n in range(3 * TURN)]


def test_a_frozen_world_repeats_itself(tmp_path: Path, clock: Clock) -> None:
    """Same requests, same bytes, ids in the results included."""

    def story(folder: str) -> tuple[Any, ...]:
        world = World(tmp_path / folder, clock.mono, clock.wall, frozen=True)
        world.state["complete"] = lambda world, account, body: (200, {})
        two = [look(world, create(world, line("a"))) for _ in range(2)]
        return (*two, results(world, two[0], "output"))

    assert story("a") == story("b")
    assert len({batch["id"] for batch in story("c")[:2]}) == 2


@pytest.mark.parametrize("year", ["2024", "2025"])
def test_there_were_no_batches_before_2026(year: str) -> None:
    """The routes are those of the profile."""
    assert Router(PROFILES[year], batches.ROUTES).all() == []
    found = Router(PROFILES["2026"], batches.ROUTES).find("POST", "/v1/batches/batch_1/cancel")
    assert found is not None and found[0].function is batches.cancel and found[1] == {"id": "batch_1"}
