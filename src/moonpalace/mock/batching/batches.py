"""/v1/batches: a file of chat requests, answered some time later.

1. What becomes of a batch is in `batch_steps`; here is what is asked and shown.
2. `World.state["batch_delay_s"]` is how long each step takes, 0 unless given: then all is done at the first look, and
   until then a batch can be cancelled.
3. The documents give no wordings of errors: those here are ours, in the API's form `Invalid request: …`.

Source: platform.kimi.ai batch pages and guide (2026-04), API description (2026-08).
"""

from __future__ import annotations

from typing import Any

from ...kimi import limits
from ..asked import Account, Asked, Refused
from ..reply import Reply, json_reply
from ..routes import Route
from ..uploads.shelf import find, not_yours, page
from ..world import World
from .batch_steps import Batch, advance

_CANCELLABLE = ("validating", "in_progress", "finalizing")


def create(world: World, asked: Asked) -> Reply:
    """POST /v1/batches. Raises: Refused."""
    value = asked.object()
    seconds = _checked(world, value)
    _check_input(world, asked.account, value["input_file_id"])
    delay, now = float(world.state.get("batch_delay_s", world.profile.batch_step)), world.mono()
    kept = _batches(asked.account)
    identity = f"batch_{world.hex(24, 'batch', asked.account.name, len(kept), value['input_file_id'])}"
    batch = kept[identity] = Batch(
        identity,
        value["input_file_id"],
        value["completion_window"],
        value.get("metadata"),
        created_at=world.now(),
        delay=delay,
        begun=now,
        due=now + delay,
        ends=now + seconds,
    )
    return json_reply(batch.shown())


async def listing(world: World, asked: Asked) -> Reply:
    """GET /v1/batches, newest first. Raises: Refused."""
    shown, more = page(world, list(_batches(asked.account).values()), asked, limits.BATCH_PAGE)
    for batch in shown:
        await advance(world, asked.account, batch)
    return json_reply({"object": "list", "data": [batch.shown() for batch in shown], "has_more": more})


async def look(world: World, asked: Asked) -> Reply:
    """GET /v1/batches/{id}. Raises: Refused."""
    batch = _find(world, asked)
    await advance(world, asked.account, batch)
    return json_reply(batch.shown())


async def cancel(world: World, asked: Asked) -> Reply:
    """POST /v1/batches/{id}/cancel. Raises: Refused."""
    batch = _find(world, asked)
    if batch.delay > 0:
        await advance(world, asked.account, batch)
    async with batch.turn:
        if batch.status not in _CANCELLABLE:
            details = f"batch {batch.id} is {batch.status} and cannot be cancelled"
            raise world.refuse("invalid_request", details=details)
        batch.enter("cancelling", world.mono())
    return json_reply(batch.shown())


def _batches(account: Account) -> dict[str, Batch]:
    kept: dict[str, Batch] = account.state.setdefault("batches", {})
    return kept


def _find(world: World, asked: Asked) -> Batch:
    identity = asked.variables["id"]
    batch = _batches(asked.account).get(identity)
    if batch is None:
        raise not_yours(world, asked.account, "batches", "batch", identity)
    return batch


def _checked(world: World, value: dict[str, Any]) -> int:
    """The seconds of the window of a request whose fields are right; the wordings are ours."""
    seconds = limits.window_seconds(value.get("completion_window"))
    faults = {
        "input_file_id is required": not isinstance(value.get("input_file_id"), str) or not value["input_file_id"],
        f"endpoint must be {limits.BATCH_URL}": value.get("endpoint", limits.BATCH_URL) != limits.BATCH_URL,
        "completion_window must be from 12h to 7d, like 12h, 1d or 3d": seconds is None,
        f"metadata must have at most {limits.METADATA_PAIRS} pairs of text, keys up to {limits.METADATA_KEY} and "
        f"values up to {limits.METADATA_VALUE} characters": not _is_metadata(value.get("metadata")),
    }
    for details, wrong in faults.items():
        if wrong:
            raise world.refuse("invalid_request", details=details)
    return seconds or 0


def _is_metadata(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or len(value) > limits.METADATA_PAIRS:
        return False
    return all(
        len(key) <= limits.METADATA_KEY and isinstance(text, str) and len(text) <= limits.METADATA_VALUE
        for key, text in value.items()
    )


def _check_input(world: World, account: Account, identity: str) -> None:
    """The documents know no 404 here: a file that is not there, or another account's, is a bad request."""
    try:
        stored = find(world, account, identity)
    except Refused as refused:
        raise world.refuse("invalid_request", details=f"input_file_id: {refused.violation.message}") from None
    if stored.purpose != limits.BATCH:
        raise world.refuse("invalid_request", details="the input file must be uploaded with purpose 'batch'")
    if not stored.filename.lower().endswith(limits.BATCH_ENDING):
        raise world.refuse("invalid_request", details=f"the input file must be a {limits.BATCH_ENDING} file")


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/batches", create, feature="batches"),
    Route("GET", "/v1/batches", listing, feature="batches"),
    Route("GET", "/v1/batches/{id}", look, feature="batches"),
    Route("POST", "/v1/batches/{id}/cancel", cancel, feature="batches"),
)
