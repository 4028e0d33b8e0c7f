"""What becomes of a batch, and when.

1. Nothing runs by itself. A batch moves when somebody looks at it, to where the clock says that it is by then:

       validating ──▶ in_progress ──▶ finalizing ──▶ completed        each step takes `delay`
           └─▶ failed      └─▶ expired at the end of its window
       any of the first three ──▶ cancelling ──▶ cancelled

2. Stamps are reckoned from the start, not from the looks: who looks later sees the same.
3. `World.state["complete"]` answers the lines. While they are answered others get their turn on the loop.
4. What a cancelled or expired batch has answered is in its output file, the rest in its error file.
5. Its lines are in memory from validation to the end, so that the input file may be deleted meanwhile.

`errors` of a failed batch and the codes in result files are OpenAI's: the documents do not say where the reasons are.

Source: platform.kimi.ai batch pages and guide (2026-04), API description (2026-08).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...kimi import limits
from ..asked import Account, Refused
from ..uploads.shelf import find, put
from ..world import World
from .batch_lines import Check, Fault, answered, asked_body, unanswered

Complete = Callable[[World, Account, dict[str, Any]], tuple[int, dict[str, Any]]]

TURN = 20  # lines between two turns of the loop
_LEFT_OVER = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed because the batch was cancelled."),
}


@dataclass(slots=True, eq=False)
class Batch:
    """One batch. `begun`, `due`, `ends`: on the monotonic clock, its start, its next step, the end of its window."""

    id: str
    input_file_id: str
    window: str
    metadata: dict[str, str] | None
    created_at: int
    delay: float
    begun: float
    due: float
    ends: float
    status: str = "validating"
    stamps: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    done: int = 0
    output: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"total": 0, "completed": 0, "failed": 0})
    files: dict[str, str] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def enter(self, status: str, at: float) -> None:
        """It is in that state since `at`; its next step is due a delay later."""
        self.status = status
        self.due = at + self.delay
        self.stamps[f"{status}_at"] = self.created_at + int(at - self.begun)

    def shown(self) -> dict[str, Any]:
        """The batch object of the API. What is not there yet is left out."""
        value: dict[str, Any] = {
            "id": self.id,
            "object": "batch",
            "endpoint": limits.BATCH_URL,
            "input_file_id": self.input_file_id,
            "completion_window": self.window,
            "status": self.status,
            "created_at": self.created_at,
            "expires_at": self.created_at + int(self.ends - self.begun),
            "request_counts": dict(self.counts),
            **self.files,
            **{name: stamp for name, stamp in self.stamps.items() if name != "expired_at"},
        }
        if self.faults:
            value["errors"] = {"object": "list", "data": [fault.shown() for fault in self.faults]}
        if self.metadata is not None:
            value["metadata"] = self.metadata
        return value


async def advance(world: World, account: Account, batch: Batch) -> None:
    """Bring it to where it is by now."""
    async with batch.turn:
        now = world.mono()
        while (step := _STEPS.get(batch.status)) is not None:
            running = batch.status in ("validating", "in_progress")
            if running and batch.ends <= min(batch.due, now):
                await _expire(world, account, batch)
            elif batch.due <= now:
                await step(world, account, batch)
            else:
                break
        if batch.status == "in_progress":
            await _answer(world, account, batch, _answered_by(batch, now))


async def _validate(world: World, account: Account, batch: Batch) -> None:
    check = Check({model for model in limits.BATCH_MODELS if world.profile.model(model) is not None})
    try:
        with find(world, account, batch.input_file_id).path.open("rb") as lines:
            for number, raw in enumerate(lines, 1):
                check.take(number, raw)
                if number % TURN == 0:
                    await asyncio.sleep(0)
        check.close()
    except (Refused, OSError):
        check.faults.append(Fault("file_not_found", "The input file was deleted.", None, "input_file_id"))
    batch.faults = check.faults
    if check.faults:
        return batch.enter("failed", batch.due)
    batch.requests = check.requests
    batch.counts["total"] = len(check.requests)
    batch.enter("in_progress", batch.due)


async def _run(world: World, account: Account, batch: Batch) -> None:
    await _answer(world, account, batch, len(batch.requests))
    batch.enter("finalizing", batch.due)


def _answered_by(batch: Batch, at: float) -> int:
    """How many lines of a batch in progress are answered at that time."""
    return int(len(batch.requests) * (1 - (batch.due - at) / batch.delay))


async def _expire(world: World, account: Account, batch: Batch) -> None:
    if batch.status == "in_progress":
        await _answer(world, account, batch, _answered_by(batch, batch.ends))
    _finish(world, account, batch, "expired", batch.ends)


async def _complete(world: World, account: Account, batch: Batch) -> None:
    _finish(world, account, batch, "completed", batch.due)


async def _cancelled(world: World, account: Account, batch: Batch) -> None:
    _finish(world, account, batch, "cancelled", batch.due)


_STEPS: Mapping[str, Callable[[World, Account, Batch], Awaitable[None]]] = {
    "validating": _validate,
    "in_progress": _run,
    "finalizing": _complete,
    "cancelling": _cancelled,
}


async def _answer(world: World, account: Account, batch: Batch, until: int) -> None:
    """Answer its lines up to that one."""
    complete: Complete = world.state["complete"]
    while batch.done < until:
        custom_id, raw = batch.requests[batch.done]
        try:
            status, body = complete(world, account, asked_body(raw))
        except Refused as refused:
            status, body = refused.violation.status, refused.violation.body()
        line = answered(_line_id(world, batch), custom_id, world.hex(32, batch.id, batch.done), status, body)
        (batch.output if status == 200 else batch.errors).append(line)
        batch.counts["completed" if status == 200 else "failed"] += 1
        batch.done += 1
        if batch.done % TURN == 0:
            await asyncio.sleep(0)


def _finish(world: World, account: Account, batch: Batch, status: str, at: float) -> None:
    """Its last state: what was not run is named, the files are written, the lines let go. Raises: OSError."""
    for custom_id, _ in batch.requests[batch.done :]:
        batch.errors.append(unanswered(_line_id(world, batch), custom_id, *_LEFT_OVER[status]))
        batch.counts["failed"] += 1
        batch.done += 1
    for name, lines in (("output", batch.output), ("error", batch.errors)):
        if lines:
            data = b"".join(lines)
            stored = put(world, account, limits.BATCH_OUTPUT, f"{batch.id}_{name}.jsonl", len(data), data)
            stored.status = world.profile.file_status
            batch.files[f"{name}_file_id"] = stored.id
    batch.requests, batch.output, batch.errors = [], [], []
    batch.enter(status, at)


def _line_id(world: World, batch: Batch) -> str:
    return f"batch_req_{world.hex(24, batch.id, 'line', batch.done)}"
