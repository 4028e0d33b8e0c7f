"""What can be wrong with the rig itself; what is measured is never an exception."""

from __future__ import annotations


class RigError(Exception):
    """Something of the rig did not start or did not answer. `exit_code` is that of the run."""

    exit_code = 4


class MissingTool(RigError):
    """A program the benchmarks need is not installed."""

    exit_code = 3

    def __init__(self, tool: str, package: str) -> None:
        super().__init__(f"{tool} is not installed; it is in Debian's package {package} (apt-get install {package})")
