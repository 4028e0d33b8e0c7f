"""An answer that comes before the upstream has read the request: what is still to be sent must not meet the next one.

1. The proxy holds a request that it edits until it is whole; the client has done its part long before the upstream.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable

import pytest

from moonpalace.testing.program import Program
from moonpalace.testing.rawclient import RawClient
from moonpalace.testing.upstream import ReadBody, Request, Send, Step, Upstream, Wait

PATH, JSON = "/v1/chat/completions", "Content-Type: application/json"
REFUSED = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
GIVEN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LARGE = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * (16 << 20)}]}).encode()
SMALL = b'{"model":"m","messages":[]}'


@pytest.mark.parametrize("flag", ["--force-stream", "--auto-cache"])
def test_an_early_answer_ends_the_connection_to_the_upstream(flag: str) -> None:
    """Behind a body that the upstream does not read, the next request of anybody would wait, or be cut off."""
    never = threading.Event()

    def route(request: Request) -> Iterable[Step]:
        if int(request.header("content-length") or 0) > len(SMALL) * 100:
            return [Send(REFUSED), Wait(never), ReadBody()]
        return [ReadBody(), Send(GIVEN)]

    with Upstream(route=route, heads_only=True) as upstream, Program(upstream.url, flag) as program:
        with RawClient(program.port) as client:
            early = client.ask("POST", PATH, LARGE, JSON)
            next_one = client.ask("POST", PATH, SMALL, JSON)
        assert (early.status, next_one.status, next_one.body) == (413, 200, b"hi")
        assert [one.connection for one in upstream.requests] == [0, 1]
