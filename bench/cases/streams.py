"""Many event streams open at once: what is lost, how late events are, what a stream costs in memory.

1. Each stream has its own connection. Streams are opened evenly over a ramp; events are counted from the first on.
2. Memory: the most resident while streams ran, less what was resident before, by the number of streams.
3. nginx and direct carry the same load in the same run, one after another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rig.report import Goal, Row, at_most
from rig.scene import Scene
from rig.setting import Setting, say
from rig.targets import Target, start_all, start_upstream


@dataclass(frozen=True, slots=True)
class Load:
    """So many streams, an event each `period_ms`, for so long; `goals` by figure."""

    name: str
    streams: int
    period_ms: int
    seconds: int
    ramp_s: float
    goals: dict[str, Goal]

    def plan(self, port: int) -> dict[str, Any]:
        """For the client."""
        events = max(2, self.seconds * 1000 // self.period_ms)
        return {
            "port": port,
            "streams": self.streams,
            "events": events,
            "period_ms": self.period_ms,
            "ramp_s": self.ramp_s,
            "rounds_s": 0,
        }


def run_busy(setting: Setting) -> list[Row]:
    """1,000 streams, ten events a second each (quick: 200)."""
    goals = {"p50": at_most(1, "added"), "p99": at_most(10, "added")}
    return _run(setting, Load("streams", setting.pick(200, 1000), 100, setting.pick(5, 20), setting.pick(1, 3), goals))


def run_many(setting: Setting) -> list[Row]:
    """4,000 streams, two events a second each (quick: 800)."""
    goals = {"p99": at_most(20), "memory": at_most(40)}
    return _run(
        setting, Load("open-streams", setting.pick(800, 4000), 500, setting.pick(5, 20), setting.pick(2, 8), goals)
    )


def _run(setting: Setting, load: Load) -> list[Row]:
    got: dict[str, dict[str, float]] = {}
    with Scene() as scene:
        for target in start_all(scene, start_upstream(scene), setting.names, setting.command):
            got[target.name] = _measure(scene, target, load)
    title = f"{load.streams:,} streams × {1000 / load.period_ms:g} events/s"

    def row(figure: str, key: str, unit: str, goal: Goal | None) -> Row:
        return Row(
            load.name, f"{title}: {figure}", unit, {name: one[key] for name, one in got.items() if key in one}, goal
        )

    return [
        row("events lost", "lost", "", at_most(0)),
        row("delay p50", "p50", "ms", load.goals.get("p50")),
        row("delay p99", "p99", "ms", load.goals.get("p99")),
        row("delay max", "max", "ms", None),
        row("memory a stream", "memory", "KB", load.goals.get("memory")),
    ]


def _measure(scene: Scene, target: Target, load: Load) -> dict[str, float]:
    """One target under the whole load."""
    _warm_up(scene, target)
    before = target.memory_mib()
    most = before

    def sample() -> None:
        nonlocal most
        most = max(most, target.memory_mib())

    got = scene.load("sse_client", load.plan(target.port), sample)
    target.settle()
    delay = got["delay"]
    figures: dict[str, float] = {"lost": got["lost"], **{key: delay[key] / 1000 for key in ("p50", "p99", "max")}}
    if target.pids():
        figures["memory"] = (most - before) * 1024 / load.streams
    say(
        f"{target.name:<10} lost {got['lost']}, broken {got['broken']}, "
        f"delay p50 {figures['p50']:.2f} p99 {figures['p99']:.2f} max {figures['max']:.2f} ms, "
        f"memory {before:.1f} -> {most:.1f} MiB"
    )
    return figures


def _warm_up(scene: Scene, target: Target) -> None:
    """A few streams, so that what is loaded only once is not counted as a stream's."""
    plan = {"port": target.port, "streams": 8, "events": 3, "period_ms": 20, "ramp_s": 0, "rounds_s": 0.5}
    scene.load("sse_client", plan)
    target.settle()
