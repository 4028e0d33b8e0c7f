"""How long a bare command takes, against the bare interpreter."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

from rig.errors import RigError
from rig.report import Row
from rig.scene import Scene
from rig.setting import Setting, say
from rig.targets import MOONPALACE, environment


def run(setting: Setting) -> list[Row]:
    """The rows of this benchmark."""
    commands = {"bare": [sys.executable, "-c", "pass"], "version": [*setting.command, "--version"]}
    took: dict[str, list[float]] = {name: [] for name in commands}
    with Scene() as scene:
        env = environment(scene, "home")
        for number in range(setting.pick(6, 21)):
            for name, argv in commands.items():
                began = time.perf_counter()
                ended = subprocess.run(argv, env=env, capture_output=True, check=False)
                if ended.returncode:
                    raise RigError(f"{name} failed (exit code {ended.returncode}): {ended.stderr[-500:]!r}")
                if number:  # the first one fills the caches
                    took[name].append((time.perf_counter() - began) * 1000)
    bare, version = median(took["bare"]), median(took["version"])
    say(f"python -c pass {bare:.1f} ms, --version {version:.1f} ms")
    return [
        Row("startup", "python -c pass", "ms", {"direct": bare}),
        Row("startup", "moonpalace --version", "ms", {MOONPALACE: version}),
        Row("startup", "the same by the bare interpreter", "×", {MOONPALACE: version / bare}),
    ]
