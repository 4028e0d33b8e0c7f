"""Sends a mixture of good and bad exchanges and checks that each ends as its kind must end.

1. What kind a request is follows from its number alone, so that two runs ask the same.
2. Every request sent is counted, also those whose connection breaks: each must be on record.

Plan: port, first, count, connections. Prints JSON: `kinds` (how many of each), `wrong` and a few of these in words.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any

from . import loop as loop_of
from .payload import chat_body, chat_request


@dataclass(frozen=True, slots=True)
class Kind:
    """`weight` of 100; `plan` for the upstream; `status` the client must see; `end`: whole, broken or left."""

    weight: int
    plan: str
    status: str
    end: str = "whole"
    path: bytes = b""
    host: bytes = b""


KINDS = {
    "json": Kind(55, "json", "200"),
    "sse": Kind(20, "sse events=5 period_ms=5", "200"),
    "too many": Kind(4, "error status=429", "429"),
    "server error": Kind(4, "error status=500", "500"),
    "refused by the API": Kind(3, "json", "502", path=b"/refused"),
    "hung up": Kind(3, "hangup", "502"),
    "cut": Kind(3, "cut", "200", end="broken"),
    "foreign host": Kind(3, "json", "4..", host=b"foreign.example"),
    "client left": Kind(5, "sse events=1000 period_ms=20", "200", end="left"),
}
_NAMES = list(KINDS)
_WEIGHTS = [kind.weight for kind in KINDS.values()]


class Client:
    """One connection at a time, one request at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader = asyncio.StreamReader()
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, number: int) -> tuple[str, str | None]:
        """The kind of this request and, if it did not end as it must, how it ended."""
        name = random.Random(number).choices(_NAMES, _WEIGHTS)[0]
        kind = KINDS[name]
        request = chat_request(self.port, chat_body(number, plan=kind.plan, stream=kind.plan.startswith("sse")))
        request = request.replace(b" /v1", b" %b/v1" % kind.path, 1)
        if kind.host:
            request = request.replace(b"Host: 127.0.0.1:%d" % self.port, b"Host: " + kind.host, 1)
        if self.writer is None or self.reader.at_eof():
            self.close()
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(request)
        status, end = await self._answer(kind)
        if re.fullmatch(kind.status, status) and end == kind.end:
            return name, None
        return name, f"{name}: {status or 'no answer'}, {end}"

    async def _answer(self, kind: Kind) -> tuple[str, str]:
        """Status and end of the answer."""
        status = ""
        try:
            head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 30)
            status = head[9:12].decode()
            if kind.end == "left":
                await asyncio.wait_for(self.reader.readuntil(b"}\n\n"), 30)
                self.close()
                return status, "left"
            length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            if length:
                await asyncio.wait_for(self.reader.readexactly(int(length[1])), 30)
            else:
                await asyncio.wait_for(self.reader.readuntil(b"\r\n0\r\n\r\n"), 30)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            self.close()
            return status, "broken"
        if re.search(rb"\r\nconnection: *close", head, re.IGNORECASE):
            self.close()
        return status, "whole"

    def close(self) -> None:
        """Leave, whatever is still on its way."""
        if self.writer is not None:
            self.writer.transport.abort()
            self.writer = None


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """All requests of the plan, over so many connections."""
    numbers = iter(range(plan["first"], plan["first"] + plan["count"]))
    kinds: Counter[str] = Counter()
    wrong: list[str] = []

    async def work() -> None:
        client = Client(plan["port"])
        for number in numbers:
            name, ended = await client.ask(number)
            kinds[name] += 1
            if ended:
                wrong.append(ended)
        client.close()

    await asyncio.gather(*(work() for _ in range(plan["connections"])))
    return {"kinds": kinds, "wrong": len(wrong), "samples": Counter(wrong).most_common(8)}


if __name__ == "__main__":
    print(json.dumps(loop_of.run(run(json.loads(sys.argv[1])))))
