"""The mock against a bare httptools server on uvloop, which parses requests and answers with what it has ready.

1. *direct* is that bare server (the rig's own upstream); both carry the same load in the same run, in turns.
2. Answers: unstreamed, without pacing, requests that all differ. Streams: held open, ten events a second each.
3. Start: from starting the command until a first answer is whole, and the bare interpreter's start beside it.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from rig import machine
from rig.errors import RigError
from rig.report import Row, at_least, at_most
from rig.scene import Child, Scene
from rig.setting import Setting, say
from rig.targets import DIRECT, MOONPALACE, environment, start_upstream

CONNECTIONS = 32
_SCRIPT = Path(__file__).with_name("mock.lua")
_HEAD = (
    "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer sk-bench\r\n"
    "Content-Type: application/json\r\n"
)
_SCENARIO = """
[mock]
ttft = 0
tps = 10
jitter = 0

[[scenario]]
name = "moon"
[scenario.match]
text = "moon"
[[scenario.answer]]
chunks = [{chunks}]
"""


def run(setting: Setting) -> list[Row]:
    """The rows of this benchmark."""
    if not setting.measured:
        return []
    return [*_answers(setting), *_streams(setting), *_start(setting)]


def start_mock(scene: Scene, setting: Setting, *options: str) -> tuple[Child, int]:
    """`moonpalace mock`, ready; its port."""
    port = machine.free_port()
    argv = [*setting.command, "mock", "--port", str(port), "--quiet", *options]
    child = scene.spawn("mock", argv, environment(scene, f"home-{port}"))
    child.wait_for(lambda: b"base_url" in child.log.read_bytes())
    return child, port


def _answers(setting: Setting) -> list[Row]:
    seconds = setting.pick(3, 6)
    rates: dict[str, list[float]] = {DIRECT: [], MOONPALACE: []}
    bad = dict.fromkeys(rates, 0)
    with Scene() as scene:
        ports = {DIRECT: start_upstream(scene), MOONPALACE: start_mock(scene, setting, "--speed", "0")[1]}
        for number in range(setting.pick(2, 5) + 1):
            for name, port in ports.items():
                got = _wrk(scene, port, seconds if number else 1, number)
                if number:  # round 0 warms up
                    rates[name].append(got["requests"] / got["us"] * 1e6)
                    bad[name] += got["bad"] + got["broken"]
                    say(f"round {number}  {name:<10} {rates[name][-1]:,.0f} answers/s, p99 {got['p99'] / 1000:.2f} ms")
    middle = {name: median(values) for name, values in rates.items()}
    share = middle[MOONPALACE] / middle[DIRECT]
    return [
        Row("mock", f"unstreamed answers, {CONNECTIONS} connections", "answers/s", middle, at_least(5000)),
        Row("mock", "the same by the bare server", "×", {MOONPALACE: share}),
        Row("mock", "answers that were errors or never came", "", bad, at_most(0)),
    ]


def _wrk(scene: Scene, port: int, seconds: int, number: int) -> dict[str, Any]:
    argv = [machine.require("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_SCRIPT)]
    out = scene.finish(scene.spawn("wrk", [*argv, f"http://127.0.0.1:{port}/", "--", str(number)], piped=True))
    figures: dict[str, Any] = json.loads(out.splitlines()[-1])
    return figures


def _streams(setting: Setting) -> list[Row]:
    count, events, period = setting.pick(200, 1000), setting.pick(50, 200), 100
    got: dict[str, dict[str, Any]] = {}
    with Scene() as scene:
        file = scene.root / "moon.toml"
        file.write_text(_SCENARIO.format(chunks=", ".join(['" moon"'] * events)), encoding="utf-8")
        ports = {DIRECT: start_upstream(scene), MOONPALACE: start_mock(scene, setting, "--scenario", str(file))[1]}
        for name, port in ports.items():
            body = {
                "model": "kimi-k2.6", "stream": True, "max_tokens": events * 4, "thinking": {"type": "disabled"},
                "messages": [{"role": "user", "content": "moon %d"}],
                "user": f"plan:sse events={events} period_ms={period}",
            }  # fmt: skip
            text = json.dumps(body).replace('"user": "plan:', '"plan":"')
            plan = {"port": port, "streams": count, "events": events, "period_ms": period, "ramp_s": setting.pick(1, 3)}
            got[name] = scene.load("late_client", {**plan, "head": _HEAD.format(port=port), "body": text})
            p50, p99 = got[name]["late"]["p50"] / 1000, got[name]["late"]["p99"] / 1000
            say(f"{name:<10} lost {got[name]['lost']}, late p50 {p50:.2f} p99 {p99:.2f} ms")
    title = f"{count:,} streams × 10 events/s"

    def row(figure: str, key: str, limit: float | None) -> Row:
        values = {name: one["late"][key] / 1000 for name, one in got.items()}
        return Row("mock", f"{title}: {figure}", "ms", values, at_most(limit) if limit is not None else None)

    lost = {name: one["lost"] for name, one in got.items()}
    return [
        Row("mock", f"{title}: events lost", "", lost, at_most(0)),
        row("late by its pace, p50", "p50", None),
        row("late by its pace, p99", "p99", 50),
    ]


def _start(setting: Setting) -> list[Row]:
    took: list[float] = []
    bare: list[float] = []
    with Scene() as scene:
        for number in range(setting.pick(4, 11)):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], check=True)
            between = time.perf_counter()
            port = machine.free_port()
            argv = [*setting.command, "mock", "--port", str(port), "--quiet", "--speed", "0"]
            began_mock = time.perf_counter()
            child = scene.spawn("mock", argv, environment(scene, "home-start"))
            _ask(port)
            if number:  # the first one fills the caches
                bare.append((between - began) * 1000)
                took.append((time.perf_counter() - began_mock) * 1000)
            child.stop()
    say(f"start to first answer {median(took):.0f} ms; python -c pass {median(bare):.0f} ms")
    return [
        Row("mock", "start to first answer", "ms", {MOONPALACE: median(took)}, at_most(400)),
        Row("mock", "the same by the bare interpreter's start", "×", {MOONPALACE: median(took) / median(bare)}),
    ]


def _ask(port: int) -> None:
    """One answer, asked for until there is somebody."""
    body = b'{"model":"kimi-k2.6","messages":[{"role":"user","content":"hello"}]}'
    request = _HEAD.format(port=port).encode() + b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as sock:
                sock.sendall(request)
                answer = b""
                while data := sock.recv(65536):
                    answer += data
                if answer.startswith(b"HTTP/1.1 200"):
                    return
                raise RigError(f"the mock answered {answer[:200]!r}")
        except ConnectionRefusedError:
            time.sleep(0.002)
    raise RigError("the mock did not start")
