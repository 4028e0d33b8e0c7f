"""How late the first token and each chunk of an event stream are.

1. Four kept-alive connections, one stream after another on each: ten events, 10 ms apart.
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
    with Scene() as scene:
        targets = start_all(scene, start_upstream(scene), setting.names, setting.command)
        for number in range(setting.pick(2, 5) + 1):
            for target in targets:
                lasts = 1 if number == 0 else seconds  # round 0 warms up
                plan = {
                    "port": target.port,
                    "streams": 4,
                    "events": 10,
                    "period_ms": 10,
                    "ramp_s": 0,
                    "rounds_s": lasts,
                }
                got = scene.load("sse_client", plan)
                target.settle()
                if number:
                    rounds[target.name].append(got)
                    first, delay = got["first"], got["delay"]
                    say_round(
                        number,
                        target,
                        f"first token p50 {first['p50']:.0f} p99 {first['p99']:.0f} µs, "
                        f"chunk p50 {delay['p50']:.0f} p99 {delay['p99']:.0f} µs, lost {got['lost']}",
                    )
    return _rows(rounds)


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
