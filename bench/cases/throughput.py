"""Requests a second over 32 connections, and whether the record keeps up.

1. Distinct bodies of about 1 KB over kept-alive connections; upstream is an nginx that answers from memory.
2. After each round of MoonPalace: all that was asked must be taken in within the round's own length.
3. The next round starts when that is done, so that nobody is measured beside the librarian's work of the last one.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median
from typing import Any

from rig import machine
from rig.nginx import StaticApi
from rig.report import Row, at_least, at_most
from rig.scene import Scene
from rig.setting import Setting, say, say_round
from rig.targets import MOONPALACE, MoonPalace, Target, start_all

CONNECTIONS = 32
_SCRIPT = Path(__file__).with_name("distinct.lua")


def wrk(scene: Scene, target: Target, seconds: int, number: int) -> dict[str, Any]:
    """One burst; what the script prints at its end."""
    argv = [machine.require("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_SCRIPT)]
    argv += [f"http://127.0.0.1:{target.port}/", "--", str(number)]
    out = scene.finish(scene.spawn("wrk", argv, piped=True))
    figures: dict[str, Any] = json.loads(out.splitlines()[-1])
    return figures


class Intake:
    """Follows what MoonPalace owes the record: requests completed, asked of the upstream, on record."""

    def __init__(self, target: MoonPalace) -> None:
        self.target = target
        self.completed = self.asked = self.missing = self.extra = self.unread = 0
        self.seconds: list[float] = []
        self.shares: list[float] = []

    def after(self, completed: int, asked: int, lasted: float, ended: float) -> str:
        """Wait for the record after one burst; three times its length at most."""
        self.completed += completed
        self.asked += asked
        self.target.record.taken_in(max(self.completed, self.asked), 3 * lasted)
        took = time.monotonic() - ended
        rows = self.target.record.rows()
        self.seconds.append(took)
        self.shares.append(took / lasted)
        self.missing = max(0, max(self.completed, self.asked) - rows)
        self.extra = max(0, rows - self.completed)
        self.unread = self.target.record.unread()
        owed = f"{self.completed} completed, {self.asked} at the upstream"
        return f"taken in {took:.1f} s after the end: {rows} rows, {owed}"


def run(setting: Setting) -> list[Row]:
    """The rows of this benchmark."""
    seconds = setting.pick(3, 6)
    rates: dict[str, list[float]] = {name: [] for name in setting.names}
    bad = dict.fromkeys(setting.names, 0)
    with Scene() as scene:
        api = StaticApi(scene)
        targets = start_all(scene, api.port, setting.names, setting.command)
        intake = next((Intake(target) for target in targets if isinstance(target, MoonPalace)), None)
        for number in range(setting.pick(2, 5) + 1):
            for target in targets:
                lasted = 1 if number == 0 else seconds  # round 0 warms up
                before = api.requests()
                got = wrk(scene, target, lasted, number)
                ended = time.monotonic()
                time.sleep(0.2)  # what wrk cut off is still on its way to the upstream's count
                asked = api.requests() - before
                rate = got["requests"] / got["us"] * 1e6
                if number:
                    rates[target.name].append(rate)
                    bad[target.name] += got["bad"] + got["broken"]
                    say_round(number, target, f"{rate:,.0f} requests/s, p99 {got['p99'] / 1000:.2f} ms")
                if intake and target is intake.target:
                    told = intake.after(got["requests"], asked, lasted, ended)
                    if number:
                        say(told)
                    else:
                        intake.seconds.clear()
                        intake.shares.clear()
    return _rows(rates, bad, intake)


def _rows(rates: dict[str, list[float]], bad: dict[str, int], intake: Intake | None) -> list[Row]:
    name = "throughput"
    middle = {target: median(values) for target, values in rates.items()}
    rows = [
        Row(name, f"{CONNECTIONS} connections", "requests/s", middle, at_least(0.35, "ratio")),
        Row(name, "answers that were errors or never came", "", bad, at_most(0)),
    ]
    if intake:
        rows += [
            Row(name, "requests that never reached the record", "", {MOONPALACE: intake.missing}, at_most(0)),
            Row(name, "rows whose answer was not read", "", {MOONPALACE: intake.unread}, at_most(0)),
            Row(
                name,
                "rows beyond those completed (cut off by the end of a burst)",
                "",
                {MOONPALACE: intake.extra},
                at_most(CONNECTIONS * (len(intake.seconds) + 1)),
            ),
            Row(name, "all taken in after the end, slowest round", "s", {MOONPALACE: max(intake.seconds)}),
            Row(name, "the same by the round's length", "", {MOONPALACE: max(intake.shares)}, at_most(1)),
        ]
    return rows
