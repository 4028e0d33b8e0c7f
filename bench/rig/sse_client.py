"""Reads many event streams in one process and measures how late each event is.

1. Delay of an event: its arrival here minus the instant the upstream stamped into it (one machine, one clock).
2. First token: from the request's last byte handed to the kernel to the first event's arrival.
3. An event that is missing, doubled or out of order counts as lost; so does every one of a stream that broke.

Plan: port, streams (held at once), events (of each stream), period_ms, ramp_s (opened evenly over that time),
rounds_s (0: each stream once; else streams follow one another on their connections for that long). Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from array import array
from typing import Any, cast

from . import loop as loop_of
from .payload import chat_body, chat_request
from .spread import spread_us

_MARK = b'"bench":"'
_SIZE = len(_MARK) + 6 + 1 + 20
_END = b"0\r\n\r\n"


class Tally:
    """What all streams of this process measured together."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.delays = array("q")
        self.firsts = array("q")
        self.requested = self.finished = self.broken = self.wrong = 0
        self.live = 0
        self.stop_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def request(self) -> bytes:
        """The next stream's request; no two alike."""
        plan = f"sse events={self.plan['events']} period_ms={self.plan['period_ms']}"
        body = chat_body(self.requested, plan=plan, stream=True)
        self.requested += 1
        return chat_request(self.plan["port"], body)

    def result(self) -> dict[str, Any]:
        """The figures, in µs."""
        expected = self.requested * self.plan["events"]
        return {
            "delay": spread_us(self.delays),
            "first": spread_us(self.firsts),
            "streams": self.requested,
            "finished": self.finished,
            "broken": self.broken,
            "lost": expected - len(self.delays) + self.wrong,
        }


class Stream(asyncio.Protocol):
    """One connection, one stream after the other."""

    __slots__ = ("fd", "next", "open", "rest", "sent_ns", "tally", "transport")

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.rest = b""
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit
        self.fd = self.transport.get_extra_info("socket").fileno()
        self.begin()

    def begin(self) -> None:
        """Ask for a stream."""
        request = self.tally.request()
        self.next = 0
        self.open = True
        self.sent_ns = time.perf_counter_ns()
        done = os.write(self.fd, request)
        if done < len(request):
            self.transport.write(request[done:])

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter_ns()
        tally = self.tally
        if self.rest:
            data = self.rest + data
        last = 0
        at = data.find(_MARK)
        while at >= 0 and len(data) >= at + _SIZE:
            number = int(data[at + 9 : at + 15])
            if number == 0:
                tally.firsts.append(now - self.sent_ns)
            if number != self.next:
                tally.wrong += 1
            self.next = number + 1
            tally.delays.append(now - int(data[at + 16 : at + 36]))
            last = at + _SIZE
            at = data.find(_MARK, last)
        if self.next >= tally.plan["events"] and data.endswith(_END):
            self.finish()
        else:
            self.rest = b"" if data.endswith(b"}\n\n\r\n") else data[last:]

    def finish(self) -> None:
        """This stream is whole: the next, or the end."""
        self.rest = b""
        self.open = False
        self.tally.finished += 1
        if time.monotonic() < self.tally.stop_at:
            self.begin()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.tally.broken += self.open
        self.tally.live -= 1
        if not self.tally.live and not self.tally.done.done():
            self.tally.done.set_result(None)


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Open the streams evenly over the ramp and wait for the last to end."""
    tally = Tally(plan)
    loop = asyncio.get_running_loop()
    loop_of.still()
    started = time.monotonic()
    tally.stop_at = started + plan["rounds_s"]
    tally.live = plan["streams"]
    for number in range(plan["streams"]):
        due = started + plan["ramp_s"] * number / plan["streams"]
        if due > time.monotonic():
            await asyncio.sleep(due - time.monotonic())
        try:
            await loop.create_connection(lambda: Stream(tally), "127.0.0.1", plan["port"])
        except OSError:
            tally.request()
            tally.broken += 1
            tally.live -= 1
    lasts = plan["rounds_s"] + plan["events"] * plan["period_ms"] / 1000
    try:
        await asyncio.wait_for(tally.done, lasts + 30)
    except TimeoutError:
        pass  # what did not come counts as lost
    return tally.result()


if __name__ == "__main__":
    print(json.dumps(loop_of.run(run(json.loads(sys.argv[1])))))
