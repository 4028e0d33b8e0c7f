"""Sends requests at a fixed rate, whatever the answers do, and measures each round trip.

1. One request at a time on a connection; connections take turns.
2. A round trip runs from the write to the arrival of the answer's last byte. When every connection is busy it
   runs from the instant the request was due, so that a stall is not hidden.

Plan: port, rate (requests a second), seconds, connections, first (number of the first body). Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from array import array
from collections import deque
from typing import Any, cast

from . import loop as loop_of
from .payload import chat_body, chat_request
from .spread import spread_us

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Pace:
    """The plan, what is idle, what waits, what was measured."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.total = int(plan["rate"] * plan["seconds"])
        self.requests = deque(chat_request(plan["port"], chat_body(plan["first"] + n)) for n in range(self.total))
        self.gap = 1 / plan["rate"]
        self.due = 0
        self.idle: deque[Trip] = deque()
        self.waiting: deque[int] = deque()
        self.trips = array("q")
        self.failed = 0
        self.loop = asyncio.get_running_loop()
        self.done = self.loop.create_future()

    def start(self) -> None:
        """The first request is due in a moment."""
        self.next_at = self.loop.time() + 0.05
        self.loop.call_at(self.next_at, self.tick)

    def tick(self) -> None:
        """Send all that is due; what finds no free connection waits, and its time runs."""
        while self.due < self.total and self.next_at <= self.loop.time() + 0.0005:
            self.due += 1
            self.next_at += self.gap
            if self.idle:
                self.idle.popleft().send(self.requests.popleft(), None)
            else:
                self.waiting.append(time.perf_counter_ns())
        if self.due < self.total:
            self.loop.call_at(self.next_at, self.tick)

    def settle(self, took_ns: int | None) -> None:
        """One request is over; None: it failed."""
        if took_ns is None:
            self.failed += 1
        else:
            self.trips.append(took_ns)
        if len(self.trips) + self.failed >= self.total and not self.done.done():
            self.done.set_result(None)

    def free(self, trip: Trip) -> None:
        """A connection can take the next request."""
        if self.waiting:
            trip.send(self.requests.popleft(), self.waiting.popleft())
        else:
            self.idle.append(trip)


class Trip(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.buffer = b""
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit
        self.fd = self.transport.get_extra_info("socket").fileno()
        self.pace.idle.append(self)

    def send(self, request: bytes, due_ns: int | None) -> None:
        """Hand a request to the kernel; a kilobyte on an idle socket goes whole."""
        self.busy = True
        self.start_ns = time.perf_counter_ns() if due_ns is None else due_ns
        os.write(self.fd, request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter_ns()
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if found and (length := _LENGTH.search(head)) and len(body) >= int(length[1]):
            self.buffer = b""
            self.busy = False
            self.pace.settle(now - self.start_ns if b" 200 " in head[:20] else None)
            self.pace.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self.pace.idle:
            self.pace.idle.remove(self)
        if self.busy:
            self.pace.settle(None)


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """All requests of the plan."""
    pace = Pace(plan)
    loop = asyncio.get_running_loop()
    for _ in range(plan["connections"]):
        await loop.create_connection(lambda: Trip(pace), "127.0.0.1", plan["port"])
    loop_of.still()
    pace.start()
    try:
        await asyncio.wait_for(pace.done, plan["seconds"] + 15)
    except TimeoutError:
        pass  # what is missing is counted below
    return {"trip": spread_us(pace.trips), "failed": pace.total - len(pace.trips)}


if __name__ == "__main__":
    print(json.dumps(loop_of.run(run(json.loads(sys.argv[1])))))
