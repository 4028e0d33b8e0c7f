"""One very large body each way: it must pass whole, and not through memory.

1. Upload: the upstream answers with the sha256 of what reached it. Download: the client computes it.
2. Memory: the peak (VmHWM, reset before) less what was resident before; proxy and librarian apart.
"""

from __future__ import annotations

import hashlib
import json
import socket
import time
from typing import NamedTuple

from rig import machine
from rig.payload import blocks, digest
from rig.report import Row, at_most
from rig.scene import Scene
from rig.setting import Setting, say
from rig.targets import MOONPALACE, MoonPalace, Target, start_all, start_upstream


class Passed(NamedTuple):
    """One body went through."""

    whole: bool
    seconds: float


def _read_head(sock: socket.socket) -> tuple[str, int, bytes]:
    """Status line, Content-Length and what came after the head."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return data.decode("latin-1"), 0, b""
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
    return lines[0], length, rest


def upload(port: int, size: int, expected: str) -> Passed:
    """POST so many bytes."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=120) as sock:
        head = f"POST /v1/files HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {size}\r\n"
        sock.sendall(head.encode() + b"Content-Type: application/octet-stream\r\n\r\n")
        for block in blocks(size):
            sock.sendall(block)
        _, length, rest = _read_head(sock)
        while len(rest) < length and (piece := sock.recv(65536)):
            rest += piece
    try:
        told = json.loads(rest)
    except ValueError:
        told = {}
    return Passed(told.get("sha256") == expected and told.get("bytes") == size, time.monotonic() - began)


def download(port: int, size: int, expected: str) -> Passed:
    """GET so many bytes."""
    began = time.monotonic()
    whole = hashlib.sha256()
    with socket.create_connection(("127.0.0.1", port), timeout=120) as sock:
        sock.sendall(f"GET /v1/files/{size}/content HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        _, length, rest = _read_head(sock)
        whole.update(rest)
        left = size - len(rest)
        while left > 0 and (piece := sock.recv(1 << 18)):
            whole.update(piece)
            left -= len(piece)
    return Passed(length == size and left == 0 and whole.hexdigest() == expected, time.monotonic() - began)


class Growth:
    """The peak of some processes over what they held at the beginning. Units: MiB."""

    def __init__(self, pids: list[int]) -> None:
        self._before = {pid: machine.memory_kib(pid) for pid in pids}
        for pid in pids:
            machine.reset_peak(pid)

    def mib(self) -> float:
        """So far."""
        return sum(max(0, machine.memory_kib(pid, "VmHWM") - before) for pid, before in self._before.items()) / 1024


def run(setting: Setting) -> list[Row]:
    """The rows of this benchmark."""
    size = setting.pick(64 << 20, 1 << 30)
    expected = digest(size)
    rows = []
    with Scene() as scene:
        targets = start_all(scene, start_upstream(scene), setting.names, setting.command)
        for way, move in (("up", upload), ("down", download)):
            rates, broken, grown, beside = {}, {}, {}, {}
            for target in targets:
                move(target.port, 1 << 20, "")  # warm
                target.settle()
                growth, librarian = Growth(target.pids()), Growth(_beside(target))
                passed = move(target.port, size, expected)
                target.settle(120)
                rates[target.name] = size / passed.seconds / (1 << 20)
                broken[target.name] = float(not passed.whole)
                if target.pids():
                    grown[target.name] = growth.mib()
                if target.name == MOONPALACE:
                    beside[target.name] = librarian.mib()
                say(
                    f"{target.name:<10} {way}: {rates[target.name]:,.0f} MiB/s, whole: {passed.whole}, "
                    f"proxy +{growth.mib():.1f} MiB, beside it +{librarian.mib():.1f} MiB"
                )
            title = f"{size >> 20:,} MiB {way}"
            rows += [
                Row("bodies", f"{title}: rate", "MiB/s", rates),
                Row("bodies", f"{title}: broken (sha256 differs)", "", broken, at_most(0)),
                Row("bodies", f"{title}: growth of the proxy", "MiB", grown, at_most(64)),
                Row("bodies", f"{title}: growth of the librarian", "MiB", beside),
            ]
    return rows


def _beside(target: Target) -> list[int]:
    return target.librarians() if isinstance(target, MoonPalace) else []
