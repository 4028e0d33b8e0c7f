"""What the transforms cost: exchanges a second with all of them on and with none, and a long answer that is watched.

1. Two proxies, one with every transform, one with none; the same load in turns, each idle while the other has it. What
   was asked must be on record before the next one is loaded.
2. Streamed: the client asks for a stream, which is watched. Unstreamed: it asks for none; with transforms the API is
   asked for a stream, which is merged. The API answers by the request, with the same content. *direct* is that API.
3. A long answer without repetition goes by with detection and without: its time, and the processor time of the traffic
   process until all of it is on record. What the client gets is compared byte by byte. It comes in blocks, which costs
   the proxy next to nothing. A model says an event at a time: that is the row of the streams at a pace.
4. How far a loop runs that begins late in an answer.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.request import urlopen

from rig import long_text, machine
from rig.errors import RigError
from rig.report import Row, at_least, at_most
from rig.scene import Scene
from rig.setting import Setting, say
from rig.targets import DIRECT, MOONPALACE, MoonPalace, start_moonpalace

from .throughput import Intake

CONNECTIONS = 32
CLEAN, BEFORE_THE_LOOP = 1_000_000, 200_000  # characters
STREAMS, PACED = 16, 4_000  # at a time; characters of each
PLAIN, CHANGED = "none", "all"
KEY = "sk-substituted-0123456789abcdef0123456789abcdef"
_SCRIPT = Path(__file__).with_name("transforms.lua")
_TICK = 0.01  # seconds
_LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass(slots=True)
class Load:
    """What is asked: `tokens` of an answer, as a stream or not. `least`: the share of throughput that must be left."""

    title: str
    tokens: int
    stream: bool
    least: float | None = None
    rates: dict[str, list[float]] = field(default_factory=lambda: {PLAIN: [], CHANGED: [], DIRECT: []})
    bad: int = 0

    def arguments(self, number: int) -> list[str]:
        """For wrk's script."""
        return [str(number), str(self.tokens), "stream" if self.stream else ""]

    def rows(self) -> list[Row]:
        """The figures of it."""
        middle = {name: median(rates) for name, rates in self.rates.items() if rates}
        plain, changed = middle[PLAIN], middle[CHANGED]
        goal = None if self.least is None else at_least(self.least)
        none = {DIRECT: middle[DIRECT], MOONPALACE: plain}
        return [
            Row("transforms", f"{self.title}: without transforms", "requests/s", none),
            Row("transforms", f"{self.title}: with all of them", "requests/s", {MOONPALACE: changed}),
            Row(
                "transforms", f"{self.title}: what is left of the throughput", "×", {MOONPALACE: changed / plain}, goal
            ),
        ]


def run(setting: Setting) -> list[Row]:
    """The rows of this benchmark."""
    if not setting.measured:
        return []
    return [*_throughput(setting), *_detection(setting)]


# --- throughput


def _throughput(setting: Setting) -> list[Row]:
    loads = [
        Load(f"streamed, 30 events, {CONNECTIONS} connections", 28, stream=True, least=0.5),
        Load(f"unstreamed, 12 tokens, {CONNECTIONS} connections", 12, stream=False, least=0.5),
        Load(f"unstreamed, 60 tokens, {CONNECTIONS} connections", 60, stream=False),
    ]
    with Scene() as scene:
        upstream = start_upstream(scene)
        key = scene.root / "key"
        key.write_text(KEY + "\n")
        key.chmod(0o600)
        options = ("--force-stream", "--detect-repeat", "--auto-cache", "--key-file", str(key))
        intakes = {
            PLAIN: Intake(start_moonpalace(scene, upstream, setting.command)),
            CHANGED: Intake(start_moonpalace(scene, upstream, setting.command, options)),
        }
        for load in loads:
            _measure(scene, setting, upstream, load, intakes)
    return [*(row for load in loads for row in load.rows()), *_kept(loads, tuple(intakes.values()))]


def _measure(scene: Scene, setting: Setting, upstream: int, load: Load, intakes: dict[str, Intake]) -> None:
    """All rounds of one load. Raises: RigError if the proxies do not give the same answer."""
    _check(upstream, load, intakes)
    load.rates[DIRECT].append(_burst(scene, upstream, load, 1, 0).rate)
    goal = load.least is not None
    for number in range(0 if goal else 1, setting.pick(3, 5) if goal else 2):
        lasted = setting.pick(1, 3) if number else 1  # round 0 warms up
        for name in (PLAIN, CHANGED) if number % 2 else (CHANGED, PLAIN):
            intake = intakes[name]
            before = status(upstream)["asked"]
            burst = _burst(scene, intake.target.port, load, lasted, number)
            ended = time.monotonic()
            time.sleep(0.2)  # what wrk cut off is still on its way to the upstream's count
            intake.after(burst.requests, status(upstream)["asked"] - before, 2 * lasted, ended)
            if number:
                load.rates[name].append(burst.rate)
                say(f"round {number}  {name:<5} {load.title}: {burst.rate:,.0f} requests/s")


class Burst(NamedTuple):
    """What came of one burst of requests. Units: `rate` in requests a second."""

    requests: int
    rate: float


def _burst(scene: Scene, port: int, load: Load, seconds: int, number: int) -> Burst:
    argv = [machine.require("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_SCRIPT)]
    argv += [f"http://127.0.0.1:{port}/", "--", *load.arguments(number)]
    got: dict[str, Any] = json.loads(scene.finish(scene.spawn("wrk", argv, piped=True)).splitlines()[-1])
    load.bad += got["bad"] + got["broken"]
    return Burst(got["requests"], got["requests"] / got["us"] * 1e6)


def _check(upstream: int, load: Load, intakes: dict[str, Intake]) -> None:
    """One request by each: the same answer, and the marks of every transform at the API on one of them alone."""
    said = {}
    for name, intake in intakes.items():
        before = status(upstream)
        answer = _ask(intake.target.port, {"max_tokens": load.tokens, **({"stream": True} if load.stream else {})})
        intake.completed += 1
        intake.asked += 1
        after = status(upstream)
        changed = name == CHANGED
        expected = {
            "asked": 1, "streams": int(load.stream or changed), "usages": int(changed and not load.stream),
            "cache_keys": int(changed), "keys": int(changed),
        }  # fmt: skip
        marks = {mark: after[mark] - before[mark] for mark in expected}
        if marks != expected:
            raise RigError(f"{load.title}, transforms {name}: the API was told {marks}, not {expected}")
        text = long_text.text_of(answer) if load.stream else json.loads(answer)["choices"][0]["message"]["content"]
        said[name] = text
    if said[PLAIN] != said[CHANGED] or not said[PLAIN]:
        raise RigError(f"{load.title}: the answers differ: {said}")


def _kept(loads: Sequence[Load], intakes: Sequence[Intake]) -> list[Row]:
    """Whether nothing went wrong beside."""
    bursts = sum(len(intake.seconds) for intake in intakes)
    return [
        Row("transforms", "answers that were errors or never came", "", {MOONPALACE: sum(load.bad for load in loads)},
            at_most(0)),
        Row("transforms", "requests that never reached the record", "",
            {MOONPALACE: sum(intake.missing for intake in intakes)}, at_most(0)),
        Row("transforms", "rows whose answer was not read", "", {MOONPALACE: sum(intake.unread for intake in intakes)},
            at_most(0)),
        Row("transforms", "rows beyond those completed (cut off by the end of a burst)", "",
            {MOONPALACE: sum(intake.extra for intake in intakes)}, at_most(CONNECTIONS * bursts)),
    ]  # fmt: skip


# --- detection


class Watched(NamedTuple):
    """One long answer through a proxy. Units: seconds."""

    body: bytes
    took: float
    processor: float


def _detection(setting: Setting) -> list[Row]:
    expected = long_text.events(long_text.clean(CLEAN))
    took: dict[str, list[float]] = {PLAIN: [], CHANGED: []}
    processor: dict[str, list[float]] = {PLAIN: [], CHANGED: []}
    altered = 0
    with Scene() as scene:
        upstream = start_upstream(scene)
        direct: list[float] = []
        proxies = {
            PLAIN: start_moonpalace(scene, upstream, setting.command),
            CHANGED: start_moonpalace(scene, upstream, setting.command, ("--detect-repeat",)),
        }
        for number in range(setting.pick(1, 5) + 1):
            began = time.monotonic()
            altered += _ask(upstream, {"plan": f"clean {CLEAN}"}) != expected
            direct.append(time.monotonic() - began)
            for name in (PLAIN, CHANGED) if number % 2 else (CHANGED, PLAIN):
                watched = _watch(proxies[name])
                altered += watched.body != expected
                if number:  # round 0 warms up
                    took[name].append(watched.took)
                    processor[name].append(watched.processor)
                    say(f"round {number}  {name:<5} {watched.took:.2f} s, processor {watched.processor:.2f} s")
        paced = {name: _at_a_pace(proxies[name]) for name in (CHANGED, PLAIN)}
        altered += sum(share.altered for share in paced.values())
        ran = _run_on(proxies[CHANGED].port)
    title = f"{CLEAN:,} characters, not repeating"
    middle = {name: median(values) for name, values in took.items()}
    busy = {name: median(values) for name, values in processor.items()}
    of_api = {DIRECT: median(direct[1:]), MOONPALACE: middle[PLAIN]}
    return [
        Row("transforms", f"{title}: without detection", "s", of_api),
        Row("transforms", f"{title}: with it", "s", {MOONPALACE: middle[CHANGED]}),
        Row("transforms", f"{title}: with by without", "×", {MOONPALACE: middle[CHANGED] / middle[PLAIN]},
            at_most(1.5)),
        Row("transforms", f"{title}: processor time without detection", "s", {MOONPALACE: busy[PLAIN]}),
        Row("transforms", f"{title}: processor time with it", "s", {MOONPALACE: busy[CHANGED]}),
        Row("transforms", f"{title}: processor time, with by without", "×", {MOONPALACE: busy[CHANGED] / busy[PLAIN]},
            at_most(1.5)),
        Row("transforms", f"{STREAMS} streams at a pace: processor time, with by without", "×",
            {MOONPALACE: paced[CHANGED].processor / paced[PLAIN].processor}, at_most(1.5)),
        Row("transforms", f"{title}: cut or altered", "", {MOONPALACE: altered}, at_most(0)),
        Row("transforms", f"a loop after {BEFORE_THE_LOOP:,} characters: how far it ran", "characters",
            {MOONPALACE: ran}, at_most(2000)),
    ]  # fmt: skip


def _watch(proxy: MoonPalace) -> Watched:
    before = machine.cpu_ticks(proxy.child.pid)
    began = time.monotonic()
    body = _ask(proxy.port, {"plan": f"clean {CLEAN}", "stream": True})
    took = time.monotonic() - began
    proxy.settle()
    return Watched(body, took, (machine.cpu_ticks(proxy.child.pid) - before) * _TICK)


class Paced(NamedTuple):
    """Streams at a pace through a proxy. Units: seconds."""

    altered: int
    processor: float


def _at_a_pace(proxy: MoonPalace) -> Paced:
    expected = long_text.events(long_text.clean(PACED))
    before = machine.cpu_ticks(proxy.child.pid)
    with ThreadPoolExecutor(STREAMS) as pool:
        asked = [pool.submit(_ask, proxy.port, {"plan": f"paced {PACED}", "stream": True}) for _ in range(STREAMS)]
        altered = sum(one.result() != expected for one in asked)
    proxy.settle()
    spent = (machine.cpu_ticks(proxy.child.pid) - before) * _TICK
    say(f"{STREAMS} streams of {PACED:,} characters at a pace: processor {spent:.2f} s")
    return Paced(altered, spent)


def _run_on(port: int) -> float:
    """How many characters of the loop came. All of them, far more than may, if it was not cut."""
    body = _ask(port, {"plan": f"loop {BEFORE_THE_LOOP}", "stream": True})
    text, whole = long_text.text_of(body), long_text.looping(BEFORE_THE_LOOP)
    if not whole.startswith(text):
        raise RigError("what came of the loop is not what the API said")
    if text != whole and (b'"finish_reason":"length"' not in body or not body.endswith(b"data: [DONE]\n\n")):
        raise RigError("the loop was cut, and its stream has no proper end")
    return len(text) - BEFORE_THE_LOOP


# --- the client


def _ask(port: int, wanted: dict[str, object]) -> bytes:
    """One answer's body, without framing."""
    messages = [{"role": "user", "content": "What is in the moon?"}]
    body = json.dumps({"model": "kimi-k2.6", "messages": messages, **wanted}, separators=(",", ":")).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer sk-bench\r\n"
        f"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 60) as sock:
        sock.sendall(head.encode() + body)
        pieces, tail = [], b""
        while not tail.endswith(_LAST_CHUNK) and (piece := sock.recv(1 << 18)):
            pieces.append(piece)
            tail = tail[-len(_LAST_CHUNK) :] + piece
    answer_head, _, answer = b"".join(pieces).partition(b"\r\n\r\n")
    return _unframed(answer) if b"chunked" in answer_head.lower() else answer


def _unframed(body: bytes) -> bytes:
    """The chunks of a body, joined."""
    found, at = [], 0
    while (end := body.find(b"\r\n", at)) >= 0 and (size := int(body[at:end], 16)):
        found.append(body[end + 2 : end + 2 + size])
        at = end + 4 + size
    return b"".join(found)


def start_upstream(scene: Scene) -> int:
    """The API that answers by the request; its port."""
    child = scene.python("chat_upstream", {})
    assert child.popen.stdout is not None
    line = child.popen.stdout.readline()
    child.wait_for(lambda: line.startswith(b"port "))
    return int(line.split()[1])


def status(upstream: int) -> dict[str, int]:
    """What the API was asked so far."""
    with urlopen(f"http://127.0.0.1:{upstream}/bench/status") as answer:
        told: dict[str, int] = json.loads(answer.read())
    return told
