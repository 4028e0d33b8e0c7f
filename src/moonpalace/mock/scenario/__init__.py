"""Scenarios: what the mock answers to which request, as TOML files.

1. A file is read whole and checked whole before anything of it is used. What is wrong is told with its
   place and remedy.
2. A `Stage` holds scripts and counts their use. Nothing here touches a socket or a clock; faults are names.
3. A scenario that is played on the same requests in the same order gives the same answers.
"""

from .reading import load, parse, shipped
from .scene import Call
from .script import AccountSetting, Scenario, Script, Settings
from .stage import Stage, UnknownScenario

__all__ = [
    "AccountSetting", "Call", "Scenario", "Script", "Settings", "Stage", "UnknownScenario", "load", "parse", "shipped",
]  # fmt: skip
