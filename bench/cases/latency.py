"""Round trip of a request at a fixed 200 requests a second.

1. Open loop: requests go out on time whatever the answers do; one at a time on a connection, eight connections.
"""

from __future__ import annotations

from typing import Any

from rig.nginx import StaticApi
from rig.report import Row, at_most
from rig.scene import Scene
from rig.setting import Setting, say_round
from rig.spread import middle
from rig.targets import start_all

RATE = 200


def run(setting: Setting) -> list[Row]:
    """The rows of this benchmark."""
    seconds = setting.pick(3, 6)
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in setting.names}
    with Scene() as scene:
        api = StaticApi(scene)
        targets = start_all(scene, api.port, setting.names, setting.command)
        for number in range(setting.pick(2, 5) + 1):
            for target in targets:
                lasts = 1 if number == 0 else seconds  # round 0 warms up
                plan = {"port": target.port, "rate": RATE, "seconds": lasts, "connections": 8, "first": number * 10_000}
                got = scene.load("paced_client", plan)
                target.settle()
                if number:
                    rounds[target.name].append({**got["trip"], "failed": got["failed"]})
                    trip = got["trip"]
                    say_round(
                        number, target, f"p50 {trip['p50']:.0f} µs, p99 {trip['p99']:.0f} µs, max {trip['max']:.0f} µs"
                    )
    return _rows(rounds)


def _rows(rounds: dict[str, list[dict[str, Any]]]) -> list[Row]:
    name = "latency"
    p50 = {target: middle(got, "p50") for target, got in rounds.items()}
    p99 = {target: middle(got, "p99") / 1000 for target, got in rounds.items()}
    failed = {target: sum(one["failed"] for one in got) for target, got in rounds.items()}
    return [
        Row(name, f"round trip at {RATE} requests/s, p50", "µs", p50, at_most(1.5, "ratio")),
        Row(name, f"round trip at {RATE} requests/s, p99", "ms", p99, at_most(3)),
        Row(name, "requests without a good answer", "", failed, at_most(0)),
    ]
