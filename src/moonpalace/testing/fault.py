"""One row of the fault matrix as data: what the upstream does, what the client must see, what the record must say.

1. A row says everything; `run` plays it and `check_view`, `check_record` compare. No row has code of its own.
2. `CONFIRM` in the steps waits until the client has received `confirm`, so that a break never overtakes the bytes
   before it.
3. A failure before the answer's head is answered by the proxy itself (502 or 504, the stage as `type`); after it the
   client must see an answer that ended wrongly.

Source: the fault list of the project's docs (F01 to F51).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..core.exchange import Exchange
from .rawclient import Answer, RawClient, request
from .upstream import Connection, Fin, Request, Signal, Step, Upstream, Wait

BROKEN = ("eof", "reset")
BODY = b'{"model":"kimi-k3"}'


@dataclass(frozen=True)
class Confirm(Step):
    """Stands in a row's steps for the wait until the client has what was sent."""

    def run(self, connection: Connection) -> None:
        raise AssertionError("`run` of this module replaces it")


CONFIRM = Confirm()


@dataclass(frozen=True)
class Fault:
    """A row. `stage` None: nothing failed. `kinds`: the kinds that are right. `flags`: those that must be among the
    record's; of `any_flag` one must be. `body`: what of the answer's body goes through. `raw`: in the failure's bytes.
    """

    id: str
    steps: Sequence[Step]
    status: int = 200
    body: bytes | None = b""
    broken: bool = False
    state: str = "complete"
    stage: str | None = None
    kinds: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    any_flag: tuple[str, ...] = ()
    raw: bytes | None = None
    method: str = "POST"
    version: str = "1.1"
    confirm: bytes = b""
    interim: int = 0
    lines: tuple[tuple[bytes, bytes], ...] = ()
    absent: tuple[bytes, ...] = ()
    told_trailers: tuple[tuple[bytes, bytes], ...] = ()
    keep: bool = False

    @property
    def own_answer(self) -> bool:
        """True when the proxy has to answer by itself."""
        return self.stage is not None and not self.broken


def failed(id: str, steps: Sequence[Step], stage: str, *kinds: str, status: int = 502, **more: object) -> Fault:
    """A row in which no answer came: the proxy answers."""
    state = "upstream_error"
    return Fault(id, steps, status, None, False, state, stage, kinds, **more)  # type: ignore[arg-type]


def cut(id: str, steps: Sequence[Step], body: bytes, *kinds: str, **more: object) -> Fault:
    """A row in which the answer broke off after `body`."""
    return Fault(id, steps, 200, body, True, "truncated", "read_body", kinds, **more)  # type: ignore[arg-type]


@dataclass(slots=True)
class Outcome:
    """What came of a row."""

    answer: Answer
    told: Request | None
    connections: int
    asked: bytes = b""  # what the client sent


class FaultUpstream:
    """A server that plays the row of the path `…/fault/<id>…` and ends the connection after it, unless `keep`."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = {fault.id: fault for fault in faults}
        self.reached = {fault.id: threading.Event() for fault in faults}  # that row's `CONFIRM`
        self.confirmed = {fault.id: threading.Event() for fault in faults}
        self.server = Upstream(route=self._steps)

    def _steps(self, asked: Request) -> list[Step]:
        id = asked.path.partition("/fault/")[2].partition("/")[0]
        fault = self._faults[id]
        confirm = [Signal(self.reached[id]), Wait(self.confirmed[id])]
        steps = [one for step in fault.steps for one in (confirm if step is CONFIRM else [step])]
        return steps if fault.keep else [*steps, Fin()]

    def close(self) -> None:
        """Ends it."""
        self.server.close()


def run(
    fault: Fault, port: int, upstream: FaultUpstream, *lines: str, body: bytes = BODY, under: str = "",
    witness: Callable[[], object] | None = None,
) -> Outcome:  # fmt: skip
    """Plays the row through the proxy on that port. `body` is that of a POST, `under` the end of its path.

    `witness`: for a client that gets nothing before the end. It is called at `CONFIRM`, and what it does ends after the
    proxy has read what came before.
    """
    target = f"/v1/fault/{fault.id}{under}"
    reached, confirmed = upstream.reached[fault.id], upstream.confirmed[fault.id]
    reached.clear()
    confirmed.clear()
    before = len(upstream.server.connections)
    with RawClient(port) as client:
        asked = request(fault.method, target, body if fault.method == "POST" else b"", *lines, host=client.authority)
        asked = asked.replace(b"HTTP/1.1", f"HTTP/{fault.version}".encode(), 1)
        client.send(asked)
        if fault.confirm:
            try:
                if witness is None:
                    client.read_until(fault.confirm)
                else:
                    assert reached.wait(5)
                    witness()
            finally:
                confirmed.set()
        answer = client.read_answer(fault.method)
    told = next((r for r in reversed(upstream.server.requests) if r.target == target), None)
    if told is not None and not fault.keep:
        upstream.server.connections[told.connection].done.wait(5)
    return Outcome(answer, told, len(upstream.server.connections) - before, asked)


def check_view(fault: Fault, outcome: Outcome) -> None:
    """The client saw what the row says."""
    answer = outcome.answer
    assert answer.status == fault.status, (answer, outcome.told)
    assert len(answer.interim) == fault.interim
    if fault.own_answer:
        check_own_answer(answer, fault.stage or "")
        return
    if fault.body is not None:
        assert answer.body == fault.body
    if fault.broken:
        assert answer.ended in BROKEN, answer.ended
    else:
        assert (answer.ended, answer.extra) == ("clean", b"")
    names = [name.lower() for name, _ in answer.headers]
    assert [pair for pair in fault.lines if pair not in answer.headers] == []
    assert [name for name in fault.absent if name in names] == []


def check_own_answer(answer: Answer, stage: str) -> None:
    """An answer of the proxy's own, in the API's shape."""
    assert answer.ended == "clean"
    error = json.loads(answer.body)["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert (error["type"], error["code"], error["param"]) == (stage, "proxy_server_error", None)
    assert error["message"]
    assert (answer.header("content-type") or "").startswith("application/json")


def check_record(fault: Fault, record: Exchange) -> None:
    """The record says what the row says."""
    failure = record.failure
    assert record.state == fault.state, failure
    if fault.stage is None:
        assert failure is None
    else:
        assert failure is not None
        assert failure.stage == fault.stage
        assert failure.kind in fault.kinds, failure
        assert failure.message
    assert record.status == (None if fault.own_answer else fault.status)
    assert set(fault.flags) <= set(record.flags), record.flags
    assert not fault.any_flag or set(fault.any_flag) & set(record.flags), record.flags
    if fault.raw is not None:
        assert failure is not None and failure.raw is not None and fault.raw in failure.raw
    if fault.body is not None and not fault.own_answer:
        assert _body(record, "told") == fault.body
        assert _body(record, "delivered") == fault.body
    if fault.told_trailers:
        assert record.told is not None and record.told.trailers.lines == fault.told_trailers
    assert len(record.interim) >= min(fault.interim, 10)


def _body(record: Exchange, name: str) -> bytes:
    message = getattr(record, name)
    if message is None:
        return b""
    if message.body is None and message.same_as:
        return _body(record, message.same_as)
    return message.body.data if message.body is not None else b""


__all__ = [
    "BODY",
    "BROKEN",
    "CONFIRM",
    "Fault",
    "FaultUpstream",
    "Outcome",
    "check_own_answer",
    "check_record",
    "check_view",
    "cut",
    "failed",
    "run",
]
