"""The listening side, with a server of ours behind it and raw sockets before it."""

from __future__ import annotations

import socket
import threading

from moonpalace.net.listener import PIPELINE_LIMIT
from moonpalace.testing.mock_server import MockThread

MANY = 2_000
ASKED = b"GET /v1/none?" + b"x" * 8_000 + b" HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"


def test_a_flood_of_pipelined_requests_waits_in_the_kernel() -> None:
    """Each answer must not let in more than the request before it took out: the memory would be the client's to fill,
    and every request would cost a copy of all that wait."""
    with MockThread() as mock:
        port = int(mock.root.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            sender = threading.Thread(target=client.sendall, args=(ASKED % port * MANY,), daemon=True)
            sender.start()
            answers, most, data = 0, 0, b""
            while answers < MANY and (piece := client.recv(1 << 16)):
                data = data[-11:] + piece
                answers += data.count(b"HTTP/1.1 404")
                most = max(most, mock.call(lambda: max([len(one._buffer) for one in mock.server.connections])))
            sender.join(20)
    assert answers == MANY
    assert 0 < most <= 4 * PIPELINE_LIMIT
