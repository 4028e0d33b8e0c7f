"""Thousands of mixed exchanges, good and bad: none may be missing on record, nothing may grow.

1. Memory and descriptors after the first thousand are compared with those at the end, both at rest.
2. Descriptors: connections kept to the upstream are not counted; their number follows the load.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rig import machine
from rig.report import Row, at_most
from rig.scene import Scene
from rig.setting import Setting, say
from rig.targets import MOONPALACE, MoonPalace, start_moonpalace, start_upstream

CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Level:
    """What the processes hold at rest."""

    memory: float
    beside: float
    descriptors: int

    def __str__(self) -> str:
        return f"proxy {self.memory:.1f} MiB, librarian {self.beside:.1f} MiB, {self.descriptors} descriptors"


def level(proxy: MoonPalace, upstream: int) -> Level:
    """Wait for rest, then measure."""
    proxy.settle(120)
    pids = [proxy.child.pid, *proxy.librarians()]
    return Level(
        proxy.memory_mib(),
        sum(machine.memory_kib(pid) for pid in pids[1:]) / 1024,
        sum(machine.descriptors(pid, but_to_port=upstream) for pid in pids),
    )


def run(setting: Setting) -> list[Row]:
    """The rows of this benchmark; it needs no peer."""
    if not setting.measured:
        return []
    first = min(1000, setting.count)
    kinds: Counter[str] = Counter()
    wrong = 0
    levels = []
    with Scene() as scene:
        upstream = start_upstream(scene)
        route = f"/refused=http://127.0.0.1:{machine.free_port()}"
        proxy = start_moonpalace(scene, upstream, setting.command, ["--route", route])
        levels.append(level(proxy, upstream))
        for begin, count in ((0, first), (first, setting.count - first)):
            plan = {"port": proxy.port, "first": begin, "count": count, "connections": CONNECTIONS}
            got = scene.load("mixed_client", plan)
            kinds.update(got["kinds"])
            wrong += got["wrong"]
            levels.append(level(proxy, upstream))
            say(f"{sum(kinds.values())} requests: {levels[-1]}; not as expected: {got['wrong']} {got['samples'] or ''}")
        proxy.record.taken_in(setting.count, setting.pick(30, 300))
        rows, states = proxy.record.rows(), proxy.record.states()
    say("asked: " + ", ".join(f"{name} {number}" for name, number in sorted(kinds.items())))
    say("on record: " + ", ".join(f"{name} {number}" for name, number in sorted(states.items())))
    return _rows(setting.count, rows, wrong, states, levels)


def _rows(count: int, rows: int, wrong: int, states: dict[str, int], levels: list[Level]) -> list[Row]:
    title = f"{count:,} mixed requests"
    _, early, late = levels

    def row(figure: str, unit: str, value: float, limit: float | None) -> Row:
        return Row("soak", f"{title}: {figure}", unit, {MOONPALACE: value}, None if limit is None else at_most(limit))

    return [
        row("rows missing or too many", "", abs(rows - count), 0),
        row("without a final state", "", states.get("in_flight", 0), 0),
        row("not as their kind must end", "", wrong, 0),
        row(f"growth of the proxy since the first {min(1000, count):,}", "MiB", late.memory - early.memory, 4),
        row("growth of the librarian since then", "MiB", late.beside - early.beside, None),
        row("growth in descriptors since then", "", late.descriptors - early.descriptors, 0),
    ]
