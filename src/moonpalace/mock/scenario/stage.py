"""Scenarios at work: which one a request gets, and how often each was used.

1. The first scenario whose conditions all hold speaks, scripts in the order given. Of one name, only the first script
   that has it counts.
2. A request that asks for a scenario by name gets that one or none.
3. Counting is all the state there is. `reset` forgets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...core.errors import UsageError
from ..answer import Answer
from .place import nearest, shown
from .plays import Play, play
from .scene import Call, Scene
from .script import Scenario, Script

if TYPE_CHECKING:
    from ...kimi.law.chat import Chat

_TOLD = 2


class UnknownScenario(UsageError):
    """A scenario is asked for by a name that none has."""


class Stage:
    """See the module. `seed`: for what the default brain has to say."""

    def __init__(self, scripts: Sequence[Script], seed: int = 0) -> None:
        self._seed = seed
        self._scenarios: list[Scenario] = []
        for script in scripts:
            taken = {scenario.name for scenario in self._scenarios}
            self._scenarios += [scenario for scenario in script.scenarios if scenario.name not in taken]
        self._free = [(at, one) for at, one in enumerate(self._scenarios) if not one.by_name]
        self._used = [0] * len(self._scenarios)

    def pick(self, chat: Chat, call: Call) -> Answer | None:
        """The answer of the scenario that fits; None if there is none. Raises: UnknownScenario."""
        candidates = self._candidates(call)
        if not candidates:
            return None
        scene = Scene(chat, call)
        for at, scenario in candidates:
            if scenario.times is not None and self._used[at] >= scenario.times:
                continue
            if all(condition.holds(scene) for condition in scenario.conditions):
                turn = self._used[at]
                self._used[at] += 1
                return replace(play(_turned(scenario, turn), scene, self._seed), scenario=scenario.name)
        return None

    def explain(self, chat: Chat, call: Call) -> str:
        """Why none fits: the one that came closest, and where it differs. Raises: UnknownScenario."""
        scene = Scene(chat, call)
        best: tuple[float, int, str] | None = None
        for at, scenario in self._candidates(call):
            failed = [one.differs(scene) for one in scenario.conditions if not one.holds(scene)]
            count = len(scenario.conditions) + (scenario.times is not None)
            if scenario.times is not None and self._used[at] >= scenario.times:
                failed.append(f"its {scenario.times} times are used up")
            told = "; ".join(failed[:_TOLD])
            words = f"closest: '{scenario.name}' ({count - len(failed)} of {count} conditions): {told}"
            rank = ((count - len(failed)) / count if count else 1.0, count, words)
            if best is None or rank[:2] > best[:2]:
                best = rank
        if best is None:
            return "no scenario matches by itself; ask for one by name"
        return best[2]

    def listens(self) -> bool:
        """Whether there is a scenario that may fit without being asked for by name."""
        return bool(self._free)

    def names(self) -> list[str]:
        """The names that can be asked for."""
        return list(dict.fromkeys([scenario.name for scenario in self._scenarios]))

    def used(self) -> dict[str, int]:
        """How often each was played."""
        counts: dict[str, int] = {}
        for scenario, count in zip(self._scenarios, self._used, strict=True):
            counts[scenario.name] = counts.get(scenario.name, 0) + count
        return counts

    def reset(self) -> None:
        """As if none had ever been played."""
        self._used = [0] * len(self._scenarios)

    def _candidates(self, call: Call) -> list[tuple[int, Scenario]]:
        if call.scenario is None:
            return self._free
        found = [(at, one) for at, one in enumerate(self._scenarios) if one.name == call.scenario]
        if not found:
            names = self.names()
            remedy = nearest(call.scenario, names) if names else "there are none"
            listed = f"; there are {', '.join(names)}" if remedy.startswith("did") else ""
            raise UnknownScenario(f"there is no scenario {shown(call.scenario)}; {remedy}{listed}")
        return found


def _turned(scenario: Scenario, turn: int) -> Play:
    plays = scenario.plays
    return plays[turn % len(plays)] if scenario.loop else plays[min(turn, len(plays) - 1)]
