"""`moonpalace run`: a program in the foreground, and behind it a proxy of its own for as long as it runs.

1. The proxy is a process on a leash (`app_leash`): whatever becomes of us, it stops in order and its record is whole.
2. The program has our terminal, our standard streams and the caller's umask. Signals reach it once (`app_foreground`).
3. Its exit code is ours. What goes wrong with the record afterwards is said and changes no exit code.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from . import config as configuration
from .app_foreground import Foreground
from .config import Config
from .config_home import Place
from .config_program import environment, replaced
from .core.errors import MoonPalaceError, NoProgramError, NotExecutableError

DRAIN = 2.0  # seconds for answers that nobody waits for any more, unless the user says how long
_SEVERAL = 100


def run(config: Config, command: Sequence[str], say: Callable[[str], None], umask: int = -1) -> int:
    """Run the program, record what it asks. Gives its exit code; 128 and more for a signal. Raises: MoonPalaceError."""
    if config.sources.get("drain", "default") == "default":
        config = replace(config, start=replace(config.start, drain=DRAIN))
    outside = configuration.environment()
    found = find(command[0], outside)
    if sentence := replaced(outside, config.start.endpoint):
        say(sentence)
    proxy = Proxy(config)
    kept = "" if config.start.store else "not "
    say(f"{kept}recording on {proxy.base_url}")
    env = environment(outside, proxy.base_url, config.start.endpoint, has_key=config.start.key is not None)
    try:
        with Foreground(proxy.hurry) as foreground:
            code = foreground.run(command, executable=found, env=env, umask=umask, watch=lambda: proxy.look_after(say))
            _say_summary(config, proxy, say)
    finally:
        proxy.let_go()
    return code


def _say_summary(config: Config, proxy: Proxy, say: Callable[[str], None]) -> None:
    accepted = proxy.finish()
    try:
        say(summary(config, proxy, accepted))
    except (MoonPalaceError, OSError) as error:
        say(f"note: {error}")


def find(name: str, env: Mapping[str, str]) -> str:
    """The file of that program. Raises: NoProgramError, NotExecutableError."""
    path = env.get("PATH", os.defpath)
    found = shutil.which(name, path=path)
    if found is not None:
        return found
    if os.path.dirname(name):
        there = os.path.exists(name)
    else:
        there = any(os.path.isfile(os.path.join(folder, name)) for folder in path.split(os.pathsep) if folder)
    if there:
        raise NotExecutableError(f"{name} cannot be executed: it is a directory or lacks the permission (chmod +x)")
    raise NoProgramError(f"there is no program {name}: check its name, or give its path")


class Proxy:
    """The traffic process, held by its standard input. `stderr`: a descriptor that gets what it says; None: ours.

    Raises: MoonPalaceError when it does not start.
    """

    def __init__(self, config: Config, stderr: int | None = None) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "moonpalace.app_leash"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
            env={**configuration.environment(), "PYTHONSAFEPATH": "1"},  # the working directory is the program's
            start_new_session=True, creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )  # fmt: skip
        self._told_of_its_end = False
        try:
            assert self._child.stdin is not None
            with contextlib.suppress(OSError):
                self._child.stdin.write(pickle.dumps(config))
                self._child.stdin.flush()
            said = self._hear()
            if "serving" not in said:
                raise _refusal(said.get("refused"), self._child.wait())
        except BaseException:
            self.let_go()
            raise
        self.run: str = said["serving"]["run"]
        self.base_url: str = said["serving"]["base_url"]

    def look_after(self, say: Callable[[str], None]) -> None:
        """Say once that it died, if it did: the program will see refused connections."""
        if not self._told_of_its_end and self._child.poll() is not None:
            self._told_of_its_end = True
            say(f"the proxy ended (exit {self._child.returncode}); requests fail from now on")

    def hurry(self) -> None:
        """No time left for running answers."""
        if self._child.poll() is None:
            self._child.terminate()

    def let_go(self) -> None:
        """It stops in order; nobody waits for that."""
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()

    def finish(self) -> int | None:
        """Wait until everything is recorded. Gives the number of requests; None when it died on the way."""
        self.let_go()
        said = self._hear()
        self._child.wait()
        return said["ended"]["accepted"] if "ended" in said else None

    def _hear(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        return dict(json.loads(line)) if line else {}


def _refusal(said: Any, code: int) -> MoonPalaceError:
    """Why it does not start, with the exit code that `start` would have."""
    error = MoonPalaceError(said["sentence"] if said else f"the proxy did not start (exit {code})")
    error.exit_code = said["code"] if said else MoonPalaceError.exit_code
    return error


def summary(config: Config, proxy: Proxy, accepted: int | None) -> str:
    """What was recorded, in a sentence. `accepted`: the requests that came. Raises: StoreError."""
    if accepted == 0:
        return f"no request came to the proxy; does the program read OPENAI_BASE_URL? It was {proxy.base_url}"
    if not config.start.store:
        count_of = "some requests" if accepted is None else "1 request" if accepted == 1 else f"{accepted} requests"
        return f"{count_of} went through; nothing is kept (--no-store)"
    states = _states(config, proxy.run, accepted or _SEVERAL)
    count = sum(states.values())
    if not count:
        return "nothing was recorded: the proxy ended before it could; moonpalace doctor tells what may be wrong"
    parts = ", ".join(f"{number} {state}" for state, number in states.most_common())
    things, them = ("exchange", "it") if count == 1 else ("exchanges", "them")
    missing = f"; {accepted - count} are missing" if accepted is not None and accepted > count else ""
    return f"recorded {count} {things} ({parts}){missing}; see {them} with moonpalace list -n {count}"


def _states(config: Config, run_uid: str, expected: int) -> Counter[str]:
    """How the exchanges of that run ended. Others may have recorded meanwhile: the look goes back until all are met."""
    from .app import open_record

    limit = expected + _SEVERAL
    with closing(open_record(Place(config.home))) as record:
        while True:
            rows = record.reader.recent(limit)
            ours = [str(row.state) for row in rows if row.run == run_uid]
            if len(ours) >= expected or len(rows) < limit:
                return Counter(ours)
            limit *= 4
