"""How late the first token and each chunk of an event stream are.

0. Back to back: five events 2 ms apart, so about a hundred streams a second. Seldom: one stream each 100 ms, when every
   processor cache has forgotten the code of all three; that has no target, and is printed beside it.
1. One kept-alive connection, one stream after another. Many at once: see `streams`.
2. Measured from the upstream's stamp to the arrival at the client, on one clock.
"""

from __future__ import annotations

from typing import Any

from rig.report import Row, at_most
from rig.scene import Scene
from rig.setting import Setting, say_round
from rig.spread import middle
from rig.targets import start_all, start_upstream


def run(setting: Setting) -> list[Row]:
    """The rows of this benchmark."""
    seconds = setting.pick(3, 6)
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in setting.names}
    seldom: dict[str, list[dict[str, Any]]] = {name: [] for name in setting.names}
    with Scene() as scene:
        targets = start_all(scene, start_upstream(scene), setting.names, setting.command)
        for number in range(setting.pick(2, 5) + 1):
            for target in targets:
                lasts = 1 if number == 0 else seconds  # round 0 warms up
                got = scene.load("sse_client", plan(target.port, lasts, events=5, period_ms=2))
                rare = scene.load("sse_client", plan(target.port, lasts, events=10, period_ms=10))
                target.settle()
                if number:
                    rounds[target.name].append(got)
                    seldom[target.name].append(rare)
                    first, delay = got["first"], got["delay"]
                    say_round(
                        number,
                        target,
                        f"first token p50 {first['p50']:.0f} p99 {first['p99']:.0f} µs, "
                        f"chunk p50 {delay['p50']:.0f} p99 {delay['p99']:.0f} µs, lost {got['lost']}",
                    )
    return [*_rows(rounds), _seldom(seldom)]


def plan(port: int, seconds: float, *, events: int, period_ms: int) -> dict[str, Any]:
    """One connection, one stream after the other."""
    return {
        "port": port, "streams": 1, "events": events, "period_ms": period_ms, "ramp_s": 0, "rounds_s": seconds,
    }  # fmt: skip


def _seldom(rounds: dict[str, list[dict[str, Any]]]) -> Row:
    p50 = {target: middle([one["first"] for one in got], "p50") for target, got in rounds.items()}
    return Row("sse", "first token when streams are seldom, p50", "µs", p50)


def _rows(rounds: dict[str, list[dict[str, Any]]]) -> list[Row]:
    rows = []
    for key, title in (("first", "first token"), ("delay", "relay of a chunk")):
        parts = {target: [one[key] for one in got] for target, got in rounds.items()}
        p50 = {target: middle(got, "p50") for target, got in parts.items()}
        p99 = {target: middle(got, "p99") / 1000 for target, got in parts.items()}
        rows += [
            Row("sse", f"{title}, p50", "µs", p50, at_most(1.5, "ratio")),
            Row("sse", f"{title}, p99", "ms", p99, at_most(3)),
        ]
    lost = {target: sum(one["lost"] for one in got) for target, got in rounds.items()}
    return [*rows, Row("sse", "events lost", "", lost, at_most(0))]
