"""Reads many event streams that have a steady pace, and measures how late each event is by that pace.

1. A stream's pace is its own: what counts is how much later an event came than the stream's earliest one, each seen
   from its place (event i is due i periods after event 0). So a server needs no clock of ours.
2. An event that is missing counts as lost.

Plan: port, request (bytes in latin-1, `%d` stands for the stream's number), streams, events, period_ms, ramp_s. Prints
JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from typing import Any

from . import loop as loop_of
from .spread import spread_us

_MARK = b'"content":" moon"'
_END = b"0\r\n\r\n"


class Stream(asyncio.Protocol):
    """One connection, one stream. `came`: when each event did, in ns."""

    def __init__(self, request: bytes, done: asyncio.Future[None]) -> None:
        self.request = request
        self.done = done
        self.came = array("q")
        self.rest = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter_ns()
        data = self.rest + data
        for _ in range(data.count(_MARK)):
            self.came.append(now)
        last = data.rfind(_MARK)
        self.rest = data[-64:] if last < 0 else data[last + len(_MARK) :][-64:]
        if data.endswith(_END):
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Open the streams evenly over the ramp, wait for the last to end."""
    loop = asyncio.get_running_loop()
    loop_of.still()
    started = time.monotonic()
    streams = []
    for number in range(plan["streams"]):
        due = started + plan["ramp_s"] * number / plan["streams"]
        if due > time.monotonic():
            await asyncio.sleep(due - time.monotonic())
        body = (plan["body"] % number).encode()
        request = plan["head"].encode() + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        stream = Stream(request, loop.create_future())
        streams.append(stream)
        await loop.create_connection(lambda one=stream: one, "127.0.0.1", plan["port"])
    lasts = plan["events"] * plan["period_ms"] / 1000
    await asyncio.wait([stream.done for stream in streams], timeout=lasts + 30)
    late = array("q")
    for stream in streams:
        shifted = [at - number * plan["period_ms"] * 1_000_000 for number, at in enumerate(stream.came)]
        late.extend([at - min(shifted) for at in shifted])
    return {"late": spread_us(late), "lost": plan["streams"] * plan["events"] - len(late)}


if __name__ == "__main__":
    print(json.dumps(loop_of.run(run(json.loads(sys.argv[1])))))
