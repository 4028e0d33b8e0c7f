"""What it takes to look something up in a large record, over the bare start of the command."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from moonpalace.core.ids import UidMaker, uid_text
from moonpalace.journal.records import Record
from moonpalace.librarian.catchup import take_in_dead_runs
from moonpalace.testing.journals import WALL_NS, JournalBuilder, Script, frame
from rig.errors import RigError
from rig.report import Goal, Row, at_most
from rig.scene import Scene
from rig.setting import Setting, say
from rig.targets import MOONPALACE, environment

OVER = 50  # ms over the bare start
WHOLE = "inspect, all columns"
_FRAME = 400  # records in one frame


@dataclass(frozen=True, slots=True)
class Known:
    """One exchange by all its names."""

    local_id: int
    uid: str

    def commands(self) -> dict[str, list[str]]:
        """The ways of looking it up."""
        return {
            "list": ["list"],
            "list --chatonly -v": ["list", "--chatonly", "-v"],
            "inspect --id": ["inspect", "--id", str(self.local_id)],
            "inspect --chatcmpl": ["inspect", "--chatcmpl", f"chatcmpl-{self.local_id}"],
            "inspect --requestid": ["inspect", "--requestid", f"request-{self.local_id}"],
            "inspect by uid": ["inspect", self.uid],
            WHOLE: [
                "inspect", str(self.local_id), "--print",
                "metadata,request_header,request_body,response_header,response_body",
            ],
        }  # fmt: skip


def run(setting: Setting) -> list[Row]:
    """The rows of this benchmark; it needs no peer."""
    if not setting.measured:
        return []
    count = setting.pick(10_000, 100_000)
    with Scene() as scene:
        env = environment(scene, "home")
        home = Path(env["HOME"]) / ".moonpalace"
        known = fill(home, count)
        size = (home / "moonpalace.sqlite").stat().st_size
        say(f"{count:,} exchanges, {size / 1e6:.0f} MB")
        commands = {"bare": ["--version"], **known.commands()}
        took = _time([*setting.command], commands, env, setting.pick(5, 15))
    bare = took.pop("bare")
    say(", ".join(f"{name} {ms:.1f} ms" for name, ms in took.items()) + f"; bare {bare:.1f} ms")
    title = f"of {count:,}"
    return [
        Row("commands", f"{name} {title}, over --version", "ms", {MOONPALACE: ms - bare}, _goal(name))
        for name, ms in took.items()
    ]


def _goal(name: str) -> Goal | None:
    """Showing bodies has to import what reads them: that is told, and has no limit."""
    return None if name == WHOLE else at_most(OVER)


def fill(home: Path, count: int) -> Known:
    """A record of so many chat completions, taken in as any; gives the one in its middle."""
    home.mkdir(parents=True, mode=0o700)
    journal = JournalBuilder(home)
    uids = UidMaker(lambda: WALL_NS)
    middle = count // 2
    wanted = ""
    records: list[Record] = []
    for number in range(1, count + 1):
        uid = uids()
        if number == middle:
            wanted = uid_text(uid)
        records += _exchange(number, uid).records()
        if len(records) >= _FRAME:
            journal.write(frame(records))
            records = []
    if records:
        journal.write(frame(records))
    journal.end(count)
    if (taken := take_in_dead_runs(home)) != count:
        raise RigError(f"{taken} of {count} exchanges were taken in")
    return Known(middle, wanted)


def _exchange(number: int, uid: bytes) -> Script:
    question = f'{{"model":"kimi-k2","messages":[{{"role":"user","content":"question {number}"}}]}}'
    answer = (
        f'{{"id":"chatcmpl-{number}","object":"chat.completion","created":1780000000,"model":"kimi-k2","choices":'
        f'[{{"index":0,"message":{{"role":"assistant","content":"answer {number}"}},"finish_reason":"stop"}}],'
        '"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}'
    )
    heads = [(b"Content-Type", b"application/json"), (b"Msh-Request-Id", b"request-%d" % number)]
    return Script(number, body=question.encode(), told_headers=heads, chunks=(answer.encode(),), uid=uid)


def _time(
    command: list[str], commands: Mapping[str, list[str]], env: Mapping[str, str], rounds: int
) -> dict[str, float]:
    """The median of each, measured in turns. Units: milliseconds."""
    took: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, arguments in commands.items():
            began = time.perf_counter()
            ended = subprocess.run([*command, *arguments], env=dict(env), capture_output=True, check=False)
            if ended.returncode:
                raise RigError(f"{name} failed (exit code {ended.returncode}): {ended.stderr[-500:]!r}")
            if number:  # the first one fills the caches
                took[name].append((time.perf_counter() - began) * 1000)
    return {name: median(values) for name, values in took.items()}
