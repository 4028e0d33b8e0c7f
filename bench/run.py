"""Runs the benchmarks: `python bench/run.py [--quick] [name …]`.

1. Whatever is compared was measured in the same run, in turns, one load at a time.
2. Talk goes to stderr, the table to stdout.
3. Exit codes: 0 every target met, 1 a target missed, 2 wrong usage, 3 a program is missing, 4 the rig failed,
   130 or 143 interrupted. Processes and files of the run are gone in every case.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from cases import bodies, commands, latency, mock, soak, sse, startup, streams, throughput, transforms
from rig import machine
from rig.errors import RigError
from rig.report import Row, markdown, text_table
from rig.setting import Setting, say
from rig.targets import NAMES, program

BENCHMARKS: dict[str, Callable[[Setting], list[Row]]] = {
    "throughput": throughput.run,
    "latency": latency.run,
    "sse": sse.run,
    "streams": streams.run_busy,
    "open-streams": streams.run_many,
    "bodies": bodies.run,
    "soak": soak.run,
    "startup": startup.run,
    "commands": commands.run,
    "mock": mock.run,
    "transforms": transforms.run,
}
TOOLS = {"throughput": ("nginx", "wrk"), "latency": ("nginx",), "mock": ("wrk",), "transforms": ("wrk",)}


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench/run.py", description="Measure MoonPalace against nginx and no proxy.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which ones (all): {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="short rounds and small loads: minutes become seconds")
    parser.add_argument("--count", type=int, default=None, help="requests of the soak (10,000; quick: 2,000)")
    parser.add_argument("--targets", default=",".join(NAMES), help="comma-separated: %(default)s")
    parser.add_argument("--program", help="the command to run as moonpalace (this Python's module)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table as a page for the docs")
    found = parser.parse_args(argv)
    unknown = [name for name in found.names if name not in BENCHMARKS]
    strange = [name for name in found.targets.split(",") if name not in NAMES]
    if unknown or strange:
        parser.error(f"no such benchmark or target: {', '.join(unknown + strange)}")
    return found


def require_tools(names: list[str], targets: tuple[str, ...]) -> None:
    """Before anything starts. Raises MissingTool."""
    machine.require_linux()
    wanted = {tool for name in names for tool in TOOLS.get(name, ())}
    if "nginx" in targets and set(names) - {"soak", "startup", "commands", "mock", "transforms"}:
        wanted.add("nginx")
    for tool in sorted(wanted):
        machine.require(tool)


def measure(names: list[str], setting: Setting) -> list[Row]:
    """All rows, benchmark by benchmark."""
    rows: list[Row] = []
    for name in names:
        say(f"== {name}")
        began = time.monotonic()
        rows += BENCHMARKS[name](setting)
        say(f"== {name} took {time.monotonic() - began:.0f} s")
    return rows


def publish(rows: list[Row], found: argparse.Namespace) -> None:
    """The table, and the files asked for."""
    facts = machine.describe()
    mode = "quick" if found.quick else "full"
    now = datetime.now(UTC)
    print(text_table(rows))
    print(", ".join(f"{name} {value}" for name, value in facts.items()) + f", {mode} run")
    if found.json:
        told = {"measured_at": now.isoformat(timespec="seconds"), "mode": mode, "machine": facts}
        found.json.write_text(json.dumps({**told, "rows": [row.plain() for row in rows]}, indent=2) + "\n")
    if found.markdown:
        found.markdown.write_text(markdown(rows, facts, mode, f"{now:%Y-%m-%d}"))


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    """Run; gives the exit code."""
    found = arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    names = found.names or list(BENCHMARKS)
    targets = tuple(name for name in NAMES if name in found.targets.split(","))
    count = found.count or (2000 if found.quick else 10_000)
    setting = Setting(tuple(program(found.program)), found.quick, targets, count)
    try:
        require_tools(names, targets)
        machine.raise_descriptor_limit()
        rows = measure(names, setting)
    except RigError as error:
        sys.stderr.write(f"bench: {error}\n")
        return error.exit_code
    publish(rows, found)
    return 1 if any(row.verdict() == "MISS" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
